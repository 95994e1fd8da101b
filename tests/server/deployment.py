"""A deployment in which a bit of everything has happened, and a client that holds its tokens."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.domain.access import new_access_key_id, new_secret
from keepstep.testing import LocalServer, local_server
from tests.api.identity.steps import (
    DEVELOPER,
    FACEBOOK,
    GOOGLE,
    Pool,
    identity_client,
    login,
    new_pool,
    sync_client,
)
from tests.api.steps import (
    INVALID_TOKEN,
    begin,
    contents,
    counts_of,
    refused,
    remove,
    replace,
    write,
)
from tests.conftest import Place, client_of

COGNITO = "cognito-identity.amazonaws.com"
ROOT_KEY = {
    "access_key_id": new_access_key_id(secrets.token_bytes),
    "secret_access_key": new_secret(secrets.token_bytes),
}
ODD = "\U0001f511 \u00fc\x00 " + "k" * 900


@contextmanager
def served(store: str, **settings: Any) -> Generator[LocalServer]:
    """Serve a store to users with test logins; the root key is the same for all stores."""
    given: dict[str, Any] = {"insecure_logins": True, **ROOT_KEY, **settings}
    with local_server(store=store, **given) as running:
        yield running


@dataclass
class Held:
    """What clients hold when their server stops: places, credentials and tokens."""

    pool_id: str
    guest: str
    credentials: dict[str, str]
    survivor: str
    place: Place
    deleted: Place
    openid_token: str
    session_token: str = ""
    consumed_token: str = ""
    page_token: str = ""
    turns: int = 0


def settle(server: LocalServer) -> Held:
    """Make a bit of everything, and give what clients hold then."""
    pool = new_pool(server, IdentityPoolTags={"team": "\u00fc"})
    guest = pool.guest()
    source = pool.developer_user("source")
    survivor = pool.developer_user("survivor", Logins=login(FACEBOOK, "somebody"))
    place = _notes_of(pool.pool_id, guest)
    deleted = Place(IdentityPoolId=pool.pool_id, IdentityId=guest, DatasetName="deleted")
    client = client_of(server)
    write(client, place, *(replace(key, f"{key}'s") for key in ("a", "b", "gone", ODD)))
    write(client, place, remove("gone", 1))
    write(client, deleted, replace("a", "1"))
    client.delete_dataset(**deleted)
    for identity_id in (source, survivor):
        write(client, _notes_of(pool.pool_id, identity_id), replace("whose", identity_id))
    pool.merge("source", "survivor")
    token = pool.public.get_open_id_token(IdentityId=guest)["Token"]
    held = Held(pool.pool_id, guest, pool.credentials(guest), survivor, place, deleted, token)
    hold(client, held)
    return held


def hold(client: CognitoSyncClient, held: Held) -> None:
    """Consume a sync session, begin another one, and stop within a listing."""
    held.consumed_token = begin(client, held.place)
    again = client.list_records(**held.place)
    turn = replace("turn", str(held.turns), again["DatasetSyncCount"])
    client.update_records(**held.place, SyncSessionToken=held.consumed_token, RecordPatches=[turn])
    held.session_token = begin(client, held.place)
    held.page_token = client.list_records(**held.place, MaxResults=2).get("NextToken", "")


def go_on(server: LocalServer, held: Held) -> None:
    """Do what the clients would do next, with what they hold, at a server of the same data."""
    client = sync_client(server, held.credentials)
    expected = {"a": "a's", "b": "b's", "gone": None, ODD: f"{ODD}'s", "turn": str(held.turns)}
    if held.turns:
        expected["next"] = str(held.turns - 1)
    assert contents(client, held.place) == expected
    rest = client.list_records(**held.place, NextToken=held.page_token)["Records"]
    assert len(rest) == len(expected) - 2
    patch = replace("next", str(held.turns), client.list_records(**held.place)["DatasetSyncCount"])
    with refused("InvalidParameterException", 400, INVALID_TOKEN):
        client.update_records(
            **held.place, SyncSessionToken=held.consumed_token, RecordPatches=[patch]
        )
    client.update_records(**held.place, SyncSessionToken=held.session_token, RecordPatches=[patch])
    assert contents(client, held.place)["next"] == str(held.turns)
    anew = counts_of(write(client, held.deleted, replace("a", "2")))
    assert anew == {"a": 3 + 2 * held.turns}  # the first deletion consumed the count of 2
    client.delete_dataset(**held.deleted)
    _check_identities(server, held)
    held.turns += 1
    hold(client, held)


def _notes_of(pool_id: str, identity_id: str) -> Place:
    return Place(IdentityPoolId=pool_id, IdentityId=identity_id, DatasetName="notes")


def _check_identities(server: LocalServer, held: Held) -> None:
    pool = Pool(held.pool_id, identity_client(server), identity_client(server, signed=False))
    assert pool.log_in(login(FACEBOOK, "somebody")) == held.survivor
    assert sorted(pool.users(held.survivor)) == ["source", "survivor"]
    notes = _notes_of(held.pool_id, held.survivor)
    (merged,) = client_of(server).list_records(**notes)["MergedDatasetNames"]
    assert merged.startswith("notes.")
    again = pool.public.get_credentials_for_identity(
        IdentityId=held.guest, Logins={COGNITO: held.openid_token}
    )
    assert again["IdentityId"] == held.guest
    described: Any = pool.developer.describe_identity_pool(IdentityPoolId=held.pool_id)
    assert described["SupportedLoginProviders"].keys() >= {FACEBOOK, GOOGLE}
    assert (described["DeveloperProviderName"], described["IdentityPoolTags"]) == (
        DEVELOPER,
        {"team": "\u00fc"},
    )
