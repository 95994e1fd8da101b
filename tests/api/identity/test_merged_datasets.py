"""What apps see of the datasets of merged identities: a new name, a report, and no other change."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from keepstep.testing import LocalServer
from tests.api.steps import (
    INVALID_TOKEN,
    begin,
    contents,
    fill,
    invalid,
    refused,
    remove,
    replace,
    write,
)
from tests.conftest import Place, client_of

from .signing_in import datasets_of, place_of
from .steps import DEVELOPER, FACEBOOK, Pool, forbidden, login, not_authorized, sync_client

if TYPE_CHECKING:
    from types_boto3_cognito_sync import CognitoSyncClient

ALICE = login(FACEBOOK, "alice")


def reported(listing: Any) -> list[str]:
    """Give the datasets that a listing reports as merged; an empty list travels as null."""
    return listing.get("MergedDatasetNames", [])


@dataclass(frozen=True)
class Family:
    """Developer's users of one pool, and their datasets, as the developer's key reaches them."""

    pool: Pool
    client: "CognitoSyncClient"
    server: LocalServer

    def user(self, name: str) -> str:
        """Give the identity of a user."""
        return self.pool.developer_user(name)

    def merge(self, source: str, destination: str) -> None:
        """Make one user's identity part of another's."""
        self.pool.merge(source, destination)

    def place(self, identity_id: str, name: str = "things") -> Place:
        return place_of(self.pool, identity_id, name)

    def fill(self, identity_id: str, *names: str) -> None:
        """Store datasets that say whose they were at first."""
        for name in names:
            fill(self.client, self.place(identity_id, name), owner=identity_id)

    def merged(self, identity_id: str, name: str = "things") -> list[str]:
        """Give the datasets that are reported as merged into one."""
        return reported(self.client.list_records(**self.place(identity_id, name)))

    def names(self, identity_id: str) -> list[str]:
        return datasets_of(self.server, self.pool, identity_id)


@pytest.fixture(scope="session")
def developer_client(identity_server: LocalServer) -> "CognitoSyncClient":
    return client_of(identity_server)


@pytest.fixture
def family(identity_server: LocalServer, pool: Pool, developer_client: Any) -> Family:
    return Family(pool, developer_client, identity_server)


@pytest.fixture
def a(family: Family) -> str:
    """The identity that goes on."""
    return family.user("a")


@pytest.fixture
def b(family: Family, a: str) -> str:
    """The identity that becomes part of ``a``."""
    return family.user("b")


def test_a_merged_dataset_is_as_it_was_but_for_its_name(family: Family, a: str, b: str) -> None:
    client, old = family.client, family.place(b)
    write(client, old, replace("kept", "1"), replace("gone", "2"), replace("empty", ""))
    write(client, old, remove("gone", 1), replace("more", "ü"))
    before, described = client.list_records(**old), client.describe_dataset(**old)["Dataset"]
    family.merge("b", "a")
    new = family.place(a, f"things.{b}")
    after = client.list_records(**new)
    for listing in (before, after):
        del listing["ResponseMetadata"], listing["SyncSessionToken"]  # pyright: ignore[reportGeneralTypeIssues] -- to compare the rest
    assert after == before
    assert client.describe_dataset(**new)["Dataset"] == {
        **described,
        "IdentityId": a,
        "DatasetName": new["DatasetName"],
    }
    assert family.names(b) == []


@pytest.mark.parametrize("root_exists", [True, False])
def test_a_merged_dataset_is_reported_under_its_root(
    family: Family, a: str, b: str, root_exists: bool
) -> None:
    family.fill(b, "things")
    family.fill(a, *(["things"] if root_exists else []))
    family.merge("b", "a")
    listing = family.client.list_records(**family.place(a))
    assert reported(listing) == [f"things.{b}"]
    assert listing["DatasetExists"] is root_exists
    assert contents(family.client, family.place(a, f"things.{b}")) == {"owner": b}
    for other in ("other", "thing", f"things.{b}", b):
        assert family.merged(a, other) == []


def test_the_root_keeps_its_own_records(family: Family, a: str, b: str) -> None:
    for identity in (a, b):
        family.fill(identity, "things")
    before = family.client.list_records(**family.place(a))
    family.merge("b", "a")
    after = family.client.list_records(**family.place(a))
    assert after["Records"] == before["Records"]
    assert after["DatasetSyncCount"] == before["DatasetSyncCount"]


def test_a_merged_dataset_is_reported_in_every_listing_until_it_is_deleted(
    family: Family, a: str, b: str
) -> None:
    client, merged = family.client, f"things.{b}"
    family.fill(b, "things")
    family.merge("b", "a")
    family.fill(a, "things")
    assert [family.merged(a) for _ in range(2)] == [[merged]] * 2
    count = client.list_records(**family.place(a))["DatasetSyncCount"]
    later = client.list_records(**family.place(a), LastSyncCount=count, MaxResults=1)
    assert reported(later) == [merged]
    client.delete_dataset(**family.place(a, merged))
    assert family.merged(a) == []
    assert family.names(a) == ["things"]


def test_of_several_pages_the_last_one_reports_a_merged_dataset(
    family: Family, a: str, b: str
) -> None:
    # Android adds up what the pages report, Unity takes the last page's.
    family.fill(b, "things")
    family.merge("b", "a")
    fill(family.client, family.place(a), x="1", y="2", z="3")
    first = family.client.list_records(**family.place(a), MaxResults=2)
    last = family.client.list_records(
        **family.place(a), MaxResults=2, NextToken=first.get("NextToken", "")
    )
    assert (reported(first), reported(last)) == ([], [f"things.{b}"])


def test_a_dataset_made_anew_under_a_merged_name_is_not_reported(
    family: Family, a: str, b: str
) -> None:
    merged = family.place(a, f"things.{b}")
    family.fill(b, "things")
    family.merge("b", "a")
    family.client.delete_dataset(**merged)
    fill(family.client, merged, again="1")
    assert family.merged(a) == []


def test_deleting_the_root_leaves_what_was_merged_into_it(family: Family, a: str, b: str) -> None:
    for identity in (a, b):
        family.fill(identity, "things")
    family.merge("b", "a")
    family.client.delete_dataset(**family.place(a))
    listing = family.client.list_records(**family.place(a))
    assert (listing["DatasetExists"], reported(listing)) == (False, [f"things.{b}"])
    assert contents(family.client, family.place(a, f"things.{b}")) == {"owner": b}


def test_a_client_that_kept_its_count_syncs_on(family: Family, a: str, b: str) -> None:
    client, old = family.client, family.place(b)
    for number in range(5):
        fill(client, old, **{f"k{number}": "1"})
    family.merge("b", "a")
    new = family.place(a, f"things.{b}")
    unchanged = client.list_records(**new, LastSyncCount=5)
    assert (unchanged["Records"], unchanged["DatasetSyncCount"]) == ([], 5)
    assert not unchanged["DatasetDeletedAfterRequestedSyncCount"]
    assert [
        record.get("Key") for record in client.list_records(**new, LastSyncCount=3)["Records"]
    ] == ["k3", "k4"]
    (record,) = write(client, new, replace("k0", "2", 1))
    assert record.get("SyncCount") == 6


def test_a_dataset_that_was_deleted_before_the_merge_is_not_merged(
    family: Family, a: str, b: str
) -> None:
    family.fill(b, "things")
    family.client.delete_dataset(**family.place(b))
    family.merge("b", "a")
    assert family.names(a) == []
    assert family.merged(a) == []


def test_nested_merges_keep_every_name_and_are_reported_under_the_first(
    family: Family, a: str, b: str
) -> None:
    c = family.user("c")
    for identity in (a, b, c):
        family.fill(identity, "things")
    family.merge("c", "b")
    assert family.merged(b) == [f"things.{c}"]
    family.merge("b", "a")
    merged = sorted([f"things.{b}", f"things.{c}.{b}"])
    assert family.merged(a) == merged
    assert family.names(a) == ["things", *merged]
    assert contents(family.client, family.place(a, f"things.{c}.{b}")) == {"owner": c}
    assert family.merged(a, f"things.{c}") == []
    family.client.delete_dataset(**family.place(a, f"things.{c}.{b}"))
    assert family.merged(a) == [f"things.{b}"]


def test_several_merges_into_one_root_are_all_reported(family: Family, a: str, b: str) -> None:
    c = family.user("c")
    for identity in (b, c):
        family.fill(identity, "things")
    family.merge("b", "a")
    family.merge("c", "a")
    assert family.merged(a) == sorted([f"things.{b}", f"things.{c}"])


def test_merging_passes_the_limit_of_datasets_but_new_ones_do_not(
    family: Family, a: str, b: str
) -> None:
    mine, theirs = ([f"{owner}{number:02}" for number in range(15)] for owner in "ab")
    family.fill(a, *mine)
    family.fill(b, *theirs)
    family.merge("b", "a")
    merged = [f"{name}.{b}" for name in theirs]
    assert family.names(a) == [*mine, *merged]
    with refused("LimitExceededException", 400):
        family.fill(a, "new")
    fill(family.client, family.place(a, merged[0]), more="1")
    for name in merged[:10]:
        family.client.delete_dataset(**family.place(a, name))
    with refused("LimitExceededException", 400):
        family.fill(a, "new")
    family.client.delete_dataset(**family.place(a, merged[10]))
    family.fill(a, "new")


def test_long_names_lose_their_end_and_keep_their_root(family: Family, a: str, b: str) -> None:
    roots = ["x" * 127 + end for end in "yz"]
    family.fill(b, *roots)
    family.merge("b", "a")
    found = [family.merged(a, root) for root in roots]
    assert found == [[f"{'x' * 81}.{b}"], [f"{'x' * 79}-2.{b}"]]
    assert all(len(name) == 128 for (name,) in found)
    for root, (name,) in zip(roots, found, strict=True):
        assert contents(family.client, family.place(a, name)) == {"owner": b}
        family.client.delete_dataset(**family.place(a, name))
        assert family.merged(a, root) == []


@pytest.mark.parametrize("name", ["things", "things.{old}"])
def test_a_sync_session_of_the_old_place_is_not_valid_at_any_new_one(
    family: Family, a: str, b: str, name: str
) -> None:
    family.fill(b, "things")
    token = begin(family.client, family.place(b))
    family.merge("b", "a")
    place = family.place(a, name.format(old=b))
    with invalid(INVALID_TOKEN):
        family.client.update_records(
            **place, SyncSessionToken=token, RecordPatches=[replace("k", "v", 1)]
        )


def test_nothing_is_written_to_the_old_place(family: Family, a: str, b: str) -> None:
    family.fill(b, "things")
    token = begin(family.client, family.place(b))
    family.merge("b", "a")
    for name in ("things", "other"):
        place = family.place(b, name)
        token = token if name == "things" else begin(family.client, place)
        with refused("NotAuthorizedException", 403, forbidden(b)):
            family.client.update_records(
                **place, SyncSessionToken=token, RecordPatches=[replace("k", "v")]
            )
    assert family.names(b) == []


CALLS: list[Callable[["CognitoSyncClient", Place], object]] = [
    lambda client, place: client.list_records(**place),
    lambda client, place: client.update_records(**place, SyncSessionToken="none"),
    lambda client, place: client.describe_dataset(**place),
    lambda client, place: client.delete_dataset(**place),
    lambda client, place: client.list_datasets(
        IdentityPoolId=place["IdentityPoolId"], IdentityId=place["IdentityId"]
    ),
]


@pytest.mark.parametrize("call", CALLS)
def test_credentials_of_a_merged_identity_stop_working(
    family: Family, call: Callable[["CognitoSyncClient", Place], object]
) -> None:
    survivor, guest = family.pool.log_in(ALICE), family.pool.guest()
    family.fill(guest, "things")
    old = sync_client(family.server, family.pool.credentials(guest))
    assert begin(old, family.place(guest))
    assert family.pool.link(guest, ALICE) == survivor
    with refused("NotAuthorizedException", 403, forbidden(guest)):
        call(old, family.place(guest))


def test_a_device_that_holds_the_merged_away_id_comes_to_its_data(family: Family) -> None:
    pool = family.pool
    survivor, guest = pool.log_in(ALICE), pool.guest()
    family.fill(guest, "things")
    pool.link(guest, ALICE)
    answer = pool.public.get_credentials_for_identity(IdentityId=guest, Logins=ALICE)
    assert answer["IdentityId"] == survivor
    client = sync_client(family.server, pool.credentials(guest, ALICE))
    assert reported(client.list_records(**family.place(survivor))) == [f"things.{guest}"]
    assert contents(client, family.place(survivor, f"things.{guest}")) == {"owner": guest}
    with not_authorized(forbidden(guest)):
        pool.credentials(guest)


def test_a_guests_data_stays_in_place_when_it_logs_in_for_the_first_time(family: Family) -> None:
    guest = family.pool.guest()
    family.fill(guest, "things")
    assert family.pool.link(guest, ALICE) == guest
    client = sync_client(family.server, family.pool.credentials(guest, ALICE))
    assert contents(client, family.place(guest)) == {"owner": guest}
    assert reported(client.list_records(**family.place(guest))) == []


def test_deleting_the_survivor_deletes_what_was_merged_into_it(
    family: Family, a: str, b: str
) -> None:
    family.fill(b, "things")
    family.merge("b", "a")
    family.pool.developer.delete_identities(IdentityIdsToDelete=[a])
    assert family.names(a) == family.names(b) == []
    again = family.pool.developer_user("b")
    assert again not in (a, b)
    assert family.pool.providers(again) == [DEVELOPER]
