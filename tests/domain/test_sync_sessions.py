"""Sync session tokens: bound to one dataset of one identity, for an hour."""

import base64

import pytest

from keepstep.domain.datasets import DatasetPlace, SyncSession
from keepstep.domain.limits import HOUR_MS
from keepstep.domain.pages import seal_name
from keepstep.domain.sealing import purpose
from keepstep.domain.sync_sessions import (
    SESSION_ID_BYTES,
    begin_session,
    invalid_session,
    open_session,
    seal_session,
)
from keepstep.wire.errors import InvalidParameterException

from .keys import NEWER, OLDER, counting_entropy, sealer

PLACE = DatasetPlace("us-east-1:1", "us-east-1:2", "things")
NOW = 1_700_000_000_000
SESSION = SyncSession(b"0123456789abcdef", NOW + HOUR_MS)


def refused(token: str, place: DatasetPlace = PLACE, now: int = NOW) -> None:
    """Check that a token is refused as the real service refuses any."""
    with pytest.raises(InvalidParameterException) as raised:
        open_session(token, place, sealer(), now)
    assert raised.value.message == "SyncSessionToken not valid for these inputs"


def test_a_session_begins_with_a_random_id_and_lasts_an_hour() -> None:
    entropy = counting_entropy()
    first, second = begin_session(NOW, entropy), begin_session(NOW, entropy)
    assert len(first.session_id) == SESSION_ID_BYTES
    assert first.session_id != second.session_id
    assert first.expires_at == NOW + 3_600_000


def test_a_token_opens_for_its_dataset() -> None:
    assert open_session(seal_session(SESSION, PLACE, sealer()), PLACE, sealer(), NOW) == SESSION


@pytest.mark.parametrize(
    "place",
    [
        DatasetPlace("us-east-1:9", "us-east-1:2", "things"),
        DatasetPlace("us-east-1:1", "us-east-1:9", "things"),
        DatasetPlace("us-east-1:1", "us-east-1:2", "other"),
        DatasetPlace("us-east-1:2", "us-east-1:1", "things"),
        DatasetPlace("us-east-1:1us-east-1:2", "", "things"),
    ],
)
def test_a_token_is_refused_for_any_other_dataset(place: DatasetPlace) -> None:
    refused(seal_session(SESSION, PLACE, sealer()), place)


def test_a_token_ends_with_its_last_millisecond() -> None:
    token = seal_session(SESSION, PLACE, sealer())
    assert open_session(token, PLACE, sealer(), SESSION.expires_at - 1) == SESSION
    refused(token, now=SESSION.expires_at)
    refused(token, now=SESSION.expires_at + 1)


def test_a_token_with_any_byte_changed_is_refused() -> None:
    sealed = base64.urlsafe_b64decode(seal_session(SESSION, PLACE, sealer()))
    for position in range(len(sealed)):
        forged = bytearray(sealed)
        forged[position] ^= 1
        refused(base64.urlsafe_b64encode(forged).decode())


def test_a_token_with_any_character_changed_or_missing_is_refused() -> None:
    token = seal_session(SESSION, PLACE, sealer())
    for position, character in enumerate(token):
        other = "A" if character != "A" else "B"
        refused(token[:position] + other + token[position + 1 :])
        refused(token[:position] + token[position + 1 :])


@pytest.mark.parametrize(
    "token", ["", "x", "é", "\0", "=" * 76, "A" * 76, "a b", " ", "A" * 20_000]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    refused(token)


def test_a_seal_of_another_purpose_is_no_session() -> None:
    plaintext = SESSION.session_id + SESSION.expires_at.to_bytes(8, "big")
    scope = (PLACE.identity_pool_id, PLACE.identity_id, PLACE.dataset_name)
    refused(sealer().seal_text(purpose("page", "ListRecords", *scope), plaintext))
    refused(seal_name("ListDatasets", scope, "x" * 24, sealer()))


def test_a_token_of_a_key_that_was_replaced_still_opens() -> None:
    token = seal_session(SESSION, PLACE, sealer(OLDER))
    assert open_session(token, PLACE, sealer(NEWER, OLDER), NOW) == SESSION


def test_a_consumed_session_has_the_text_seen_in_complete_aws_iam_reference_issue_65() -> None:
    assert invalid_session().message == "SyncSessionToken not valid for these inputs"
