"""Who is let in: the code, status and text for every way a signature can be wrong."""

import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.cli import app
from keepstep.testing import LocalServer, local_server
from keepstep.wire.sigv4 import Credentials
from tests.conftest import Identity, Place, client_of
from tests.raw import RawAnswer, RawRequester

from .conftest import Clock, Timed, now_in_milliseconds
from .steps import dataset_target, fill, identity_target, refused

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)
UNKNOWN = "The security token included in the request is invalid."
NO_DATE = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
TARGET = "/identitypools"
INCOMPLETE = "IncompleteSignatureException"
INVALID = "InvalidSignatureException"
UNRECOGNIZED = "UnrecognizedClientException"


def requires(*names: str) -> str:
    return " ".join(f"Authorization header requires '{name}' parameter." for name in names)


def assert_refused(answer: RawAnswer, code: str, message: str | None = None) -> None:
    assert answer.status == 403
    assert answer.headers["x-amzn-ErrorType"] == code, answer.body
    assert answer.json["__type"] == code
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-RequestId"]
    if message is not None:
        assert answer.message == message


def send(raw: RawRequester, **change: Any) -> RawAnswer:
    return raw.send("GET", TARGET, headers=raw.signed_headers("GET", TARGET, **change))


def send_authorization(raw: RawRequester, authorization: str, **headers: str) -> RawAnswer:
    signed = raw.signed_headers("GET", TARGET)
    return raw.send("GET", TARGET, headers={**signed, **headers, "authorization": authorization})


def test_a_request_without_a_signature_is_refused(raw: RawRequester) -> None:
    answer = raw.send("GET", TARGET)
    assert_refused(answer, "MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.mark.parametrize(
    ("authorization", "text"),
    [
        ("AWS4-HMAC-SHA256", requires("Credential", "Signature", "SignedHeaders")),
        (
            "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/cognito-sync/aws4_request",
            requires("Signature", "SignedHeaders"),
        ),
        (
            "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0000",
            requires("Credential"),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=A/20260102/r/s/aws4_request, Signature=0000",
            requires("SignedHeaders"),
        ),
        (
            "AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=",
            requires("Credential", "Signature"),
        ),
    ],
)
def test_an_authorization_that_lacks_parts_is_told_which(
    raw: RawRequester, authorization: str, text: str
) -> None:
    answer = send_authorization(raw, authorization)
    assert_refused(answer, INCOMPLETE)
    assert answer.message.startswith(f"{text} Authorization=")
    assert "0000" not in answer.message


def test_a_request_without_any_date_is_told_so(raw: RawRequester) -> None:
    signed = raw.signed_headers("GET", TARGET)
    del signed["x-amz-date"]
    answer = raw.send("GET", TARGET, headers=signed)
    assert_refused(answer, INCOMPLETE)
    assert answer.message.startswith(f"{NO_DATE} Authorization=")


def test_a_part_without_an_equal_sign_is_named(raw: RawRequester) -> None:
    answer = send_authorization(raw, "AWS4-HMAC-SHA256 Credential=a, junk, Signature=0000")
    assert_refused(answer, INCOMPLETE)
    assert answer.message.startswith(
        "'junk' not a valid key=value pair (missing equal-sign) in Authorization header: '"
    )
    assert "0000" not in answer.message


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic dXNlcjpwYXNz",
        "Bearer token",
        "AWS AKID:signature",
        "AWS4-ECDSA-P256-SHA256 Credential=A/d/r/s/aws4_request, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=AKID, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=A/d/r/s/other, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=A/d/r/s/aws4_request,Signature=0,SignedHeaders=h,Signature=1",
        "AWS4-HMAC-SHA256 " + "," * 1000,
    ],
)
def test_an_authorization_of_another_kind_is_incomplete(
    raw: RawRequester, authorization: str
) -> None:
    assert_refused(send_authorization(raw, authorization), INCOMPLETE)


def test_an_unknown_key_is_refused(raw: RawRequester) -> None:
    unknown = Credentials("AKIA" + "A" * 16, "x" * 40)
    assert_refused(send(raw, credentials=unknown), UNRECOGNIZED, UNKNOWN)


