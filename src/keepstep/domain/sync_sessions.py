"""SyncSessionTokens: sealed, bound to one dataset, good for one successful update."""

from typing import Final

from keepstep.wire.errors import InvalidParameterException

from .datasets import DatasetPlace, SyncSession
from .limits import SYNC_SESSION_MS
from .sealing import Entropy, SealBroken, Sealer, purpose

SESSION_ID_BYTES: Final = 16


def begin_session(now: int, entropy: Entropy) -> SyncSession:
    """Begin a sync session that lasts an hour."""
    return SyncSession(entropy(SESSION_ID_BYTES), now + SYNC_SESSION_MS)


def seal_session(session: SyncSession, place: DatasetPlace, sealer: Sealer) -> str:
    """Give the token that stands for a session of one dataset."""
    plaintext = session.session_id + session.expires_at.to_bytes(8, "big")
    return sealer.seal_text(_purpose(place), plaintext)


def open_session(token: str, place: DatasetPlace, sealer: Sealer, now: int) -> SyncSession:
    """Give the session of a token; whether it is consumed is for the store to say.

    Raises InvalidParameterException if the token is forged, of another dataset, or expired.
    """
    try:
        plaintext = sealer.open_text(_purpose(place), token)
    except SealBroken:
        raise invalid_session() from None
    session = SyncSession(
        plaintext[:SESSION_ID_BYTES], int.from_bytes(plaintext[SESSION_ID_BYTES:], "big")
    )
    if session.expires_at <= now:
        raise invalid_session()
    return session


def invalid_session() -> InvalidParameterException:
    """Give the one error the real service has for a token that cannot be used.

    The text is exact (seen in widdix/complete-aws-iam-reference issue 65).
    """
    return InvalidParameterException("SyncSessionToken not valid for these inputs")


def _purpose(place: DatasetPlace) -> bytes:
    return purpose("sync session", place.identity_pool_id, place.identity_id, place.dataset_name)
