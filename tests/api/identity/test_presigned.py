"""Signatures in the query: good for one thing, to prove to a third party who somebody is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from keepstep.domain.limits import MINUTE_MS, SECOND_MS
from keepstep.testing import LocalServer, local_server
from keepstep.wire.sigv4 import Credentials
from tests.api.conftest import Clock
from tests.api.steps import identity_target
from tests.raw import RawAnswer, RawRequester

from .keys_and_roles import boto_arguments, enhanced
from .signing_in import sts_client
from .steps import Pool, new_pool
from .test_doors import FORM, WHO, identity_headers, json_error, xml_error

WEEK_SECONDS = 604_800


@dataclass(frozen=True)
class Prover:
    """A server with a clock of the test's, and who signs for it."""

    server: LocalServer
    clock: Clock
    pool: Pool

    @property
    def raw(self) -> RawRequester:
        return RawRequester(self.server)

    @property
    def root(self) -> Credentials:
        return Credentials(self.server.access_key_id, self.server.secret_access_key)

    def presign(
        self,
        keys: Credentials,
        *,
        method: str = "GET",
        target: str = f"/?{urlencode(WHO)}",
        seconds: int = 60,
        headers: dict[str, str] | None = None,
        service: str = "sts",
    ) -> str:
        """Give the target of a request that botocore signs in its query."""
        given = BotocoreCredentials(*_parts(keys))
        request = AWSRequest(method, self.server.endpoint_url + target, headers=headers or {})
        SigV4QueryAuth(given, service, "us-east-1", expires=seconds).add_auth(request)  # pyright: ignore[reportUnknownMemberType] -- botocore has no types
        url = urlsplit(str(request.url))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] -- likewise
        return f"{url.path}?{url.query}"

    def get(self, target: str, headers: dict[str, str] | None = None) -> RawAnswer:
        return self.raw.send("GET", target, headers=headers)


def _parts(keys: Credentials) -> tuple[Any, ...]:
    return keys.access_key_id, keys.secret_access_key, keys.session_token


@pytest.fixture
def prover(clean_environment: None) -> Iterator[Prover]:
    clock = Clock()
    with local_server(insecure_logins=True, clock=clock) as server:
        yield Prover(server, clock, new_pool(server))


def guest(prover: Prover) -> Credentials:
    return enhanced(prover.pool, prover.pool.guest())


@pytest.mark.parametrize("temporary", [False, True])
def test_a_presigned_url_proves_who_made_it(prover: Prover, temporary: bool) -> None:
    """As ``aws eks get-token`` makes it, with a header of the cluster's name that is signed."""
    keys = guest(prover) if temporary else prover.root
    headers = {"x-k8s-aws-id": "the-cluster"}
    answer = prover.get(prover.presign(keys, headers=headers), headers)
    assert answer.status == 200
    who = ":assumed-role/" if temporary else f":user/{keys.access_key_id}"
    assert who in answer.body.decode()
    answer = prover.get(prover.presign(keys, headers=headers), {"x-k8s-aws-id": "another"})
    assert xml_error(answer)[2] == "SignatureDoesNotMatch"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_boto3s_own_presigned_url_is_good_for_its_method(prover: Prover, method: str) -> None:
    client = sts_client(prover.server, **boto_arguments(guest(prover)))
    url = urlsplit(client.generate_presigned_url("get_caller_identity", HttpMethod=method))
    target = f"{url.path or '/'}?{url.query}"
    other = {"GET": "POST", "POST": "GET"}[method]
    assert prover.raw.send(method, target).status == 200
    assert xml_error(prover.raw.send(other, target))[2] == "SignatureDoesNotMatch"


def test_a_signed_request_that_a_third_party_forwards_proves_who_made_it(prover: Prover) -> None:
    """As Vault's AWS login does: method, body and headers travel, and are sent on as they are."""
    body = urlencode(WHO).encode()
    headers = prover.raw.signed_headers(
        "POST",
        "/",
        body,
        {"content-type": FORM, "x-vault-aws-iam-server-id": "vault.example.org"},
        credentials=guest(prover),
        service="sts",
    )
    assert b":assumed-role/" in prover.raw.send("POST", "/", body, headers).body


