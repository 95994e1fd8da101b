"""What holds for all policies: what must not widen does not, and bad input is refused."""

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from keepstep.domain.policies import Context, Policy, PolicyInvalid, evaluate
from keepstep.domain.policy_conditions import OPERATORS

ACTIONS = ["cognito-sync:ListRecords", "cognito-sync:UpdateRecords", "sts:GetCallerIdentity"]
ARNS = [f"arn:aws:cognito-sync:r:1:identitypool/p/identity/{each}" for each in ("a", "b", "a/x")]
KEYS = ["aws:userid", "aws:SourceIp", "aws:CurrentTime", "aws:none"]
VALUES = ["a", "b*", "*", "${aws:userid}", "${aws:none}", "${aws:none, 'a'}"]
TYPED = {"Numeric": "5", "Date": "2026", "Bool": "true", "IpAddress": "::/0", "NotIp": "10.0.0.1"}
ARN_VALUES = st.sampled_from(["*", "${aws:userid}", *ARNS])


def lists(options: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(options), min_size=1, max_size=2)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    operator = draw(st.sampled_from(sorted(OPERATORS)))
    typed = [value for kind, value in TYPED.items() if operator.startswith(kind)]
    values = ARN_VALUES if operator.startswith("Arn") else st.sampled_from(typed or VALUES)
    prefix = draw(st.sampled_from(["", "ForAnyValue:", "ForAllValues:"]))
    suffix = draw(st.sampled_from(["", "IfExists"]))
    key = draw(st.sampled_from(KEYS))
    return {f"{prefix}{operator}{suffix}": {key: draw(st.lists(values, min_size=1, max_size=2))}}


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None) -> dict[str, Any]:
    resources = [
        *ARNS,
        "*",
        "arn:aws:cognito-sync:*:?:*/${aws:userid}*",
        f"{ARNS[0]}/${{aws:none}}",
    ]
    return {
        "Effect": effect or draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        draw(st.sampled_from(["Action", "NotAction"])): draw(lists([*ACTIONS, "*", "*:L*"])),
        draw(st.sampled_from(["Resource", "NotResource"])): draw(lists(resources)),
        "Condition": draw(conditions()) if draw(st.booleans()) else {},
    }


def policies(effect: str | None = None) -> st.SearchStrategy[Policy]:
    def parse(found: list[dict[str, Any]]) -> Policy:
        return Policy.parse({"Version": "2012-10-17", "Statement": found})

    return st.lists(statements(effect), min_size=1, max_size=3).map(parse)


sets = st.lists(policies(), max_size=2)
contexts = st.dictionaries(
    st.sampled_from([key.lower() for key in KEYS[:-1]]),
    st.lists(st.sampled_from(["a", "b", "*", "5", "::1", "2026", ARNS[0], ""]), max_size=2).map(
        tuple
    ),
)
requests = st.fixed_dictionaries(
    {
        "action": st.sampled_from(ACTIONS),
        "resource": st.sampled_from([*ARNS, "*"]),
        "context": contexts,
    }
)


@given(identity=sets, session=st.none() | sets, deny=policies("Deny"), request=requests)
def test_one_more_deny_never_allows_more(
    identity: list[Policy], session: list[Policy] | None, deny: Policy, request: dict[str, Any]
) -> None:
    before = evaluate(identity, session, **request)
    for more in ([deny, *identity], [*identity, deny]):
        after = evaluate(more, session, **request)
        assert before.allowed or not after.allowed


@given(identity=sets, session=sets, request=requests)
def test_session_policies_allow_what_both_sets_allow_by_themselves(
    identity: list[Policy], session: list[Policy], request: dict[str, Any]
) -> None:
    alone = [evaluate(each, None, **request).allowed for each in (identity, session)]
    assert evaluate(identity, session, **request).allowed is all(alone)


@given(identity=sets, session=st.none() | sets, request=requests)
def test_a_denial_has_its_reason_and_an_allowance_none(
    identity: list[Policy], session: list[Policy] | None, request: dict[str, Any]
) -> None:
    decision = evaluate(identity, session, **request)
    assert decision.allowed is (decision.reason == "")
    assert decision == evaluate(identity[::-1], session[::-1] if session else session, **request)


@given(policy=policies(), request=requests, other=contexts)
def test_what_is_not_volatile_hangs_on_the_session_alone(
    policy: Policy, request: dict[str, Any], other: Context
) -> None:
    if not policy.volatile:
        user = request["context"].get("aws:userid", ())
        changed: dict[str, Any] = {**request, "context": {**other, "aws:userid": user}}
        assert evaluate([policy], None, **request) == evaluate([policy], None, **changed)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
elements = ["Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Sid"]
half_right = st.dictionaries(
    st.sampled_from([*elements, "Condition"]),
    json_values
    | st.sampled_from(["Allow", "Deny", "*", *ACTIONS, *ARNS])
    | st.dictionaries(
        st.sampled_from([*OPERATORS, "Null"]), st.dictionaries(st.sampled_from(KEYS), json_values)
    ),
)
documents = json_values | st.fixed_dictionaries(
    {"Statement": half_right | st.lists(half_right | json_values, max_size=3)},
    optional={"Version": st.sampled_from(["2012-10-17", "2008-10-17"]) | json_values},
)


@given(document=documents)
def test_any_json_is_a_policy_or_refused_as_none(document: Any) -> None:
    for parse in (Policy.parse, Policy.parse_trust):
        with contextlib.suppress(PolicyInvalid):
            parse(json.dumps(document))
        with contextlib.suppress(PolicyInvalid):
            parse({"Statement": document})


@given(document=st.text() | st.binary())
def test_any_text_that_is_no_policy_is_refused(document: str | bytes) -> None:
    with contextlib.suppress(PolicyInvalid):
        Policy.parse(document)
