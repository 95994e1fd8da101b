"""How often one address may call what needs no credentials, and which address that is."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from keepstep.domain.limits import DAY_MS, RATE_ADDRESSES_MAX, RATE_BURST_SECONDS, SECOND_MS
from keepstep.server.rate_limit import RateLimit
from keepstep.testing import local_server
from keepstep.wire.errors import TooManyRequestsException
from tests.api.conftest import Clock
from tests.api.identity.keys_and_roles import allow, enhanced, policy, role, use_role
from tests.api.identity.steps import Pool, new_pool
from tests.api.identity.test_doors import ask_identity, ask_sts, json_error, xml_error
from tests.api.steps import identity_target
from tests.raw import RawAnswer, RawRequester

PER_SECOND = 5
BURST = PER_SECOND * RATE_BURST_SECONDS
HERE, THERE = "127.0.0.1", "203.0.113.7"


def taken(limit: RateLimit, address: str, times: int) -> int:
    """Take until refused, so many times at most, and give how often it went well."""
    for number in range(times):
        try:
            limit.take(address)
        except TooManyRequestsException:
            return number
    return times


def test_an_address_may_use_up_some_seconds_of_its_rate_at_once() -> None:
    assert taken(RateLimit(PER_SECOND, Clock()), HERE, 1000) == BURST


def test_calls_that_were_refused_cost_nothing() -> None:
    clock = Clock()
    limit = RateLimit(PER_SECOND, clock)
    taken(limit, HERE, 1000)
    for _ in range(100):
        assert taken(limit, HERE, 1) == 0
    clock.now += SECOND_MS
    assert taken(limit, HERE, 1000) == PER_SECOND


def test_an_address_keeps_its_rate_for_ever() -> None:
    clock = Clock()
    limit = RateLimit(PER_SECOND, clock)
    taken(limit, HERE, 1000)
    for _ in range(50):
        clock.now += SECOND_MS
        assert taken(limit, HERE, 1000) == PER_SECOND
    clock.now += DAY_MS
    assert taken(limit, HERE, 1000) == BURST


def test_each_address_has_a_rate_of_its_own() -> None:
    limit = RateLimit(PER_SECOND, Clock())
    assert [taken(limit, address, 1000) for address in (HERE, THERE)] == [BURST, BURST]


def test_no_limit_is_none() -> None:
    assert taken(RateLimit(0, Clock()), HERE, 10_000) == 10_000


def test_a_clock_that_goes_back_locks_nobody_out_for_long() -> None:
    clock = Clock()
    limit = RateLimit(PER_SECOND, clock)
    taken(limit, HERE, 1000)
    clock.now -= DAY_MS
    taken(limit, HERE, 1)
    clock.now += RATE_BURST_SECONDS * SECOND_MS
    assert taken(limit, HERE, 1) == 1


def test_more_addresses_than_are_counted_do_not_free_one_that_is_busy() -> None:
    clock = Clock()
    limit = RateLimit(1, clock)
    for number in range(RATE_ADDRESSES_MAX - 1):
        limit.take(str(number))
    clock.now += SECOND_MS
    assert taken(limit, HERE, 1000) == RATE_BURST_SECONDS
    for number in range(10):
        limit.take(f"new {number}")
    assert taken(limit, HERE, 1000) == 0


def ask_for_a_guest(
    raw: RawRequester, pool: Pool, forwarded_for: str | None = None
) -> tuple[int, str]:
    """Call GetId, and give the status, and the error if there is one."""
    answer = get_id(raw, pool, {} if forwarded_for is None else {"x-forwarded-for": forwarded_for})
    return answer.status, answer.error_type or ""


def get_id(raw: RawRequester, pool: Pool, headers: dict[str, str]) -> RawAnswer:
    sent = f'{{"IdentityPoolId": "{pool.pool_id}"}}'.encode()
    target = {"x-amz-target": "AWSCognitoIdentityService.GetId"}
    return raw.send("POST", "/", sent, {**target, **headers})


Limited = tuple[RawRequester, Pool, Clock]


@pytest.fixture
def limited(clean_environment: None) -> Iterator[Callable[..., Limited]]:
    """Starts a server with a rate limit and a clock of the test's."""
    running: list[Any] = []

    def start(**settings: Any) -> Limited:
        clock = Clock()
        manager = local_server(
            insecure_logins=True, sign_ins_per_second=PER_SECOND, clock=clock, **settings
        )
        server = manager.__enter__()
        running.append(manager)
        return RawRequester(server), new_pool(server), clock

    yield start
    for manager in running:
        manager.__exit__(None, None, None)


