"""TagResource, UntagResource and ListTagsForResource."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from keepstep.testing import LocalServer
from tests.api.steps import invalid

from .conftest import NewPool
from .steps import Pool, no_pool, not_found, not_valid

if TYPE_CHECKING:
    from types_boto3_cognito_identity import CognitoIdentityClient

FORM = "arn:aws:cognito-identity:REGION:ACCOUNT:identitypool/REGION:GUID"


def arn_of(pool_id: str, account: str = "000000000000") -> str:
    return f"arn:aws:cognito-identity:us-east-1:{account}:identitypool/{pool_id}"


def tags_of(pool: Pool) -> Any:
    answer = pool.developer.list_tags_for_resource(ResourceArn=arn_of(pool.pool_id))
    return answer["Tags"]


def tag(pool: Pool, **tags: str) -> None:
    pool.developer.tag_resource(ResourceArn=arn_of(pool.pool_id), Tags=tags)


def test_a_pool_has_the_tags_it_was_given(make_pool: NewPool) -> None:
    pool = make_pool(IdentityPoolTags={"stage": "test"})
    assert tags_of(pool) == {"stage": "test"}
    tag(pool, stage="live", empty="")
    described = pool.developer.describe_identity_pool(IdentityPoolId=pool.pool_id)
    assert tags_of(pool) == described.get("IdentityPoolTags") == {"stage": "live", "empty": ""}


def test_a_pool_without_tags_has_an_empty_list_of_them(pool: Pool) -> None:
    assert tags_of(pool) == {}


def test_untagging_takes_off_the_tags_that_are_there(pool: Pool) -> None:
    tag(pool, one="1", two="2")
    arn = arn_of(pool.pool_id)
    for _ in range(2):
        pool.developer.untag_resource(ResourceArn=arn, TagKeys=["one", "never there"])
        assert tags_of(pool) == {"two": "2"}


def test_a_51st_tag_is_refused_and_changes_nothing(pool: Pool) -> None:
    tag(pool, **{f"tag{n}": "" for n in range(50)})
    before = tags_of(pool)
    with invalid("An identity pool may have 50 tags; this would give it 51."):
        tag(pool, tag0="new", one_more="")
    assert tags_of(pool) == before
    tag(pool, tag0="new")
    assert tags_of(pool) == {**before, "tag0": "new"}


def test_tags_given_by_many_at_once_are_all_kept(pool: Pool) -> None:
    names = [f"tag{n}" for n in range(24)]

    def tag_one(name: str) -> None:
        tag(pool, **{name: ""})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(tag_one, names))
    assert tags_of(pool) == dict.fromkeys(names, "")


def test_the_account_in_the_arn_may_be_the_one_an_app_came_from(pool: Pool) -> None:
    arn = arn_of(pool.pool_id, account="123456789012")
    pool.developer.tag_resource(ResourceArn=arn, Tags={"stage": "test"})
    assert tags_of(pool) == {"stage": "test"}


@pytest.mark.parametrize(
    "arn",
    [
        "us-east-1:5e3c1a52-4a0b-4f3c-9b1d-0c2f6d7e8a90",
        arn_of("5e3c1a52-4a0b-4f3c-9b1d-0c2f6d7e8a90"),
        arn_of("us-east-1:NOT-A-POOL"),
        arn_of("us-east-1:5e3c1a52") + "/identity",
        arn_of("us-east-1:5e3c1a52", account="me"),
        arn_of("us-east-1:5e3c1a52").replace("cognito-identity", "cognito-sync"),
    ],
)
def test_an_arn_that_is_no_pools_is_refused(
    cognito_identity: "CognitoIdentityClient", arn: str
) -> None:
    text = f"ResourceArn {arn} is not of the form {FORM}."
    with invalid(text):
        cognito_identity.list_tags_for_resource(ResourceArn=arn)
    with invalid(text):
        cognito_identity.tag_resource(ResourceArn=arn, Tags={})
    with invalid(text):
        cognito_identity.untag_resource(ResourceArn=arn, TagKeys=[])


def test_tags_of_a_pool_that_does_not_exist_are_not_found(
    cognito_identity: "CognitoIdentityClient", identity_server: LocalServer
) -> None:
    pool_id = identity_server.new_id()
    arn = arn_of(pool_id)
    with not_found(no_pool(pool_id)):
        cognito_identity.list_tags_for_resource(ResourceArn=arn)
    with not_found(no_pool(pool_id)):
        cognito_identity.tag_resource(ResourceArn=arn, Tags={})
    with not_found(no_pool(pool_id)):
        cognito_identity.untag_resource(ResourceArn=arn, TagKeys=[])


def test_a_tag_that_breaks_a_constraint_is_refused(pool: Pool) -> None:
    value = "v" * 257
    with not_valid(
        f"'{f'{{long={value}}}'[:128]}…'",
        "tags",
        "Map value must satisfy constraint: [Member must have length less than or equal to 256, "
        "Member must have length greater than or equal to 0]",
    ):
        tag(pool, long=value)
    at_least = "Member must have length greater than or equal to 20"
    with not_valid("'arn:short'", "resourceArn", at_least):
        pool.developer.list_tags_for_resource(ResourceArn="arn:short")
