"""What the tests of Cognito Identity do and say: log in, link, ask for what was refused."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from keepstep.testing import LocalServer
from tests.api.steps import refused

if TYPE_CHECKING:
    from types_boto3_cognito_identity import CognitoIdentityClient
    from types_boto3_cognito_sync import CognitoSyncClient

DEVELOPER = "login.example.app"
FACEBOOK, GOOGLE, AMAZON = "graph.facebook.com", "accounts.google.com", "www.amazon.com"
DO_NOT_MATCH = (
    "Logins don't match. Please include at least one valid login for this identity or identity "
    "pool."
)
WRONG_DEVELOPER = "This identity pool does not support the specified developer provider"
NOT_A_PUBLIC_PROVIDER = "Please provide a valid public provider."
MISMATCH = "The developer user identifier does not match the identity."
NOT_VALID = "NextToken is not valid for these inputs; leave it out to start from the first page."


def identity_client(server: LocalServer, *, signed: bool = True) -> "CognitoIdentityClient":
    """Give a boto3 client of a server that tries each call once and checks nothing itself."""
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    if not signed:
        config = config.merge(Config(signature_version=UNSIGNED))  # pyright: ignore[reportUnknownMemberType] -- botocore has no types
    return boto3.client(  # pyright: ignore[reportUnknownMemberType] -- stubs of a few services only
        "cognito-identity", config=config, **server.client_arguments
    )


def sync_client(server: LocalServer, credentials: dict[str, Any]) -> "CognitoSyncClient":
    """Give a boto3 client of Cognito Sync that signs with an identity's credentials."""
    return boto3.client(  # pyright: ignore[reportUnknownMemberType] -- stubs of a few services only
        "cognito-sync", **{**server.client_arguments, **credentials}
    )


def login(provider: str, user: str) -> dict[str, str]:
    """Give Logins with the test token of a user of one provider."""
    return {provider: f"test:{user}"}


@dataclass(frozen=True)
class Pool:
    """An identity pool, with what its developer and its users do in it."""

    pool_id: str
    developer: "CognitoIdentityClient"
    public: "CognitoIdentityClient"

    def guest(self) -> str:
        """Make a guest and give its identity id."""
        return self.public.get_id(IdentityPoolId=self.pool_id)["IdentityId"]

    def log_in(self, *logins: dict[str, str]) -> str:
        """Give the identity id that logins come to together."""
        together = {provider: token for one in logins for provider, token in one.items()}
        return self.public.get_id(IdentityPoolId=self.pool_id, Logins=together)["IdentityId"]

    def link(self, identity_id: str, *logins: dict[str, str]) -> str:
        """Sign in to an identity with logins, which links those that are new."""
        together = {provider: token for one in logins for provider, token in one.items()}
        answer = self.public.get_credentials_for_identity(IdentityId=identity_id, Logins=together)
        return answer["IdentityId"]

    def developer_user(self, user: str, **arguments: Any) -> str:
        """Sign in a user of the developer's own and give the identity id."""
        logins = {DEVELOPER: user, **arguments.pop("Logins", {})}
        return self.developer.get_open_id_token_for_developer_identity(
            IdentityPoolId=self.pool_id, Logins=logins, **arguments
        )["IdentityId"]

    def merge(self, source: str, destination: str, **arguments: Any) -> str:
        """Merge one developer's user into another and give the identity id that remains."""
        usual: dict[str, Any] = {
            "IdentityPoolId": self.pool_id,
            "DeveloperProviderName": DEVELOPER,
            "SourceUserIdentifier": source,
            "DestinationUserIdentifier": destination,
        }
        return self.developer.merge_developer_identities(**{**usual, **arguments})["IdentityId"]

    def lookup(self, **arguments: Any) -> Any:
        """Look up a developer's user, an identity, or both."""
        return self.developer.lookup_developer_identity(IdentityPoolId=self.pool_id, **arguments)

    def users(self, identity_id: str) -> list[str]:
        """Give the developer's users of an identity."""
        return self.lookup(IdentityId=identity_id)["DeveloperUserIdentifierList"]

    def providers(self, identity_id: str) -> list[str]:
        """Give the names of the providers that an identity is linked to."""
        return self.developer.describe_identity(IdentityId=identity_id).get("Logins", [])

    def credentials(self, identity_id: str, *logins: dict[str, str]) -> dict[str, str]:
        """Give what boto3 signs with as an identity."""
        together = {provider: token for one in logins for provider, token in one.items()}
        answer = self.public.get_credentials_for_identity(IdentityId=identity_id, Logins=together)
        credentials = answer["Credentials"]
        return {
            "aws_access_key_id": credentials.get("AccessKeyId", ""),
            "aws_secret_access_key": credentials.get("SecretKey", ""),
            "aws_session_token": credentials.get("SessionToken", ""),
        }


def new_pool(server: LocalServer, **settings: Any) -> Pool:
    """Create a pool that takes guests, three public providers and a developer's users."""
    developer = identity_client(server)
    usual: dict[str, Any] = {
        "IdentityPoolName": "people",
        "AllowUnauthenticatedIdentities": True,
        "DeveloperProviderName": DEVELOPER,
        "SupportedLoginProviders": {FACEBOOK: "app", GOOGLE: "app", AMAZON: "app"},
    }
    created = developer.create_identity_pool(**{**usual, **settings})
    return Pool(created["IdentityPoolId"], developer, identity_client(server, signed=False))


@contextmanager
def not_authorized(message: str) -> Generator[None]:
    """Expect boto3 to raise NotAuthorizedException with this exact text."""
    with refused("NotAuthorizedException", 400, message):
        yield


@contextmanager
def not_found(message: str) -> Generator[None]:
    """Expect boto3 to raise ResourceNotFoundException with this exact text."""
    with refused("ResourceNotFoundException", 400, message):
        yield


@contextmanager
def not_valid(value: str, path: str, rule: str) -> Generator[None]:
    """Expect boto3 to raise ValidationException that says which rule a value breaks."""
    failed = f"1 validation error detected: Value {value} at '{path}' failed to satisfy constraint:"
    with refused("ValidationException", 400, f"{failed} {rule}"):
        yield


def no_pool(pool_id: str) -> str:
    """Give the text for a pool that does not exist."""
    return f"IdentityPool '{pool_id}' not found."


def no_identity(identity_id: str) -> str:
    """Give the text for an identity that does not exist; Amplify compares it in full."""
    return f"Identity '{identity_id}' not found."


def forbidden(identity_id: str) -> str:
    """Give the text for an identity out of the caller's reach."""
    return f"Access to Identity '{identity_id}' is forbidden."
