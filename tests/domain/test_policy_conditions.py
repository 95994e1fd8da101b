"""Conditions: every operator, qualifiers, missing keys, and values that cannot be read."""

import re
from typing import Any

import pytest

from keepstep.domain.policies import Context, Policy, PolicyInvalid, evaluate
from keepstep.domain.policy_conditions import OPERATORS

ARN = "arn:aws:cognito-sync:us-east-1:000000000000:identitypool/pool"
ROLE = "arn:aws:iam::000000000000:role/path/Guest"
POSITIVE = sorted(name for name, operator in OPERATORS.items() if not operator.negated)
NEGATED = sorted(name for name, operator in OPERATORS.items() if operator.negated)
READABLE = {
    "Arn": ROLE,
    "Bool": "true",
    "Date": "2026-01-01",
    "IpAddress": "10.0.0.1",
    "NotIpAddress": "10.0.0.1",
    "Numeric": "5",
    "String": "x",
}


def policy(conditions: Any, effect: str = "Allow") -> Policy:
    statement = {"Effect": effect, "Action": "*", "Resource": "*", "Condition": conditions}
    return Policy.parse({"Version": "2012-10-17", "Statement": statement})


def applies(conditions: Any, context: Context, effect: str = "Allow") -> bool:
    """Whether a statement with these conditions comes to bear."""
    rest = [] if effect == "Allow" else [policy({})]
    decision = evaluate(
        [policy(conditions, effect), *rest],
        None,
        action="cognito-sync:ListRecords",
        resource=ARN,
        context=context,
    )
    return decision.allowed is (effect == "Allow")


def holds(operator: str, expected: Any, *values: str, effect: str = "Allow") -> bool:
    return applies({operator: {"aws:Tested": expected}}, {"aws:tested": values}, effect)


def readable(operator: str) -> str:
    return next(text for kind, text in READABLE.items() if operator.startswith(kind))


