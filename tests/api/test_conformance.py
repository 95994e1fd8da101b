"""What AWS's own clients and their tests expect of the service, each case by its source."""

import pytest
from botocore.exceptions import ClientError
from types_boto3_cognito_sync import CognitoSyncClient
from types_boto3_cognito_sync.type_defs import RecordPatchTypeDef

from keepstep.testing import LocalServer
from tests.conftest import Identity, Place
from tests.raw import RawAnswer, RawRequester

from .owners import FUNCTION, allow_push, application, new_guest
from .steps import (
    INVALID_TOKEN,
    begin,
    contents,
    counts_of,
    dataset_target,
    fill,
    invalid,
    patch_body,
    refused,
    remove,
    replace,
    values_of,
    write,
)

OVERRIDE = {"x-http-method-override": "DELETE"}


def force_update(client: CognitoSyncClient, place: Place, key: str, value: str) -> None:
    """Write with the dataset's count, as the helper of the iOS tests does."""
    listed = client.list_records(**place)
    client.update_records(
        **place,
        SyncSessionToken=listed["SyncSessionToken"],
        RecordPatches=[replace(key, value, listed["DatasetSyncCount"])],
    )


class Device:
    """A device that syncs as the Android SDK does: local records, a local count, dirty keys."""

    def __init__(self, client: CognitoSyncClient, place: Place) -> None:
        self.client = client
        self.place: Place = place
        self.last = 0
        self.records: dict[str, tuple[str | None, int]] = {}
        self.dirty: dict[str, str] = {}

    def put(self, key: str, value: str) -> None:
        self.dirty[key] = value

    def pull(self) -> tuple[int, str]:
        """Take the changes over; give the dataset's count and the session."""
        listed = self.client.list_records(**self.place, LastSyncCount=self.last, MaxResults=1024)
        assert listed["DatasetDeletedAfterRequestedSyncCount"] is False
        for key, value in values_of(listed["Records"]).items():
            self.records[key] = value, counts_of(listed["Records"])[key]
        if listed["Records"]:
            self.last = listed["DatasetSyncCount"]
        return listed["DatasetSyncCount"], listed["SyncSessionToken"]

    def push(self, count: int, token: str) -> None:
        """Send the dirty records; move the local count only if nobody else wrote in between."""
        patches: list[RecordPatchTypeDef] = [
            replace(key, value, self.records.get(key, ("", 0))[1])
            for key, value in self.dirty.items()
        ]
        written = self.client.update_records(
            **self.place, SyncSessionToken=token, RecordPatches=patches
        )["Records"]
        for key, value in values_of(written).items():
            self.records[key] = value, counts_of(written)[key]
            del self.dirty[key]
        highest = max(counts_of(written).values())
        if highest == count + 1:
            self.last = highest

    def synchronize(self) -> None:
        count, token = self.pull()
        if self.dirty:
            self.push(count, token)

    @property
    def values(self) -> dict[str, str | None]:
        return {key: value for key, (value, _) in self.records.items()}


def test_a_new_identity_has_no_datasets_with_1000_asked_for_by_a_developer_or_itself(
    server: LocalServer, client: CognitoSyncClient
) -> None:
    """The .NET SDK's integration test, which asks with both classes of credentials."""
    guest = new_guest(server, server.new_id())
    for asking in (client, guest.client):
        answer = asking.list_datasets(**guest.identity, MaxResults=1000)
        assert (answer["Count"], answer["Datasets"]) == (0, [])
        assert "NextToken" not in answer


def test_the_life_of_a_dataset_as_the_net_sdk_tests_it(
    client: CognitoSyncClient, place: Place, identity: Identity
) -> None:
    """The .NET SDK's integration test: create, list, replace again, delete."""
    new = client.list_records(**place)
    assert (new["Count"], new["DatasetSyncCount"], new["DatasetExists"]) == (0, 0, False)
    assert new["SyncSessionToken"]
    client.update_records(
        **place,
        SyncSessionToken=new["SyncSessionToken"],
        RecordPatches=[replace("key", "value")],
    )
    listed = client.list_records(**place)
    assert (listed["DatasetSyncCount"], listed["Count"]) == (1, 1)
    write(client, place, replace("key", "value", 1))
    client.delete_dataset(**place)
    assert client.list_datasets(**identity)["Count"] == 0
    with refused("ResourceNotFoundException", 404):
        client.describe_dataset(**place)


def test_a_token_may_be_listed_with_until_an_update_used_it(
    client: CognitoSyncClient, place: Place
) -> None:
    """AWSCognitoSyncServiceTests testSyncSessionToken of the iOS SDK."""
    token = begin(client, place)
    again = client.list_records(**place, SyncSessionToken=token)["SyncSessionToken"]
    client.update_records(**place, SyncSessionToken=again, RecordPatches=[replace("key", "value")])
    for used in (token, again):
        with invalid(INVALID_TOKEN):
            client.list_records(**place, SyncSessionToken=used)


