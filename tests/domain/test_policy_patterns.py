"""Patterns: wildcards, ARNs field by field, and variables that never widen."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keepstep.domain.policy_patterns import (
    VALUE_CHARACTERS_MAX,
    ArnPattern,
    Context,
    Glob,
    PolicyInvalid,
)

SUB = "us-east-1:1699ebc0-7900-4099-b910-2df94f52a030"
CONTEXT: Context = {
    "cognito-identity.amazonaws.com:sub": (SUB,),
    "aws:principaltag/team": ("red*",),
    "aws:principaltag/dotted": ("a.b?c",),
    "aws:none": (),
    "aws:two": ("x", "y"),
}
texts = st.text("ab:/*?.", max_size=12)


def glob(pattern: str, text: str, *, ignore_case: bool = False) -> bool | None:
    return Glob.parse(pattern, variables=True, ignore_case=ignore_case).matches(text, CONTEXT)


def resource(pattern: str, arn: str, *, variables: bool = True) -> bool | None:
    return ArnPattern.parse_resource(pattern, variables=variables).matches(arn, CONTEXT)


def agreed(pattern: str, anything: str, one: str) -> re.Pattern[str]:
    """Write a pattern as the regular expression that says what it means."""
    meanings = {"*": f"{anything}*", "?": one}
    return re.compile("".join(meanings.get(each, re.escape(each)) for each in pattern), re.DOTALL)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("", "", True),
        ("", "a", False),
        ("abc", "abc", True),
        ("abc", "abcd", False),
        ("abc", "ABC", False),
        ("*", "", True),
        ("*", "a:/\nb", True),
        ("a*c", "ac", True),
        ("a*c", "abbc", True),
        ("a*c", "abcb", False),
        ("a*b*c", "aXbXbXc", True),
        ("ab*ba", "aba", False),
        ("*ab*ba*", "aba", False),
        ("*ab*ba*", "abba", True),
        ("a**c", "abc", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("?", "", False),
        ("?", "\n", True),
        ("*a?b*", "xa\nby", True),
        ("*a?b*", "xaby", False),
        ("*?b?*", "abc", True),
        ("*?b?*", "bc", False),
        ("a.c", "abc", False),
        ("[a]", "a", False),
    ],
)
def test_a_star_stands_for_any_text_and_a_question_mark_for_one_character(
    pattern: str, text: str, *, fits: bool
) -> None:
    assert glob(pattern, text) is fits


def test_case_counts_unless_told_otherwise() -> None:
    assert glob("List*", "LISTRECORDS") is False
    assert glob("List*", "LISTRECORDS", ignore_case=True) is True
    assert glob("${aws:principaltag/team}", "RED*", ignore_case=True) is True


@given(pattern=texts, text=texts)
@example(pattern="*ab?*b*", text="aabbabb")
def test_matching_agrees_with_the_meaning_of_the_wildcards(pattern: str, text: str) -> None:
    assert glob(pattern, text) is bool(agreed(pattern, ".", ".").fullmatch(text))


@given(
    pattern=st.lists(st.text("ab*?", max_size=6), min_size=4, max_size=4),
    last=texts,
    fields=st.lists(st.text("ab*?", max_size=6), min_size=4, max_size=4),
    resource_part=texts,
)
def test_arns_match_when_each_of_their_fields_does(
    pattern: list[str], last: str, fields: list[str], resource_part: str
) -> None:
    fields = [*fields, resource_part]
    arn = ":".join(["arn", *fields])
    expected = all(
        agreed(each, ".", ".").fullmatch(field)
        for each, field in zip([*pattern, last], fields, strict=True)
    )
    assert resource(":".join(["arn", *pattern, last]), arn) is expected


def test_a_pattern_that_would_backtrack_is_answered_at_once() -> None:
    """With backtracking this takes longer than the universe is old."""
    assert glob("*a" * 300 + "*b", "a" * VALUE_CHARACTERS_MAX) is False
    assert glob("*a?a" * 300 + "*b", "a" * VALUE_CHARACTERS_MAX) is False


@pytest.mark.parametrize(
    ("pattern", "arn", "fits"),
    [
        ("*", "arn:aws:cognito-sync:us-east-1:000000000000:identitypool/p", True),
        ("*", "*", True),
        ("arn:aws:cognito-sync:*:*:*", "*", False),
        ("arn:aws:cognito-sync:*:*:*", "arn:aws:cognito-sync:eu-west-1:1:a/b:c/d", True),
        ("arn:aws:*:*:*:pool", "arn:aws:s3:us-east-1:1:pool", True),
        ("arn:aws:s3:*:1:pool", "arn:aws:s3:us-east-1:2:1:pool", False),
        ("arn:aws:s?:::b", "arn:aws:s:::b", False),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/", True),
        ("arn:aws:s3:::b", "arn:aws:s3:::B", False),
        ("arn:aws:s3:::b", "arn:aws:s3:x::b", False),
        ("arn:aws:s3:::", "arn:aws:s3:::", True),
    ],
)
def test_wildcards_cross_no_colon_in_the_first_five_fields(
    pattern: str, arn: str, *, fits: bool
) -> None:
    assert resource(pattern, arn) is fits


@pytest.mark.parametrize(
    "text", ["", "**", "pool", "arn:aws:s3", "arn:aws:s3:*:pool", "*:aws:s3:::b"]
)
def test_a_resource_is_a_star_or_an_arn_of_six_fields(text: str) -> None:
    with pytest.raises(PolicyInvalid, match="six fields"):
        resource(text, text)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("id/${cognito-identity.amazonaws.com:sub}", f"id/{SUB}", True),
        ("id/${ Cognito-Identity.amazonaws.com:SUB }", f"id/{SUB}", True),
        ("id/${cognito-identity.amazonaws.com:sub}/*", f"id/{SUB}/dataset/x", True),
        ("id/${cognito-identity.amazonaws.com:sub}/*", f"id/{SUB}", False),
        ("${cognito-identity.amazonaws.com:sub}?", f"{SUB}x", True),
        ("${cognito-identity.amazonaws.com:sub}?", SUB, False),
        ("${aws:PrincipalTag/team}", "red*", True),
        ("${aws:PrincipalTag/team}", "redder", False),
        ("*/${aws:PrincipalTag/team}/*", "x/redder/y", False),
        ("?${aws:PrincipalTag/dotted}", "xa.b?c", True),
        ("?${aws:PrincipalTag/dotted}", "xaxbxc", False),
        ("${aws:missing}", "", None),
        ("${aws:none}", "", None),
        ("${aws:two}", "x", None),
        ("${aws:missing, 'no team'}", "no team", True),
        ("${aws:missing,'*'}", "*", True),
        ("${aws:missing,'*'}", "anything", False),
        ("${aws:two, 'x'}", "x", None),
        ("${aws:missing, ''}", "", True),
        ("a${*}b", "a*b", True),
        ("a${*}b", "aXb", False),
        ("a${?}b", "a?b", True),
        ("a${?}b", "aXb", False),
        ("a${$}{x}", "a${x}", True),
        ("$a{}$", "$a{}$", True),
    ],
)
def test_a_variable_stands_for_its_value_letter_by_letter(
    pattern: str, text: str, *, fits: bool | None
) -> None:
    assert glob(pattern, text) is fits


@given(value=texts, text=texts, before=texts, after=texts)
def test_a_variable_matches_what_its_escaped_value_matches(
    value: str, text: str, before: str, after: str
) -> None:
    """The value cannot widen the pattern, whatever it holds."""
    parsed = Glob.parse(f"{before}${{aws:x}}{after}", variables=True)
    meaning = "".join(
        (agreed(before, ".", ".").pattern, re.escape(value), agreed(after, ".", ".").pattern)
    )
    fits = re.compile(meaning, re.DOTALL).fullmatch(text)
    assert parsed.matches(text, {"aws:x": (value,)}) is bool(fits)


def test_a_value_too_long_to_look_at_is_as_none() -> None:
    parsed = Glob.parse("${aws:x}*", variables=True)
    longest = "x" * VALUE_CHARACTERS_MAX
    assert parsed.matches(longest, {"aws:x": (longest,)}) is True
    assert parsed.matches(longest, {"aws:x": (f"{longest}x",)}) is None


@pytest.mark.parametrize(
    "text",
    [
        "${",
        "${aws:userid",
        "x${}",
        "${userid}",
        "${aws:userid, default}",
        "${aws:userid,}",
        "${aws:userid, '}",
        "${aws:userid, 'a'b'}",
        "${aws:user*}",
        "${${aws:userid}}",
        "${cognito-identity.amazonaws.com:amr}",
        "${aws:TagKeys}",
    ],
)
def test_a_malformed_variable_is_refused(text: str) -> None:
    with pytest.raises(PolicyInvalid):
        glob(text, text)


def test_variables_are_plain_text_where_they_mean_nothing() -> None:
    parsed = Glob.parse("${aws:userid}${", variables=False)
    assert parsed.matches("${aws:userid}${", {"aws:userid": ("x",)}) is True
    assert resource("arn:aws:s3:::${aws:x", "arn:aws:s3:::${aws:x", variables=False) is True


def test_a_resource_has_variables_after_the_fifth_colon_only() -> None:
    with pytest.raises(PolicyInvalid, match="fifth colon"):
        resource("arn:aws:s3:${aws:RequestedRegion}::b", "arn:aws:s3:x::b")


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("arn:aws:iam::${aws:account}:role/*", "arn:aws:iam::1:role/x", True),
        ("arn:aws:iam::${aws:account}:role/*", "arn:aws:iam::2:role/x", False),
        ("arn:aws:iam:*:${aws:shifting}:x/*", "arn:aws:iam:r:1:role:x/y", False),
        ("${aws:arn}", "arn:aws:iam::1:role/x", True),
        ("${aws:arn}", "arn:aws:iam::1:role/y", False),
        ("arn:aws:iam::${aws:none}:role/*", "arn:aws:iam::1:role/x", None),
        ("arn:aws:iam::${aws:none}:role/*", "arn:aws:s3::1:role/x", False),
        ("*", "no ARN", True),
    ],
)
def test_a_conditions_arn_may_have_variables_in_any_field_or_be_one(
    pattern: str, value: str, *, fits: bool | None
) -> None:
    context = {
        "aws:account": ("1",),
        "aws:shifting": ("1:role",),
        "aws:arn": ("arn:aws:iam::1:role/x",),
    }
    parsed = ArnPattern.parse_condition(pattern, variables=True)
    assert parsed.matches(value, context) is fits
