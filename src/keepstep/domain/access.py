"""Who calls, what class of caller an operation takes, and the keys developers sign with."""

import base64
import enum
from collections.abc import Callable
from typing import Final

import msgspec

from keepstep.wire.errors import AccessDeniedException, NotAuthorizedException

from .sealing import Entropy

ACCESS_KEY_PREFIX: Final = "AKIA"


class Developer(msgspec.Struct, frozen=True, kw_only=True):
    """A holder of a long-term access key of the account that owns every pool."""

    account_id: str
    access_key_id: str
    read_only: bool = False


class CallerClass(enum.Enum):
    """Which credentials an operation accepts (the service model says so per operation)."""

    ANY = "any"
    DEVELOPER = "developer"
    IDENTITY = "identity"


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """A developer's access key; ``sealed_secret`` opens with the master key only."""

    access_key_id: str
    sealed_secret: bytes
    description: str
    read_only: bool
    creation_date: int


def check_access(
    caller: Developer,
    accepts: CallerClass,
    *,
    action: str,
    reads: bool,
    resource: Callable[[], str],
) -> None:
    """Refuse a caller of the wrong class, and a read-only key that would write.

    ``resource`` names what is acted on, for the text of a denial.

    Raises NotAuthorizedException with the text seen in aws-sdk-php issue 494, or
    AccessDeniedException in the form of IAM.
    """
    if accepts is CallerClass.IDENTITY:
        raise NotAuthorizedException("These credentials are not valid for accessing this resource")
    if caller.read_only and not reads:
        raise AccessDeniedException(
            f"User: arn:aws:iam::{caller.account_id}:user/{caller.access_key_id} is not "
            f"authorized to perform: {action} on resource: {resource()} because the access key "
            "is read-only"
        )


def new_access_key_id(entropy: Entropy) -> str:
    """Make an access key id of AWS's form: ``AKIA`` and 16 capitals and digits."""
    return ACCESS_KEY_PREFIX + base64.b32encode(entropy(10)).decode("ascii")


def new_secret(entropy: Entropy) -> str:
    """Make a secret access key of AWS's form: 40 letters, digits, ``/`` and ``+``."""
    return base64.b64encode(entropy(30)).decode("ascii")