def test_a_conflict_leaves_the_token_usable_for_listing_and_a_second_update(
    client: CognitoSyncClient, place: Place
) -> None:
    """AWSCognitoClientTest testSyncWithOldDirtyLocal of the iOS SDK."""
    write(client, place, replace("bar", "theirs"))
    token = begin(client, place)
    with refused("ResourceConflictException", 409):
        client.update_records(
            **place, SyncSessionToken=token, RecordPatches=[replace("bar", "mine")]
        )
    listed = client.list_records(**place, SyncSessionToken=token, LastSyncCount=0)
    assert values_of(listed["Records"]) == {"bar": "theirs"}
    patches = [replace("bar", "mine", 1)]
    client.update_records(
        **place, SyncSessionToken=listed["SyncSessionToken"], RecordPatches=patches
    )
    assert contents(client, place) == {"bar": "mine"}


def test_patches_stamped_with_the_datasets_count_succeed_for_old_and_new_keys(
    client: CognitoSyncClient, place: Place
) -> None:
    """``forceUpdate`` of the iOS SDK's tests, also right after a deletion."""
    for key in ("foo", "bar", "foo"):
        force_update(client, place, key, "value")
    client.delete_dataset(**place)
    force_update(client, place, "baz", "value")
    force_update(client, place, "baz", "value")
    assert contents(client, place) == {"baz": "value"}


def test_a_dataset_resurrected_by_others_is_noticed_twice_in_a_row(
    client: CognitoSyncClient, place: Place
) -> None:
    """AWSCognitoClientTest testDatasetDeletedHandlerOnResurrect of the iOS SDK."""
    last = fill(client, place, bar="mine")
    for value in ("first", "second"):
        client.delete_dataset(**place)
        force_update(client, place, "baz", value)
        listed = client.list_records(**place, LastSyncCount=last)
        assert listed["DatasetDeletedAfterRequestedSyncCount"] is True
        assert listed["DatasetExists"] is True
        assert values_of(listed["Records"]) == {"baz": value}
        (record,) = client.update_records(
            **place,
            SyncSessionToken=listed["SyncSessionToken"],
            RecordPatches=[replace("bar", "mine", 0)],
        )["Records"]
        assert record.get("SyncCount") == listed["DatasetSyncCount"] + 1
        last = listed["DatasetSyncCount"] + 1


def test_a_dataset_recreated_by_its_client_is_noticed_when_deleted_again(
    client: CognitoSyncClient, place: Place
) -> None:
    """AWSCognitoClientTest testDatasetDeletedHandler of the iOS SDK."""
    last = fill(client, place, bar="mine")
    for _ in range(2):
        client.delete_dataset(**place)
        listed = client.list_records(**place, LastSyncCount=last)
        assert listed["DatasetDeletedAfterRequestedSyncCount"] is True
        assert listed["DatasetExists"] is False
        assert listed["Records"] == []
        written = client.update_records(
            **place,
            SyncSessionToken=listed["SyncSessionToken"],
            RecordPatches=[replace("bar", "mine", 0)],
        )["Records"]
        last = counts_of(written)["bar"]
        assert last == listed["DatasetSyncCount"] + 1
        after = client.list_records(**place, LastSyncCount=last)
        assert after["DatasetDeletedAfterRequestedSyncCount"] is False
        assert after["Records"] == []


def test_a_count_one_too_high_meets_the_text_that_ios_parses(
    client: CognitoSyncClient, place: Place
) -> None:
    """AWSCognitoDataset of the iOS SDK lowers its count by one and tries again."""
    last = fill(client, place, key="value") + 1
    with invalid(f"No such SyncCount: {last} exists for this Dataset"):
        client.list_records(**place, LastSyncCount=last)
    assert client.list_records(**place, LastSyncCount=last - 1)["Count"] == 0


def test_a_change_elsewhere_is_returned_exactly_once(
    client: CognitoSyncClient, place: Place
) -> None:
    """The JavaScript client pushes only after a list without records."""
    last = fill(client, place, mine="1")
    write(client, place, replace("theirs", "2"))
    listed = client.list_records(**place, LastSyncCount=last)
    assert values_of(listed["Records"]) == {"theirs": "2"}
    again = client.list_records(**place, LastSyncCount=listed["DatasetSyncCount"])
    assert again["Records"] == []


def test_two_devices_pushing_different_keys_from_one_base_both_succeed(
    client: CognitoSyncClient, place: Place
) -> None:
    """The Android client moves its count only if the write came right behind the one it saw."""
    first, second = Device(client, place), Device(client, place)
    first.put("base", "0")
    first.synchronize()
    second.synchronize()
    assert (first.last, second.last) == (1, 1)
    first.put("a", "1")
    second.put("b", "2")
    states = [(device, *device.pull()) for device in (first, second)]
    for device, count, token in states:
        device.push(count, token)
    assert (first.last, second.last) == (2, 1)
    assert (first.records["a"][1], second.records["b"][1]) == (2, 3)
    for device in (first, second):
        device.synchronize()
        assert (device.last, device.values) == (3, {"base": "0", "a": "1", "b": "2"})


