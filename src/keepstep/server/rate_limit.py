"""How often one address may call what needs no credentials."""

from keepstep.domain.limits import RATE_ADDRESSES_MAX, RATE_BURST_SECONDS, SECOND_MS
from keepstep.interfaces.service import Clock
from keepstep.wire.errors import TooManyRequestsException


class RateLimit:
    """Counts calls by address: so many a second, and those of some idle seconds at once."""

    def __init__(self, per_second: int, clock: Clock) -> None:
        """``per_second`` of 0 sets no limit."""
        self._per_second = per_second
        self._clock = clock
        self._free_at: dict[str, float] = {}
        """By address, when (in milliseconds) all its calls so far will have been made good."""

    def take(self, address: str) -> None:
        """Count a call. Raises TooManyRequestsException if it is one too many."""
        if not self._per_second:
            return
        now = self._clock()
        full_at = now + RATE_BURST_SECONDS * SECOND_MS
        # Never later than that, or a clock set back would lock the address out.
        busy_until = min(self._free_at.get(address, 0), full_at)
        free_at = max(busy_until, now) + SECOND_MS / self._per_second
        if free_at > full_at:
            self._free_at[address] = busy_until
            raise TooManyRequestsException("Rate exceeded")
        if len(self._free_at) >= RATE_ADDRESSES_MAX:
            self._forget_idle(now)
        self._free_at[address] = free_at

    def _forget_idle(self, now: int) -> None:
        busy = {address: time for address, time in self._free_at.items() if time > now}
        self._free_at = busy if len(busy) < RATE_ADDRESSES_MAX else {}
