"""The signature of what is posted to endpoints of the operator, and which of them can be used.

It is of the same form as Stripe's: ``t=SECONDS,v1=HEX``, where HEX is the HMAC-SHA256 of the
seconds, a full stop and the body. Apart from ``posts``, whose library takes its time to load.
"""

import hashlib
import hmac
from typing import Final

SIGNATURE: Final = "Keepstep-Signature"
SECRET_LENGTH_MIN: Final = 16
"""Characters of a secret that signs; fewer can be guessed."""


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Give the value of the signature's header; ``timestamp`` is in seconds."""
    signed = hmac.new(secret.encode(), b"%d.%b" % (timestamp, body), hashlib.sha256)
    return f"t={timestamp},v1={signed.hexdigest()}"


def checked_url(url: str) -> str:
    """Give a URL that can be posted to. Raises ValueError."""
    import httpx  # noqa: PLC0415 -- a fast start for those who post nothing

    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise ValueError("is not an http:// or https:// URL")
    if parts.userinfo:
        raise ValueError("is a URL with a user in it; the signature proves who sends")
    return url


def checked_secret(secret: str) -> str:
    """Give a secret that can sign. Raises ValueError."""
    if len(secret) < SECRET_LENGTH_MIN:
        raise ValueError(f"has to have {SECRET_LENGTH_MIN} characters or more")
    return secret
