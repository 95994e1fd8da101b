"""A signature in the query, as in the URLs that prove who somebody is to a third party.

Only where a door takes it: a URL that acts for somebody leaks into logs.
"""

from typing import Final
from urllib.parse import parse_qsl

from keepstep.domain.limits import PRESIGNED_SECONDS_MAX, SECOND_MS
from keepstep.wire import sigv4
from keepstep.wire.errors import IncompleteSignatureException

PRESIGNED: Final = b"X-Amz-Signature="

_NEEDED: Final = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)
_SESSION: Final = "X-Amz-Security-Token"


def read_presigned(
    query: bytes,
) -> tuple[sigv4.Claims, str, str, bytes, bytes | None, int]:
    """Give claims, signature, date, the signed part of the query, session token, and life.

    The life is in milliseconds.

    Raises IncompleteSignatureException.
    """
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = dict(pairs)
    if len(given) != len(pairs):
        raise IncompleteSignatureException("A query parameter is given more than once.")
    missing = [name for name in _NEEDED if not given.get(name)]
    if missing:
        raise IncompleteSignatureException(f"The query has no {missing[0]}.")
    strange = [name for name in (*_NEEDED, _SESSION) if not _is_plain(given.get(name, ""))]
    if strange:
        raise IncompleteSignatureException(
            f"{strange[0]} may hold printable ASCII only; send the query as it was signed."
        )
    if given["X-Amz-Algorithm"] != sigv4.ALGORITHM:
        raise IncompleteSignatureException(f"X-Amz-Algorithm must be {sigv4.ALGORITHM}.")
    seconds = given["X-Amz-Expires"]
    short = len(seconds) <= len(str(PRESIGNED_SECONDS_MAX))
    number = short and seconds.isascii() and seconds.isdigit()
    if not number or int(seconds) > PRESIGNED_SECONDS_MAX:
        raise IncompleteSignatureException(
            f"X-Amz-Expires must be a number of seconds up to {PRESIGNED_SECONDS_MAX}."
        )
    claims, signature = sigv4.parse_authorization(
        f"{sigv4.ALGORITHM} Credential={given['X-Amz-Credential']}, "
        f"SignedHeaders={given['X-Amz-SignedHeaders']}, Signature={given['X-Amz-Signature']}",
        dated=True,
    )
    signed = b"&".join(part for part in query.split(b"&") if not part.startswith(PRESIGNED))
    token = given.get(_SESSION)
    return (
        claims,
        signature,
        given["X-Amz-Date"],
        signed,
        None if token is None else token.encode("ascii"),
        int(seconds) * SECOND_MS,
    )


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
