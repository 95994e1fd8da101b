"""Session tokens: whose they are, how they end, and what is remembered of them in between."""

import asyncio
import base64
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from keepstep.domain.credentials import IdentityCaller, TemporaryCredentials, seal_credentials
from keepstep.domain.limits import CACHE_AGE_MS, CREDENTIALS_MS, SECOND_MS, SESSIONS_CACHED_MAX
from keepstep.domain.revocations import (
    EVERYTHING,
    Revocation,
    identity_subject,
    pool_subject,
    role_subject,
)
from keepstep.domain.sealing import KEY_BYTES, Sealer, SealingKey
from keepstep.server.revocations import KnownRevocations
from keepstep.server.sessions import Sessions
from keepstep.storage.sqlite import SQLiteStore
from keepstep.testing import LocalServer, local_server
from keepstep.wire.sigv4 import Credentials
from tests.api.conftest import Clock
from tests.api.identity.keys_and_roles import arn_of_role, enhanced
from tests.api.identity.steps import FACEBOOK, Pool, login, new_pool
from tests.api.identity.test_doors import WHO, ask_sts, xml_error
from tests.api.steps import identity_target
from tests.conftest import Identity
from tests.raw import RawRequester

REFUSED: Final = (403, "UnrecognizedClientException")
EXPIRED: Final = (403, "ExpiredTokenException")
GUEST_ROLE: Final = arn_of_role("CognitoDefaultUnauthenticatedRole")
USER: Final = login(FACEBOOK, "ada")


@dataclass(frozen=True)
class Guest:
    """A guest of a server that has a clock of the test's."""

    server: LocalServer
    clock: Clock
    pool: Pool
    identity_id: str
    keys: Credentials

    def outcome(self, keys: Credentials | None = None) -> tuple[int, str]:
        """List the guest's datasets, signed with any keys; give the status, and the error."""
        raw = RawRequester(self.server)
        whose: Identity = {"IdentityPoolId": self.pool.pool_id, "IdentityId": self.identity_id}
        target = identity_target(whose, "/datasets")
        signed = raw.signed_headers("GET", target, credentials=keys or self.keys, time=self.time)
        answer = raw.send("GET", target, headers=signed)
        return answer.status, answer.error_type or ""

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now / SECOND_MS, UTC)


OK: Final = (200, "")
NewGuest = Callable[[], Guest]


@pytest.fixture
def new_guest(clean_environment: None, tmp_path: Path) -> Iterator[NewGuest]:
    """Starts servers on one file, one after the other, each with a guest in a pool of its own."""
    clock = Clock()
    with ExitStack() as running:

        def start() -> Guest:
            running.close()
            path = f"sqlite:{tmp_path / 'keepstep.db'}"
            server = running.enter_context(
                local_server(store=path, clock=clock, insecure_logins=True)
            )
            pool = new_pool(server)
            identity_id = pool.guest()
            return Guest(server, clock, pool, identity_id, enhanced(pool, identity_id))

        yield start


@pytest.fixture
def guest(new_guest: NewGuest) -> Guest:
    return new_guest()


def revoke(path: Path, subject: str, not_before: int) -> None:
    """Revoke as another process would."""

    async def run() -> None:
        store = SQLiteStore.open(path)
        try:
            await store.revoke(Revocation(subject=subject, not_before=not_before))
        finally:
            await store.close()

    asyncio.run(run())


def test_credentials_last_an_hour_and_are_told_to_have_expired_then(guest: Guest) -> None:
    assert guest.outcome() == OK
    guest.clock.now += CREDENTIALS_MS - 1
    assert guest.outcome() == OK
    guest.clock.now += 1
    assert guest.outcome() == EXPIRED
    answer = ask_sts(RawRequester(guest.server), WHO, credentials=guest.keys, time=guest.time)
    text = "The security token included in the request is expired"
    assert xml_error(answer) == (403, "Sender", "ExpiredToken", text)


def test_credentials_that_were_never_used_expire_too(guest: Guest) -> None:
    guest.clock.now += CREDENTIALS_MS
    assert guest.outcome() == EXPIRED


def test_credentials_live_through_a_restart(new_guest: NewGuest) -> None:
    before = new_guest()
    after = new_guest()
    moved = Guest(after.server, after.clock, before.pool, before.identity_id, before.keys)
    assert moved.outcome() == OK


def test_credentials_of_another_server_are_unknown(guest: Guest) -> None:
    with local_server(insecure_logins=True) as other:
        pool = new_pool(other)
        assert guest.outcome(enhanced(pool, pool.guest())) == REFUSED


def test_a_key_goes_with_its_own_session_token_only(guest: Guest) -> None:
    mine, yours = guest.keys, enhanced(guest.pool, guest.pool.guest())
    root = Credentials(guest.server.access_key_id, guest.server.secret_access_key)
    assert guest.outcome(mine) == OK
    for keys in (
        Credentials(mine.access_key_id, mine.secret_access_key, yours.session_token),
        Credentials(yours.access_key_id, yours.secret_access_key, mine.session_token),
        Credentials(mine.access_key_id, mine.secret_access_key, None),
        Credentials(mine.access_key_id, mine.secret_access_key, ""),
        Credentials(root.access_key_id, root.secret_access_key, mine.session_token),
        Credentials(root.access_key_id, mine.secret_access_key, mine.session_token),
    ):
        assert guest.outcome(keys) == REFUSED
    stranger = Credentials(mine.access_key_id, yours.secret_access_key, mine.session_token)
    assert guest.outcome(stranger) == (403, "InvalidSignatureException")


