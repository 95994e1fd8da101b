r"""The constrained members that the shapes of the Cognito APIs are made of.

Lengths are in characters, as in the published service model; patterns match the whole string,
and ``\w`` means ASCII, as it does in the service. Numbers carry the 64- and 32-bit ranges of
the model's ``long`` and ``integer``.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta

LONG_MAX: Final = 2**63 - 1
INTEGER_MAX: Final = 2**31 - 1
SECONDS_MAX: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second that every SDK's date type can hold."""


def _whole(pattern: str) -> str:
    return rf"\A(?a:{pattern})\Z"


def published_pattern(pattern: str) -> str:
    """Give a member's pattern as the service model and its error messages print it."""
    return pattern.removeprefix(r"\A(?a:").removesuffix(r")\Z")


ID_PATTERN: Final = r"[\w-]+:[0-9a-f-]+"

IdentityPoolId = Annotated[str, Meta(min_length=1, max_length=55, pattern=_whole(ID_PATTERN))]
IdentityId = Annotated[str, Meta(min_length=1, max_length=55, pattern=_whole(ID_PATTERN))]
DatasetName = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=_whole(r"[a-zA-Z0-9_.:-]+"))
]
RecordKey = Annotated[str, Meta(min_length=1, max_length=1024)]
RecordValue = Annotated[str, Meta(max_length=1_048_575)]
DeviceId = Annotated[str, Meta(min_length=1, max_length=256)]
StreamName = Annotated[str, Meta(min_length=1, max_length=128)]
AssumeRoleArn = Annotated[
    str, Meta(min_length=20, max_length=2048, pattern=_whole(r"arn:aws:iam::\d+:role/.*"))
]
ApplicationArn = Annotated[
    str, Meta(pattern=_whole(r"arn:aws:sns:[-0-9a-z]+:\d+:app/[A-Z_]+/[a-zA-Z0-9_.-]+"))
]
Events = Annotated[dict[str, str], Meta(max_length=1)]

Platform = Literal["APNS", "APNS_SANDBOX", "GCM", "ADM"]
PatchOperation = Literal["replace", "remove"]
StreamingStatus = Literal["ENABLED", "DISABLED"]
BulkPublishStatus = Literal["NOT_STARTED", "IN_PROGRESS", "FAILED", "SUCCEEDED"]

Integer = Annotated[int, Meta(ge=-INTEGER_MAX - 1, le=INTEGER_MAX)]
Long = Annotated[int, Meta(ge=-LONG_MAX - 1, le=LONG_MAX)]
SyncCount = Annotated[int, Meta(ge=0, le=LONG_MAX)]
MaxResults = Annotated[int, Meta(ge=1, le=LONG_MAX)]
r"""``^[1-9]\d*`` of up to 19 digits, from the older API Reference pages."""

Timestamp = Annotated[float, Meta(ge=0, le=SECONDS_MAX)]
"""Epoch seconds, with milliseconds as the fraction."""
