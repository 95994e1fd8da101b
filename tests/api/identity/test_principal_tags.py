"""GetPrincipalTagAttributeMap and SetPrincipalTagAttributeMap."""

from typing import TYPE_CHECKING, Any

import pytest

from keepstep.testing import LocalServer

from .steps import FACEBOOK, GOOGLE, Pool, no_pool, not_found, not_valid

if TYPE_CHECKING:
    from types_boto3_cognito_identity import CognitoIdentityClient


def mapping_of(answer: Any) -> tuple[bool, dict[str, str]]:
    return answer["UseDefaults"], answer["PrincipalTags"]


def place(pool: Pool, provider: str = GOOGLE) -> dict[str, Any]:
    return {"IdentityPoolId": pool.pool_id, "IdentityProviderName": provider}


def test_a_provider_has_no_principal_tags_until_some_are_set(pool: Pool) -> None:
    answer = dict(pool.developer.get_principal_tag_attribute_map(**place(pool)))
    del answer["ResponseMetadata"]
    assert answer == {**place(pool), "UseDefaults": False, "PrincipalTags": {}}


@pytest.mark.parametrize("use_defaults", [True, False])
@pytest.mark.parametrize("tags", [{}, {"team": "group"}])
def test_principal_tags_are_as_they_were_set(
    pool: Pool, tags: dict[str, str], use_defaults: bool
) -> None:
    answer = pool.developer.set_principal_tag_attribute_map(
        **place(pool), UseDefaults=use_defaults, PrincipalTags=tags
    )
    found = pool.developer.get_principal_tag_attribute_map(**place(pool))
    assert mapping_of(answer) == mapping_of(found) == (use_defaults, tags)


def test_without_a_word_on_defaults_the_tags_that_are_given_count(pool: Pool) -> None:
    tags = {"team": "group"}
    answer = pool.developer.set_principal_tag_attribute_map(**place(pool), PrincipalTags=tags)
    assert mapping_of(answer) == (False, tags)
    answer = pool.developer.set_principal_tag_attribute_map(**place(pool))
    assert mapping_of(answer) == (True, {})


def test_setting_principal_tags_replaces_those_of_one_provider(pool: Pool) -> None:
    for provider in (GOOGLE, FACEBOOK):
        pool.developer.set_principal_tag_attribute_map(
            **place(pool, provider), PrincipalTags={"team": "group", "who": "sub"}
        )
    pool.developer.set_principal_tag_attribute_map(**place(pool), PrincipalTags={"mail": "email"})
    google = pool.developer.get_principal_tag_attribute_map(**place(pool))
    facebook = pool.developer.get_principal_tag_attribute_map(**place(pool, FACEBOOK))
    assert google["PrincipalTags"] == {"mail": "email"}
    assert facebook["PrincipalTags"] == {"team": "group", "who": "sub"}


def test_principal_tags_of_a_pool_that_does_not_exist_are_not_found(
    cognito_identity: "CognitoIdentityClient", identity_server: LocalServer
) -> None:
    pool_id = identity_server.new_id()
    for call in (
        cognito_identity.get_principal_tag_attribute_map,
        cognito_identity.set_principal_tag_attribute_map,
    ):
        with not_found(no_pool(pool_id)):
            call(IdentityPoolId=pool_id, IdentityProviderName=GOOGLE)


def test_a_provider_has_50_principal_tags_at_most(pool: Pool) -> None:
    tags = {f"tag{n}": "sub" for n in range(51)}
    at_most = "Member must have length less than or equal to 50"
    with not_valid("'51 entries'", "principalTags", at_most):
        pool.developer.set_principal_tag_attribute_map(**place(pool), PrincipalTags=tags)
    del tags["tag50"]
    pool.developer.set_principal_tag_attribute_map(**place(pool), PrincipalTags=tags)
