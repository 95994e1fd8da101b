"""Guests of pools with a trigger, and what they see of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from types_boto3_cognito_sync import CognitoSyncClient
from types_boto3_cognito_sync.type_defs import RecordPatchTypeDef

from keepstep.testing import LocalServer
from tests.conftest import Place, client_of
from tests.server.processes import eventually

from .identity.steps import sync_client
from .owners import ROLE, Guest, new_guest
from .steps import begin, refused, replace, values_of
from .trigger_functions import FUNCTIONS, POOLS, STREAM, Act, Told


@dataclass(frozen=True)
class Triggered:
    """A guest whose updates a function has a say in, and what that function is told."""

    guest: Guest
    client: CognitoSyncClient
    """Tries everything once."""
    told: Told

    @property
    def place(self) -> Place:
        return self.guest.place

    @property
    def developer(self) -> CognitoSyncClient:
        """A client that signs with a developer's key."""
        return client_of(self.guest.server)

    def update(self, token: str, *patches: RecordPatchTypeDef) -> dict[str, str | None]:
        """Update records in a session; give the value of each that came back."""
        answer = self.client.update_records(
            **self.place, SyncSessionToken=token, RecordPatches=patches
        )
        return values_of(answer["Records"])

    def listing(self) -> Any:
        """Give all that ListRecords shows, but for the token that is new each time."""
        answer: Any = self.client.list_records(**self.place)
        return {
            k: v for k, v in answer.items() if k not in {"SyncSessionToken", "ResponseMetadata"}
        }

    def streamed_counts(self, expected: int) -> list[int]:
        """Give the counts that the stream was told of, when that many came."""
        eventually(lambda: len(self.told.streamed) >= expected, "the stream is told")
        return [change["syncCount"] for change in self.told.streamed]


Made = Callable[[str], Triggered]


def new_triggered(server: LocalServer, kind: str) -> Triggered:
    """Make a guest of a new pool that streams, with a function of a kind that changes nothing."""
    pool_id, told = server.new_id(), Told()
    POOLS[pool_id] = told
    developer = client_of(server)
    developer.set_cognito_events(IdentityPoolId=pool_id, Events={"SyncTrigger": FUNCTIONS[kind]})
    developer.set_identity_pool_configuration(
        IdentityPoolId=pool_id,
        CognitoStreams={"StreamName": STREAM, "RoleArn": ROLE, "StreamingStatus": "ENABLED"},
    )
    guest = new_guest(server, pool_id)
    arguments: dict[str, Any] = {
        "aws_access_key_id": guest.credentials.access_key_id,
        "aws_secret_access_key": guest.credentials.secret_access_key,
        "aws_session_token": guest.credentials.session_token,
        "config": Config(retries={"total_max_attempts": 1}),
    }
    return Triggered(guest, sync_client(server, arguments), told)


def fails_harmlessly(triggered: Triggered, act: Act, code: str, status: int = 400) -> None:
    """Let the function do something once, by which the update must fail and leave no trace.

    Nothing is stored, nothing waits to be sent, and the same token is good for the update after.
    """
    triggered.update(begin(triggered.client, triggered.place), replace("kept", "1"))
    before, asked = triggered.listing(), len(triggered.told.events)
    token = begin(triggered.client, triggered.place)
    usual, triggered.told.act = triggered.told.act, act
    with refused(code, status):
        triggered.update(token, replace("kept", "2", 1), replace("new", "3"))
    assert len(triggered.told.events) == asked + 1
    assert triggered.listing() == before
    triggered.told.act = usual
    assert triggered.update(token, replace("kept", "4", 1)) == {"kept": "4"}
    assert triggered.streamed_counts(2) == [1, 2]
    sent = triggered.told.streamed[1]["kinesisSyncRecords"]
    assert [(one["key"], one["value"]) for one in sent] == [("kept", "4")]
