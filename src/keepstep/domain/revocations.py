"""Revocations: from when on the temporary credentials of an identity, a role, … must be.

A revocation is a "not before" time, so that nothing is stored for each credential. It may be
forgotten once every credential it concerns has ended.
"""

import enum

import msgspec


class Reason(enum.StrEnum):
    """Why credentials were revoked: what their holders are told depends on it."""

    SIGNED_OUT = "signed-out"
    MERGED = "merged"
    DELETED = "deleted"


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials of the subject made up to ``not_before`` (milliseconds) are refused."""

    subject: str
    not_before: int
    reason: Reason = Reason.SIGNED_OUT


EVERYTHING = "all"
"""The subject that every credential belongs to."""


def identity_subject(identity_id: str) -> str:
    """Name the credentials of one identity."""
    return f"identity:{identity_id}"


def guest_subject(identity_id: str) -> str:
    """Name what was granted for an identity as a guest's, to whoever knew its id."""
    return f"guest:{identity_id}"


def role_subject(role_arn: str) -> str:
    """Name the credentials of one role."""
    return f"role:{role_arn}"


def pool_subject(identity_pool_id: str) -> str:
    """Name the credentials of every identity of a pool."""
    return f"pool:{identity_pool_id}"
