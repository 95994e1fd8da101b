"""What leaves a pool, as its owner sets it up: push notifications, the stream, the sync trigger.

What is refused here is refused although the shapes allow it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from keepstep.wire.errors import InvalidParameterException
from keepstep.wire.sync import CognitoStreams, PushSync

from .pools import PoolSettings
from .push import PLATFORMS, platform_of

SYNC_TRIGGER: Final = "SyncTrigger"
"""The one kind of event there is."""

_ROLE: Final = re.compile(r"arn:aws:iam::[0-9]+:role/(?:[\x21-\x7e]+/)?[\w+=,.@-]{1,64}", re.ASCII)
_FUNCTION: Final = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[\w-]{1,64}(?::(?:\$LATEST|[\w-]{1,128}))?",
    re.ASCII,
)


def with_configuration(
    settings: PoolSettings, push_sync: PushSync | None, cognito_streams: CognitoStreams | None
) -> PoolSettings:
    """Replace each part that is given as a whole; an empty one is removed, None is left as it is.

    So the .NET SDK's integration test has it for ``PushSync``.

    Raises InvalidParameterException for an ARN that cannot be used, two applications of one
    platform, and an enabled stream without a name.
    """
    if push_sync is not None:
        _check_push(push_sync)
        empty = not push_sync.application_arns and push_sync.role_arn is None
        settings = msgspec.structs.replace(settings, push_sync=None if empty else push_sync)
    if cognito_streams is not None:
        _check_streams(cognito_streams)
        empty = cognito_streams == CognitoStreams()
        settings = msgspec.structs.replace(
            settings, cognito_streams=None if empty else cognito_streams
        )
    return settings


def changed_by_others(
    before: PoolSettings,
    now: PoolSettings,
    push_sync: PushSync | None,
    cognito_streams: CognitoStreams | None,
) -> bool:
    """Whether a part that a request gives is not any more what it was when it was decided on."""
    return (push_sync is not None and now.push_sync != before.push_sync) or (
        cognito_streams is not None and now.cognito_streams != before.cognito_streams
    )


def with_events(settings: PoolSettings, events: Mapping[str, str]) -> PoolSettings:
    """Set the functions of some kinds of event; an empty name removes one, others stay.

    Raises InvalidParameterException for an unknown kind of event, and for what is not the ARN of
    a Lambda function.
    """
    for kind, function in events.items():
        if kind != SYNC_TRIGGER:
            raise InvalidParameterException(
                f"Events has the key {kind[:128]!r}; the only kind of event is {SYNC_TRIGGER}."
            )
        if function and _FUNCTION.fullmatch(function) is None:
            raise InvalidParameterException(
                f"The function of {kind} is not the ARN of a Lambda function, such as "
                "arn:aws:lambda:us-east-1:000000000000:function:check; an empty text removes it."
            )
    after = {kind: name for kind, name in {**settings.events, **events}.items() if name}
    return msgspec.structs.replace(settings, events=after)


def _check_push(push_sync: PushSync) -> None:
    _check_role(push_sync.role_arn)
    arns: Sequence[str] = push_sync.application_arns or ()
    platforms = [platform_of(arn) for arn in arns]
    for arn, platform in zip(arns, platforms, strict=True):
        if platform is None:
            raise InvalidParameterException(
                f"The application {arn} is of no platform that is served: {', '.join(PLATFORMS)}."
            )
        if platforms.count(platform) > 1:
            raise InvalidParameterException(
                f"ApplicationArns names more than one application of {platform}; give one."
            )


def _check_streams(streams: CognitoStreams) -> None:
    _check_role(streams.role_arn)
    if streams.streaming_status == "ENABLED" and streams.stream_name is None:
        raise InvalidParameterException(
            "CognitoStreams that are ENABLED need a StreamName; give the name of the stream."
        )


def _check_role(arn: str | None) -> None:
    if arn is not None and _ROLE.fullmatch(arn) is None:
        raise InvalidParameterException(
            f"The RoleArn {arn[:128]} is not the ARN of an IAM role, such as "
            "arn:aws:iam::000000000000:role/name."
        )
