"""Policies in the language of AWS IAM: read once, then asked who may do what to which resource.

What is not understood is refused when the document is read, never passed over. Source: IAM User
Guide, "Policy evaluation logic" and "Grammar". There are no resource policies, permission
boundaries or NotPrincipal.
"""

import enum
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from .policy_conditions import Condition, NullCondition, parse_conditions
from .policy_patterns import ArnPattern, Context, Glob, PolicyInvalid, arn_fields, quoted

__all__ = ["Context", "Decision", "Policy", "PolicyInvalid", "evaluate", "trusts"]

DOCUMENT_CHARACTERS_MAX: Final = 10_240
"""Characters of a policy without the white space between its parts (IAM's quota for roles)."""
TEXT_CHARACTERS_MAX: Final = 4 * DOCUMENT_CHARACTERS_MAX
"""Characters of a policy's text, white space and all, that are looked at (no source)."""
ITEMS_MAX: Final = 1000
"""Members of any one list of a policy (no source)."""

_VERSION_WITH_VARIABLES: Final = "2012-10-17"
_VERSIONS: Final = frozenset({"2008-10-17", _VERSION_WITH_VARIABLES})
_DOCUMENT_ELEMENTS: Final = frozenset({"Version", "Id", "Statement"})
_STATEMENT_ELEMENTS: Final = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Condition"},
)
_RESOURCES: Final = ("Resource", "NotResource")
_PRINCIPAL_TYPES: Final = frozenset({"AWS", "Federated", "Service"})
_ANYBODY: Final = "*"
_SESSION_KEYS: Final = frozenset(
    {
        "aws:federatedprovider",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principaltype",
        "aws:tokenissuetime",
        "aws:userid",
        "cognito-identity.amazonaws.com:amr",
        "cognito-identity.amazonaws.com:aud",
        "cognito-identity.amazonaws.com:sub",
    }
)
"""Keys that keep their values for as long as a session lasts, besides its principal tags."""
_PRINCIPAL_TAG: Final = "aws:principaltag/"


class _Action(msgspec.Struct, frozen=True):
    """A pattern of actions: ``service:Name`` in any case, with wildcards in either part."""

    service: Glob
    name: Glob

    @classmethod
    def parse(cls, text: str) -> "_Action":
        service, colon, name = ("*", ":", "*") if text == "*" else text.partition(":")
        if not (colon and service and name) or not all(map(_is_action_character, service + name)):
            raise PolicyInvalid(f"{quoted(text)} is neither * nor a service:Name")
        return cls(
            Glob.parse(service, variables=False, ignore_case=True),
            Glob.parse(name, variables=False, ignore_case=True),
        )

    def matches(self, request: "_Request") -> bool:
        context = request.context
        return self.service.matches(request.service, context) is True and (
            self.name.matches(request.name, context) is True
        )


