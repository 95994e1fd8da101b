"""Page tokens: each opens only for the call whose next page it stands for."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepstep.domain.datasets import DatasetPlace, SyncSession
from keepstep.domain.pages import (
    RecordsPosition,
    open_name,
    open_position,
    seal_name,
    seal_position,
)
from keepstep.domain.sync_sessions import seal_session
from keepstep.wire.errors import InvalidParameterException
from keepstep.wire.members import LONG_MAX

from .keys import NEWER, OLDER, sealer

PLACE = DatasetPlace("us-east-1:1", "us-east-1:2", "things")
SCOPE = ("us-east-1:1", "us-east-1:2")
POSITION = RecordsPosition(last_sync_count=1, through=9, after_sync_count=4, after_key="k")
COUNTS = st.integers(0, LONG_MAX)
REFUSED = "NextToken is not valid for these inputs"


@settings(deadline=None)
@given(name=st.text())
def test_a_name_token_opens_for_its_own_listing(name: str) -> None:
    token = seal_name("ListDatasets", SCOPE, name, sealer())
    assert open_name("ListDatasets", SCOPE, token, sealer()) == name


@settings(deadline=None)
@given(
    position=st.builds(
        RecordsPosition,
        last_sync_count=COUNTS,
        through=COUNTS,
        after_sync_count=COUNTS,
        after_key=st.text(),
    )
)
def test_a_records_token_opens_for_its_own_dataset(position: RecordsPosition) -> None:
    token = seal_position(position, PLACE, sealer())
    assert open_position(token, PLACE, sealer()) == position


def test_the_longest_key_fits_into_a_token() -> None:
    position = RecordsPosition(
        last_sync_count=LONG_MAX,
        through=LONG_MAX,
        after_sync_count=LONG_MAX,
        after_key="\0" * 1024,
    )
    token = seal_position(position, PLACE, sealer())
    assert open_position(token, PLACE, sealer()) == position


@pytest.mark.parametrize(
    ("call", "scope"),
    [
        ("ListIdentityPoolUsage", SCOPE),
        ("ListDatasets", ("us-east-1:1", "us-east-1:9")),
        ("ListDatasets", ("us-east-1:1",)),
        ("ListDatasets", ()),
        ("ListDatasets", (*SCOPE, "")),
    ],
)
def test_a_name_token_is_refused_for_another_listing(call: str, scope: tuple[str, ...]) -> None:
    token = seal_name("ListDatasets", SCOPE, "things", sealer())
    with pytest.raises(InvalidParameterException, match=REFUSED):
        open_name(call, scope, token, sealer())


@pytest.mark.parametrize(
    "place",
    [
        DatasetPlace("us-east-1:9", "us-east-1:2", "things"),
        DatasetPlace("us-east-1:1", "us-east-1:9", "things"),
        DatasetPlace("us-east-1:1", "us-east-1:2", "other"),
    ],
)
def test_a_records_token_is_refused_for_another_dataset(place: DatasetPlace) -> None:
    with pytest.raises(InvalidParameterException, match=REFUSED):
        open_position(seal_position(POSITION, PLACE, sealer()), place, sealer())


def test_a_records_token_with_any_byte_changed_is_refused() -> None:
    sealed = base64.urlsafe_b64decode(seal_position(POSITION, PLACE, sealer()))
    for position in range(len(sealed)):
        forged = bytearray(sealed)
        forged[position] ^= 1
        with pytest.raises(InvalidParameterException, match=REFUSED):
            open_position(base64.urlsafe_b64encode(forged).decode(), PLACE, sealer())


@pytest.mark.parametrize("token", ["", "x", "é", "dGhpbmdz", "A" * 80, "A" * 20_000])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidParameterException, match=REFUSED):
        open_position(token, PLACE, sealer())
    with pytest.raises(InvalidParameterException, match=REFUSED):
        open_name("ListDatasets", SCOPE, token, sealer())


def test_tokens_of_different_kinds_do_not_stand_in_for_each_other() -> None:
    session = seal_session(SyncSession(b"s" * 16, 1), PLACE, sealer())
    name = seal_name("ListRecords", (*SCOPE, "other"), "x", sealer())
    for token in (session, name):
        with pytest.raises(InvalidParameterException, match=REFUSED):
            open_position(token, PLACE, sealer())


def test_a_token_of_a_key_that_was_replaced_still_opens() -> None:
    token = seal_position(POSITION, PLACE, sealer(OLDER))
    assert open_position(token, PLACE, sealer(NEWER, OLDER)) == POSITION
