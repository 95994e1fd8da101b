"""The acceptance list of sign-in, points 5, 7 and 8: signatures, paths and login tokens."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest

from keepstep.testing import LocalServer
from keepstep.wire.sigv4 import Credentials, sign
from tests.api.conftest import Clock
from tests.api.identity.keys_and_roles import enhanced
from tests.api.identity.steps import Pool, new_pool
from tests.api.identity.test_doors import FORM, WHO, identity_headers, xml_error
from tests.api.steps import refused
from tests.openid_provider import OpenIdProvider, openid_provider
from tests.raw import TIME_FORMAT, RawAnswer, RawRequester
from tests.tokens import shared_secret_token, unsigned_token
from tests.wire.test_sigv4 import (
    ACCESS_KEY,
    FORM_TYPE,
    SECRET,
    TARGET,
    TIME,
    canonical,
    signed_at_time,
)
from tests.wire.test_sigv4 import FORM as FORM_VECTOR

from .stores import stored_server


def test_acceptance_05_the_vectors_come_out() -> None:
    """The third one, presigned, is in ``tests/wire/test_sigv4``."""
    keys = Credentials(ACCESS_KEY, SECRET, "SESSIONTOKEN")
    scope = {"time": TIME, "region": "us-east-1", "service": "cognito-sync"}
    host = {"host": "localhost:8080"}
    signed = sign("GET", TARGET, host, b"", credentials=keys, **scope)
    assert signed["authorization"].endswith(
        "=ea217777378926366c95877b4c4d8d6b3d1ab21ce069e92ce567ba8882806acb"
    )
    headers = {"content-type": FORM_TYPE, "host": "sts.amazonaws.com", "x-amz-date": TIME}
    assert signed_at_time(canonical("POST", "/", headers, FORM_VECTOR), "sts") == (
        "8048dea38aca136890e4b1d495080acb410a673a4cbd0bdad70dbfc7de2f8bb0"
    )


def test_acceptance_05_a_server_of_that_time_and_key_takes_the_vector_of_sts() -> None:
    moment = datetime.strptime(TIME, TIME_FORMAT).replace(tzinfo=UTC)
    clock = Clock(int(moment.timestamp()) * 1000)
    with stored_server(clock=clock, access_key_id=ACCESS_KEY, secret_access_key=SECRET) as server:
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260102/us-east-1/sts/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=8048dea38aca136890e4b1d495080acb410a673a4cbd0bdad70dbfc7de2f8bb0"
        )
        headers = {
            "content-type": FORM_TYPE,
            "host": "sts.amazonaws.com",
            "x-amz-date": TIME,
            "authorization": authorization,
        }
        answer = RawRequester(server).send("POST", "/", FORM_VECTOR, headers)
        assert answer.status == 200
        assert f":user/{ACCESS_KEY}</Arn>" in answer.body.decode()


@dataclass(frozen=True)
class Signed:
    """A signed request, which is good until something about it is changed."""

    method: str
    target: str
    body: bytes
    headers: Mapping[str, str]

    def with_header(self, name: str, value: str | None) -> "Signed":
        given = {**self.headers, name: value}
        return replace(self, headers={k: v for k, v in given.items() if v is not None})

    def with_authorization(self, old: str, new: str) -> "Signed":
        assert old in self.headers["authorization"]
        changed = self.headers["authorization"].replace(old, new)
        return self.with_header("authorization", changed)

    @property
    def part(self) -> dict[str, str]:
        """The parts of the credential scope."""
        credential = self.headers["authorization"].partition("Credential=")[2].partition(",")[0]
        names = ("key", "date", "region", "service")
        return dict(zip(names, credential.split("/"), strict=False))


@dataclass(frozen=True)
class Signer:
    """A server, and somebody with credentials of it."""

    server: LocalServer
    pool: Pool
    identity_id: str
    keys: Credentials

    @property
    def raw(self) -> RawRequester:
        return RawRequester(self.server)

    @property
    def path(self) -> str:
        pool, identity = (quote(one, safe="") for one in (self.pool.pool_id, self.identity_id))
        return f"/identitypools/{pool}/identities/{identity}/datasets"

    def sync(self, path: str | None = None) -> Signed:
        return self._signed("cognito-sync", "GET", path or f"{self.path}?maxResults=5", b"", {})

    def sts(self) -> Signed:
        form = {"content-type": FORM}
        return self._signed("sts", "POST", "/", urlencode(WHO).encode(), form)

    def identity(self) -> Signed:
        """Sign a call that only developers may make."""
        target = identity_headers("ListIdentityPools")
        return self._signed("cognito-identity", "POST", "/", b'{"MaxResults": 1}', target)

    def _signed(
        self, service: str, method: str, target: str, body: bytes, headers: dict[str, str]
    ) -> Signed:
        keys = None if service == "cognito-identity" else self.keys
        given = self.raw.signed_headers(
            method, target, body, headers, credentials=keys, service=service
        )
        return Signed(method, target, body, given)

    def send(self, signed: Signed) -> RawAnswer:
        return self.raw.send(signed.method, signed.target, signed.body, dict(signed.headers))


@pytest.fixture(scope="module")
def signer(clean_environment: None) -> Iterator[Signer]:
    with stored_server(insecure_logins=True) as server:
        pool = new_pool(server)
        identity_id = pool.guest()
        yield Signer(server, pool, identity_id, enhanced(pool, identity_id))


LATER: Final = (datetime.now(UTC) + timedelta(seconds=30)).strftime(TIME_FORMAT)
MISMATCH: Final = "InvalidSignatureException"
XML_CODES: Final = {
    MISMATCH: ("SignatureDoesNotMatch", 403),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
}


def any_service(signed: Signed) -> Iterator[tuple[str, Signed, str]]:
    """Change each thing about a request that all three services have: what, how, and the code."""
    part = signed.part
    for name in signed.headers:
        if name != "authorization":
            changed = LATER if name == "x-amz-date" else f"{signed.headers[name]}x"
            lost = "UnrecognizedClientException" if "token" in name else MISMATCH
            yield f"{name} changed", signed.with_header(name, changed), lost
    token = signed.headers.get("x-amz-security-token")
    if token is not None:
        gone = signed.with_header("x-amz-security-token", None)
        yield "token removed", gone, "UnrecognizedClientException"
    no_date = signed.with_header("x-amz-date", None)
    yield "date removed", no_date, "IncompleteSignatureException"
    unsigned = signed.with_header("authorization", None)
    yield "not signed", unsigned, "MissingAuthenticationTokenException"
    query = "&x=1" if "?" in signed.target else "?x=1"
    yield "query", replace(signed, target=signed.target + query), MISMATCH
    yield "body", replace(signed, body=signed.body + b" "), MISMATCH
    scopes = {"date": "20200101", "region": "eu-west-1", "service": "s3"}
    for name, other in scopes.items():
        changed = signed.with_authorization(f"/{part[name]}/", f"/{other}/")
        yield f"{name} of the scope", changed, MISMATCH
    other_key = signed.with_authorization(part["key"], "ASIA" + "A" * 16)
    yield "key", other_key, "UnrecognizedClientException"
    fewer = signed.with_authorization("host;", "")
    yield "host not signed", fewer, MISMATCH


def refusal(answer: RawAnswer) -> tuple[int, str]:
    assert answer.error_type is not None
    return answer.status, answer.error_type


def test_acceptance_05_nothing_about_a_sync_call_can_be_changed(signer: Signer) -> None:
    signed = signer.sync()
    assert signer.send(signed).status == 200
    upper = signed.target.replace("identities", "Identities")
    assert signer.send(replace(signed, target=upper)).status == 404
    own = [
        ("method", replace(signer.sync(f"{signer.path}/a"), method="DELETE"), MISMATCH),
        ("path", replace(signer.sync(f"{signer.path}/a"), target=f"{signer.path}/A"), MISMATCH),
    ]
    for what, changed, code in (*any_service(signed), *own):
        assert refusal(signer.send(changed)) == (403, code), what


def test_acceptance_05_nothing_about_an_identity_call_can_be_changed(signer: Signer) -> None:
    signed = signer.identity()
    assert signer.send(signed).status == 200
    other = signed.with_header("x-amz-target", "AWSCognitoIdentityService.DeleteIdentities")
    for what, changed, code in (*any_service(signed), ("operation", other, MISMATCH)):
        expected = "UnknownOperationException" if what == "x-amz-target changed" else code
        assert refusal(signer.send(changed)) == (400, expected), what
    assert refusal(signer.send(replace(signed, method="PUT")))[0] == 400


def test_acceptance_05_nothing_about_a_call_of_sts_can_be_changed(signer: Signer) -> None:
    signed = signer.sts()
    assert signer.send(signed).status == 200
    for what, changed, code in any_service(signed):
        expected, status = XML_CODES[code]
        if what == "body":
            expected, status = "InvalidAction", 400  # the space belongs to the version now
        assert refusal(signer.send(changed)) == (status, expected), what
    longer = replace(signed, body=signed.body + b"&More=1")
    assert xml_error(signer.send(longer))[:3] == (403, "Sender", "SignatureDoesNotMatch")
    assert refusal(signer.send(replace(signed, method="PUT")))[0] in (400, 403)


def test_acceptance_05_a_wrong_secret_is_a_mismatch_everywhere(signer: Signer) -> None:
    wrong = replace(
        signer,
        keys=Credentials(signer.keys.access_key_id, "x" * 40, signer.keys.session_token),
        server=replace(signer.server, secret_access_key="x" * 40),
    )
    assert refusal(wrong.send(wrong.sync())) == (403, MISMATCH)
    assert refusal(wrong.send(wrong.identity())) == (400, MISMATCH)
    assert refusal(wrong.send(wrong.sts())) == (403, "SignatureDoesNotMatch")


def test_acceptance_07_an_id_may_have_its_colon_encoded_once_or_not(signer: Signer) -> None:
    assert "%3A" in signer.path
    for path in (signer.path, signer.path.replace("%3A", ":"), signer.path.replace("%3A", "%3a")):
        assert signer.send(signer.sync(path)).status == 200


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("%3A", "%253A"),
        ("/datasets", "/x/../datasets"),
        ("/datasets", "/./datasets"),
        ("/datasets", "/%2e%2e/datasets"),
        ("/datasets", "/datasets%2Fx"),
        ("/datasets", "%2Fdatasets"),
        ("/datasets", "//datasets"),
        ("/identitypools", "//identitypools"),
        ("/datasets", "/datasets/"),
        ("/datasets", "/datasets%00"),
        ("/datasets", "/datasets%5Cx"),
    ],
)
def test_acceptance_07_a_path_that_could_be_read_in_two_ways_is_refused(
    signer: Signer, old: str, new: str
) -> None:
    assert 400 <= signer.send(signer.sync(signer.path.replace(old, new))).status < 500


AUDIENCE: Final = "app"
LEEWAY: Final = 300


@dataclass(frozen=True)
class Door:
    """A pool that takes the tokens of a real provider."""

    provider: OpenIdProvider
    pool: Pool

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        usual: dict[str, Any] = {
            "iss": self.provider.issuer,
            "sub": "ada",
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 600,
        }
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    def log_in(self, token: str) -> str:
        return self.pool.log_in({self.provider.name: token})

    def refused(self, token: str) -> Any:
        """Give the text with which a token is not authorized."""
        with pytest.raises(self.pool.public.exceptions.NotAuthorizedException) as caught:
            self.log_in(token)
        response: Any = caught.value.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
        return response["Error"]["Message"]


@pytest.fixture(scope="module")
def door(clean_environment: None) -> Iterator[Door]:
    with openid_provider() as provider:
        settings = {
            "name": provider.name,
            "issuer": provider.issuer,
            "ca_file": provider.ca_file,
            "allow_private_network": True,
        }
        with stored_server(open_pools=False, login_providers=[settings]) as server:
            accepted = {provider.name: AUDIENCE}
            yield Door(provider, new_pool(server, SupportedLoginProviders=accepted))


NOT_VERIFIED: Final = "Invalid login token. Couldn't verify signed token."
NOT_SUPPORTED: Final = "Token is not from a supported provider of this identity pool."


def test_acceptance_08_a_good_token_logs_in_and_one_expired_within_the_grace_too(
    door: Door,
) -> None:
    now = int(time.time())
    identity_id = door.log_in(door.provider.sign(door.claims()))
    late = door.claims(iat=now - 900, exp=now - 240)
    assert door.log_in(door.provider.sign(late)) == identity_id


def test_acceptance_08_a_token_that_is_not_the_providers_is_refused(door: Door) -> None:
    provider, claims = door.provider, door.claims()
    key_id = provider.key_ids()[0]
    not_signed_well = {
        "no algorithm": unsigned_token(claims, kid=key_id),
        "the public key as a shared secret": shared_secret_token(
            claims, provider.public_key(), kid=key_id
        ),
        "an unknown key": provider.sign(claims, headers={"kid": "unknown"}),
        "somebody else's key": provider.sign(claims, key="foreign", headers={"kid": key_id}),
        "a key of 1024 bits": provider.sign(claims, key="weak"),
        "an algorithm that is not allowed": provider.sign(claims, key="ec"),
    }
    for what, token in not_signed_well.items():
        assert door.refused(token) == NOT_VERIFIED, what


def test_acceptance_08_a_token_for_another_app_or_time_is_refused(door: Door) -> None:
    def text(**changes: Any) -> Any:
        return door.refused(door.provider.sign(door.claims(**changes)))

    now = int(time.time())
    assert text(aud="other") == NOT_SUPPORTED
    assert text(azp="other") == NOT_SUPPORTED
    assert text(iss="https://evil.example") == (
        "Invalid login token. Issuer doesn't match providerName"
    )
    assert text(aud=None) == "Invalid login token. Missing a required claim: aud"
    expired = text(iat=now - 900, exp=now - 360)
    assert expired.startswith("Invalid login token. Token expired: ")
    assert expired.endswith(f" >= {now - 360 + LEEWAY}")


def test_acceptance_08_a_provider_that_the_pool_does_not_have_is_refused(door: Door) -> None:
    with refused("NotAuthorizedException", 400, NOT_SUPPORTED):
        door.pool.log_in({"accounts.google.com": door.provider.sign(door.claims())})