class _Request(msgspec.Struct, frozen=True):
    """What is asked: an action on a resource (no fields: it is no ARN)."""

    service: str
    name: str
    fields: Sequence[str]
    context: Context


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement; of ``resources`` and ``principals`` it has those its kind of policy has."""

    denies: bool
    actions: tuple[_Action, ...]
    except_actions: bool
    resources: tuple[ArnPattern, ...] | None
    except_resources: bool
    principals: frozenset[str] | None
    """Federated principals, or ``*`` for anybody."""
    conditions: tuple[Condition | NullCondition, ...]

    @property
    def keys(self) -> frozenset[str]:
        """Every condition key that the answer hangs on."""
        resources = (pattern.variables for pattern in self.resources or ())
        conditions = (condition.keys for condition in self.conditions)
        return frozenset[str]().union(*resources, *conditions)

    def applies(self, request: _Request) -> bool:
        """Whether the statement speaks of the request, principals and resources aside."""
        named = any(action.matches(request) for action in self.actions)
        return named is not self.except_actions and all(
            condition.holds(request.context) for condition in self.conditions
        )

    def covers(self, request: _Request) -> bool:
        """Whether the statement speaks of the request's resource.

        A pattern whose variable has no value matches nothing; under NotResource, where that
        would widen an Allow, it covers nothing, and in a Deny it covers everything.
        """
        if self.resources is None:
            return False
        unsure = False
        for pattern in self.resources:
            matches = pattern.matches_fields(request.fields, request.context)
            if matches:
                return not self.except_resources
            unsure = unsure or matches is None
        return self.except_resources and (self.denies or not unsure)


class Policy(msgspec.Struct, frozen=True):
    """A policy document, ready to be asked."""

    statements: tuple[Statement, ...]
    volatile: bool
    """Whether an answer may differ between two calls of one session: it hangs on the time, the
    address, or anything else that is not known to last as long as the session."""

    @classmethod
    def parse(cls, document: str | bytes | Mapping[str, Any]) -> "Policy":
        """Read a policy of permissions: its statements have Resource, and no Principal.

        Raises PolicyInvalid.
        """
        return cls._parse(document, trust=False)

    @classmethod
    def parse_trust(cls, document: str | bytes | Mapping[str, Any]) -> "Policy":
        """Read a role's trust policy: its statements have Principal, and no Resource.

        Raises PolicyInvalid.
        """
        return cls._parse(document, trust=True)

    @classmethod
    def _parse(cls, document: str | bytes | Mapping[str, Any], *, trust: bool) -> "Policy":
        elements = _elements(_load(document), "the policy", _DOCUMENT_ELEMENTS)
        version = elements.get("Version", "2008-10-17")
        if not isinstance(version, str) or version not in _VERSIONS:
            raise PolicyInvalid(f"Version: {quoted(version)} is none of {sorted(_VERSIONS)}")
        if not isinstance(elements.get("Id", ""), str):
            raise PolicyInvalid("Id: not a string")
        variables = version == _VERSION_WITH_VARIABLES
        statements: list[Statement] = []
        for number, each in enumerate(_listed(elements.get("Statement"), "Statement"), 1):
            try:
                statements.append(_statement(each, trust=trust, variables=variables))
            except PolicyInvalid as error:
                raise PolicyInvalid(f"Statement {number}: {error}") from None
        keys = frozenset[str]().union(*(statement.keys for statement in statements))
        volatile = any(
            key not in _SESSION_KEYS and not key.startswith(_PRINCIPAL_TAG) for key in keys
        )
        return cls(tuple(statements), volatile)


class Decision(msgspec.Struct, frozen=True):
    """Whether policies allow a request; if not, ``reason`` ends the text of a denial."""

    allowed: bool
    reason: str = ""


class _Verdict(enum.Enum):
    ALLOWS = "allows"
    DENIES = "denies"
    SILENT = "silent"


_ALLOWED: Final = Decision(True)


def evaluate(
    identity_policies: Sequence[Policy],
    session_policies: Sequence[Policy] | None,
    *,
    action: str,
    resource: str,
    context: Context,
) -> Decision:
    """Decide a request as IAM does: a Deny anywhere wins, and without an Allow nothing may be.

    ``session_policies``, unless None, are one more set of policies, which must allow it too.
    The reasons are the suffixes in IAM User Guide, "Troubleshoot access denied".
    """
    request = _request(action, resource, context)
    by_identity = _verdict(identity_policies, request)
    by_session = (
        _Verdict.ALLOWS if session_policies is None else _verdict(session_policies, request)
    )
    if by_identity is _Verdict.DENIES:
        return Decision(False, "with an explicit deny in an identity-based policy")
    if by_session is _Verdict.DENIES:
        return Decision(False, "with an explicit deny in a session policy")
    if by_identity is _Verdict.SILENT:
        reason = f"because no identity-based policy allows the {action} action"
        return Decision(False, reason)
    if by_session is _Verdict.SILENT:
        reason = f"because no session policy allows the {action} action"
        return Decision(False, reason)
    return _ALLOWED


def trusts(policy: Policy, *, federated: str, action: str, context: Context) -> bool:
    """Whether a trust policy lets a federated principal, such as an identity provider, act.

    Principals are compared whole and in their case; ``*`` stands for anybody.
    """
    request = _request(action, "", context)
    trusted = False
    for statement in policy.statements:
        principals = statement.principals
        if principals is None or not (federated in principals or _ANYBODY in principals):
            continue
        if statement.applies(request):
            if statement.denies:
                return False
            trusted = True
    return trusted


def _verdict(policies: Sequence[Policy], request: _Request) -> _Verdict:
    verdict = _Verdict.SILENT
    for policy in policies:
        for statement in policy.statements:
            if statement.covers(request) and statement.applies(request):
                if statement.denies:
                    return _Verdict.DENIES
                verdict = _Verdict.ALLOWS
    return verdict


def _request(action: str, resource: str, context: Context) -> _Request:
    service, _, name = action.partition(":")
    return _Request(service, name, arn_fields(resource), context)


def _load(document: str | bytes | Mapping[str, Any]) -> Any:
    """Give a document's JSON value, within the limits; nesting too deep for Python is refused."""
    if not isinstance(document, Mapping) and len(document) > TEXT_CHARACTERS_MAX:
        raise PolicyInvalid(f"the text is longer than {TEXT_CHARACTERS_MAX} characters")
    try:
        if isinstance(document, Mapping):
            document = json.dumps(dict(document))
        text = document if isinstance(document, str) else document.decode()
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except PolicyInvalid:
        raise
    except (ValueError, TypeError, RecursionError):
        raise PolicyInvalid("the policy is not a JSON document") from None
    if len(compact) > DOCUMENT_CHARACTERS_MAX:
        raise PolicyInvalid(f"the policy is longer than {DOCUMENT_CHARACTERS_MAX} characters")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise PolicyInvalid(f"an object names an element twice: {quoted([k for k, _ in pairs])}")
    return members


