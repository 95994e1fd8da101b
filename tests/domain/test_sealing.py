"""Sealing: what opens, what does not, and what a change of keys leaves readable."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepstep.domain.limits import MASTER_KEY_LENGTH_MIN, TOKEN_LENGTH_MAX
from keepstep.domain.sealing import (
    KEY_BYTES,
    SealBroken,
    Sealer,
    SealingKey,
    master_key,
    purpose,
)

from .keys import NEWER, OLDER, counting_entropy, sealer

PURPOSE = purpose("test")


@settings(deadline=None)
@given(plaintext=st.binary(), parts=st.lists(st.text(), max_size=3))
def test_what_is_sealed_opens_for_its_purpose(plaintext: bytes, parts: list[str]) -> None:
    seals = sealer()
    assert seals.open(purpose(*parts), seals.seal(purpose(*parts), plaintext)) == plaintext
    assert seals.open_text(purpose(*parts), seals.seal_text(purpose(*parts), plaintext)) == (
        plaintext
    )


@settings(deadline=None)
@given(one=st.lists(st.text(), max_size=4), other=st.lists(st.text(), max_size=4))
def test_purposes_are_equal_only_part_by_part(one: list[str], other: list[str]) -> None:
    assert (purpose(*one) == purpose(*other)) == (one == other)


def test_parts_of_a_purpose_cannot_stand_in_for_each_other() -> None:
    purposes = [("ab", "c"), ("a", "bc"), ("abc",), ("a:b",), ("a", "b"), ("a", ""), ("a",), ()]
    assert len({purpose(*parts) for parts in purposes}) == len(purposes)


def test_another_purpose_does_not_open() -> None:
    with pytest.raises(SealBroken):
        sealer().open(purpose("other"), sealer().seal(PURPOSE, b"secret"))


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_no_byte_can_be_changed(mask: int) -> None:
    sealed = sealer().seal(PURPOSE, b"secret")
    for position in range(len(sealed)):
        forged = bytearray(sealed)
        forged[position] ^= mask
        with pytest.raises(SealBroken):
            sealer().open(PURPOSE, bytes(forged))


def test_nothing_can_be_cut_off_or_added() -> None:
    sealed = sealer().seal(PURPOSE, b"secret")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            sealer().open(PURPOSE, sealed[:length])
    with pytest.raises(SealBroken):
        sealer().open(PURPOSE, sealed + b"\0")


@settings(deadline=None)
@given(token=st.text() | st.from_regex(r"[A-Za-z0-9_=-]{0,80}", fullmatch=True))
def test_no_made_up_token_opens(token: str) -> None:
    with pytest.raises(SealBroken):
        sealer().open_text(PURPOSE, token)


def test_a_token_longer_than_the_limit_is_not_looked_at() -> None:
    token = sealer().seal_text(PURPOSE, b"x" * TOKEN_LENGTH_MAX)
    assert len(token) > TOKEN_LENGTH_MAX
    with pytest.raises(SealBroken):
        sealer().open_text(PURPOSE, token)


def test_a_token_is_of_url_safe_characters() -> None:
    token = sealer().seal_text(PURPOSE, bytes(range(256)))
    assert token.strip("=").replace("-", "").replace("_", "").isalnum()
    assert base64.urlsafe_b64decode(token)


def test_two_seals_of_one_text_differ() -> None:
    seals = sealer()
    assert seals.seal(PURPOSE, b"same") != seals.seal(PURPOSE, b"same")


def test_a_text_sealed_with_an_older_key_opens_and_the_newest_seals() -> None:
    before, rotated = sealer(OLDER), sealer(NEWER, OLDER)
    assert rotated.open(PURPOSE, before.seal(PURPOSE, b"old")) == b"old"
    sealed = rotated.seal(PURPOSE, b"new")
    assert sealed[1:5] == NEWER.key_id
    assert sealer(NEWER).open(PURPOSE, sealed) == b"new"
    with pytest.raises(SealBroken):
        before.open(PURPOSE, sealed)


def test_a_key_that_is_gone_opens_nothing() -> None:
    with pytest.raises(SealBroken):
        sealer(NEWER).open(PURPOSE, sealer(OLDER).seal(PURPOSE, b"old"))


def test_the_same_master_key_opens_and_another_does_not() -> None:
    secret = "correct horse battery staple, correct"
    sealed = Sealer([master_key(secret)], counting_entropy()).seal(PURPOSE, b"secret")
    assert Sealer([master_key(secret)], counting_entropy()).open(PURPOSE, sealed) == b"secret"
    with pytest.raises(SealBroken):
        Sealer([master_key(secret + "!")], counting_entropy()).open(PURPOSE, sealed)


def test_a_short_master_key_is_refused_in_words() -> None:
    assert len(master_key("é" * MASTER_KEY_LENGTH_MIN).key) == KEY_BYTES
    with pytest.raises(ValueError, match="at least 32 characters"):
        master_key("x" * (MASTER_KEY_LENGTH_MIN - 1))


def test_keys_are_told_apart_by_an_id_that_is_no_part_of_them() -> None:
    assert OLDER.key_id != NEWER.key_id
    assert OLDER.key_id not in OLDER.key
    assert SealingKey(OLDER.key).key_id == OLDER.key_id