@pytest.mark.parametrize("key_id", ["A", "A/B", "../x", "AKIA%00", "ä", "A" * 5000])
def test_an_odd_key_id_is_as_unknown(raw: RawRequester, key_id: str) -> None:
    assert_refused(send(raw, credentials=Credentials(key_id, "x")), UNRECOGNIZED, UNKNOWN)


def test_an_unknown_key_is_named_before_its_date_and_scope(raw: RawRequester) -> None:
    unknown = Credentials("AKIA" + "A" * 16, "x" * 40)
    old = datetime.now(UTC) - timedelta(days=2)
    answer = send(raw, credentials=unknown, time=old, service="s3", region="mars")
    assert_refused(answer, UNRECOGNIZED)


def test_a_long_term_key_with_a_session_token_is_refused(
    raw: RawRequester, server: LocalServer
) -> None:
    mixed = Credentials(server.access_key_id, server.secret_access_key, "SESSIONTOKEN")
    assert_refused(send(raw, credentials=mixed), UNRECOGNIZED, UNKNOWN)


def test_a_wrong_secret_is_a_mismatch(raw: RawRequester, server: LocalServer) -> None:
    wrong = Credentials(server.access_key_id, "x" * 40)
    assert_refused(send(raw, credentials=wrong), INVALID, MISMATCH)


@pytest.mark.parametrize("signature", ["0", "0" * 64, "ä" * 64, "F" * 64, "é"])
def test_any_wrong_signature_is_a_mismatch(raw: RawRequester, signature: str) -> None:
    authorization = raw.signed_headers("GET", TARGET)["authorization"]
    forged = authorization.rpartition("=")[0] + "=" + signature
    assert_refused(send_authorization(raw, forged), INVALID, MISMATCH)


@pytest.mark.parametrize("service", ["s3", "cognito-identity", "sts", "COGNITO-SYNC"])
def test_a_wrong_service_is_told_the_right_one(raw: RawRequester, service: str) -> None:
    text = "Credential should be scoped to correct service: 'cognito-sync'. "
    assert_refused(send(raw, service=service), INVALID, text)


@pytest.mark.parametrize("region", ["mars", "us-east", "US-EAST-1", "us-east-1x", "..", "*"])
def test_a_malformed_region_is_refused(raw: RawRequester, region: str) -> None:
    text = f"Credential should be scoped to a valid region, not '{region}'. "
    assert_refused(send(raw, region=region), INVALID, text)


@pytest.mark.parametrize("region", ["eu-central-1", "ap-northeast-2", "us-gov-west-1"])
def test_any_well_formed_region_is_accepted(raw: RawRequester, region: str) -> None:
    assert send(raw, region=region).status == 200


def test_regions_of_the_settings_alone_are_accepted() -> None:
    with local_server(regions=["eu-west-1", "us-east-1"]) as server:
        raw = RawRequester(server)
        assert send(raw, region="eu-west-1").status == 200
        assert send(raw, region="us-east-1").status == 200
        text = "Credential should be scoped to a valid region, not 'eu-west-2'. "
        assert_refused(send(raw, region="eu-west-2"), INVALID, text)


def test_a_date_other_than_the_scopes_is_refused(raw: RawRequester) -> None:
    signed = raw.signed_headers("GET", TARGET)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    signed["x-amz-date"] = tomorrow.strftime("%Y%m%dT%H%M%SZ")
    assert_refused(raw.send("GET", TARGET, headers=signed), INVALID)


@pytest.mark.parametrize("date", ["", "yesterday", "20261322T000000Z", "2026-11-22T00:00:00Z"])
def test_a_date_that_is_none_is_refused(raw: RawRequester, date: str) -> None:
    signed = raw.signed_headers("GET", TARGET)
    signed["authorization"] = signed["authorization"].replace(
        signed["x-amz-date"][:8], date[:8] or "x"
    )
    answer = raw.send("GET", TARGET, headers={**signed, "x-amz-date": date})
    assert answer.status == 403
    assert answer.error_type in (INCOMPLETE, INVALID)


def text_of(time: datetime) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ")


@pytest.fixture(scope="module")
def noon(clean_environment: None) -> Iterator[tuple[RawRequester, datetime]]:
    """A server whose clock stands at twelve sharp."""
    time = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
    with local_server(clock=Clock(int(time.timestamp()) * 1000)) as server:
        yield RawRequester(server), time


