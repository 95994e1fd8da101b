"""Who may call what, and the form of the keys that callers sign with."""

import re
import secrets

import pytest

from keepstep.domain.access import CallerClass, Developer, new_access_key_id, new_secret
from keepstep.domain.authorization import Attempt, Authorizer, Circumstances
from keepstep.domain.pools import is_pool_id, new_pool_id
from keepstep.domain.roles import Roles
from keepstep.wire.errors import AccessDeniedException, NotAuthorizedException

ARN = "arn:aws:cognito-sync:us-east-1:000000000000:identitypool/null"
WRITER = Developer(account_id="000000000000", access_key_id="AKIAWRITER")
READER = Developer(account_id="000000000000", access_key_id="AKIAREADER", read_only=True)


def check(caller: Developer, accepts: CallerClass, *, reads: bool) -> None:
    circumstances = Circumstances(
        now=0, source_ip="192.0.2.1", secure=True, user_agent="", region="us-east-1"
    )
    attempt = Attempt(
        action="cognito-sync:UpdateRecords",
        resource=ARN,
        identity_pool_id=None,
        identity_id=None,
        circumstances=lambda: circumstances,
    )
    authorizer = Authorizer(Roles(caller.account_id))
    authorizer.check(caller, accepts, reads=reads, attempt=lambda: attempt)


@pytest.mark.parametrize("accepts", [CallerClass.ANY, CallerClass.DEVELOPER])
@pytest.mark.parametrize(("caller", "reads"), [(WRITER, True), (WRITER, False), (READER, True)])
def test_a_developer_may_call_what_takes_developers(
    caller: Developer, accepts: CallerClass, *, reads: bool
) -> None:
    check(caller, accepts, reads=reads)


@pytest.mark.parametrize("caller", [WRITER, READER])
@pytest.mark.parametrize("reads", [True, False])
def test_a_developer_may_not_call_what_takes_identities_alone(
    caller: Developer, *, reads: bool
) -> None:
    """The text seen in aws-sdk-php issue 494."""
    with pytest.raises(NotAuthorizedException) as raised:
        check(caller, CallerClass.IDENTITY, reads=reads)
    text = "These credentials are not valid for accessing this resource"
    assert raised.value.message == text


@pytest.mark.parametrize("accepts", [CallerClass.ANY, CallerClass.DEVELOPER])
def test_a_read_only_key_is_denied_a_write_as_iam_denies(accepts: CallerClass) -> None:
    with pytest.raises(AccessDeniedException) as raised:
        check(READER, accepts, reads=False)
    assert raised.value.message == (
        "User: arn:aws:iam::000000000000:user/AKIAREADER is not authorized to perform: "
        f"cognito-sync:UpdateRecords on resource: {ARN} because the access key is read-only"
    )


def test_an_access_key_id_has_the_form_of_aws() -> None:
    made = {new_access_key_id(secrets.token_bytes) for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"AKIA[A-Z2-7]{16}", key_id) for key_id in made)


def test_a_secret_has_the_form_of_aws() -> None:
    made = {new_secret(secrets.token_bytes) for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9/+]{40}", secret) for secret in made)


@pytest.mark.parametrize("region", ["us-east-1", "ap-northeast-2", "us-gov-west-1"])
def test_a_new_pool_id_is_a_region_and_a_random_uuid(region: str) -> None:
    made = {new_pool_id(region, secrets.token_bytes) for _ in range(100)}
    assert len(made) == 100
    version_4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(f"{region}:{version_4}", pool_id) for pool_id in made)
    assert all(is_pool_id(pool_id) for pool_id in made)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "us-east-1",
        "us-east-1:",
        "us-east-1:1699ebc0-7900-4099-b910-2df94f52a03",
        "us-east-1:1699EBC0-7900-4099-B910-2DF94F52A030",
        "us-east-1:1699ebc0-7900-4099-b910-2df94f52a030\n",
        "US-EAST-1:1699ebc0-7900-4099-b910-2df94f52a030",
        "1699ebc0-7900-4099-b910-2df94f52a030",
    ],
)
def test_what_has_another_form_is_no_pool_id(text: str) -> None:
    assert not is_pool_id(text)
