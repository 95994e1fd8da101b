"""The query protocol of STS: botocore's forms are read, and botocore reads the XML."""

import re
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from keepstep.wire import errors, sts
from keepstep.wire.errors import ServiceError
from keepstep.wire.query import (
    NAMESPACE,
    PARAMETERS_MAX,
    action,
    code_and_status,
    decode_request,
    encode_error,
    encode_response,
    parse_form,
)
from keepstep.wire.sts import (
    ASSUME_ROLE_WITH_WEB_IDENTITY,
    GET_CALLER_IDENTITY,
    STS_OPERATIONS,
)

from .round_trips import AnyOperation, Botocore, each, present
from .strategies import EXAMPLES, WHOLE_SECOND_DATES, members_of, requests

each_operation = each(STS_OPERATIONS)
EVERY_ERROR = [*errors.JSON_ERRORS.values(), *errors.StsError.__subclasses__()]
BOTOCORE = Botocore("query")
BY_NAME = {operation.name: operation for operation in STS_OPERATIONS}
ROLE = "arn:aws:iam::000000000000:role/guest"
ASSUME = {"RoleArn": ROLE, "RoleSessionName": "web-identity", "WebIdentityToken": "e.y.J"}
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def with_every_arn(request: Any) -> Any:
    """Leave out the policies without an ARN, for which botocore sends nothing."""
    policies: list[sts.PolicyDescriptor] | None = getattr(request, "policy_arns", None)
    if policies is None:
        return request
    named = [policy for policy in policies if policy.arn is not None]
    return msgspec.structs.replace(request, policy_arns=named)


def held_by_xml(value: Any) -> Any:
    """Put the replacement character for what XML cannot hold."""
    if isinstance(value, dict):
        return {name: held_by_xml(held) for name, held in value.items()}  # pyright: ignore[reportUnknownVariableType] -- builtins of any shape
    return NOT_IN_XML.sub("\ufffd", value) if isinstance(value, str) else value


REQUESTS = {o.name: requests(o, WHOLE_SECOND_DATES).map(with_every_arn) for o in STS_OPERATIONS}
RESPONSES = {
    o.name: members_of(inspect.type_info(o.response), WHOLE_SECOND_DATES) for o in STS_OPERATIONS
}


@each_operation
@EXAMPLES
@given(data=st.data())
def test_what_botocore_sends_is_read_back_whole(
    operation: AnyOperation, data: st.DataObject
) -> None:
    request = data.draw(REQUESTS[operation.name])
    sent = BOTOCORE.sent(operation, request)
    assert (sent.method, sent.target) == ("POST", "/")
    parameters = parse_form(sent.body)
    assert BY_NAME[action(parameters)] is operation
    assert decode_request(operation, parameters) == request


@each_operation
@EXAMPLES
@given(data=st.data())
def test_botocore_reads_every_response_as_it_was_meant(
    operation: AnyOperation, data: st.DataObject
) -> None:
    response = data.draw(RESPONSES[operation.name])
    body = encode_response(operation, response, "some-id")
    members = held_by_xml(present(msgspec.to_builtins(response)))
    assert BOTOCORE.parsed(operation, 200, {}, body) == members


@EXAMPLES
@given(st.dictionaries(st.text(), st.text(), max_size=5), st.sampled_from([quote, quote_plus]))
def test_a_form_is_read_as_it_was_written(parameters: dict[str, str], written: Any) -> None:
    form = "&".join(f"{written(name)}={written(value)}" for name, value in parameters.items())
    assert parse_form(form.encode()) == parameters


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (b"Action=A&Policy=x&Policy=x", "Policy is given more than once"),
        (b"Action=A&%41ction=A", "Action is given more than once"),
        (b"Policy=\xff", "not UTF-8"),
        (b"Policy=%ff", "not UTF-8"),
        (b"&".join(b"p%d=" % number for number in range(PARAMETERS_MAX + 1)), "more than 1000"),
    ],
    ids=["twice", "twice in disguise", "raw bytes", "encoded bytes", "too many"],
)
def test_a_form_that_can_be_read_in_two_ways_or_none_is_refused(form: bytes, text: str) -> None:
    with pytest.raises(errors.SerializationException, match=text):
        parse_form(form)


def test_an_empty_form_has_no_parameters() -> None:
    assert parse_form(b"") == {}


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (b"", "The request has no Action."),
        (b"Action=", "The request has no Action."),
        (b"Action=Nap&Version=2011-06-15", "Could not find operation Nap for version 2011-06-15"),
        (
            b"Action=GetCallerIdentity&Version=2010-05-08",
            "Could not find operation GetCallerIdentity for version 2010-05-08",
        ),
        (
            b"Action=GetCallerIdentity",
            "Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED",
        ),
    ],
)
def test_an_action_that_is_not_offered_is_refused(form: bytes, text: str) -> None:
    with pytest.raises(errors.UnknownOperationException) as raised:
        action(parse_form(form))
    assert raised.value.message == text
    assert code_and_status(raised.value) == ("InvalidAction", 400)


