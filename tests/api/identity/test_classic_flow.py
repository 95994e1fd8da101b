"""The classic flow: GetOpenIdToken, then AssumeRoleWithWebIdentity, then Cognito Sync."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from keepstep.testing import LocalServer, local_server
from tests.api.conftest import Timed
from tests.api.steps import ACCOUNT_ID, contents, fill, refused
from tests.conftest import Place, client_of

from .conftest import NewPool
from .signing_in import assumed, claims_of, place_of, sts_client, timed_server
from .steps import FACEBOOK, Pool, forbidden, login, new_pool, sync_client

if TYPE_CHECKING:
    from types_boto3_sts import STSClient

AUTHENTICATED, GUEST = (
    f"arn:aws:iam::{ACCOUNT_ID}:role/CognitoDefault{kind}Role"
    for kind in ("Authenticated", "Unauthenticated")
)
ALICE = login(FACEBOOK, "alice")
NOT_ALLOWED = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
LONG_ROLE = {
    "name": "Long",
    "max_session_seconds": 43_200,
    "trust_policy": {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Federated": "cognito-identity.amazonaws.com"},
            "Action": "sts:AssumeRoleWithWebIdentity",
        },
    },
    "policies": [
        {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": "cognito-sync:*", "Resource": "*"},
        }
    ],
}
LONG = f"arn:aws:iam::{ACCOUNT_ID}:role/Long"


@pytest.fixture(scope="module")
def classic_server(clean_environment: None) -> Iterator[LocalServer]:
    """A server with a role of long sessions beside the built-in ones."""
    with local_server(open_pools=False, insecure_logins=True, roles=[LONG_ROLE]) as running:
        yield running


@pytest.fixture(scope="module")
def sts(classic_server: LocalServer) -> "STSClient":
    return sts_client(classic_server)


@pytest.fixture
def own_pool(classic_server: LocalServer) -> Pool:
    return new_pool(classic_server)


@pytest.fixture
def timed_logins() -> Iterator[Timed]:
    with timed_server(roles=[LONG_ROLE]) as running:
        yield running


def token_of(pool: Pool, identity_id: str, *logins: dict[str, str]) -> str:
    """Give an OpenID token of an identity."""
    together = {provider: token for one in logins for provider, token in one.items()}
    return pool.public.get_open_id_token(IdentityId=identity_id, Logins=together)["Token"]


def assume(sts: "STSClient", token: str, role: str = GUEST, **arguments: Any) -> Any:
    return sts.assume_role_with_web_identity(
        RoleArn=role, RoleSessionName="ProviderSession", WebIdentityToken=token, **arguments
    )


def test_a_guest_comes_to_its_data_by_the_classic_flow(
    classic_server: LocalServer, own_pool: Pool, sts: "STSClient"
) -> None:
    guest = own_pool.guest()
    answer = assume(sts, token_of(own_pool, guest))
    client = sync_client(classic_server, assumed(answer))
    place = place_of(own_pool, guest, "things")
    fill(client, place, k="v")
    assert contents(client, place) == {"k": "v"}
    other = place_of(own_pool, own_pool.guest(), "things")
    with refused("AccessDeniedException", 403):
        client.list_records(**other)


def test_a_user_comes_to_its_data_by_the_classic_flow(
    classic_server: LocalServer, own_pool: Pool, sts: "STSClient"
) -> None:
    identity = own_pool.log_in(ALICE)
    answer = assume(sts, token_of(own_pool, identity, ALICE), AUTHENTICATED)
    fill(sync_client(classic_server, assumed(answer)), place_of(own_pool, identity, "t"), k="v")


def test_the_answer_says_who_assumed_which_role(own_pool: Pool, sts: "STSClient") -> None:
    guest = own_pool.guest()
    answer = assume(sts, token_of(own_pool, guest))
    role_id, _, session = answer["AssumedRoleUser"]["AssumedRoleId"].partition(":")
    assert role_id.startswith("AROA")
    assert session == "ProviderSession"
    assert answer["AssumedRoleUser"]["Arn"] == (
        f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/CognitoDefaultUnauthenticatedRole/ProviderSession"
    )
    assert answer["SubjectFromWebIdentityToken"] == guest
    assert answer["Audience"] == own_pool.pool_id
    assert answer["Provider"] == "cognito-identity.amazonaws.com"
    assert "PackedPolicySize" not in answer
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")


@pytest.mark.parametrize("allowed", [None, True, False])
def test_a_pool_may_not_allow_the_classic_flow(make_pool: NewPool, allowed: bool | None) -> None:
    pool = make_pool(**({} if allowed is None else {"AllowClassicFlow": allowed}))
    guest = pool.guest()
    if allowed is False:
        text = "Basic (classic) flow is not enabled, please use enhanced flow."
        with refused("InvalidParameterException", 400, text):
            token_of(pool, guest)
        return
    assert claims_of(token_of(pool, guest))["sub"] == guest


@pytest.mark.parametrize(
    "role", [AUTHENTICATED, f"arn:aws:iam::{ACCOUNT_ID}:role/NoSuchRole", GUEST + "2"]
)
def test_a_role_that_does_not_trust_a_guest_is_as_good_as_none(
    own_pool: Pool, sts: "STSClient", role: str
) -> None:
    with refused("AccessDenied", 403, NOT_ALLOWED):
        assume(sts, token_of(own_pool, own_pool.guest()), role)


def test_a_guests_role_is_not_for_users(own_pool: Pool, sts: "STSClient") -> None:
    identity = own_pool.log_in(ALICE)
    with refused("AccessDenied", 403, NOT_ALLOWED):
        assume(sts, token_of(own_pool, identity, ALICE), GUEST)


def test_a_token_that_this_server_did_not_issue_is_refused(
    own_pool: Pool, sts: "STSClient"
) -> None:
    token = token_of(own_pool, own_pool.guest())
    head, body, signature = token.split(".")
    for forged in ("no token", f"{head}.{body}.{signature[::-1]}", f"{head}.{body}."):
        with refused("InvalidIdentityToken", 400):
            assume(sts, forged)


def test_a_token_of_an_identity_that_was_merged_is_refused(
    own_pool: Pool, sts: "STSClient"
) -> None:
    own_pool.log_in(ALICE)
    guest = own_pool.guest()
    token = token_of(own_pool, guest)
    own_pool.link(guest, ALICE)
    with refused("InvalidIdentityToken", 400):
        assume(sts, token)


def test_a_token_that_has_ended_is_refused(timed_logins: Timed) -> None:
    pool, clock = new_pool(timed_logins.server), timed_logins.clock
    sts, token = sts_client(timed_logins.server), token_of(pool, pool.guest())
    expiry = claims_of(token)["exp"]
    clock.now = expiry * 1000 - 1
    assume(sts, token)
    clock.now += 1
    text = (
        f"Token expired: current date/time {expiry} must be before the expiration date/time "
        f"{expiry}"
    )
    with refused("ExpiredTokenException", 400, text):
        assume(sts, token)


@pytest.mark.parametrize(
    ("role", "asked", "seconds"),
    [
        (GUEST, None, 3600),
        (GUEST, 900, 900),
        (GUEST, 3600, 3600),
        (LONG, None, 3600),
        (LONG, 43_200, 43_200),
    ],
)
def test_credentials_last_as_long_as_asked(
    timed_logins: Timed, role: str, asked: int | None, seconds: int
) -> None:
    pool = new_pool(timed_logins.server)
    arguments = {} if asked is None else {"DurationSeconds": asked}
    answer = assume(
        sts_client(timed_logins.server), token_of(pool, pool.guest()), role, **arguments
    )
    expiration = answer["Credentials"]["Expiration"].timestamp()
    assert expiration == timed_logins.clock.now // 1000 + seconds


@pytest.mark.parametrize(
    ("role", "asked", "text"),
    [
        (GUEST, 899, "greater than or equal to 900"),
        (LONG, 43_201, "less than or equal to 43200"),
        (
            GUEST,
            3601,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
    ],
)
def test_credentials_last_neither_too_short_nor_too_long(
    own_pool: Pool, sts: "STSClient", role: str, asked: int, text: str
) -> None:
    token = token_of(own_pool, own_pool.guest())
    with pytest.raises(sts.exceptions.ClientError, match=text) as caught:
        assume(sts, token, role, DurationSeconds=asked)
    assert caught.value.response.get("Error", {}).get("Code") == "ValidationError"


def test_credentials_that_have_ended_are_refused(timed_logins: Timed) -> None:
    server, pool = timed_logins.server, new_pool(timed_logins.server)
    guest = pool.guest()
    credentials = assumed(assume(sts_client(server), token_of(pool, guest)))
    timed_logins.clock.now += 3600 * 1000
    text = "The security token included in the request is expired"
    with refused("ExpiredTokenException", 403, text):
        sync_client(server, credentials).list_records(**place_of(pool, guest, "things"))
    with refused("ExpiredToken", 403, text):
        sts_client(server, **credentials).get_caller_identity()


def policy(effect: str, actions: list[str], resource: str = "*") -> dict[str, Any]:
    return {"Effect": effect, "Action": actions, "Resource": resource}


def narrowed(sts: "STSClient", token: str, *statements: dict[str, Any]) -> Any:
    """Assume the guests' role with a session policy."""
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return assume(sts, token, Policy=document)


