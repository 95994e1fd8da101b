"""What one of two servers of a database changed is honoured by the other in time.

Both live by one clock of the test's; what a server holds in memory is at most CACHE_AGE_MS old.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest

from keepstep.domain.limits import CACHE_AGE_MS, SECOND_MS, TOKEN_KEY_MS
from keepstep.testing import LocalServer, local_server
from keepstep.wire.sigv4 import Credentials
from tests.api.conftest import Clock
from tests.api.identity.keys_and_roles import enhanced, open_id_token
from tests.api.identity.signing_in import COGNITO
from tests.api.identity.steps import Pool, identity_client, new_pool
from tests.api.steps import identity_target
from tests.conftest import Identity
from tests.raw import RawAnswer, RawRequester
from tests.storage.postgres_server import database

from .processes import exports_of, keepstep
from .test_cli_postgres import MASTER

OK = (200, "")
NOTICED_BEFORE = CACHE_AGE_MS - 1


@dataclass(frozen=True)
class Two:
    """Two servers of one database, one clock, and a guest known to both."""

    url: str
    clock: Clock
    one: LocalServer
    other: LocalServer
    pool: Pool
    guest: str
    keys: Credentials

    def at_the_other(self, credentials: Credentials | None = None) -> tuple[int, str]:
        """List the guest's datasets through the other server; give the status, and the error."""
        whose: Identity = {"IdentityPoolId": self.pool.pool_id, "IdentityId": self.guest}
        answer = self.send(identity_target(whose, "/datasets"), credentials)
        return answer.status, answer.error_type or ""

    def send(self, target: str, credentials: Credentials | None) -> RawAnswer:
        raw = RawRequester(self.other)
        time = datetime.fromtimestamp(self.clock.now / SECOND_MS, UTC)
        signed = raw.signed_headers("GET", target, credentials=credentials, time=time)
        return raw.send("GET", target, headers=signed)

    def pool_at_the_other(self) -> Pool:
        public = identity_client(self.other, signed=False)
        return Pool(self.pool.pool_id, identity_client(self.other), public)

    def command(self, directory: Path, *arguments: str) -> str:
        ended = keepstep(directory, *arguments, "--store", self.url, environment=MASTER)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture
def two() -> Iterator[Two]:
    clock = Clock()
    with database() as url:
        settings: dict[str, Any] = {
            "store": url,
            "master_key": MASTER["KEEPSTEP_MASTER_KEY"],
            "open_pools": False,
            "insecure_logins": True,
            "access_key_id": "AKIAROOTOFTHETESTS00",
            "secret_access_key": "the-secret-of-the-root-key-of-the-tests",
        }
        with (
            local_server(clock=clock, **settings) as one,
            local_server(clock=clock, **settings) as other,
        ):
            pool = new_pool(one)
            guest = pool.guest()
            yield Two(url, clock, one, other, pool, guest, enhanced(pool, guest))


def delete_pool(two: Two, directory: Path) -> None:
    del directory
    two.pool.developer.delete_identity_pool(IdentityPoolId=two.pool.pool_id)


def delete_identity(two: Two, directory: Path) -> None:
    del directory
    two.pool.developer.delete_identities(IdentityIdsToDelete=[two.guest])


def revoke(two: Two, directory: Path) -> None:
    two.command(directory, "revoke", "identity", two.guest)


@pytest.mark.parametrize(
    ("change", "by_developer", "refusal"),
    [
        (delete_pool, True, (403, "NotAuthorizedException")),
        (delete_pool, False, (403, "NotAuthorizedException")),
        (delete_identity, False, (403, "NotAuthorizedException")),
        (revoke, False, (403, "ExpiredTokenException")),
    ],
)
def test_what_was_deleted_or_revoked_elsewhere_is_refused_after_the_age_of_the_cache(
    two: Two,
    tmp_path: Path,
    change: Callable[[Two, Path], None],
    by_developer: bool,
    refusal: tuple[int, str],
) -> None:
    credentials = None if by_developer else two.keys
    two.clock.now += SECOND_MS
    assert two.at_the_other(credentials) == OK
    change(two, tmp_path)
    two.clock.now += NOTICED_BEFORE
    assert two.at_the_other(credentials) == OK, "nothing was held: the test has shown nothing"
    two.clock.now += 1
    assert two.at_the_other(credentials) == refusal


def test_an_access_key_revoked_elsewhere_is_refused_after_the_age_of_the_cache(
    two: Two, tmp_path: Path
) -> None:
    made = exports_of(two.command(tmp_path, "key", "create"))
    key = Credentials(made["AWS_ACCESS_KEY_ID"], made["AWS_SECRET_ACCESS_KEY"])
    assert two.at_the_other(key) == OK
    two.command(tmp_path, "key", "revoke", key.access_key_id)
    two.clock.now += NOTICED_BEFORE
    assert two.at_the_other(key) == OK, "nothing was held: the test has shown nothing"
    two.clock.now += 1
    assert two.at_the_other(key) == (403, "UnrecognizedClientException")


def test_a_pool_changed_elsewhere_is_as_changed_after_the_age_of_the_cache(two: Two) -> None:
    other = two.pool_at_the_other()
    assert other.guest()
    settings: Any = two.pool.developer.describe_identity_pool(IdentityPoolId=two.pool.pool_id)
    del settings["ResponseMetadata"]
    settings["AllowUnauthenticatedIdentities"] = False
    two.pool.developer.update_identity_pool(**settings)
    two.clock.now += CACHE_AGE_MS
    with pytest.raises(other.public.exceptions.NotAuthorizedException, match="Unauthenticated"):
        other.guest()


def test_a_signing_key_replaced_elsewhere_is_used_published_and_trusted_at_once(two: Two) -> None:
    other = two.pool_at_the_other()
    old = open_id_token(other, two.guest)
    two.clock.now += TOKEN_KEY_MS
    new = open_id_token(two.pool, two.guest)
    published = two.send("/.well-known/jwks.json", None).json["keys"]
    kids = [jwt.get_unverified_header(token)["kid"] for token in (new, old)]
    assert [key["kid"] for key in published] == kids
    assert len(set(kids)) == 2
    assert jwt.get_unverified_header(open_id_token(other, two.guest))["kid"] == kids[0]
    assert enhanced(other, two.guest, {COGNITO: new})
