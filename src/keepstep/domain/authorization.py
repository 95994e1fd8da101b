"""What a caller may do: role policies first, then the rules of the service itself.

An identity reaches its own data and nothing else, whatever its role allows: the service model
says so, and the consoles of AWS made roles that allow ``cognito-sync:*`` on everything.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

from keepstep.wire.errors import AccessDeniedException, NotAuthorizedException

from .access import Caller, CallerClass, Developer
from .credentials import IdentityCaller
from .limits import DECISIONS_CACHED_MAX, SECOND_MS
from .linking import forbidden
from .policies import Context, Policy, evaluate
from .roles import GUEST_POLICY, Roles, cognito_context

_WRONG_CLASS: Final = "These credentials are not valid for accessing this resource"


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy may ask about the request itself; ``now`` in milliseconds."""

    now: int
    source_ip: str
    secure: bool
    user_agent: str
    region: str


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is about to do: to which pool and identity, if it names them.

    ``action`` and ``resource`` are as IAM names them.
    """

    action: str
    resource: str
    identity_pool_id: str | None
    identity_id: str | None
    circumstances: Callable[[], Circumstances]


class Authorizer:
    """Decides attempts, and remembers what it decided while nothing can change it."""

    def __init__(self, roles: Roles) -> None:
        """``roles`` are those that credentials may be in."""
        self._roles = roles
        self._allowed: set[tuple[str, str, str]] = set()

    def check(
        self,
        caller: Caller,
        accepts: CallerClass,
        *,
        reads: bool,
        attempt: Callable[[], Attempt],
    ) -> None:
        """Refuse what the caller may not do.

        ``accepts`` and ``reads`` are the operation's; ``attempt`` is asked for when it matters.

        Raises AccessDeniedException, in the form of IAM, if a policy or a read-only key denies;
        NotAuthorizedException for the wrong class of caller (text seen in aws-sdk-php issue
        494), and for an identity or a pool that is not the caller's own.
        """
        if accepts is CallerClass.SIGNED:
            return
        if isinstance(caller, Developer):
            if accepts is CallerClass.IDENTITY:
                raise NotAuthorizedException(_WRONG_CLASS)
            if caller.read_only and not reads:
                raise _denied(caller, attempt(), "because the access key is read-only")
            return
        attempted = attempt()
        self._check_policies(caller, attempted)
        if accepts is CallerClass.DEVELOPER:
            raise NotAuthorizedException(_WRONG_CLASS)
        if attempted.identity_id not in (None, caller.identity_id):
            raise forbidden(attempted.identity_id or "")
        if attempted.identity_pool_id not in (None, caller.identity_pool_id):
            raise forbidden(caller.identity_id)

    def _check_policies(self, caller: IdentityCaller, attempt: Attempt) -> None:
        asked = (caller.access_key_id, attempt.action, attempt.resource)
        if asked in self._allowed:
            return
        role = self._roles.find(caller.role_arn)
        if role is None:
            raise _denied(caller, attempt, "because the role does not exist any more")
        session = _session_policies(caller)
        decision = evaluate(
            role.policies,
            session,
            action=attempt.action,
            resource=attempt.resource,
            context=_context(caller, attempt.circumstances()),
        )
        if not decision.allowed:
            raise _denied(caller, attempt, decision.reason)
        if not any(policy.volatile for policy in (*role.policies, *(session or ()))):
            self._remember(asked)

    def _remember(self, asked: tuple[str, str, str]) -> None:
        if len(self._allowed) >= DECISIONS_CACHED_MAX:
            self._allowed.clear()
        self._allowed.add(asked)


def _session_policies(caller: IdentityCaller) -> list[Policy] | None:
    if caller.scoped_down:
        return [GUEST_POLICY]
    if caller.session_policies:
        return [_parsed(document) for document in caller.session_policies]
    return None


@lru_cache(maxsize=256)
def _parsed(document: str) -> Policy:
    return Policy.parse(document)


def _context(caller: IdentityCaller, circumstances: Circumstances) -> Context:
    return {
        **cognito_context(caller.identity_id, caller.identity_pool_id, caller.amr),
        **{
            f"aws:principaltag/{name.lower()}": (tag,)
            for name, tag in caller.principal_tags.items()
        },
        "aws:userid": (caller.user_id,),
        "aws:principalarn": (caller.role_arn,),
        "aws:principalaccount": (caller.account_id,),
        "aws:principaltype": ("AssumedRole",),
        "aws:sourceip": (circumstances.source_ip,),
        "aws:securetransport": ("true" if circumstances.secure else "false",),
        "aws:currenttime": (_iso(circumstances.now),),
        "aws:epochtime": (str(circumstances.now // SECOND_MS),),
        "aws:tokenissuetime": (_iso(caller.issued_at),),
        "aws:useragent": (circumstances.user_agent,),
        "aws:requestedregion": (circumstances.region,),
    }


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / SECOND_MS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _denied(caller: Caller, attempt: Attempt, reason: str) -> AccessDeniedException:
    return AccessDeniedException(
        f"User: {caller.arn} is not authorized to perform: {attempt.action} on resource: "
        f"{attempt.resource} {reason}"
    )
