"""``keepstep revoke``: whose credentials end, whose do not, and how their holders go on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.identity.signing_in import sts_client
from tests.api.identity.steps import Pool, login

from .processes import done, eventually, keepstep
from .test_cli_refusals import sentence
from .users import Served, place_of, refusal, served_in

UNKNOWN = "us-east-1:00000000-0000-4000-8000-000000000001"
GUEST_ROLE = "arn:aws:iam::000000000000:role/CognitoDefaultUnauthenticatedRole"
USER = login("accounts.google.com", "user")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_in(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def pool(served: Served) -> Pool:
    return served.new_pool()


def test_revoked_credentials_of_an_identity_end_and_new_ones_are_good(
    served: Served, pool: Pool
) -> None:
    identity_id, other_id = pool.guest(), pool.guest()
    place, other_place = place_of(pool, identity_id), place_of(pool, other_id)
    client, other = served.client(pool, identity_id), served.client(pool, other_id)
    assert refusal(client, place) is None
    assert done(served.directory, "revoke", "identity", identity_id) == (
        f"Revoked the credentials of the identity {identity_id} that were given out until now. "
        "Running servers notice within 2 seconds.\n"
    )
    code = eventually(lambda: refusal(client, place), "the credentials end")
    assert code == "ExpiredTokenException"
    assert refusal(other, other_place) is None
    assert refusal(served.client(pool, identity_id), place) is None


def test_revoking_a_role_ends_the_credentials_in_that_role_alone(
    served: Served, pool: Pool
) -> None:
    guest_id, user_id = pool.guest(), pool.log_in(USER)
    guest, user = served.client(pool, guest_id), served.client(pool, user_id, USER)
    done(served.directory, "revoke", "role", GUEST_ROLE)
    code = eventually(lambda: refusal(guest, place_of(pool, guest_id)), "the credentials end")
    assert code == "ExpiredTokenException"
    assert refusal(user, place_of(pool, user_id)) is None


@pytest.mark.parametrize("everything", [False, True])
def test_revoking_a_pool_spares_other_pools_and_revoking_all_spares_none(
    served: Served, pool: Pool, everything: bool
) -> None:
    pools = [pool, served.new_pool()]
    ids = [pool.guest() for pool in pools]
    clients = [served.client(*each) for each in zip(pools, ids, strict=True)]
    places = [place_of(*each) for each in zip(pools, ids, strict=True)]
    done(served.directory, "revoke", *(["all"] if everything else ["pool", pool.pool_id]))
    eventually(lambda: refusal(clients[0], places[0]), "the credentials end")
    if everything:
        eventually(lambda: refusal(clients[1], places[1]), "the other pool's end, too")
    assert refusal(clients[1], places[1]) == ("ExpiredTokenException" if everything else None)


def test_open_id_tokens_of_a_revoked_identity_are_good_for_nothing(
    served: Served, pool: Pool
) -> None:
    identity_id = pool.guest()
    token = pool.public.get_open_id_token(IdentityId=identity_id)["Token"]
    sts = sts_client(served.running.server)

    def assume() -> str | None:
        try:
            sts.assume_role_with_web_identity(
                RoleArn=GUEST_ROLE, RoleSessionName="session", WebIdentityToken=token
            )
        except ClientError as error:
            response: Any = error.response
            return response["Error"]["Code"]
        return None

    assert assume() is None
    done(served.directory, "revoke", "identity", identity_id)
    assert eventually(assume, "the token ends") == "InvalidIdentityToken"


def test_credentials_of_a_deleted_pool_are_no_good_when_it_is_made_again(
    served: Served, pool: Pool
) -> None:
    identity_id = pool.guest()
    client, place = served.client(pool, identity_id), place_of(pool, identity_id)
    assert refusal(client, place) is None
    done(served.directory, "pool", "delete", pool.pool_id, "--yes")
    served.new_pool("--id", pool.pool_id)
    code = eventually(lambda: refusal(client, place), "the old credentials are refused")
    assert code == "NotAuthorizedException"
    new_id = pool.guest()
    assert refusal(served.client(pool, new_id), place_of(pool, new_id)) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("identity", "me"), "an id is REGION:GUID"),
        (("identity", UNKNOWN.upper()), "an id is REGION:GUID"),
        (("pool", "app"), "an id is REGION:GUID"),
        (("role", "Reader"), "arn:aws:iam::ACCOUNT:role/NAME"),
        (("role", "arn:aws:iam::000000000000:user/me"), "arn:aws:iam::ACCOUNT:role/NAME"),
    ],
)
def test_what_is_no_id_and_no_arn_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    ended = keepstep(tmp_path, "revoke", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("identity", UNKNOWN), ("pool", UNKNOWN), ("role", GUEST_ROLE), ("all",)]
)
def test_a_store_in_memory_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    words = sentence(tmp_path, "revoke", *arguments, "--store", "sqlite::memory:")
    assert "a store in memory is its server's own" in words
