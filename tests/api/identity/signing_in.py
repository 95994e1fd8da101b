"""How the tests of sign-in come in: with logins of real providers, through both entrances, at once.

Pools, test logins and the developer's calls are in ``steps``.
"""

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import jwt
from botocore import UNSIGNED
from botocore.config import Config

from keepstep.testing import LocalServer, local_server
from tests.api.conftest import Clock, Timed
from tests.conftest import Place, client_of
from tests.openid_provider import OpenIdProvider, openid_provider
from tests.raw import RawRequester

from .steps import Pool, new_pool, sync_client

if TYPE_CHECKING:
    from types_boto3_cognito_sync import CognitoSyncClient
    from types_boto3_sts import STSClient

AUDIENCE = "app"
COGNITO = "cognito-identity.amazonaws.com"
ENTRANCES = ("GetOpenIdToken", "GetCredentialsForIdentity")
START_SECONDS = 30

T = TypeVar("T")
Logins = dict[str, str]


@dataclass(frozen=True)
class Providers:
    """Two real OpenID Connect providers."""

    one: OpenIdProvider
    two: OpenIdProvider

    def first(self, subject: str) -> Logins:
        """Give Logins with a signed token of the first provider."""
        return {self.one.name: self.one.token(subject, AUDIENCE)}

    def second(self, subject: str) -> Logins:
        """Give Logins with a signed token of the second provider."""
        return {self.two.name: self.two.token(subject, AUDIENCE)}

    @property
    def settings(self) -> list[dict[str, Any]]:
        """The providers as the setting ``login_providers`` has them."""
        return [
            {
                "name": provider.name,
                "issuer": provider.issuer,
                "ca_file": provider.ca_file,
                "allow_private_network": True,
            }
            for provider in (self.one, self.two)
        ]

    def new_pool(self, server: LocalServer) -> Pool:
        """Create a pool that takes guests, both providers and a developer's users."""
        accepted = {self.one.name: AUDIENCE, self.two.name: AUDIENCE}
        return new_pool(server, SupportedLoginProviders=accepted)


@contextmanager
def two_providers() -> Generator[Providers]:
    """Run two providers for as long as the block lasts."""
    with ExitStack() as running:
        yield Providers(*(running.enter_context(openid_provider()) for _ in range(2)))


@contextmanager
def timed_server(**settings: Any) -> Generator[Timed]:
    """Run a server with test logins that lives by a clock of the test's."""
    clock = Clock()
    with local_server(clock=clock, open_pools=False, insecure_logins=True, **settings) as server:
        yield Timed(server, clock, client_of(server), RawRequester(server))


def enter(pool: Pool, entrance: str, identity_id: str, *logins: Logins) -> str:
    """Sign in to an identity with any logins, and give the id that is answered."""
    together = {provider: token for one in logins for provider, token in one.items()}
    call: Any = (
        pool.public.get_open_id_token
        if entrance == "GetOpenIdToken"
        else pool.public.get_credentials_for_identity
    )
    return call(IdentityId=identity_id, Logins=together)["IdentityId"]


def living(pool: Pool) -> dict[str, list[str]]:
    """Give the ids of a pool's identities that are not disabled, each with its providers."""
    return _listed(pool, hide_disabled=True)


def disabled(pool: Pool) -> set[str]:
    """Give the ids of a pool's disabled identities."""
    return _listed(pool, hide_disabled=False).keys() - living(pool).keys()


def _listed(pool: Pool, *, hide_disabled: bool) -> dict[str, list[str]]:
    answer = pool.developer.list_identities(
        IdentityPoolId=pool.pool_id, MaxResults=60, HideDisabled=hide_disabled
    )
    assert "NextToken" not in answer
    return {
        identity.get("IdentityId", ""): identity.get("Logins", [])
        for identity in answer["Identities"]
    }


@contextmanager
def nothing_changes(pool: Pool) -> Generator[None]:
    """Expect every identity of a pool to be as before after the block."""

    def look() -> Any:
        return pool.developer.list_identities(IdentityPoolId=pool.pool_id, MaxResults=60)[
            "Identities"
        ]

    before = look()
    yield
    assert look() == before


def place_of(pool: Pool, identity_id: str, dataset_name: str) -> Place:
    """Name a dataset of an identity."""
    return {
        "IdentityPoolId": pool.pool_id,
        "IdentityId": identity_id,
        "DatasetName": dataset_name,
    }


def datasets_of(server: LocalServer, pool: Pool, identity_id: str) -> list[str]:
    """Give the names of an identity's datasets."""
    listed = client_of(server).list_datasets(IdentityPoolId=pool.pool_id, IdentityId=identity_id)
    return [dataset.get("DatasetName", "") for dataset in listed["Datasets"]]


def user_client(
    server: LocalServer, pool: Pool, identity_id: str, *logins: Logins
) -> "CognitoSyncClient":
    """Give a client of Cognito Sync that signs with credentials of an identity."""
    return sync_client(server, pool.credentials(identity_id, *logins))


def sts_client(server: LocalServer, **credentials: str) -> "STSClient":
    """Give a client of STS that signs with credentials, or not at all if there are none."""
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    if not credentials:
        config = config.merge(Config(signature_version=UNSIGNED))  # pyright: ignore[reportUnknownMemberType] -- botocore has no types
    arguments: dict[str, Any] = {**server.client_arguments, **credentials}
    return boto3.client("sts", config=config, **arguments)  # pyright: ignore[reportUnknownMemberType] -- stubs of a few services only


def assumed(answer: Any) -> dict[str, str]:
    """Give what boto3 signs with after AssumeRoleWithWebIdentity."""
    credentials = answer["Credentials"]
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def claims_of(token: str) -> dict[str, Any]:
    """Read the claims of a token, unverified."""
    return jwt.decode(token, options={"verify_signature": False})


def at_once(actions: Sequence[Callable[[], T]]) -> list[T]:
    """Carry out actions in threads that begin together, and give what each answered."""
    start = threading.Barrier(len(actions), timeout=START_SECONDS)

    def carry_out(action: Callable[[], T]) -> T:
        start.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(carry_out, actions))
