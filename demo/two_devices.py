"""Two devices of one user, synced through plain boto3 against a server on SQLite.

Starts ``keepstep serve``, plays the story, checks every step of it, and prints what happened.
"""

from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table
from serving import running_server

POOL = "us-east-1:5eb1d6f0-0000-4000-8000-0000000000aa"
USER = "us-east-1:5eb1d6f0-0000-4000-8000-0000000000bb"


class Device:
    """One device: what it has synced, what it has edited since, and the count it has seen."""

    def __init__(self, client: Any, name: str) -> None:
        """``client`` is a boto3 client of Cognito Sync."""
        self.client = client
        self.name = name
        self.seen = 0
        self.records: dict[str, tuple[str | None, int]] = {}
        self.edits: dict[str, str | None] = {}

    def pull(self) -> dict[str, Any]:
        """Fetch what changed since the last sync; edits made here stay until they are pushed."""
        answer = self.client.list_records(**self.dataset(), LastSyncCount=self.seen)
        if answer["DatasetDeletedAfterRequestedSyncCount"]:
            self.records.clear()
        for record in answer["Records"]:
            self.records[record["Key"]] = (record.get("Value"), record["SyncCount"])
        self.seen = answer["DatasetSyncCount"]
        return answer

    def push(self, token: str) -> None:
        """Send the edits, each with the count of the record it was made from."""
        patches = [
            {"Op": "remove", "Key": key, "SyncCount": self.count(key)}
            if value is None
            else {"Op": "replace", "Key": key, "Value": value, "SyncCount": self.count(key)}
            for key, value in self.edits.items()
        ]
        answer = self.client.update_records(
            **self.dataset(), SyncSessionToken=token, RecordPatches=patches, DeviceId=self.name
        )
        for record in answer["Records"]:
            self.records[record["Key"]] = (record.get("Value"), record["SyncCount"])
            self.seen = max(self.seen, record["SyncCount"])
        self.edits.clear()

    def sync(self) -> None:
        """Pull, then push if anything was edited."""
        answer = self.pull()
        if self.edits:
            self.push(answer["SyncSessionToken"])

    def count(self, key: str) -> int:
        """Give the sync count of the record as this device knows it; 0 for a new one."""
        return self.records.get(key, (None, 0))[1]

    def shown(self) -> str:
        """Give the records the device holds, removed ones left out."""
        live = {key: value for key, (value, _) in self.records.items() if value is not None}
        return ", ".join(f"{key}={value}" for key, value in sorted(live.items())) or "(nothing)"

    @staticmethod
    def dataset() -> dict[str, str]:
        """Give the arguments that name the dataset."""
        return {"IdentityPoolId": POOL, "IdentityId": USER, "DatasetName": "settings"}


class Story:
    """The table of what happened."""

    def __init__(self, phone: Device, tablet: Device) -> None:
        """Tell of two devices."""
        self.phone, self.tablet = phone, tablet
        self.table = Table("Step", "Phone has", "Tablet has", "Server count", show_lines=True)

    def tell(self, step: str, phone: str, tablet: str) -> None:
        """Add a step, and fail if the devices do not hold what the story says."""
        held = (self.phone.shown(), self.tablet.shown())
        if held != (phone, tablet):
            raise SystemExit(f"{step}: expected {(phone, tablet)}, found {held}")
        answer = self.phone.client.list_records(**self.phone.dataset())
        self.table.add_row(step, *held, str(answer["DatasetSyncCount"]))


def play(client: Any) -> Table:
    """Play the story from the first sync to the re-creation after a deletion."""
    phone, tablet = Device(client, "phone"), Device(client, "tablet")
    story = Story(phone, tablet)

    phone.edits = {"theme": "dark", "volume": "7"}
    phone.sync()
    story.tell("Phone creates two records", "theme=dark, volume=7", "(nothing)")

    tablet.sync()
    listed = client.list_datasets(IdentityPoolId=POOL, IdentityId=USER)["Datasets"]
    names = ", ".join(f"{d['DatasetName']} ({d['NumRecords']} records)" for d in listed)
    both = "theme=dark, volume=7"
    story.tell(f"Tablet syncs; ListDatasets: {names}", both, both)

    phone.edits, tablet.edits = {"theme": "light"}, {"volume": "3"}
    phone.sync()
    tablet.sync()
    phone.sync()
    both = "theme=light, volume=3"
    story.tell("Both edit different records; nothing collides", both, both)

    phone.edits, tablet.edits = {"theme": "blue"}, {"theme": "red"}
    token = tablet.pull()["SyncSessionToken"]
    phone.sync()
    try:
        tablet.push(token)
    except ClientError as error:
        refusal = error.response.get("Error", {}).get("Message", "")
    else:
        raise SystemExit("the conflict went unnoticed")
    story.tell(f"Both edit theme; tablet is refused: {refusal}", "theme=blue, volume=3", both)

    tablet.sync()
    phone.sync()
    both = "theme=red, volume=3"
    story.tell("Tablet pulls, keeps its own value, pushes again", both, both)

    phone.edits = {"volume": None}
    phone.sync()
    tablet.sync()
    story.tell("Phone removes volume; tablet learns of it", "theme=red", "theme=red")

    client.delete_dataset(**phone.dataset())
    tablet.edits = {"theme": "green"}
    tablet.sync()
    story.tell("Dataset deleted; tablet re-creates it", "theme=red", "theme=green")

    phone.sync()
    story.tell("Phone sees the deletion and takes the new life", "theme=green", "theme=green")
    return story.table


def main() -> None:
    """Run the demo."""
    with running_server("--open-pools") as printed:
        console = Console(width=110)
        console.print(f"keepstep serves at {printed['AWS_ENDPOINT_URL']}; two devices sync:")
        console.print(play(printed.client("cognito-sync")))
        console.print("Every step held what it should.")


if __name__ == "__main__":
    main()