def _constant(name: str) -> Any:
    raise PolicyInvalid(f"{name} is not JSON")


def _elements(value: Any, what: str, known: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PolicyInvalid(f"{what} is not an object")
    elements = cast("dict[str, Any]", value)
    for name in elements:
        if name not in known:
            raise PolicyInvalid(f"{what} has an element that is not known here: {quoted(name)}")
    return elements


def _statement(value: Any, *, trust: bool, variables: bool) -> Statement:
    own = frozenset({"Principal"}) if trust else frozenset(_RESOURCES)
    elements = _elements(value, "the statement", _STATEMENT_ELEMENTS | own)
    effect = elements.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyInvalid(f"Effect: {quoted(effect)} is neither Allow nor Deny")
    if not isinstance(elements.get("Sid", ""), str):
        raise PolicyInvalid("Sid: not a string")
    actions, except_actions = _one_of(elements, "Action", "NotAction")
    resources, except_resources = ([], False) if trust else _one_of(elements, *_RESOURCES)
    denies = effect == "Deny"
    return Statement(
        denies=denies,
        actions=tuple(map(_Action.parse, actions)),
        except_actions=except_actions,
        resources=None
        if trust
        else tuple(ArnPattern.parse_resource(each, variables=variables) for each in resources),
        except_resources=except_resources,
        principals=_principals(elements.get("Principal")) if trust else None,
        conditions=parse_conditions(
            _conditions(elements.get("Condition", {})), denies=denies, variables=variables
        ),
    )


def _one_of(elements: Mapping[str, Any], plain: str, opposite: str) -> tuple[list[str], bool]:
    """Give the texts of an element or of its opposite, and whether it was the opposite."""
    if (plain in elements) is (opposite in elements):
        raise PolicyInvalid(f"one of {plain} and {opposite} must be there, and only one")
    name = plain if plain in elements else opposite
    return _texts(elements[name], name), name == opposite


def _principals(value: Any) -> frozenset[str]:
    if value == _ANYBODY:
        return frozenset({_ANYBODY})
    by_type = _elements(value, "Principal", _PRINCIPAL_TYPES)
    if not by_type:
        raise PolicyInvalid("Principal: empty")
    federated: set[str] = set()
    for kind, names in by_type.items():
        for name in _texts(names, f"Principal {kind}"):
            if name != _ANYBODY and set(name) & set("*?"):
                raise PolicyInvalid(f"Principal {kind}: {quoted(name)} may not have wildcards")
            if kind == "Federated" or (kind == "AWS" and name == _ANYBODY):
                federated.add(name)
    return frozenset(federated)


def _conditions(value: Any) -> dict[str, dict[str, list[str]]]:
    if not isinstance(value, dict):
        raise PolicyInvalid("Condition: not an object")
    blocks: dict[str, dict[str, list[str]]] = {}
    for name, by_key in cast("dict[str, Any]", value).items():
        if not isinstance(by_key, dict) or not by_key:
            raise PolicyInvalid(f"Condition {quoted(name)}: empty, or not an object of keys")
        blocks[name] = {
            key: _texts(values, f"Condition {quoted(name)} {quoted(key)}", scalars=True)
            for key, values in cast("dict[str, Any]", by_key).items()
        }
    return blocks


def _texts(value: Any, what: str, *, scalars: bool = False) -> list[str]:
    """Give one text or a list of them; ``scalars`` also takes numbers and booleans."""
    texts: list[str] = []
    for each in _listed(value, what):
        if isinstance(each, str):
            texts.append(each)
        elif scalars and isinstance(each, bool | int | float):
            texts.append(json.dumps(each))
        else:
            raise PolicyInvalid(f"{what}: {quoted(each)} is not a string")
    return texts


def _listed(value: Any, what: str) -> list[Any]:
    """Give the members of a list; one that stands alone counts as a list of one."""
    members = cast("list[Any]", value) if isinstance(value, list) else [value]
    if not 0 < len(members) <= ITEMS_MAX:
        raise PolicyInvalid(f"{what}: must have 1 to {ITEMS_MAX} members")
    return members


def _is_action_character(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character in "*?-_.")
