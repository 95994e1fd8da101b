"""Changes that others are always faster than, and what a store cannot do: told, never lost."""

import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from keepstep.testing import local_server
from tests.api.steps import refused

from .steps import DEVELOPER, FACEBOOK, GOOGLE, Pool, identity_client, login, new_pool

BARE: dict[str, Any] = {"IdentityPoolName": "bare", "AllowUnauthenticatedIdentities": False}


@dataclass(frozen=True)
class Contended:
    """A pool in a store that a test gets in the way of, with one user."""

    pool: Pool
    person: str
    file: Path

    @property
    def place(self) -> dict[str, Any]:
        return {"IdentityPoolId": self.pool.pool_id}

    @property
    def arn(self) -> dict[str, Any]:
        resource = f"identitypool/{self.pool.pool_id}"
        return {"ResourceArn": f"arn:aws:cognito-identity:us-east-1:000000000000:{resource}"}

    @contextmanager
    def obstructed(self, event: str, table: str, how: str) -> Generator[None]:
        """Have SQLite itself pass over or refuse what would be done to rows of a table."""
        with closing(sqlite3.connect(self.file)) as other:
            other.execute(
                f"CREATE TRIGGER obstruction BEFORE {event} ON {table} BEGIN SELECT {how}; END"
            )
            try:
                yield
            finally:
                other.execute("DROP TRIGGER obstruction")


@pytest.fixture
def contended(tmp_path: Path) -> Iterator[Contended]:
    file = tmp_path / "store.db"
    with local_server(store=f"sqlite:{file}", insecure_logins=True) as server:
        pool = new_pool(server)
        logins = {**login(GOOGLE, "ann"), **login(FACEBOOK, "ann")}
        yield Contended(pool, pool.developer_user("ann", Logins=logins), file)


def update(one: Contended) -> Any:
    return one.pool.developer.update_identity_pool(**one.place, **BARE)


def set_roles(one: Contended) -> Any:
    return one.pool.developer.set_identity_pool_roles(**one.place, Roles={})


def set_principal_tags(one: Contended) -> Any:
    return one.pool.developer.set_principal_tag_attribute_map(
        **one.place, IdentityProviderName=GOOGLE, PrincipalTags={"who": "sub"}
    )


def tag(one: Contended) -> Any:
    return one.pool.developer.tag_resource(**one.arn, Tags={"stage": "test"})


def untag(one: Contended) -> Any:
    return one.pool.developer.untag_resource(**one.arn, TagKeys=["stage"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (update, "ConcurrentModificationException"),
        (set_roles, "ConcurrentModificationException"),
        (set_principal_tags, "TooManyRequestsException"),
        (tag, "TooManyRequestsException"),
        (untag, "TooManyRequestsException"),
    ],
)
def test_a_change_of_a_pool_that_is_always_too_late_is_refused_and_changes_nothing(
    contended: Contended, change: Callable[[Contended], Any], code: str
) -> None:
    def describe() -> Any:
        answer = contended.pool.developer.describe_identity_pool(**contended.place)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    before = describe()
    text = f"IdentityPool '{contended.pool.pool_id}' is being changed by others; try again."
    with contended.obstructed("UPDATE", "identity_pools", "RAISE(IGNORE)"):
        with refused(code, 400, text):
            change(contended)
        assert describe() == before
    change(contended)


def unlink(one: Contended) -> None:
    one.pool.public.unlink_identity(
        IdentityId=one.person, Logins=login(GOOGLE, "ann"), LoginsToRemove=[FACEBOOK]
    )


def unlink_user(one: Contended) -> None:
    one.pool.developer.unlink_developer_identity(
        **one.place,
        IdentityId=one.person,
        DeveloperProviderName=DEVELOPER,
        DeveloperUserIdentifier="ann",
    )


@pytest.mark.parametrize("change", [unlink, unlink_user])
def test_an_unlinking_that_is_always_too_late_is_refused_and_unlinks_nothing(
    contended: Contended, change: Callable[[Contended], None]
) -> None:
    everything = {DEVELOPER, GOOGLE, FACEBOOK}
    with contended.obstructed("UPDATE", "identities", "RAISE(IGNORE)"):
        text = "This identity is being changed by many others; try again."
        with refused("TooManyRequestsException", 400, text):
            change(contended)
        assert set(contended.pool.providers(contended.person)) == everything
    change(contended)
    assert set(contended.pool.providers(contended.person)) < everything


def test_a_merge_that_is_always_too_late_is_refused_and_merges_nothing(
    contended: Contended,
) -> None:
    pool = contended.pool
    bob = pool.developer_user("bob")
    with contended.obstructed("UPDATE", "identities", "RAISE(IGNORE)"):
        with refused("TooManyRequestsException", 400):
            pool.merge("bob", "ann")
        assert pool.users(bob) == ["bob"]
    assert pool.merge("bob", "ann") == contended.person


def test_an_identity_that_the_store_cannot_delete_is_answered_as_unprocessed(
    contended: Contended,
) -> None:
    pool = contended.pool
    guests = [pool.guest(), pool.guest()]
    ids = [guests[0], contended.person, guests[1]]
    cannot = f"RAISE(ABORT, 'no') WHERE OLD.identity_id = '{contended.person}'"
    with contended.obstructed("DELETE", "identities", cannot):
        answer = pool.developer.delete_identities(IdentityIdsToDelete=ids)
    assert answer["UnprocessedIdentityIds"] == [
        {"IdentityId": contended.person, "ErrorCode": "InternalServerError"}
    ]
    left = pool.developer.list_identities(**contended.place, MaxResults=60)["Identities"]
    assert [one.get("IdentityId") for one in left] == [contended.person]
    assert pool.log_in(login(GOOGLE, "ann")) == contended.person
    again = pool.developer.delete_identities(IdentityIdsToDelete=ids)
    assert again["UnprocessedIdentityIds"] == []


def test_what_one_server_changed_another_one_of_the_store_reads_at_once(
    contended: Contended,
) -> None:
    key = contended.file.with_name(contended.file.name + ".key").read_text(encoding="utf-8")
    with local_server(store=f"sqlite:{contended.file}", master_key=key.strip()) as other:
        reader = identity_client(other)
        place = contended.place
        assert reader.describe_identity_pool(**place).get("IdentityPoolTags") == {}
        tag(contended)
        assert reader.describe_identity_pool(**place).get("IdentityPoolTags") == {"stage": "test"}
        assert reader.list_tags_for_resource(**contended.arn)["Tags"] == {"stage": "test"}
        set_roles(contended)
        assert reader.get_identity_pool_roles(**place)["Roles"] == {}
        set_principal_tags(contended)
        found = reader.get_principal_tag_attribute_map(**place, IdentityProviderName=GOOGLE)
        assert found["PrincipalTags"] == {"who": "sub"}