@pytest.mark.parametrize(
    ("operator", "expected", "matching", "other"),
    [
        ("StringEquals", "a*", "a*", "ab"),
        ("StringEquals", "a", "a", "A"),
        ("StringEquals", "", "", " "),
        ("StringEquals", ["a", "b"], "b", "c"),
        ("StringEqualsIgnoreCase", "aB*", "Ab*", "abc"),
        ("StringLike", "a?c*", "abcd", "ac"),
        ("StringLike", ["x*", "*y"], "ay", "Xyz"),
        ("ArnEquals", "arn:aws:iam::*:role/*", ROLE, "arn:aws:iam::0:user/x"),
        ("ArnLike", "arn:aws:iam::*:role/*", ROLE, "arn:aws:iam:a:b:c:role/x"),
        ("ArnLike", ROLE, ROLE, ROLE.upper()),
        ("Bool", "true", "true", "false"),
        ("Bool", False, "False", "true"),
        ("NumericEquals", 5, "5.0", "5.1"),
        ("NumericEquals", "9007199254740993", "9007199254740993", "9007199254740992"),
        ("NumericLessThan", "5", "4.99", "5"),
        ("NumericLessThanEquals", 5, "5", "5.01"),
        ("NumericGreaterThan", -5, "-4", "-5"),
        ("NumericGreaterThanEquals", 1.5, "+1.5", "1.4"),
        ("DateEquals", "2026-01-02T03:04:05Z", "1767323045", "1767323046"),
        ("DateEquals", "2026-01-02T03:04:05Z", "2026-01-02T04:34:05+01:30", "2026-01-02"),
        ("DateEquals", "2026-01-02T03:04:05.50Z", "1767323045.5", "2026-01-02T03:04:05Z"),
        ("DateEquals", "2026", "2026-01", "2026-01-02"),
        ("DateEquals", 1767323045, "2026-01-01T19:04:05-08:00", "2026-01-01T19:04:05Z"),
        ("DateLessThan", "2026-01-02T03:04Z", "2026-01-02T03:03:59Z", "2026-01-02T03:04Z"),
        ("DateLessThanEquals", "2026-01-02", "2026-01-02T00:00Z", "2026-01-02T00:00:01Z"),
        ("DateGreaterThan", "2026-01-02", "2026-01-02T00:00:00.1Z", "2026-01-02"),
        ("DateGreaterThanEquals", "2026-01-02", "2026-01-02", "2026-01-01T23:59:59Z"),
        ("IpAddress", "203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
        ("IpAddress", "203.0.113.7", "203.0.113.7", "203.0.113.8"),
        ("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.9", "::ffff:203.0.114.9"),
        ("IpAddress", "2001:DB8:1234:5678::/64", "2001:db8:1234:5678::1", "2001:db8::1"),
        ("IpAddress", ["10.0.0.0/8", "::1"], "::1", "11.0.0.1"),
        ("IpAddress", "10.1.2.3/8", "10.9.9.9", "::1"),
    ],
)
def test_an_operator_holds_for_what_matches_and_its_opposite_for_the_rest(
    operator: str, expected: Any, matching: str, other: str
) -> None:
    assert holds(operator, expected, matching)
    assert not holds(operator, expected, other)
    opposite = re.sub("^(String|Arn|Numeric|Date|)", r"\\1Not", operator)
    if opposite in OPERATORS:
        assert not holds(opposite, expected, matching)
        assert holds(opposite, expected, other)


def test_the_operators_are_those_of_iam_but_binary() -> None:
    """Binary keys do not occur here; Null is apart, being about keys and not values."""
    comparisons = ("LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
    assert set(OPERATORS) == {
        *("StringEquals", "StringEqualsIgnoreCase", "StringLike"),
        *("StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike"),
        *("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"),
        *(f"{kind}{each}" for kind in ("Numeric", "Date") for each in ("Equals", "NotEquals")),
        *(f"{kind}{each}" for kind in ("Numeric", "Date") for each in comparisons),
        *("Bool", "IpAddress", "NotIpAddress"),
    }


@pytest.mark.parametrize("operator", POSITIVE)
def test_a_plain_operator_fails_without_its_key(operator: str) -> None:
    assert not holds(operator, readable(operator))
    assert holds(f"{operator}IfExists", readable(operator))
    assert not holds(f"ForAnyValue:{operator}", readable(operator))
    assert holds(f"ForAllValues:{operator}", readable(operator))


@pytest.mark.parametrize("operator", NEGATED)
def test_a_negated_operator_holds_without_its_key(operator: str) -> None:
    assert holds(operator, readable(operator))
    assert holds(f"{operator}IfExists", readable(operator))
    assert not holds(f"ForAnyValue:{operator}", readable(operator))
    assert holds(f"ForAllValues:{operator}", readable(operator))


def test_if_exists_decides_nothing_about_a_key_that_is_there() -> None:
    assert holds("StringEqualsIfExists", "a", "a")
    assert not holds("StringEqualsIfExists", "a", "b")
    assert not holds("ForAnyValue:StringEqualsIfExists", "a", "b")
    assert holds("ForAnyValue:StringEqualsIfExists", "a")


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("ForAnyValue:StringLike", ["x", "authentic"], True),
        ("ForAnyValue:StringLike", ["y", "x"], False),
        ("ForAnyValue:StringNotEquals", ["authenticated"], False),
        ("ForAnyValue:StringNotEquals", ["authenticated", "graph.facebook.com"], True),
        ("ForAllValues:StringEquals", ["authenticated", "graph.facebook.com"], False),
        ("ForAllValues:StringEquals", ["authenticated"], True),
        ("ForAllValues:StringNotEquals", ["authenticated", "graph.facebook.com"], False),
        ("ForAllValues:StringNotEquals", ["graph.facebook.com"], True),
        ("StringEquals", ["authenticated", "graph.facebook.com"], True),
        ("StringEquals", ["graph.facebook.com"], False),
        ("StringNotEquals", ["authenticated", "graph.facebook.com"], False),
        ("StringNotEquals", ["graph.facebook.com"], True),
    ],
)
def test_a_qualifier_says_which_of_several_values_must_satisfy(
    operator: str, values: list[str], *, expected: bool
) -> None:
    patterns = ["authenticated", "auth*"]
    context = {"cognito-identity.amazonaws.com:amr": tuple(values)}
    assert (
        applies({operator: {"cognito-identity.amazonaws.com:amr": patterns}}, context) is expected
    )


def test_a_qualifier_takes_lone_empty_text_for_no_values() -> None:
    """As IAM's guide says of an empty string."""
    assert not holds("ForAnyValue:StringEquals", "", "")
    assert holds("ForAllValues:StringEquals", "x", "")
    assert not holds("ForAllValues:StringEquals", "x", "", "y")


@pytest.mark.parametrize(
    ("expected", "values", "holding"),
    [
        ("true", (), True),
        ("true", ("",), True),
        ("true", ("x",), False),
        (False, ("x",), True),
        ("false", (), False),
        (["true", "false"], (), True),
    ],
)
def test_null_asks_whether_a_key_is_missing(
    expected: Any, values: tuple[str, ...], *, holding: bool
) -> None:
    assert holds("Null", expected, *values) is holding
    if not values:
        assert applies({"Null": {"aws:Tested": expected}}, {}) is holding


def test_all_operators_and_all_keys_must_hold() -> None:
    conditions = {
        "StringEquals": {"aws:a": "1", "aws:b": ["2", "3"]},
        "NumericLessThan": {"aws:c": "4"},
    }
    context: Context = {"aws:a": ("1",), "aws:b": ("3",), "aws:c": ("3",)}
    assert applies(conditions, context)
    for key in context:
        assert not applies(conditions, {**context, key: ("9",)})


def test_condition_keys_have_no_case() -> None:
    assert applies(
        {"StringEquals": {"AWS:PrincipalTag/Team": "Red"}}, {"aws:principaltag/team": ("Red",)}
    )