@pytest.mark.parametrize(
    ("parameters", "place", "rule"),
    [
        (
            {"RoleSessionName": "x"},
            "Value 'x' at 'roleSessionName'",
            "have length greater than or equal to 2",
        ),
        (
            {"DurationSeconds": "899"},
            "Value '899' at 'durationSeconds'",
            "have value greater than or equal to 900",
        ),
        (
            {"DurationSeconds": "soon"},
            "Value 'soon' at 'durationSeconds'",
            "be a whole number",
        ),
        (
            {"WebIdentityToken": "abc"},
            "Value at 'webIdentityToken'",
            "have length greater than or equal to 4",
        ),
        (
            {"PolicyArns.member.2.arn": ROLE, "PolicyArns.member.10.arn": "short"},
            "Value 'short' at 'policyArns.2.member.arn'",
            "have length greater than or equal to 20",
        ),
        (
            {"PolicyArns.member.1": ROLE},
            f"Value '{ROLE}' at 'policyArns.1.member'",
            "be a structure",
        ),
        ({"PolicyArns": ROLE}, f"Value '{ROLE}' at 'policyArns'", "be a list"),
    ],
)
def test_a_violation_is_named(parameters: dict[str, str], place: str, rule: str) -> None:
    with pytest.raises(errors.ValidationException) as raised:
        decode_request(ASSUME_ROLE_WITH_WEB_IDENTITY, ASSUME | parameters)
    violation = f"{place} failed to satisfy constraint: Member must {rule}"
    assert raised.value.message == f"1 validation error detected: {violation}"


def test_every_missing_parameter_is_named() -> None:
    with pytest.raises(errors.ValidationException, match="3 validation errors detected") as raised:
        decode_request(ASSUME_ROLE_WITH_WEB_IDENTITY, {})
    for name in ("roleArn", "roleSessionName", "webIdentityToken"):
        assert f"Value null at '{name}' " in raised.value.message


def test_unknown_parameters_and_odd_positions_are_ignored() -> None:
    odd = {"X-Amz-Date": "now", "PolicyArns.member.0.arn": "x", "PolicyArns.member.x.arn": "x"}
    request = decode_request(ASSUME_ROLE_WITH_WEB_IDENTITY, ASSUME | odd)
    assert request == sts.AssumeRoleWithWebIdentityRequest(ROLE, "web-identity", "e.y.J")


def test_an_answer_is_written_as_the_service_writes_it() -> None:
    response = sts.AssumeRoleWithWebIdentityResponse(
        sts.Credentials("ASIAEXAMPLEEXAMPLE01", "secret", "<token>", 1_767_326_645.9),
        "us-east-1:1",
        sts.AssumedRoleUser("AROAEXAMPLE:me", "arn:aws:sts::000000000000:assumed-role/guest/me"),
        provider="cognito-identity.amazonaws.com",
    )
    assert encode_response(ASSUME_ROLE_WITH_WEB_IDENTITY, response, "id & co") == (
        b'<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        b"<AssumeRoleWithWebIdentityResult>"
        b"<Credentials><AccessKeyId>ASIAEXAMPLEEXAMPLE01</AccessKeyId>"
        b"<SecretAccessKey>secret</SecretAccessKey>"
        b"<SessionToken>&lt;token&gt;</SessionToken>"
        b"<Expiration>2026-01-02T04:04:05Z</Expiration></Credentials>"
        b"<SubjectFromWebIdentityToken>us-east-1:1</SubjectFromWebIdentityToken>"
        b"<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:me</AssumedRoleId>"
        b"<Arn>arn:aws:sts::000000000000:assumed-role/guest/me</Arn></AssumedRoleUser>"
        b"<Provider>cognito-identity.amazonaws.com</Provider>"
        b"</AssumeRoleWithWebIdentityResult>"
        b"<ResponseMetadata><RequestId>id &amp; co</RequestId></ResponseMetadata>"
        b"</AssumeRoleWithWebIdentityResponse>"
    )


def test_an_error_is_written_as_the_service_writes_it() -> None:
    body = encode_error(errors.AccessDeniedException("Not <you> & yours\r\n"), "some-id")
    error = "<Type>Sender</Type><Code>AccessDenied</Code>"
    message = "<Message>Not &lt;you&gt; &amp; yours&#13;\n</Message>"
    assert body.decode() == (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error>{error}{message}</Error>'
        "<RequestId>some-id</RequestId></ErrorResponse>"
    )


@EXAMPLES
@given(st.text(alphabet=st.characters(exclude_categories=[]), min_size=1))
def test_any_message_makes_xml_that_can_be_read(message: str) -> None:
    body = encode_error(errors.ValidationException(message), "some-id")
    error = BOTOCORE.parsed(GET_CALLER_IDENTITY, 400, {}, body)["Error"]
    assert error["Message"] == held_by_xml(message)


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.__name__)
def test_botocore_reads_every_error(error: type[ServiceError]) -> None:
    raised = error("What happened.")
    code, status = code_and_status(raised)
    body = encode_error(raised, "some-id")
    parsed = BOTOCORE.parsed(ASSUME_ROLE_WITH_WEB_IDENTITY, status, {}, body)
    fault = "Receiver" if status >= 500 else "Sender"
    assert parsed["Error"] == {"Type": fault, "Code": code, "Message": "What happened."}


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (errors.AccessDeniedException, "AccessDenied", 403),
        (errors.ValidationException, "ValidationError", 400),
        (errors.SerializationException, "MalformedInput", 400),
        (errors.UnrecognizedClientException, "InvalidClientTokenId", 403),
        (errors.ExpiredTokenException, "ExpiredToken", 403),
        (errors.IdentityTokenExpiredException, "ExpiredTokenException", 400),
        (errors.InvalidSignatureException, "SignatureDoesNotMatch", 403),
        (errors.MissingAuthenticationTokenException, "MissingAuthenticationToken", 403),
        (errors.IncompleteSignatureException, "IncompleteSignature", 400),
        (errors.UnknownOperationException, "InvalidAction", 400),
        (errors.TooManyRequestsException, "Throttling", 400),
        (errors.InternalErrorException, "InternalFailure", 500),
        (errors.RequestTimeoutException, "RequestTimeout", 408),
        (errors.RequestEntityTooLargeException, "RequestEntityTooLarge", 413),
    ],
)
def test_errors_have_the_codes_of_the_service(
    error: type[ServiceError], code: str, status: int
) -> None:
    assert code_and_status(error("")) == (code, status)
