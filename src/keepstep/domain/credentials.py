"""Temporary credentials: stateless, sealed into the session token that travels with each call.

Only the server can open a session token; it is bound to its access key id, so that no token
goes with another key. Times are milliseconds since the epoch.
"""

import base64
from collections.abc import Mapping
from typing import Final

import msgspec

from .sealing import Entropy, SealBroken, Sealer, purpose

TEMPORARY_KEY_PREFIX: Final = "ASIA"
ENHANCED_SESSION_NAME: Final = "CognitoIdentityCredentials"
"""The role session name of GetCredentialsForIdentity (seen in many logs)."""


class IdentityCaller(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One identity of one pool, in a role: who temporary credentials stand for.

    ``amr`` says how it signed in. ``session_policies`` are documents that narrow the role;
    ``scoped_down`` credentials are a guest's, which AWS narrows further.
    """

    account_id: str
    access_key_id: str
    identity_id: str
    identity_pool_id: str
    role_arn: str
    role_id: str
    session_name: str
    issued_at: int
    amr: tuple[str, ...]
    principal_tags: Mapping[str, str] = {}
    session_policies: tuple[str, ...] = ()
    scoped_down: bool = False

    @property
    def arn(self) -> str:
        """The caller as IAM names it."""
        role = self.role_arn.rpartition("/")[2]
        return f"arn:aws:sts::{self.account_id}:assumed-role/{role}/{self.session_name}"

    @property
    def user_id(self) -> str:
        """The caller's unique id: of the role, and the session's name."""
        return f"{self.role_id}:{self.session_name}"


class TemporaryCredentials(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Credentials in the clear; never stored or logged."""

    caller: IdentityCaller
    secret: str
    expires_at: int

    def __repr__(self) -> str:
        return f"TemporaryCredentials(caller={self.caller!r}, expires_at={self.expires_at})"


def new_temporary_key_id(entropy: Entropy) -> str:
    """Make an access key id of AWS's form: ``ASIA`` and 16 capitals and digits."""
    return TEMPORARY_KEY_PREFIX + base64.b32encode(entropy(10)).decode("ascii")


def seal_credentials(credentials: TemporaryCredentials, sealer: Sealer) -> str:
    """Give the session token of credentials."""
    plaintext = msgspec.msgpack.encode(credentials)
    return sealer.seal_text(_purpose(credentials.caller.access_key_id), plaintext)


def open_credentials(access_key_id: str, token: str, sealer: Sealer) -> TemporaryCredentials | None:
    """Give the credentials of a session token, expired or not; None if it is not the key's."""
    try:
        plaintext = sealer.open_text(_purpose(access_key_id), token)
    except SealBroken:
        return None
    return msgspec.msgpack.decode(plaintext, type=TemporaryCredentials)


def _purpose(access_key_id: str) -> bytes:
    return purpose("session token", access_key_id)
