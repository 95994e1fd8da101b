"""Cross-origin requests: preflights, and the headers without which a page sees only a failure."""

import pytest

from keepstep.testing import local_server
from tests.conftest import Identity
from tests.raw import RawAnswer, RawRequester

from .steps import identity_target

ORIGIN = "https://app.example"
SDK_HEADERS = [
    "authorization",
    "content-type",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-user-agent",
    "x-amz-target",
    "x-amz-content-sha256",
    "x-amz-client-context",
    "amz-sdk-request",
    "amz-sdk-invocation-id",
    "cache-control",
]
EXPOSED = {"x-amzn-requestid", "x-amzn-errortype", "x-amzn-errormessage", "date"}
PATHS = [
    "/",
    "/identitypools",
    "/identitypools/us-east-1%3A0/identities/us-east-1%3A1/datasets/things/records",
    "/identitypools/us-east-1%3A0/events",
    "/nothing/of/the/api",
    "/identitypools//x/..%2f",
]


def names_in(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",") if name.strip()}


def ask(
    raw: RawRequester, path: str, *headers: str, origin: str = ORIGIN, method: str = "POST"
) -> RawAnswer:
    return raw.send(
        "OPTIONS",
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": ",".join(headers),
        },
    )


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_is_answered_on_every_path_without_a_signature(
    raw: RawRequester, path: str
) -> None:
    answer = ask(raw, path, *SDK_HEADERS)
    assert answer.status == 200
    assert answer.body == b""
    assert answer.headers["access-control-allow-origin"] == "*"
    assert names_in(answer.headers["access-control-allow-methods"]) == {
        "get",
        "post",
        "put",
        "delete",
        "head",
        "options",
    }
    assert answer.headers["access-control-max-age"] == "86400"
    assert "access-control-allow-credentials" not in answer.headers


def test_a_preflight_grants_every_header_that_sdks_send(raw: RawRequester) -> None:
    answer = ask(raw, "/", *SDK_HEADERS)
    assert names_in(answer.headers["access-control-allow-headers"]) == set(SDK_HEADERS)


def test_a_preflight_grants_coming_headers_of_the_sdks_whatever_their_case(
    raw: RawRequester,
) -> None:
    answer = ask(raw, "/", "X-Amz-New", " Amz-Sdk-Other ", "Authorization")
    granted = names_in(answer.headers["access-control-allow-headers"])
    assert granted == {"x-amz-new", "amz-sdk-other", "authorization"}


def test_a_preflight_grants_no_other_header(raw: RawRequester) -> None:
    answer = ask(raw, "/", "cookie", "x-custom", "x-amz-", "x-amz-a b", "authorization")
    assert names_in(answer.headers["access-control-allow-headers"]) == {"authorization"}


def test_a_preflight_without_asked_headers_is_answered(raw: RawRequester) -> None:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    answer = raw.send("OPTIONS", "/identitypools", headers=headers)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/identitypools", 200), ("/identitypools?maxResults=0", 400), ("/nothing", 404)],
)
def test_answers_and_errors_alike_can_be_read_by_a_page(
    raw: RawRequester, path: str, status: int
) -> None:
    answer = raw.call("GET", path, headers={"origin": ORIGIN})
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert names_in(answer.headers["access-control-expose-headers"]) == EXPOSED
    assert answer.headers["x-amzn-RequestId"]
    assert answer.headers["date"]


def test_a_refused_signature_can_be_read_by_a_page(raw: RawRequester) -> None:
    answer = raw.send("GET", "/identitypools", headers={"Origin": ORIGIN})
    assert (answer.status, answer.error_type) == (403, "MissingAuthenticationTokenException")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert names_in(answer.headers["access-control-expose-headers"]) == EXPOSED


def test_a_body_too_large_can_be_read_by_a_page(raw: RawRequester, identity: Identity) -> None:
    headers = {"Origin": ORIGIN, "Content-Length": str(2**40)}
    answer = raw.send("POST", identity_target(identity), headers=headers)
    assert answer.status == 413
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_caller_that_is_no_page_gets_no_such_headers(raw: RawRequester) -> None:
    answer = raw.call("GET", "/identitypools")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_origins_of_the_settings_alone_are_allowed() -> None:
    with local_server(cors_origins=[ORIGIN, "http://localhost:3000"]) as server:
        raw = RawRequester(server)
        for origin in (ORIGIN, "http://localhost:3000"):
            for answer in (
                ask(raw, "/identitypools", "authorization", origin=origin),
                raw.call("GET", "/identitypools", headers={"origin": origin}),
                raw.call("GET", "/nothing", headers={"origin": origin}),
            ):
                assert answer.headers["access-control-allow-origin"] == origin
                assert answer.headers["vary"].lower() == "origin"
        for origin in ("https://evil.example", ORIGIN + ".evil.example", "null", ORIGIN.upper()):
            for answer in (
                ask(raw, "/identitypools", "authorization", origin=origin),
                raw.call("GET", "/identitypools", headers={"origin": origin}),
            ):
                assert answer.status == 200
                assert "access-control-allow-origin" not in answer.headers
                assert "access-control-allow-headers" not in answer.headers
