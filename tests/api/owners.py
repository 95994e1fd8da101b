"""What the tests of streams, events and push set up: configurations, and guests with devices."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from types_boto3_cognito_sync import CognitoSyncClient
from types_boto3_cognito_sync.literals import PlatformType

from keepstep.testing import LocalServer
from keepstep.wire.sigv4 import Credentials
from tests.conftest import Identity, Place
from tests.raw import RawAnswer, RawRequester

from .identity.steps import identity_client, sync_client

if TYPE_CHECKING:
    from types_boto3_cognito_sync.type_defs import CognitoStreamsTypeDef

ROLE = "arn:aws:iam::000000000000:role/service-role/cognito"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:check"
STREAM: "CognitoStreamsTypeDef" = {
    "StreamName": "changes",
    "RoleArn": ROLE,
    "StreamingStatus": "ENABLED",
}


def application(platform: str, name: str = "app") -> str:
    """Give the ARN of an application of a platform."""
    return f"arn:aws:sns:us-east-1:000000000000:app/{platform}/{name}"


def allow_push(client: CognitoSyncClient, pool_id: str, *platforms: str) -> None:
    """Let a pool's devices of some platforms register."""
    client.set_identity_pool_configuration(
        IdentityPoolId=pool_id,
        PushSync={"ApplicationArns": [application(platform) for platform in platforms]},
    )


@dataclass(frozen=True)
class Guest:
    """A guest of a pool, with their own credentials."""

    server: LocalServer
    identity: Identity
    client: CognitoSyncClient
    credentials: Credentials

    @property
    def place(self) -> Place:
        """A dataset of theirs."""
        return {**self.identity, "DatasetName": "things"}

    def register(self, token: str = "token", platform: PlatformType = "GCM") -> str:
        """Register a device and give its id."""
        answer = self.client.register_device(**self.identity, Platform=platform, Token=token)
        return answer["DeviceId"]

    def call(self, method: str, target: str, body: bytes = b"") -> RawAnswer:
        """Send a raw request, signed with the guest's credentials."""
        raw = RawRequester(self.server)
        headers = raw.signed_headers(method, target, body, credentials=self.credentials)
        return raw.send(method, target, body, headers)


def new_guest(server: LocalServer, pool_id: str) -> Guest:
    """Make a guest of a pool."""
    public = identity_client(server, signed=False)
    identity_id = public.get_id(IdentityPoolId=pool_id)["IdentityId"]
    given: Any = public.get_credentials_for_identity(IdentityId=identity_id)["Credentials"]
    credentials = Credentials(given["AccessKeyId"], given["SecretKey"], given["SessionToken"])
    arguments = {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "aws_session_token": credentials.session_token or "",
    }
    identity: Identity = {"IdentityPoolId": pool_id, "IdentityId": identity_id}
    return Guest(server, identity, sync_client(server, arguments), credentials)


def pool_target(pool_id: str, rest: str) -> str:
    """Give the raw path of a pool and what is under it."""
    return f"/identitypools/{pool_id.replace(':', '%3A')}/{rest}"
