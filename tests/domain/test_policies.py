"""Policies: who may do what to which resource, and which documents are refused."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from keepstep.domain.policies import (
    DOCUMENT_CHARACTERS_MAX,
    ITEMS_MAX,
    TEXT_CHARACTERS_MAX,
    Context,
    Decision,
    Policy,
    PolicyInvalid,
    evaluate,
    trusts,
)

POOL = "us-east-1:1699ebc0-7900-4099-b910-2df94f52a030"
IDENTITY = "us-east-1:2699ebc0-7900-4099-b910-2df94f52a030"
OTHER = "us-east-1:3699ebc0-7900-4099-b910-2df94f52a030"
COGNITO = "cognito-identity.amazonaws.com"
ASSUME = "sts:AssumeRoleWithWebIdentity"
OWN = "arn:aws:cognito-sync:*:*:identitypool/${COGNITO:aud}/identity/${COGNITO:sub}".replace(
    "COGNITO", COGNITO
)
CONTEXT: Context = {
    f"{COGNITO}:aud": (POOL,),
    f"{COGNITO}:sub": (IDENTITY,),
    f"{COGNITO}:amr": ("authenticated", "graph.facebook.com"),
}
READ = "cognito-sync:ListRecords"
WRITE = "cognito-sync:UpdateRecords"
ALLOW: Mapping[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TRUST: Mapping[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Federated": COGNITO},
    "Action": ASSUME,
}


def arn(identity: str = IDENTITY, dataset: str | None = "notes", pool: str = POOL) -> str:
    name = f"arn:aws:cognito-sync:eu-west-1:000000000000:identitypool/{pool}/identity/{identity}"
    return name if dataset is None else f"{name}/dataset/{dataset}"


def policy(*statements: Mapping[str, Any], version: str | None = "2012-10-17") -> Policy:
    document: dict[str, Any] = {"Statement": list(statements)}
    return Policy.parse(document if version is None else {"Version": version, **document})


def decide(
    policies: list[Policy],
    session: list[Policy] | None = None,
    *,
    action: str = READ,
    resource: str = arn(),
    context: Context = CONTEXT,
) -> Decision:
    return evaluate(policies, session, action=action, resource=resource, context=context)


def allowed(statement: Mapping[str, Any], **asked: Any) -> bool:
    return decide([policy({**ALLOW, **statement})], **asked).allowed


def trusted(*statements: Mapping[str, Any], by: str = COGNITO, action: str = ASSUME) -> bool:
    parsed = Policy.parse_trust({"Version": "2012-10-17", "Statement": list(statements)})
    return trusts(parsed, federated=by, action=action, context=CONTEXT)


EVERYTHING = policy(ALLOW)
DENY_WRITES = policy({"Effect": "Deny", "Action": WRITE, "Resource": "*"})
READS_ONLY = policy({**ALLOW, "Action": READ})


@pytest.mark.parametrize(
    ("identity", "session", "reason"),
    [
        ([EVERYTHING], None, ""),
        ([READS_ONLY, EVERYTHING], [READS_ONLY, EVERYTHING], ""),
        ([], None, f"because no identity-based policy allows the {WRITE} action"),
        ([READS_ONLY], None, f"because no identity-based policy allows the {WRITE} action"),
        ([READS_ONLY], [], f"because no identity-based policy allows the {WRITE} action"),
        ([EVERYTHING], [], f"because no session policy allows the {WRITE} action"),
        ([EVERYTHING], [READS_ONLY], f"because no session policy allows the {WRITE} action"),
        ([EVERYTHING, DENY_WRITES], None, "with an explicit deny in an identity-based policy"),
        ([DENY_WRITES, EVERYTHING], [], "with an explicit deny in an identity-based policy"),
        ([EVERYTHING], [EVERYTHING, DENY_WRITES], "with an explicit deny in a session policy"),
        ([READS_ONLY], [DENY_WRITES], "with an explicit deny in a session policy"),
    ],
)
def test_a_deny_wins_and_both_sets_of_policies_must_allow(
    identity: list[Policy], session: list[Policy] | None, reason: str
) -> None:
    assert decide(identity, session, action=WRITE) == Decision(allowed=not reason, reason=reason)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (arn(), True),
        (arn(dataset="null"), True),
        (arn(dataset="a/b:c*"), True),
        (arn(dataset=None), True),
        (arn(OTHER), False),
        (arn(OTHER, None), False),
        (arn(f"{IDENTITY}x"), False),
        (arn(pool=OTHER), False),
        ("*", False),
    ],
)
def test_the_own_data_policy_reaches_the_callers_own_data_alone(
    resource: str, *, expected: bool
) -> None:
    own = {"Action": "cognito-sync:*", "Resource": [OWN, f"{OWN}/*"]}
    assert allowed(own, resource=resource) is expected
    assert not allowed(own, resource=resource, context={})
    assert not allowed(own, resource=resource, action="cognito-identity:DescribeIdentity")


def test_a_star_in_a_value_does_not_widen_a_resource() -> None:
    named = {"Resource": f"{OWN}/dataset/${{aws:PrincipalTag/dataset}}"}
    context = {**CONTEXT, "aws:principaltag/dataset": ("*",)}
    assert allowed(named, resource=arn(dataset="*"), context=context)
    assert not allowed(named, resource=arn(dataset="notes"), context=context)
    assert not allowed({"Resource": OWN}, context={**CONTEXT, f"{COGNITO}:sub": ("*",)})


def test_a_star_in_a_resource_asked_for_is_not_a_pattern() -> None:
    assert not allowed({"Resource": arn()}, resource=arn(dataset="*"))
    assert not allowed({"Resource": arn()}, resource="*")


@pytest.mark.parametrize("version", [None, "2008-10-17"])
def test_variables_are_literal_before_version_2012(version: str | None) -> None:
    literal = policy({**ALLOW, "Resource": f"{OWN}/*"}, version=version)
    assert not decide([literal]).allowed
    assert decide([literal], resource=f"{OWN}/x").allowed
    condition = {"StringEquals": {f"{COGNITO}:sub": f"${{{COGNITO}:sub}}"}}
    assert allowed({"Condition": condition})
    assert not decide([policy({**ALLOW, "Condition": condition}, version=version)]).allowed


@pytest.mark.parametrize(
    ("pattern", "action", "expected"),
    [
        ("*", READ, True),
        ("*:*", READ, True),
        ("cognito-sync:*", READ, True),
        ("COGNITO-sync:listRECORDS", READ, True),
        ("cognito-sync:List*", "Cognito-Sync:LISTRECORDS", True),
        ("cognito-sync:List*", WRITE, False),
        ("cognito-*:List?ecords", READ, True),
        ("*:ListRecords", READ, True),
        ("cognito:*", READ, False),
        ("c*s", READ, None),
        ("cognito-sync:", READ, None),
        (":ListRecords", READ, None),
        ("cognito-sync:List:Records", READ, None),
        ("cognito-sync:${aws:userid}", READ, None),
        ("cognito-sync:List Records", READ, None),
        ("", READ, None),
    ],
)
def test_actions_match_by_service_and_name_in_any_case(
    pattern: str, action: str, *, expected: bool | None
) -> None:
    if expected is None:
        with pytest.raises(PolicyInvalid, match=r"Statement 1: .*service:Name"):
            policy({**ALLOW, "Action": pattern})
    else:
        assert allowed({"Action": [pattern]}, action=action) is expected


def test_not_action_is_every_other_action() -> None:
    rest = policy({"Effect": "Allow", "NotAction": ["cognito-sync:Update*"], "Resource": "*"})
    assert decide([rest], action=READ).allowed
    assert not decide([rest], action=WRITE).allowed


def test_not_resource_is_every_other_resource() -> None:
    rest = policy({"Effect": "Allow", "Action": "*", "NotResource": [f"{OWN}/*", arn(OTHER)]})
    assert not decide([rest]).allowed
    assert not decide([rest], resource=arn(OTHER)).allowed
    assert decide([rest], resource=arn(OTHER, "else")).allowed
    assert decide([rest], resource="*").allowed


def test_not_resource_without_its_variables_value_allows_nothing_and_denies_everything() -> None:
    but_own = {"Action": "*", "NotResource": f"{OWN}/*"}
    assert not decide([policy({"Effect": "Allow", **but_own})], context={}).allowed
    deny = policy({"Effect": "Deny", **but_own})
    assert not decide([EVERYTHING, deny], context={}).allowed
    assert decide([EVERYTHING, deny]).allowed
    assert not decide([EVERYTHING, deny], resource=arn(OTHER)).allowed


def test_a_condition_narrows_its_statement() -> None:
    condition = {"ForAnyValue:StringLike": {f"{COGNITO}:amr": "authenticated"}}
    assert allowed({"Condition": condition})
    assert not allowed({"Condition": condition}, context={**CONTEXT, f"{COGNITO}:amr": ("x",)})
    assert not allowed({"Condition": condition}, context={})
    deny = policy({**ALLOW, "Effect": "Deny", "Condition": condition})
    assert not decide([EVERYTHING, deny]).allowed
    assert decide([EVERYTHING, deny], context={}).allowed


def test_older_sessions_are_revoked_by_the_time_they_were_issued() -> None:
    """IAM attaches such a policy to a role to revoke its sessions."""
    condition = {"DateLessThan": {"aws:TokenIssueTime": "2026-11-22T12:00:00Z"}}
    revoke = policy({**ALLOW, "Effect": "Deny", "Condition": condition})
    for issued, still in (("2026-11-22T11:59:59Z", False), ("2026-11-22T12:00:00Z", True)):
        context = {"aws:tokenissuetime": (issued,)}
        assert decide([EVERYTHING, revoke], context=context).allowed is still


@pytest.mark.parametrize(
    ("principal", "by", "expected"),
    [
        ({"Federated": COGNITO}, COGNITO, True),
        ({"Federated": ["accounts.google.com", COGNITO]}, COGNITO, True),
        ({"Federated": COGNITO}, "accounts.google.com", False),
        ({"Federated": COGNITO}, COGNITO.upper(), False),
        ({"Federated": "*"}, COGNITO, True),
        ({"AWS": "*"}, COGNITO, True),
        ({"AWS": "arn:aws:iam::000000000000:root"}, COGNITO, False),
        ({"Service": COGNITO}, COGNITO, False),
        ({"Service": "*"}, COGNITO, False),
        ({"Service": "x", "Federated": COGNITO}, COGNITO, True),
        ("*", COGNITO, True),
        ("*", "", True),
    ],
)
def test_a_trust_policy_names_its_principals(principal: Any, by: str, *, expected: bool) -> None:
    assert trusted({**TRUST, "Principal": principal}, by=by) is expected


def test_trust_needs_an_allow_and_no_deny_for_the_action_and_its_conditions() -> None:
    deny = {**TRUST, "Effect": "Deny"}
    unless = {"StringNotEquals": {f"{COGNITO}:aud": POOL}}
    assert trusted({**TRUST, "Action": [ASSUME, "sts:TagSession"]}, action="sts:TagSession")
    assert not trusted(TRUST, action="sts:TagSession")
    assert not trusted(deny)
    assert not trusted(TRUST, deny)
    assert not trusted(deny, TRUST)
    assert trusted(TRUST, {**deny, "Condition": unless})
    assert not trusted({**TRUST, "Condition": unless})
    assert trusted({**TRUST, "Condition": {"StringEquals": {f"{COGNITO}:aud": POOL}}})


def test_neither_kind_of_policy_answers_for_the_other() -> None:
    trust = Policy.parse_trust({"Statement": {**TRUST, "Principal": "*", "Action": "*"}})
    assert not decide([trust]).allowed
    assert not trusts(EVERYTHING, federated=COGNITO, action=ASSUME, context=CONTEXT)


@pytest.mark.parametrize(
    "document",
    [
        {"Statement": {**ALLOW}},
        {"Statement": [{**ALLOW, "Sid": "a b"}], "Id": "x", "Version": "2008-10-17"},
        json.dumps({"Statement": {**ALLOW}}),
        json.dumps({"Statement": {**ALLOW}}, indent=8).encode(),
    ],
)
def test_a_document_may_be_an_object_or_its_json(document: Any) -> None:
    assert decide([Policy.parse(document)]).allowed


WITHOUT_EFFECT = {name: each for name, each in ALLOW.items() if name != "Effect"}
WITHOUT_ACTION = {name: each for name, each in ALLOW.items() if name != "Action"}
WITHOUT_RESOURCE = {name: each for name, each in ALLOW.items() if name != "Resource"}


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (WITHOUT_EFFECT, "Effect"),
        ({**ALLOW, "Effect": "allow"}, "Effect"),
        ({**ALLOW, "Effect": ["Allow"]}, "Effect"),
        (WITHOUT_ACTION, "Action"),
        ({**ALLOW, "NotAction": "*"}, "Action"),
        ({**ALLOW, "Action": []}, "Action"),
        ({**ALLOW, "Action": [1]}, "Action"),
        ({**ALLOW, "Action": ["x:y"] * (ITEMS_MAX + 1)}, "Action"),
        (WITHOUT_RESOURCE, "Resource"),
        ({**ALLOW, "NotResource": "*"}, "Resource"),
        ({**ALLOW, "Resource": None}, "Resource"),
        ({**ALLOW, "Resource": "pool"}, "six fields"),
        ({**ALLOW, "Resource": "arn:aws:s3:::${"}, "closing brace"),
        ({**ALLOW, "Resource": "arn:aws:s3:::${cognito-identity.amazonaws.com:amr}"}, "several"),
        ({**ALLOW, "Sid": 1}, "Sid"),
        ({**ALLOW, "Principal": "*"}, "Principal"),
        ({**ALLOW, "NotPrincipal": "*"}, "NotPrincipal"),
        ({**ALLOW, "Conditions": {}}, "Conditions"),
        ({**ALLOW, "resource": "*"}, "resource"),
        ("Allow", "object"),
    ],
)
def test_a_statement_that_is_not_understood_refuses_the_policy(
    statement: Any, message: str
) -> None:
    with pytest.raises(PolicyInvalid, match=f"Statement 2: .*{message}"):
        policy(ALLOW, statement)


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": ASSUME},
        {**TRUST, "Resource": "*"},
        {**TRUST, "NotPrincipal": {"AWS": "*"}},
        {**TRUST, "Principal": {}},
        {**TRUST, "Principal": []},
        {**TRUST, "Principal": "x"},
        {**TRUST, "Principal": {"Federated": "*.amazonaws.com"}},
        {**TRUST, "Principal": {"Federated": []}},
        {**TRUST, "Principal": {"CanonicalUser": "x"}},
    ],
)
def test_a_trust_statement_that_is_not_understood_refuses_the_policy(statement: Any) -> None:
    with pytest.raises(PolicyInvalid, match=r"Statement 1: .*(Principal|Resource)"):
        Policy.parse_trust({"Statement": statement})


@pytest.mark.parametrize(
    "document",
    [
        "",
        "null",
        "[]",
        "{}",
        b"\xff",
        "[" * TEXT_CHARACTERS_MAX,
        '{"Statement": NaN}',
        '{"Statement": ' + "1" * 5000 + "}",
        '{"Statement": [], "Statement": []}',
        '{"Statement": {"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}}',
        {"Statement": []},
        {"Statement": {1, 2}},
        {"Version": "2012-10-17"},
        {"Version": "2013-01-01", "Statement": {**ALLOW}},
        {"Version": ["2012-10-17"], "Statement": {**ALLOW}},
        {"Id": 1, "Statement": {**ALLOW}},
        {"Extra": "", "Statement": {**ALLOW}},
    ],
)
def test_a_document_that_is_no_policy_is_refused(document: Any) -> None:
    with pytest.raises(PolicyInvalid):
        Policy.parse(document)


def test_a_policys_size_is_counted_without_the_white_space_of_its_form() -> None:
    longest = {"Statement": {**ALLOW, "Sid": ""}}
    room = DOCUMENT_CHARACTERS_MAX - len(json.dumps(longest, separators=(",", ":")))
    longest["Statement"]["Sid"] = "x" * room
    assert decide([Policy.parse(json.dumps(longest, indent=4))]).allowed
    longest["Statement"]["Sid"] += "x"
    for document in (longest, json.dumps(longest)):
        with pytest.raises(PolicyInvalid, match="longer"):
            Policy.parse(document)
    with pytest.raises(PolicyInvalid, match="longer"):
        Policy.parse(" " * TEXT_CHARACTERS_MAX + "{}")


def condition(key: str) -> dict[str, Any]:
    return {"Condition": {"StringLike": {key: "*"}}}


@pytest.mark.parametrize(
    ("statement", "volatile"),
    [
        ({}, False),
        ({"Resource": f"{OWN}/*"}, False),
        (condition(f"{COGNITO}:amr"), False),
        (condition("aws:PrincipalTag/team"), False),
        (condition("aws:TokenIssueTime"), False),
        (condition("aws:SourceIp"), True),
        (condition("aws:CurrentTime"), True),
        (condition("aws:SecureTransport"), True),
        (condition("aws:UserAgent"), True),
        (condition("aws:RequestedRegion"), True),
        (condition("aws:RequestTag/team"), True),
        (condition("x:unheard-of"), True),
        ({"Condition": {"Null": {"aws:SourceIp": "true"}}}, True),
        ({"Resource": "arn:aws:s3:::${aws:UserAgent}"}, True),
        ({"Condition": {"StringLike": {"aws:userid": "${aws:UserAgent}"}}}, True),
        ({"Condition": {"ArnLike": {"aws:PrincipalArn": "${aws:SourceArn, '*'}"}}}, True),
        ({"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${x:y}:z"}}}, True),
    ],
)
def test_a_policy_is_volatile_if_it_hangs_on_more_than_the_session(
    statement: dict[str, Any], *, volatile: bool
) -> None:
    assert policy({**ALLOW, **statement}).volatile is volatile