@pytest.mark.parametrize(
    ("seconds", "moved", "allowed"),
    [
        (60, 59 * SECOND_MS, True),
        (60, 62 * SECOND_MS, False),
        (900, 14 * MINUTE_MS, True),
        (900, 16 * MINUTE_MS, False),
        (WEEK_SECONDS, 6 * 24 * 60 * MINUTE_MS, True),
        (60, -14 * MINUTE_MS, True),
        (60, -16 * MINUTE_MS, False),
    ],
)
def test_a_presigned_url_is_good_for_as_long_as_it_says(
    prover: Prover, seconds: int, moved: int, allowed: bool
) -> None:
    target = prover.presign(prover.root, seconds=seconds)
    prover.clock.now += moved
    answer = prover.get(target)
    if allowed:
        assert answer.status == 200
    else:
        assert xml_error(answer)[:3] == (403, "Sender", "SignatureDoesNotMatch")


def test_a_presigned_url_ends_with_the_credentials_that_made_it(prover: Prover) -> None:
    target = prover.presign(guest(prover), seconds=WEEK_SECONDS)
    prover.clock.now += 61 * MINUTE_MS
    assert xml_error(prover.get(target))[2] == "ExpiredToken"


def changed(target: str, **parameters: str | None) -> str:
    """Give a target with parameters replaced, or left out."""
    pairs = dict(parse_qsl(target.partition("?")[2]))
    given = {**pairs, **{name.replace("_", "-"): value for name, value in parameters.items()}}
    return "/?" + "&".join(f"{k}={quote(v, safe='')}" for k, v in given.items() if v is not None)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"X_Amz_Signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"X_Amz_Expires": "61"}, "SignatureDoesNotMatch"),
        ({"Extra": "1"}, "SignatureDoesNotMatch"),
        ({"Version": None}, "InvalidAction"),
        ({"X_Amz_SignedHeaders": "x-none"}, "SignatureDoesNotMatch"),
        ({"X_Amz_Security_Token": None}, "InvalidClientTokenId"),
        ({"X_Amz_Security_Token": "other"}, "InvalidClientTokenId"),
        ({"X_Amz_Expires": str(WEEK_SECONDS + 1)}, "IncompleteSignature"),
        ({"X_Amz_Expires": "-1"}, "IncompleteSignature"),
        ({"X_Amz_Expires": "soon"}, "IncompleteSignature"),
        ({"X_Amz_Algorithm": "AWS4-ECDSA-P256-SHA256"}, "IncompleteSignature"),
        ({"X_Amz_Credential": None}, "IncompleteSignature"),
        ({"X_Amz_Date": "yesterday"}, "IncompleteSignature"),
        ({"X_Amz_SignedHeaders": None}, "IncompleteSignature"),
        ({"X_Amz_Signature": "ā"}, "IncompleteSignature"),
        ({"X_Amz_Security_Token": "€"}, "IncompleteSignature"),
        ({"X_Amz_Credential": "\0/20260102/us-east-1/sts/aws4_request"}, "IncompleteSignature"),
    ],
)
def test_a_presigned_url_that_was_changed_proves_nothing(
    prover: Prover, parameters: dict[str, str | None], code: str
) -> None:
    target = prover.presign(guest(prover))
    assert prover.get(changed(target)).status == 200
    assert xml_error(prover.get(changed(target, **parameters)))[2] == code


def test_a_request_is_signed_in_one_place_only(prover: Prover) -> None:
    target = prover.presign(prover.root)
    headers = prover.raw.signed_headers("GET", target, service="sts")
    assert xml_error(prover.get(target, headers))[2] == "IncompleteSignature"
    twice = f"{target}&X-Amz-Date=20260101T000000Z"
    assert xml_error(prover.get(twice))[2] == "MalformedInput"


def test_a_signature_in_the_query_is_good_for_nothing_else(prover: Prover) -> None:
    """A URL that acts for somebody leaks into logs."""
    identity_id = prover.pool.guest()
    keys = enhanced(prover.pool, identity_id)
    target = identity_target(
        {"IdentityPoolId": prover.pool.pool_id, "IdentityId": identity_id}, "/datasets"
    )
    signed = prover.presign(keys, target=target, service="cognito-sync")
    status, code, _ = json_error(prover.get(signed), "application/json")
    assert (status, code) == (403, "MissingAuthenticationTokenException")
    signed = prover.presign(prover.root, method="POST", target="/", service="cognito-identity")
    answer = prover.raw.send("POST", signed, b"{}", identity_headers("ListIdentityPools"))
    assert json_error(answer)[:2] == (400, "MissingAuthenticationTokenException")
