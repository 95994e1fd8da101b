"""What a pool's owner may set up to leave it, and what is refused in words."""

import pytest

from keepstep.domain.configuration import changed_by_others, with_configuration, with_events
from keepstep.domain.pools import PoolSettings
from keepstep.domain.push import PLATFORMS
from keepstep.wire.errors import InvalidParameterException
from keepstep.wire.sync import CognitoStreams, PushSync

APPLICATION = "arn:aws:sns:us-east-1:000000000000:app"
ROLE = "arn:aws:iam::000000000000:role/service/push"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:check"
PUSH = PushSync(application_arns=[f"{APPLICATION}/GCM/a"], role_arn=ROLE)
STREAMS = CognitoStreams(stream_name="s", role_arn=ROLE, streaming_status="ENABLED")
BOTH = PoolSettings(push_sync=PUSH, cognito_streams=STREAMS, tags={"a": "b"})


@pytest.mark.parametrize("push_sync", [None, PushSync(role_arn=ROLE)])
@pytest.mark.parametrize("streams", [None, CognitoStreams(streaming_status="DISABLED")])
def test_what_is_given_replaces_as_a_whole_and_the_rest_stays(
    push_sync: PushSync | None, streams: CognitoStreams | None
) -> None:
    after = with_configuration(BOTH, push_sync, streams)
    expected = PoolSettings(
        push_sync=push_sync or PUSH, cognito_streams=streams or STREAMS, tags={"a": "b"}
    )
    assert after == expected


@pytest.mark.parametrize("empty", [PushSync(), PushSync(application_arns=[])])
def test_empty_objects_remove(empty: PushSync) -> None:
    assert with_configuration(BOTH, empty, None).push_sync is None
    assert with_configuration(BOTH, None, CognitoStreams()).cognito_streams is None


def test_an_application_of_each_platform_is_taken() -> None:
    arns = [f"{APPLICATION}/{platform}/name" for platform in PLATFORMS]
    after = with_configuration(PoolSettings(), PushSync(application_arns=arns), None)
    assert after.push_sync == PushSync(application_arns=arns)


@pytest.mark.parametrize(
    ("push_sync", "text"),
    [
        (PushSync(application_arns=[f"{APPLICATION}/BAIDU/a"]), "of no platform that is served"),
        (
            PushSync(application_arns=[f"{APPLICATION}/GCM/a", f"{APPLICATION}/GCM/b"]),
            "more than one application of GCM",
        ),
        (PushSync(application_arns=[f"{APPLICATION}/GCM/a"] * 2), "more than one application"),
        (PushSync(role_arn="arn:aws:iam::0:role/"), "not the ARN of an IAM role"),
        (PushSync(role_arn="arn:aws:iam::0:role/a b"), "not the ARN of an IAM role"),
        (PushSync(role_arn=f"arn:aws:iam::0:role/{'x' * 65}"), "not the ARN of an IAM role"),
    ],
)
def test_push_that_could_not_be_used_is_refused(push_sync: PushSync, text: str) -> None:
    with pytest.raises(InvalidParameterException, match=text):
        with_configuration(PoolSettings(), push_sync, None)


@pytest.mark.parametrize(
    ("streams", "text"),
    [
        (CognitoStreams(streaming_status="ENABLED"), "need a StreamName"),
        (CognitoStreams(stream_name="s", role_arn="arn:aws:iam::0:role/#/"), "IAM role"),
    ],
)
def test_streams_that_could_not_be_used_are_refused(streams: CognitoStreams, text: str) -> None:
    with pytest.raises(InvalidParameterException, match=text):
        with_configuration(PoolSettings(), None, streams)


def test_only_a_change_of_what_is_set_counts_as_somebody_elses() -> None:
    other_push = with_configuration(BOTH, PushSync(role_arn=ROLE), None)
    other_streams = with_configuration(BOTH, None, CognitoStreams(stream_name="t"))
    other_events = with_events(BOTH, {"SyncTrigger": FUNCTION})
    changes = (other_push, other_streams, other_events)
    assert [changed_by_others(BOTH, now, PUSH, None) for now in changes] == [True, False, False]
    assert [changed_by_others(BOTH, now, None, STREAMS) for now in changes] == [False, True, False]
    assert [changed_by_others(BOTH, now, None, None) for now in changes] == [False] * 3


@pytest.mark.parametrize(
    "function",
    [
        FUNCTION,
        f"{FUNCTION}:$LATEST",
        f"{FUNCTION}:7",
        f"{FUNCTION}:live-1",
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:a_b-c",
    ],
)
def test_a_function_is_set_and_an_empty_name_removes_it(function: str) -> None:
    after = with_events(PoolSettings(), {"SyncTrigger": function})
    assert after.events == {"SyncTrigger": function}
    assert with_events(after, {}) == after
    assert with_events(after, {"SyncTrigger": ""}).events == {}


@pytest.mark.parametrize(
    "events",
    [
        {"SyncTrigger": "check"},
        {"SyncTrigger": " "},
        {"SyncTrigger": f"{FUNCTION}\n"},
        {"SyncTrigger": FUNCTION.replace("lambda", "sns")},
        {"SyncTrigger": FUNCTION.replace(":function:", ":layer:")},
        {"SyncTrigger": f"{FUNCTION}:"},
        {"SyncTrigger": f"{FUNCTION}:$OLDEST"},
        {"SyncTrigger": FUNCTION.replace("000000000000", "0")},
        {"SyncTrigger": "https://localhost/check"},
        {"syncTrigger": FUNCTION},
        {"DeleteTrigger": ""},
        {"": ""},
    ],
)
def test_other_events_and_other_functions_are_refused(events: dict[str, str]) -> None:
    with pytest.raises(InvalidParameterException):
        with_events(PoolSettings(), events)
