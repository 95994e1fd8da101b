"""Temporary credentials, opened from the session tokens that requests carry."""

from dataclasses import dataclass

from keepstep.domain.credentials import IdentityCaller, open_credentials
from keepstep.domain.limits import SESSIONS_CACHED_MAX
from keepstep.domain.linking import forbidden
from keepstep.domain.revocations import (
    EVERYTHING,
    Reason,
    guest_subject,
    identity_subject,
    pool_subject,
    role_subject,
)
from keepstep.domain.sealing import Sealer
from keepstep.domain.session_claims import GUEST_AMR
from keepstep.interfaces.service import Revocations
from keepstep.wire.errors import ExpiredTokenException, ServiceError


@dataclass(frozen=True, slots=True)
class Session:
    """Opened credentials, in the clear, and all that they could be revoked by."""

    caller: IdentityCaller
    secret: str
    expires_at: int
    subjects: tuple[str, ...]


class Sessions:
    """Opens session tokens, and remembers those that are in use."""

    def __init__(self, sealer: Sealer, revocations: Revocations) -> None:
        """Take what tokens were sealed with."""
        self._sealer = sealer
        self._revocations = revocations
        self._opened: dict[bytes, Session] = {}

    def open(self, access_key_id: str, token: bytes) -> Session | None:
        """Give the session of a token, expired or not; None if it is not the key's."""
        session = self._opened.get(token)
        if session is None:
            session = self._open(access_key_id, token)
        if session is None or session.caller.access_key_id != access_key_id:
            return None
        return session

    async def check_revoked(self, session: Session) -> None:
        """Refuse credentials that were revoked after they were made.

        Raises NotAuthorizedException if the identity is gone, ExpiredTokenException if it was
        signed out: SDKs then fetch new credentials.
        """
        caller = session.caller
        revocation = await self._revocations.find(session.subjects, caller.issued_at)
        if revocation is not None:
            signed_out = revocation.reason is Reason.SIGNED_OUT
            raise expired() if signed_out else forbidden(caller.identity_id)

    def _open(self, access_key_id: str, token: bytes) -> Session | None:
        credentials = open_credentials(access_key_id, token.decode("latin-1"), self._sealer)
        if credentials is None:
            return None
        caller = credentials.caller
        subjects = (
            EVERYTHING,
            pool_subject(caller.identity_pool_id),
            role_subject(caller.role_arn),
            identity_subject(caller.identity_id),
            *((guest_subject(caller.identity_id),) if caller.amr == GUEST_AMR else ()),
        )
        if len(self._opened) >= SESSIONS_CACHED_MAX:
            self._opened.clear()
        session = Session(caller, credentials.secret, credentials.expires_at, subjects)
        self._opened[token] = session
        return session


def expired() -> ServiceError:
    """Give the error for credentials that have ended (seen in cq-provider-aws issue 1171)."""
    return ExpiredTokenException("The security token included in the request is expired")