@pytest.mark.parametrize("operator", ["StringEquals", "StringLike", "StringEqualsIgnoreCase"])
def test_a_variable_in_a_condition_stands_for_its_value(operator: str) -> None:
    conditions = {operator: {"aws:Tested": "x/${aws:PrincipalTag/team}"}}
    for team in ("red", "*", "?"):
        tag: Context = {"aws:principaltag/team": (team,)}
        assert applies(conditions, {**tag, "aws:tested": (f"x/{team}",)})
        assert not applies(conditions, {**tag, "aws:tested": ("x/blue",)})


def test_exact_operators_know_no_wildcards_and_their_escapes_are_text() -> None:
    assert holds("StringEquals", "${*}", "*")
    assert not holds("StringEquals", "${*}", "x")
    assert holds("StringLike", "${*}", "*")
    assert not holds("StringLike", "${*}", "x")


@pytest.mark.parametrize(
    ("operator", "in_allow", "in_deny"),
    [("StringEquals", False, False), ("StringNotEquals", False, True), ("ArnNotLike", False, True)],
)
def test_a_variable_without_value_matches_nothing_and_never_widens(
    operator: str, *, in_allow: bool, in_deny: bool
) -> None:
    pattern = f"{ROLE[:-5]}${{aws:PrincipalTag/team}}"
    assert holds(operator, pattern, ROLE) is in_allow
    assert holds(operator, pattern, ROLE, effect="Deny") is in_deny


def test_a_negated_operator_fails_on_a_match_whatever_its_other_values_are() -> None:
    for effect in ("Allow", "Deny"):
        assert not holds("StringNotEquals", ["${aws:none}", "x"], "x", effect=effect)


@pytest.mark.parametrize(
    ("operator", "expected", "unreadable"),
    [
        ("NumericLessThan", "5", "four"),
        ("NumericNotEquals", "5", "NaN"),
        ("NumericEquals", "5", "5" * 100),
        ("DateGreaterThan", "2026", "2026-02-30"),
        ("DateNotEquals", "2026", "yesterday"),
        ("DateLessThan", "2026", "2026-01-02T03:04:05"),
        ("IpAddress", "0.0.0.0/0", ""),
        ("NotIpAddress", "10.0.0.0/8", "unknown"),
        ("Bool", "true", "yes"),
        ("StringNotLike", "curl*", "x" * 2049),
    ],
)
def test_a_value_that_cannot_be_read_never_allows_and_always_denies(
    operator: str, expected: str, unreadable: str
) -> None:
    assert not holds(operator, expected, unreadable)
    assert holds(operator, expected, unreadable, effect="Deny")
    assert not holds(f"ForAnyValue:{operator}", expected, readable(operator), unreadable)


@pytest.mark.parametrize(
    "conditions",
    [
        {"StringMatches": {"aws:a": "x"}},
        {"stringequals": {"aws:a": "x"}},
        {"BinaryEquals": {"aws:a": "eA=="}},
        {"ForNoValue:StringEquals": {"aws:a": "x"}},
        {"ForAnyValue:": {"aws:a": "x"}},
        {":StringEquals": {"aws:a": "x"}},
        {"IfExists": {"aws:a": "x"}},
        {"StringEqualsIfExistsIfExists": {"aws:a": "x"}},
        {"NullIfExists": {"aws:a": "true"}},
        {"ForAllValues:Null": {"aws:a": "true"}},
        {"Null": {"aws:a": "maybe"}},
        {"Bool": {"aws:a": "1"}},
        {"Bool": {"aws:a": "${aws:SecureTransport}"}},
        {"NumericEquals": {"aws:a": "x"}},
        {"NumericEquals": {"aws:a": 1e25}},
        {"DateEquals": {"aws:a": "2026-13-01"}},
        {"DateEquals": {"aws:a": "2026-01-02 03:04"}},
        {"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}},
        {"IpAddress": {"aws:SourceIp": "10.0.0.0/255.0.0.0"}},
        {"IpAddress": {"aws:SourceIp": "*"}},
        {"ArnLike": {"aws:a": "arn:aws:*"}},
        {"StringLike": {"aws:a": "${aws:b"}},
        {"StringEquals": {"SourceIp": "x"}},
        {"StringEquals": {"aws:a": []}},
        {"StringEquals": {"aws:a": None}},
        {"StringEquals": {"aws:a": [["x"]]}},
        {"StringEquals": {"aws:a": {"x": "y"}}},
        {"StringEquals": {}},
        {"StringEquals": "x"},
        ["StringEquals"],
        "x",
        None,
    ],
)
def test_a_condition_that_is_not_understood_refuses_the_policy(conditions: Any) -> None:
    with pytest.raises(PolicyInvalid, match="Statement 1: "):
        policy(conditions)


def test_no_conditions_at_all_hold() -> None:
    """The console writes an empty Condition into trust policies."""
    assert applies({}, {})
