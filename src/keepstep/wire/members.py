r"""The constrained members that the shapes of the Cognito APIs are made of.

Lengths are in characters, as in the published service model; patterns match the whole string,
and ``\w`` means ASCII, as it does in the service. Numbers carry the 64- and 32-bit ranges of
the model's ``long`` and ``integer``. What the model calls sensitive, and session tokens, which it
does not, carry ``SENSITIVE``.
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
    plain = pattern.removeprefix(r"\A(?a:").removesuffix(r")\Z")
    return _REWRITTEN.get(plain, plain)


_CLAIM_NAME: Final = (
    r"[^\x00-\x20\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\uf8ff\ufeff\ufff9-\ufffb\U000110bd"
    r"\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0001-\U000e007f\U000f0000-\U0010ffff]+"
)
"""Everything but spaces, controls, formats and private use: Python's patterns have no ``\\p``."""
_REWRITTEN: Final = {_CLAIM_NAME: r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+"}

SENSITIVE: Final = "sensitive"
_SENSITIVE: Final = {SENSITIVE: True}

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

# Cognito Identity

Arn = Annotated[str, Meta(min_length=20, max_length=2048)]
AccountId = Annotated[str, Meta(min_length=1, max_length=15, pattern=_whole(r"\d+"))]
IdentityPoolName = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=_whole(r"[\w\s+=,.@-]+"))
]
IdentityProviderName = Annotated[str, Meta(min_length=1, max_length=128)]
IdentityProviderId = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=_whole(r"[\w.;_/-]+"))
]
IdentityProviders = Annotated[dict[IdentityProviderName, IdentityProviderId], Meta(max_length=10)]
IdentityProviderToken = Annotated[str, Meta(min_length=1, max_length=50_000, extra=_SENSITIVE)]
Logins = Annotated[dict[IdentityProviderName, IdentityProviderToken], Meta(max_length=10)]
CognitoIdentityProviderName = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=_whole(r"[\w._:/-]+"))
]
CognitoIdentityProviderClientId = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=_whole(r"[\w_]+"))
]
DeveloperProviderName = Annotated[
    str, Meta(min_length=1, max_length=128, pattern=_whole(r"[\w._-]+"))
]
DeveloperUserIdentifier = Annotated[str, Meta(min_length=1, max_length=1024)]
IdentityIds = Annotated[list[IdentityId], Meta(min_length=1, max_length=60)]
QueryLimit = Annotated[int, Meta(ge=1, le=60)]
PaginationKey = Annotated[str, Meta(min_length=1, max_length=65_535, pattern=_whole(r"[\S]+"))]
TokenDuration = Annotated[int, Meta(ge=1, le=86_400)]
PrincipalTagName = Annotated[str, Meta(min_length=1, max_length=128)]
PrincipalTagValue = Annotated[str, Meta(min_length=1, max_length=256)]
PrincipalTags = Annotated[dict[PrincipalTagName, PrincipalTagValue], Meta(max_length=50)]
TagKey = Annotated[str, Meta(min_length=1, max_length=128)]
TagValue = Annotated[str, Meta(min_length=0, max_length=256)]
RoleType = Annotated[str, Meta(min_length=1, max_length=128, pattern=_whole(r"(un)?authenticated"))]
Roles = Annotated[dict[RoleType, Arn], Meta(max_length=2)]
ClaimName = Annotated[str, Meta(min_length=1, max_length=64, pattern=_whole(_CLAIM_NAME))]
ClaimValue = Annotated[str, Meta(min_length=1, max_length=128)]
OpenIdToken = Annotated[str, Meta(extra=_SENSITIVE)]
SecretKey = Annotated[str, Meta(extra=_SENSITIVE)]
SessionToken = Annotated[str, Meta(extra=_SENSITIVE)]

AmbiguousRoleResolution = Literal["AuthenticatedRole", "Deny"]
RoleMappingType = Literal["Token", "Rules"]
MatchType = Literal["Equals", "Contains", "StartsWith", "NotEqual"]
UnprocessedErrorCode = Literal["AccessDenied", "InternalServerError"]

# Security Token Service

StsArn = Annotated[
    str,
    Meta(
        min_length=20,
        max_length=2048,
        pattern=_whole(
            r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+"
        ),
    ),
]
RoleSessionName = Annotated[str, Meta(min_length=2, max_length=64, pattern=_whole(r"[\w+=,.@-]*"))]
SourceIdentity = RoleSessionName
WebIdentityToken = Annotated[str, Meta(min_length=4, max_length=20_000, extra=_SENSITIVE)]
ProviderUrl = Annotated[str, Meta(min_length=4, max_length=2048)]
SessionPolicy = Annotated[
    str,
    Meta(min_length=1, max_length=2048, pattern=_whole(r"[\u0009\u000A\u000D\u0020-\u00FF]+")),
]
RoleDurationSeconds = Annotated[int, Meta(ge=900, le=43_200)]
MinimumSessionTokenSize = Annotated[int, Meta(ge=0, le=4096)]
WholeNumber = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
AccessKeyId = Annotated[str, Meta(min_length=16, max_length=128, pattern=_whole(r"[\w]*"))]
WebIdentitySubject = Annotated[str, Meta(min_length=6, max_length=255)]
AssumedRoleId = Annotated[str, Meta(min_length=2, max_length=193, pattern=_whole(r"[\w+=,.@:-]*"))]