OK = (200, "")
TOO_MANY = (400, "TooManyRequestsException")


def test_one_call_too_many_is_told_so_and_may_be_made_later(
    limited: Callable[..., Limited],
) -> None:
    raw, pool, clock = limited()
    outcomes = [ask_for_a_guest(raw, pool) for _ in range(BURST + 2)]
    assert outcomes == [OK] * BURST + [TOO_MANY] * 2
    refused = json_error(get_id(raw, pool, {}))
    assert refused == (400, "TooManyRequestsException", "Rate exceeded")
    clock.now += SECOND_MS // PER_SECOND
    assert [ask_for_a_guest(raw, pool) for _ in range(2)] == [OK, TOO_MANY]


def test_every_call_without_credentials_counts_and_no_other(
    limited: Callable[..., Limited],
) -> None:
    raw, pool, _ = limited()
    identity_id = pool.guest()
    keys = enhanced(pool, identity_id)
    for _ in range(BURST - 2):
        ask_for_a_guest(raw, pool)
    about: dict[str, Any] = {"IdentityId": identity_id, "Logins": {}, "LoginsToRemove": []}
    for operation in ("GetId", "GetOpenIdToken", "GetCredentialsForIdentity", "UnlinkIdentity"):
        answer = ask_identity(raw, operation, about, signed=False)
        assert json_error(answer)[1] == "TooManyRequestsException"
    assume = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15"}
    assert xml_error(ask_sts(raw, assume, signed=False)) == (
        400,
        "Sender",
        "Throttling",
        "Rate exceeded",
    )
    assert ask_identity(raw, "ListIdentityPools", {"MaxResults": 1}).status == 200
    assert ask_sts(raw, {**assume, "Action": "GetCallerIdentity"}).status == 200
    identity = {"IdentityPoolId": pool.pool_id, "IdentityId": identity_id}
    target = identity_target(
        {"IdentityPoolId": identity["IdentityPoolId"], "IdentityId": identity_id}, "/datasets"
    )
    signed = raw.signed_headers("GET", target, credentials=keys)
    assert raw.send("GET", target, headers=signed).status == 200


def test_an_address_that_is_merely_claimed_counts_for_nothing(
    limited: Callable[..., Limited],
) -> None:
    raw, pool, _ = limited()
    outcomes = [ask_for_a_guest(raw, pool, f"203.0.113.{n}") for n in range(BURST + 1)]
    assert outcomes == [OK] * BURST + [TOO_MANY]


def test_a_trusted_proxy_says_who_calls(limited: Callable[..., Limited]) -> None:
    raw, pool, _ = limited(trusted_proxies=[HERE])
    for address in (THERE, "203.0.113.8", "2001:db8::1"):
        outcomes = [ask_for_a_guest(raw, pool, address) for _ in range(BURST + 1)]
        assert outcomes == [OK] * BURST + [TOO_MANY]


def test_what_a_caller_put_before_a_proxys_word_is_not_believed(
    limited: Callable[..., Limited],
) -> None:
    raw, pool, _ = limited(trusted_proxies=[HERE])
    claims = [f"198.51.100.{number}, {THERE}" for number in range(BURST + 1)]
    assert [ask_for_a_guest(raw, pool, claim) for claim in claims][-1] == TOO_MANY


CONDITIONS = {
    "FromThere": {"IpAddress": {"aws:SourceIp": f"{THERE}/32"}},
    "OverTls": {"Bool": {"aws:SecureTransport": "true"}},
}


@pytest.mark.parametrize(
    ("role_name", "header"),
    [("FromThere", {"x-forwarded-for": THERE}), ("OverTls", {"x-forwarded-proto": "https"})],
)
@pytest.mark.parametrize("trusted", [True, False])
def test_policies_believe_trusted_proxies_only(
    limited: Callable[..., Limited], role_name: str, header: dict[str, str], trusted: bool
) -> None:
    roles = [role(name, policy(allow(**condition))) for name, condition in CONDITIONS.items()]
    raw, pool, _ = limited(roles=roles, trusted_proxies=[HERE] if trusted else [])
    use_role(pool, role_name)
    identity_id = pool.guest()
    target = identity_target(
        {"IdentityPoolId": pool.pool_id, "IdentityId": identity_id}, "/datasets"
    )
    signed = raw.signed_headers("GET", target, credentials=enhanced(pool, identity_id))
    assert raw.send("GET", target, headers=signed).status == 403
    assert raw.send("GET", target, headers={**signed, **header}).status == (200 if trusted else 403)
