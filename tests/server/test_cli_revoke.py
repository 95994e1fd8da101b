"""``keepstep revoke``: whose credentials end, whose do not, and how their holders go on."""

from collections.abc import Callable, Iterator
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


def guest_of(served: Served, pool: Pool) -> Callable[[], str | None]:
    """Make a guest with credentials; what is given tells the code they are refused with."""
    identity_id = pool.guest()
    client, place = served.client(pool, identity_id), place_of(pool, identity_id)
    assert refusal(client, place) is None
    return lambda: refusal(client, place)


def test_revoked_credentials_of_an_identity_end_and_new_ones_are_good(
    served: Served, pool: Pool
) -> None:
    identity_id, other = pool.guest(), guest_of(served, pool)
    client, place = served.client(pool, identity_id), place_of(pool, identity_id)
    assert refusal(client, place) is None
    assert done(served.directory, "revoke", "identity", identity_id) == (
        f"Revoked the credentials of the identity {identity_id} that were given out until now. "
        "Running servers notice within 2 seconds.\n"
    )
    code = eventually(lambda: refusal(client, place), "the credentials end")
    assert code == "ExpiredTokenException"
    assert other() is None
    assert refusal(served.client(pool, identity_id), place) is None


def test_revoking_a_role_ends_the_credentials_in_that_role_alone(
    served: Served, pool: Pool
) -> None:
    guest, user_id = guest_of(served, pool), pool.log_in(USER)
    user = served.client(pool, user_id, USER)
    done(served.directory, "revoke", "role", GUEST_ROLE)
    assert eventually(guest, "the credentials end") == "ExpiredTokenException"
    assert refusal(user, place_of(pool, user_id)) is None


def test_revoking_a_pool_spares_other_pools(served: Served, pool: Pool) -> None:
    guest, other = guest_of(served, pool), guest_of(served, served.new_pool())
    done(served.directory, "revoke", "pool", pool.pool_id)
    assert eventually(guest, "the credentials end") == "ExpiredTokenException"
    assert other() is None


def test_revoking_all_spares_nobody(tmp_path: Path) -> None:
    with served_in(tmp_path) as served:
        guests = [guest_of(served, served.new_pool()) for _ in range(2)]
        done(tmp_path, "revoke", "all")
        codes = [eventually(guest, "the credentials end") for guest in guests]
        assert codes == ["ExpiredTokenException"] * 2


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
    guest = guest_of(served, pool)
    done(served.directory, "pool", "delete", pool.pool_id, "--yes")
    served.new_pool("--id", pool.pool_id)
    assert eventually(guest, "the old credentials are refused") == "NotAuthorizedException"
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
