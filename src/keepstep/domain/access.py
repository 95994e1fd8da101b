"""Who calls, what class of caller an operation takes, and the keys developers sign with."""

import base64
import enum
from typing import Final

import msgspec

from .credentials import IdentityCaller
from .sealing import Entropy

ACCESS_KEY_PREFIX: Final = "AKIA"


class Developer(msgspec.Struct, frozen=True, kw_only=True):
    """A holder of a long-term access key of the account that owns every pool."""

    account_id: str
    access_key_id: str
    read_only: bool = False

    @property
    def arn(self) -> str:
        """The caller as IAM names it."""
        return f"arn:aws:iam::{self.account_id}:user/{self.access_key_id}"


Caller = Developer | IdentityCaller


class CallerClass(enum.Enum):
    """Which credentials an operation accepts (the service model says so per operation).

    ANY are all credentials; ANYBODY needs none; SIGNED are all credentials whatever they may do.
    """

    ANYBODY = "anybody"
    SIGNED = "signed"
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


def new_access_key_id(entropy: Entropy) -> str:
    """Make an access key id of AWS's form: ``AKIA`` and 16 capitals and digits."""
    return ACCESS_KEY_PREFIX + base64.b32encode(entropy(10)).decode("ascii")


def new_secret(entropy: Entropy) -> str:
    """Make a secret access key of AWS's form: 40 letters, digits, ``/`` and ``+``."""
    return base64.b64encode(entropy(30)).decode("ascii")