def test_a_signature_five_minutes_off_either_way_is_accepted(
    noon: tuple[RawRequester, datetime],
) -> None:
    raw, time = noon
    for minutes in (-5, 0, 5):
        assert send(raw, time=time + timedelta(minutes=minutes)).status == 200


@pytest.mark.parametrize("seconds", [301, 600, 86_400])
def test_an_older_signature_is_told_by_how_much(
    noon: tuple[RawRequester, datetime], seconds: int
) -> None:
    raw, time = noon
    signed = time - timedelta(seconds=seconds)
    text = (
        f"Signature expired: {text_of(signed)} is now earlier than 20260102T115500Z "
        "(20260102T120000Z - 5 min.)"
    )
    assert_refused(send(raw, time=signed), INVALID, text)


@pytest.mark.parametrize("seconds", [301, 600, 86_400])
def test_a_signature_of_the_future_is_told_by_how_much(
    noon: tuple[RawRequester, datetime], seconds: int
) -> None:
    raw, time = noon
    signed = time + timedelta(seconds=seconds)
    text = (
        f"Signature not yet current: {text_of(signed)} is still later than 20260102T120500Z "
        "(20260102T120000Z + 5 min.)"
    )
    assert_refused(send(raw, time=signed), INVALID, text)


def test_boto3_with_a_slow_clock_sees_the_text_for_skew(timed: Timed, identity: Identity) -> None:
    timed.clock.now = now_in_milliseconds() + 600_000
    with pytest.raises(timed.client.exceptions.ClientError, match="Signature expired: ") as caught:
        timed.client.list_datasets(**identity)
    response: Any = caught.value.response
    assert response["Error"]["Code"] == INVALID


@pytest.mark.parametrize("name", ["host", "x-amz-date"])
def test_a_header_that_must_be_signed_is_refused_unsigned(raw: RawRequester, name: str) -> None:
    signed = raw.signed_headers("GET", TARGET)
    unsigned = (
        signed["authorization"]
        .replace(name, "accept")
        .replace("accept;x-amz-date", "x-amz-date;accept")
    )
    answer = raw.send("GET", TARGET, headers={**signed, "authorization": unsigned, "accept": "x"})
    assert_refused(answer, INVALID)
    assert f"'{name}'" in answer.message


def test_a_target_header_must_be_signed_if_it_is_sent(raw: RawRequester) -> None:
    target = {"x-amz-target": "AWSCognitoSyncService.ListIdentityPoolUsage"}
    signed = raw.signed_headers("GET", TARGET)
    assert_refused(raw.send("GET", TARGET, headers={**signed, **target}), INVALID)
    assert raw.call("GET", TARGET, headers=target).status == 200


@pytest.mark.parametrize("name", ["Authorization", "X-Amz-Date", "Host", "X-Amz-Security-Token"])
def test_a_repeated_header_that_decides_is_refused(raw: RawRequester, name: str) -> None:
    signed = raw.signed_headers("GET", TARGET)
    value = signed.get(name.lower(), "token")
    twice = {**signed, name: value, f"{name} ".strip().upper(): value}
    assert len([key for key in twice if key.lower() == name.lower()]) >= 2
    answer = raw.send("GET", TARGET, headers=twice)
    assert answer.status in (400, 403)
    assert answer.error_type in (INCOMPLETE, "MalformedHttpRequestException")


def test_a_signature_in_the_query_is_refused(raw: RawRequester, server: LocalServer) -> None:
    scope = f"{datetime.now(UTC):%Y%m%d}/us-east-1/cognito-sync/aws4_request"
    query = (
        f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={server.access_key_id}/{scope}"
        f"&X-Amz-Date={text_of(datetime.now(UTC))}&X-Amz-Expires=900&X-Amz-SignedHeaders=host"
        f"&X-Amz-Signature={'0' * 64}"
    )
    alone = raw.send("GET", TARGET + query)
    assert_refused(alone, "MissingAuthenticationTokenException")
    assert_refused(raw.call("GET", TARGET + query), INCOMPLETE)