def test_a_session_policy_narrows_the_role(
    classic_server: LocalServer, own_pool: Pool, sts: "STSClient"
) -> None:
    guest = own_pool.guest()
    answer = narrowed(sts, token_of(own_pool, guest), policy("Allow", ["cognito-sync:ListRecords"]))
    assert 0 < answer["PackedPolicySize"] <= 100
    client = sync_client(classic_server, assumed(answer))
    place: Place = place_of(own_pool, guest, "things")
    token = client.list_records(**place)["SyncSessionToken"]
    with refused("AccessDeniedException", 403):
        client.update_records(**place, SyncSessionToken=token)


def test_no_role_reaches_the_data_of_another_identity(
    classic_server: LocalServer, own_pool: Pool, sts: "STSClient"
) -> None:
    client = sync_client(
        classic_server, assumed(assume(sts, token_of(own_pool, own_pool.guest()), LONG))
    )
    other = own_pool.guest()
    with refused("NotAuthorizedException", 403, forbidden(other)):
        client.list_records(**place_of(own_pool, other, "things"))


@pytest.mark.parametrize(
    "document", ["{", "[]", '{"Statement": {"Effect": "Perhaps"}}', '{"Version": "2012-10-17"}']
)
def test_a_session_policy_must_be_a_policy(own_pool: Pool, sts: "STSClient", document: str) -> None:
    with refused("MalformedPolicyDocument", 400):
        assume(sts, token_of(own_pool, own_pool.guest()), Policy=document)


