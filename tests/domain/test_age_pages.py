"""Page tokens of listings by age: each opens only for the listing whose next page it stands for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepstep.domain.pages import BEFORE_ALL, open_age, seal_age, seal_name
from keepstep.wire.errors import InvalidParameterException
from keepstep.wire.members import LONG_MAX

from .keys import sealer

POOL = ("us-east-1:1",)
REFUSED = "NextToken is not valid for these inputs"
POSITIONS = st.tuples(st.integers(0, LONG_MAX), st.text())


@settings(deadline=None)
@given(last=POSITIONS)
def test_an_age_token_opens_for_its_own_listing(last: tuple[int, str]) -> None:
    token = seal_age("ListIdentities", POOL, last, sealer())
    assert open_age("ListIdentities", POOL, token, sealer()) == last


@given(item=st.tuples(st.integers(0, LONG_MAX), st.text(min_size=1)))
def test_without_a_token_a_listing_begins_before_every_item(item: tuple[int, str]) -> None:
    assert open_age("ListIdentities", POOL, None, sealer()) == BEFORE_ALL < item


@pytest.mark.parametrize(
    ("call", "scope"),
    [("ListIdentityPools", ()), ("ListIdentities", ()), ("ListIdentities", ("us-east-1:2",))],
)
def test_an_age_token_is_refused_for_another_listing(call: str, scope: tuple[str, ...]) -> None:
    token = seal_age("ListIdentities", POOL, (1, "us-east-1:3"), sealer())
    with pytest.raises(InvalidParameterException, match=REFUSED):
        open_age(call, scope, token, sealer())


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 80, "A" * 20_000])
def test_what_is_no_age_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidParameterException, match=REFUSED):
        open_age("ListIdentities", POOL, token, sealer())


def test_a_name_token_is_no_age_token() -> None:
    token = seal_name("LookupDeveloperIdentity", POOL, "ann", sealer())
    with pytest.raises(InvalidParameterException, match=REFUSED):
        open_age("ListIdentities", POOL, token, sealer())