def altered(token: str) -> Iterator[str]:
    """Give a token with each of its bytes changed in turn, and some that are none."""
    sealed = base64.urlsafe_b64decode(token)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        yield base64.urlsafe_b64encode(changed).decode()
    yield base64.urlsafe_b64encode(sealed[:-1]).decode()
    yield base64.urlsafe_b64encode(sealed + b"\0").decode()
    yield from ("x", "====", "A" * 100_000, "ä" * 40, token[1:], f"{token} {token}")


POOL: Final = "us-east-1:00000000-0000-4000-8000-000000000001"


def credentials_of(access_key_id: str, expires_at: int = 1) -> TemporaryCredentials:
    caller = IdentityCaller(
        account_id="000000000000",
        access_key_id=access_key_id,
        identity_id="us-east-1:00000000-0000-4000-8000-000000000002",
        identity_pool_id=POOL,
        role_arn=GUEST_ROLE,
        role_id="AROA",
        session_name="session",
        issued_at=0,
        amr=("unauthenticated",),
    )
    return TemporaryCredentials(caller=caller, secret="secret", expires_at=expires_at)


def sealer() -> Sealer:
    return Sealer([SealingKey(secrets.token_bytes(KEY_BYTES))], secrets.token_bytes)


def sessions_of(given: Sealer) -> Sessions:
    return Sessions(given, KnownRevocations(SQLiteStore.in_memory(), Clock()))


def test_a_token_that_was_changed_anywhere_opens_nothing() -> None:
    given = sealer()
    token = seal_credentials(credentials_of("ASIAONE"), given)
    sessions = sessions_of(given)
    for _ in range(2):  # at first nothing is remembered, then the true token is
        assert all(sessions.open("ASIAONE", one.encode()) is None for one in altered(token))
        assert sessions.open("ASIAONE", token.encode()) is not None


def test_a_token_of_another_key_opens_nothing() -> None:
    token = seal_credentials(credentials_of("ASIAONE"), sealer())
    assert sessions_of(sealer()).open("ASIAONE", token.encode()) is None


def test_a_token_that_is_remembered_still_belongs_to_its_key_alone() -> None:
    given = sealer()
    sessions = sessions_of(given)
    token = seal_credentials(credentials_of("ASIAONE"), given).encode()
    assert sessions.open("ASIATWO", token) is None
    assert sessions.open("ASIAONE", token) is not None
    assert sessions.open("ASIATWO", token) is None


def test_no_more_sessions_are_remembered_than_the_limit_says() -> None:
    given = sealer()
    sessions = sessions_of(given)
    for number in range(SESSIONS_CACHED_MAX + 10):
        token = seal_credentials(credentials_of(f"ASIA{number}"), given)
        assert sessions.open(f"ASIA{number}", token.encode()) is not None
    assert len(sessions._opened) <= SESSIONS_CACHED_MAX  # pyright: ignore[reportPrivateUsage] -- memory shows nowhere else


def test_credentials_are_not_printed_with_their_secret() -> None:
    assert "secret" not in repr(credentials_of("ASIAONE"))


@pytest.mark.parametrize("whose", ["identity", "role", "pool", "all"])
def test_a_revocation_is_noticed_within_seconds_and_new_credentials_are_good(
    guest: Guest, tmp_path: Path, whose: str
) -> None:
    subjects = {
        "identity": identity_subject(guest.identity_id),
        "role": role_subject(GUEST_ROLE),
        "pool": pool_subject(guest.pool.pool_id),
        "all": EVERYTHING,
    }
    assert guest.outcome() == OK
    guest.clock.now += SECOND_MS
    revoke(tmp_path / "keepstep.db", subjects[whose], guest.clock.now)
    guest.clock.now += CACHE_AGE_MS
    assert guest.outcome() == EXPIRED
    assert guest.outcome(enhanced(guest.pool, guest.identity_id)) == OK


@pytest.mark.parametrize("whose", ["identity", "role", "pool"])
def test_a_revocation_concerns_nobody_else(guest: Guest, tmp_path: Path, whose: str) -> None:
    elsewhere = new_pool(guest.server)
    subjects = {
        "identity": identity_subject(guest.pool.guest()),
        "role": role_subject(arn_of_role("CognitoDefaultAuthenticatedRole")),
        "pool": pool_subject(elsewhere.pool_id),
    }
    guest.clock.now += SECOND_MS
    revoke(tmp_path / "keepstep.db", subjects[whose], guest.clock.now)
    guest.clock.now += CACHE_AGE_MS
    assert guest.outcome() == OK


@pytest.mark.parametrize("way", ["deleted", "merged", "pool deleted", "signed out"])
def test_credentials_made_in_the_millisecond_of_their_revocation_are_refused_too(
    guest: Guest, tmp_path: Path, way: str
) -> None:
    match way:
        case "deleted":
            guest.pool.developer.delete_identities(IdentityIdsToDelete=[guest.identity_id])
        case "merged":
            survivor = guest.pool.log_in(USER)
            assert guest.pool.link(guest.identity_id, USER) == survivor
        case "pool deleted":
            guest.pool.developer.delete_identity_pool(IdentityPoolId=guest.pool.pool_id)
        case _:
            subject = identity_subject(guest.identity_id)
            revoke(tmp_path / "keepstep.db", subject, guest.clock.now)
    assert guest.outcome() == (EXPIRED if way == "signed out" else (403, "NotAuthorizedException"))