def test_get_caller_identity_names_whoever_signed(
    classic_server: LocalServer, own_pool: Pool, sts: "STSClient"
) -> None:
    answer = narrowed(sts, token_of(own_pool, own_pool.guest()), policy("Deny", ["*"]))
    found = sts_client(classic_server, **assumed(answer)).get_caller_identity()
    assert found["Account"] == ACCOUNT_ID
    assert found["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert found["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]


def test_get_caller_identity_names_a_developer(classic_server: LocalServer) -> None:
    keys = {
        "aws_access_key_id": classic_server.access_key_id,
        "aws_secret_access_key": classic_server.secret_access_key,
    }
    found = sts_client(classic_server, **keys).get_caller_identity()
    assert found["Account"] == ACCOUNT_ID
    assert found["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:user/{classic_server.access_key_id}"
    assert found["UserId"].startswith("AIDA")


def test_get_caller_identity_needs_a_signature(sts: "STSClient") -> None:
    text = "Request is missing Authentication Token"
    with refused("MissingAuthenticationToken", 403, text):
        sts.get_caller_identity()


def presigned(server: LocalServer, credentials: dict[str, str], seconds: int = 60) -> str:
    """Give a URL that proves who signed it."""
    return sts_client(server, **credentials).generate_presigned_url(
        "get_caller_identity", ExpiresIn=seconds, HttpMethod="GET"
    )


def element(answer: httpx.Response, name: str) -> str | None:
    """Give the text of an element of an XML answer."""
    namespace = "{https://sts.amazonaws.com/doc/2011-06-15/}"
    return ET.fromstring(answer.text).findtext(f".//{namespace}{name}")


def test_a_presigned_url_proves_who_signed_it(timed_logins: Timed) -> None:
    server, pool = timed_logins.server, new_pool(timed_logins.server)
    assumed_role = assume(sts_client(server), token_of(pool, pool.guest()))
    url = presigned(server, assumed(assumed_role))
    answer = httpx.get(url)
    assert answer.status_code == 200
    assert element(answer, "Arn") == assumed_role["AssumedRoleUser"]["Arn"]
    changed = httpx.get(url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"))
    assert (changed.status_code, element(changed, "Code")) == (403, "SignatureDoesNotMatch")
    timed_logins.clock.now += 62_000
    late = httpx.get(url)
    assert (late.status_code, element(late, "Code")) == (403, "SignatureDoesNotMatch")
    assert "Signature expired" in (element(late, "Message") or "")


def test_other_services_take_no_presigned_url(classic_server: LocalServer, own_pool: Pool) -> None:
    client: Any = client_of(classic_server)
    url = client.generate_presigned_url(
        "list_records", Params=dict(place_of(own_pool, own_pool.guest(), "things"))
    )
    answer = httpx.get(url)
    assert answer.status_code == 403
    assert answer.json()["__type"] == "MissingAuthenticationTokenException"
