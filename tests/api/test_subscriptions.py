"""SubscribeToDataset and UnsubscribeFromDataset: which device is told of which dataset."""

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import LocalServer
from tests.conftest import Place
from tests.raw import RawRequester

from .owners import Guest, allow_push, new_guest
from .steps import dataset_target, fill, refused

WRONG_CALLER = "These credentials are not valid for accessing this resource"


@pytest.fixture
def guest(server: LocalServer, client: CognitoSyncClient) -> Guest:
    """A guest with a dataset, of a pool in which devices may register."""
    pool_id = server.new_id()
    allow_push(client, pool_id, "GCM")
    guest = new_guest(server, pool_id)
    fill(guest.client, guest.place, key="value")
    return guest


def unsubscribed(guest: Guest, device_id: str) -> bool:
    """Unsubscribe a device; tell whether it was subscribed."""
    try:
        guest.client.unsubscribe_from_dataset(**guest.place, DeviceId=device_id)
    except guest.client.exceptions.ResourceNotFoundException:
        return False
    return True


def test_a_device_is_subscribed_however_often_until_it_is_unsubscribed(guest: Guest) -> None:
    device_id = guest.register()
    for _ in range(2):
        guest.client.subscribe_to_dataset(**guest.place, DeviceId=device_id)
    assert unsubscribed(guest, device_id)
    assert not unsubscribed(guest, device_id)
    guest.client.subscribe_to_dataset(**guest.place, DeviceId=device_id)
    assert unsubscribed(guest, device_id)


def test_subscribing_and_unsubscribing_answer_an_empty_object(guest: Guest) -> None:
    target = dataset_target(guest.place, f"/subscriptions/{guest.register()}")
    for method in ("POST", "DELETE"):
        answer = guest.call(method, target)
        assert (answer.status, answer.json) == (200, {})


def test_unity_unsubscribes_with_a_post_that_says_delete(guest: Guest) -> None:
    """AmazonCognitoSyncPostMarshallHandler and PostSignHandler of the Unity SDK."""
    device_id = guest.register()
    guest.client.subscribe_to_dataset(**guest.place, DeviceId=device_id)
    target = dataset_target(guest.place, f"/subscriptions/{device_id}")
    raw = RawRequester(guest.server)
    headers = raw.signed_headers("DELETE", target, b"{}", credentials=guest.credentials)
    answer = raw.send("POST", target, b"{}", {**headers, "X-HTTP-Method-Override": "DELETE"})
    assert answer.status == 200
    assert not unsubscribed(guest, device_id)


def test_a_dataset_has_to_exist_to_be_subscribed_to(guest: Guest) -> None:
    """The developer guide lets apps synchronize each dataset once before."""
    device_id = guest.register()
    never: Place = {**guest.place, "DatasetName": "never"}
    guest.client.delete_dataset(**guest.place)
    for place in (never, guest.place):
        text = f"Dataset {place['DatasetName']} doesn't exist"
        with refused("ResourceNotFoundException", 404, text):
            guest.client.subscribe_to_dataset(**place, DeviceId=device_id)


def test_a_deletion_ends_the_subscriptions_of_the_dataset(guest: Guest) -> None:
    device_id = guest.register()
    guest.client.subscribe_to_dataset(**guest.place, DeviceId=device_id)
    guest.client.delete_dataset(**guest.place)
    fill(guest.client, guest.place, key="value")
    assert not unsubscribed(guest, device_id)


@pytest.mark.parametrize("operation", ["subscribe_to_dataset", "unsubscribe_from_dataset"])
def test_a_device_of_nobody_or_of_somebody_else_is_not_found(
    server: LocalServer, guest: Guest, operation: str
) -> None:
    other = new_guest(server, guest.identity["IdentityPoolId"])
    for device_id in ("nobody's", other.register()):
        with refused("ResourceNotFoundException", 404, f"Device {device_id} doesn't exist"):
            getattr(guest.client, operation)(**guest.place, DeviceId=device_id)


@pytest.mark.parametrize("operation", ["subscribe_to_dataset", "unsubscribe_from_dataset"])
@pytest.mark.parametrize("platforms", [[], ["ADM"]])
def test_a_pool_whose_push_was_taken_away_has_no_subscriptions_to_change(
    client: CognitoSyncClient, guest: Guest, operation: str, platforms: list[str]
) -> None:
    device_id = guest.register()
    guest.client.subscribe_to_dataset(**guest.place, DeviceId=device_id)
    allow_push(client, guest.identity["IdentityPoolId"], *platforms)
    with refused("InvalidConfigurationException", 400):
        getattr(guest.client, operation)(**guest.place, DeviceId=device_id)


@pytest.mark.parametrize("operation", ["subscribe_to_dataset", "unsubscribe_from_dataset"])
def test_subscriptions_refuse_a_developers_key(
    client: CognitoSyncClient, place: Place, operation: str
) -> None:
    with refused("NotAuthorizedException", 403, WRONG_CALLER):
        getattr(client, operation)(**place, DeviceId="device")


@pytest.mark.parametrize("device_id", ["x" * 257, "é" * 257])
def test_a_device_id_that_cannot_be_one_is_refused(guest: Guest, device_id: str) -> None:
    with refused("InvalidParameterException", 400):
        guest.client.subscribe_to_dataset(**guest.place, DeviceId=device_id)
