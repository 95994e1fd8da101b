"""Which application reaches a platform, and whom a push message is still to be told."""

import json

import pytest

from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.outbox import Channel
from keepstep.domain.push import (
    PLATFORMS,
    Notice,
    application_of,
    encode_notice,
    open_notice,
    platform_of,
    push_message,
)
from keepstep.wire.members import Platform
from keepstep.wire.sync import PushSync

from .places import NOW, PLACE, dataset

ARN = "arn:aws:sns:us-east-1:000000000000:app"
CHANGE = DatasetChange(place=PLACE, expected_sync_count=3, dataset=dataset(4))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_arn_of_an_application_names_its_platform(platform: Platform) -> None:
    """A name may look like a platform, and one platform's name is the beginning of another's."""
    assert platform_of(f"{ARN}/{platform}/GCM") == platform
    arns = [f"{ARN}/{other}/{platform}" for other in PLATFORMS]
    assert (
        application_of(PushSync(application_arns=arns), platform) == f"{ARN}/{platform}/{platform}"
    )


@pytest.mark.parametrize("push_sync", [None, PushSync(), PushSync(application_arns=[])])
def test_a_pool_without_applications_reaches_no_platform(push_sync: PushSync | None) -> None:
    assert [application_of(push_sync, platform) for platform in PLATFORMS] == [None] * 4


@pytest.mark.parametrize("name", ["BAIDU", "MPNS", "WNS", "gcm", "APNS_VOIP", "APNS_"])
def test_other_platforms_of_sns_are_none(name: str) -> None:
    assert platform_of(f"{ARN}/{name}/app") is None


@pytest.mark.parametrize("device_id", ["phone", None])
def test_a_push_message_tells_all_but_the_device_that_wrote(device_id: str | None) -> None:
    message = push_message(CHANGE, device_id)
    assert (message.place, message.channel, message.sync_count) == (PLACE, Channel.PUSH, 4)
    assert message.creation_date == NOW
    assert open_notice(message.body) == Notice(written_by=device_id, remaining=None)


@pytest.mark.parametrize("remaining", [None, (), ("a", "b")])
def test_a_notice_is_read_as_it_was_written(remaining: tuple[str, ...] | None) -> None:
    notice = Notice(written_by="phone", remaining=remaining)
    body = encode_notice(notice)
    assert isinstance(json.loads(body), dict)
    assert open_notice(body) == notice
