"""Tokens that no library would make: unsigned, or signed with what anybody can know."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any


def encode_part(part: Mapping[str, Any] | bytes) -> str:
    """Give a part of a token: JSON, or bytes, in base64url without padding."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned_token(claims: Mapping[str, Any], **header: Any) -> str:
    """Give a token of algorithm none."""
    return f"{encode_part({'alg': 'none', **header})}.{encode_part(claims)}."


def shared_secret_token(claims: Mapping[str, Any], secret: str, **header: Any) -> str:
    """Give a token signed by HS256, as one would with a public key for a secret."""
    text = f"{encode_part({'alg': 'HS256', **header})}.{encode_part(claims)}"
    return f"{text}.{encode_part(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))}"