def test_refusals_never_repeat_a_signature_or_a_secret(raw: RawRequester) -> None:
    signed = raw.signed_headers("GET", TARGET)
    signature = signed["authorization"].rpartition("=")[2]
    for path in ("/identitypools/", "/identitypools?a=b", TARGET + "/us-east-1:0"):
        answer = raw.send("GET", path, headers=signed)
        assert answer.status >= 400
        assert signature.encode() not in answer.body
        assert raw.server.secret_access_key.encode() not in answer.body


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[tuple[CognitoSyncClient, CognitoSyncClient, LocalServer]]:
    """A client that may write, one with a read-only key, and the server of both."""
    store = f"sqlite:{tmp_path / 'store.db'}"
    made = CliRunner().invoke(app, ["key", "create", "--read-only", "--store", store])
    assert made.exit_code == 0, made.output
    key = dict(line.removeprefix("export ").split("=", 1) for line in made.stdout.splitlines())
    with local_server(store=store) as server:
        reading = LocalServer(
            server.endpoint_url,
            key["AWS_ACCESS_KEY_ID"],
            key["AWS_SECRET_ACCESS_KEY"],
            server.region,
        )
        yield client_of(server), client_of(reading), reading


def test_a_read_only_key_reads_and_is_refused_every_write(
    reader: tuple[CognitoSyncClient, CognitoSyncClient, LocalServer], place: Place
) -> None:
    writing, reading, server = reader
    fill(writing, place, key="value")
    identity: Identity = {
        "IdentityPoolId": place["IdentityPoolId"],
        "IdentityId": place["IdentityId"],
    }
    pool = place["IdentityPoolId"]
    assert reading.list_datasets(**identity)["Count"] == 1
    assert reading.describe_dataset(**place)["Dataset"].get("NumRecords") == 1
    assert reading.describe_identity_usage(**identity)["IdentityUsage"].get("DatasetCount") == 1
    assert reading.describe_identity_pool_usage(IdentityPoolId=pool)
    assert reading.list_identity_pool_usage()["Count"] == 1
    token = reading.list_records(**place)["SyncSessionToken"]
    resource = (
        f"arn:aws:cognito-sync:us-east-1:000000000000:identitypool/{pool}/identity/"
        f"{place['IdentityId']}/dataset/things"
    )
    user = f"arn:aws:iam::000000000000:user/{server.access_key_id}"
    for action, write in (
        ("UpdateRecords", lambda: reading.update_records(**place, SyncSessionToken=token)),
        ("DeleteDataset", lambda: reading.delete_dataset(**place)),
    ):
        text = (
            f"User: {user} is not authorized to perform: cognito-sync:{action} on resource: "
            f"{resource} because the access key is read-only"
        )
        with refused("AccessDeniedException", 403, text):
            write()
    answer = RawRequester(server).call("DELETE", dataset_target(place))
    assert_refused(answer, "AccessDeniedException")
    assert answer.json["Message"] == answer.json["message"]
    assert writing.list_records(**place)["DatasetSyncCount"] == 1


def test_a_revoked_key_is_refused_within_seconds(
    reader: tuple[CognitoSyncClient, CognitoSyncClient, LocalServer],
    tmp_path: Path,
    identity: Identity,
) -> None:
    _, reading, server = reader
    reading.list_datasets(**identity)
    store = f"sqlite:{tmp_path / 'store.db'}"
    arguments = ["key", "revoke", server.access_key_id, "--store", store]
    revoked = CliRunner().invoke(app, arguments)
    assert revoked.exit_code == 0, revoked.output
    raw, target = RawRequester(server), identity_target(identity, "/datasets")
    deadline = time.monotonic() + 10
    while (answer := raw.call("GET", target)).status == 200:
        assert time.monotonic() < deadline
    assert_refused(answer, UNRECOGNIZED, UNKNOWN)


def test_a_given_root_key_works_from_the_first_request(identity: Identity) -> None:
    key_id, secret = "A" * 20, secrets.token_hex(20)
    with local_server(access_key_id=key_id, secret_access_key=secret) as server:
        assert (server.access_key_id, server.secret_access_key) == (key_id, secret)
        assert client_of(server).list_datasets(**identity)["Count"] == 0