def test_a_device_that_was_away_learns_of_a_removal(
    client: CognitoSyncClient, place: Place
) -> None:
    """Tombstones stay for the life of the dataset (seen in amazon-cognito-js issue 44)."""
    away = Device(client, place)
    away.put("key", "value")
    away.synchronize()
    write(client, place, remove("key", 1))
    for count in range(2, 5):
        write(client, place, replace("other", "x", count))
    away.synchronize()
    assert away.values == {"key": None, "other": "x"}


def test_cognito_events_are_set_and_removed_as_the_net_sdk_tests_it(
    client: CognitoSyncClient, identity: Identity
) -> None:
    """The .NET SDK's integration test: none, one, and none after an empty name."""
    pool = identity["IdentityPoolId"]
    counts: list[int] = []
    for function in (None, FUNCTION, ""):
        if function is not None:
            client.set_cognito_events(IdentityPoolId=pool, Events={"SyncTrigger": function})
        counts.append(len(client.get_cognito_events(IdentityPoolId=pool)["Events"]))
    assert counts == [0, 1, 0]


def test_push_sync_is_set_and_cleared_as_the_net_sdk_tests_it(
    client: CognitoSyncClient, identity: Identity
) -> None:
    """The .NET SDK's integration test: an application without a role, then an empty object."""
    pool = identity["IdentityPoolId"]
    assert "PushSync" not in client.get_identity_pool_configuration(IdentityPoolId=pool)
    allow_push(client, pool, "GCM")
    found = client.get_identity_pool_configuration(IdentityPoolId=pool)
    assert found.get("PushSync") == {"ApplicationArns": [application("GCM")]}
    client.set_identity_pool_configuration(IdentityPoolId=pool, PushSync={})
    assert "PushSync" not in client.get_identity_pool_configuration(IdentityPoolId=pool)


def delete_as_unity(
    raw: RawRequester, place: Place, signed_body: bytes, sent_headers: dict[str, str]
) -> RawAnswer:
    """Sign a DELETE, then send it as a POST with "{}" and the override header."""
    target = dataset_target(place)
    headers = raw.signed_headers("DELETE", target, signed_body)
    return raw.send("POST", target, b"{}", {**headers, **sent_headers})


@pytest.mark.parametrize("signed_body", [b"", b"{}"])
@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "x-http-method-override"])
def test_a_delete_that_unity_sends_as_a_post_deletes(
    client: CognitoSyncClient, raw: RawRequester, place: Place, signed_body: bytes, header: str
) -> None:
    """AmazonCognitoSyncPostMarshallHandler and PostSignHandler of the Unity SDK."""
    fill(client, place, key="value")
    answer = delete_as_unity(raw, place, signed_body, {header: "DELETE"})
    assert answer.status == 200
    assert answer.json["Dataset"]["NumRecords"] == 1
    assert client.list_records(**place)["DatasetExists"] is False


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_delete_of_later_unity_with_the_override_header_signed_deletes(
    client: CognitoSyncClient, raw: RawRequester, place: Place, method: str
) -> None:
    fill(client, place, key="value")
    target = dataset_target(place)
    headers = raw.signed_headers(method, target, b"{}", OVERRIDE)
    assert raw.send("POST", target, b"{}", headers).status == 200
    assert client.list_records(**place)["DatasetExists"] is False


def test_a_signed_update_cannot_be_turned_into_a_delete(
    client: CognitoSyncClient, raw: RawRequester, place: Place
) -> None:
    fill(client, place, key="value")
    target = dataset_target(place)
    body = patch_body(begin(client, place), replace("key", "new", 1))
    headers = raw.signed_headers("POST", target, body)
    answer = raw.send("POST", target, body, {**headers, **OVERRIDE})
    assert (answer.status, answer.error_type) == (403, "InvalidSignatureException")
    assert contents(client, place) == {"key": "value"}


@pytest.mark.parametrize(("method", "override"), [("GET", "DELETE"), ("POST", "GET")])
def test_no_other_method_is_overridden(
    client: CognitoSyncClient, raw: RawRequester, place: Place, method: str, override: str
) -> None:
    fill(client, place, key="value")
    headers = {"x-http-method-override": override}
    answer = raw.call(method, dataset_target(place), b"", headers)
    assert answer.status == 400
    assert contents(client, place) == {"key": "value"}


def test_two_malformed_ids_give_validation_errors_in_the_plural(
    client: CognitoSyncClient,
) -> None:
    """The feature file of the JavaScript SDK."""
    with pytest.raises(ClientError, match="validation errors detected"):
        client.list_datasets(IdentityPoolId="INVALID", IdentityId="A:B:C")


def test_a_conflict_has_exactly_the_body_and_header_of_the_real_service(
    client: CognitoSyncClient, raw: RawRequester, place: Place
) -> None:
    """amazon-cognito-js issue 31; .NET matches the beginning of the text."""
    fill(client, place, user="x")
    body = patch_body(begin(client, place), replace("user", "y"))
    answer = raw.call("POST", dataset_target(place), body)
    assert answer.status == 409
    assert answer.headers["x-amzn-ErrorType"] == "ResourceConflictException"
    assert answer.json == {
        "__type": "ResourceConflictException",
        "message": "Current SyncCount for: user is: 1 not: 0",
    }
