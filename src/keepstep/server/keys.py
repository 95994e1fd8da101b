"""The keys a server holds: the root key, developers' keys, and its own sealing keys."""

from dataclasses import dataclass

from keepstep.domain.access import AccessKey, Developer, new_access_key_id, new_secret
from keepstep.domain.limits import CACHE_AGE_MS
from keepstep.domain.sealing import (
    KEY_BYTES,
    Entropy,
    SealBroken,
    Sealer,
    SealingKey,
    purpose,
)
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store, StoreUnusable

_SERVER_KEY = purpose("server key")
CACHED_KEYS_MAX = 10_000
"""Access keys held in memory."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A developer's key with its secret in the clear; never stored, printed or logged."""

    caller: Developer
    secret: str


class KeyRing:
    """Finds the secret of an access key; what it holds in memory is at most seconds old."""

    def __init__(
        self, store: Store, master: Sealer, account_id: str, root: SigningKey | None, clock: Clock
    ) -> None:
        """``root`` is the key given by the settings, if any; it is not in the store."""
        self._store = store
        self._master = master
        self._account_id = account_id
        self._root = root
        self._clock = clock
        self._cached: dict[str, tuple[int, SigningKey]] = {}

    async def find(self, access_key_id: str) -> SigningKey | None:
        """Give a key that is not revoked, or None."""
        root = self._root
        if root is not None and root.caller.access_key_id == access_key_id:
            return root
        now = self._clock()
        cached = self._cached.get(access_key_id)
        if cached is not None and 0 <= now - cached[0] < CACHE_AGE_MS:
            return cached[1]
        stored = await self._store.find_access_key(access_key_id)
        if stored is None:
            self._cached.pop(access_key_id, None)
            return None
        if len(self._cached) >= CACHED_KEYS_MAX:
            self._cached.clear()
        key = self._open(stored)
        self._cached[access_key_id] = (now, key)
        return key

    def _open(self, stored: AccessKey) -> SigningKey:
        secret = self._master.open(_secret_purpose(stored.access_key_id), stored.sealed_secret)
        developer = Developer(
            account_id=self._account_id,
            access_key_id=stored.access_key_id,
            read_only=stored.read_only,
        )
        return SigningKey(developer, secret.decode())


async def create_access_key(
    store: Store,
    master: Sealer,
    *,
    description: str,
    read_only: bool,
    now: int,
    entropy: Entropy,
) -> tuple[AccessKey, str]:
    """Make and keep an access key; give it with its secret, which is not to be had again."""
    access_key_id = new_access_key_id(entropy)
    secret = new_secret(entropy)
    key = AccessKey(
        access_key_id=access_key_id,
        sealed_secret=master.seal(_secret_purpose(access_key_id), secret.encode()),
        description=description,
        read_only=read_only,
        creation_date=now,
    )
    await store.create_access_key(key)
    return key, secret


async def load_sealer(store: Store, master: Sealer, *, now: int, entropy: Entropy) -> Sealer:
    """Give the sealer of tokens, whose key is kept sealed in the store and made at first use.

    Raises StoreUnusable if the master key is not the one the store was made with.
    """
    sealed = await store.list_server_keys()
    if not sealed:
        new = master.seal(_SERVER_KEY, entropy(KEY_BYTES))
        await store.create_server_key(new, now, first=True)
        sealed = await store.list_server_keys()
    try:
        keys = [SealingKey(master.open(_SERVER_KEY, key)) for key in sealed]
    except SealBroken:
        raise StoreUnusable(
            "the master key is not the one this store was made with; give that one as "
            "master_key (KEEPSTEP_MASTER_KEY) or master_key_file (KEEPSTEP_MASTER_KEY_FILE)"
        ) from None
    return Sealer(keys, entropy)


def _secret_purpose(access_key_id: str) -> bytes:
    return purpose("access key secret", access_key_id)
