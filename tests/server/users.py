"""Users of a served store: pools that the command line makes, test logins, credentials, data."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError
from types_boto3_cognito_sync import CognitoSyncClient

from tests.api.identity.steps import DEVELOPER, Pool, identity_client, sync_client
from tests.conftest import Place

from .processes import ROOT, Serving, done, serving

DATASET = "notes"


@dataclass(frozen=True)
class Served:
    """A store that a process serves to users with test logins, and the directory it is in."""

    running: Serving
    directory: Path

    def new_pool(self, *options: str) -> Pool:
        """Make a pool that takes guests and a developer's users."""
        create = ("pool", "create", "app", "--guests", "--developer-provider", DEVELOPER)
        server = self.running.server
        return Pool(
            done(self.directory, *create, *options).strip(),
            identity_client(server),
            identity_client(server, signed=False),
        )

    def client(
        self, pool: Pool, identity_id: str, logins: Mapping[str, str] | None = None
    ) -> CognitoSyncClient:
        """Give a client of Cognito Sync that signs with new credentials of an identity."""
        return sync_client(self.running.server, pool.credentials(identity_id, dict(logins or {})))


@contextmanager
def served_in(directory: Path) -> Generator[Served]:
    """Serve a store of its own for as long as the block lasts."""
    with serving(directory, "--insecure-logins", environment=ROOT) as running:
        yield Served(running, directory)


def place_of(pool: Pool, identity_id: str, dataset_name: str = DATASET) -> Place:
    """Name a dataset of an identity."""
    return Place(IdentityPoolId=pool.pool_id, IdentityId=identity_id, DatasetName=dataset_name)


def refusal(client: CognitoSyncClient, place: Place) -> str | None:
    """Give the code that ListRecords is refused with, None if it is not."""
    try:
        client.list_records(**place)
    except ClientError as error:
        return error.response.get("Error", {}).get("Code")
    return None
