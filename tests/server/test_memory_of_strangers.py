"""What requests leave in memory: nothing of what whoever has no key, or any guest, may choose."""

import gc
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from keepstep.domain.limits import KIB
from keepstep.testing import LocalServer
from keepstep.wire.sigv4 import Credentials
from tests.api.owners import new_guest
from tests.raw import TIME_FORMAT, RawRequester
from tests.server.processes import eventually

TARGET = "/identitypools"
REQUESTS = 40
LONG = 20 * KIB
KEPT_MAX = REQUESTS * LONG // 10
UNKNOWN = Credentials("AKIA" + "A" * 16, "x" * 40)


def leaves_nothing(send: Callable[[str], None]) -> None:
    """Send different long texts; hardly anything is held once their connections have ended."""

    def is_little() -> bool:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] < KEPT_MAX

    send("a" * LONG)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(REQUESTS):
            send(chr(ord("b") + number % 20) * (LONG - number))
        eventually(is_little, "an end of what the requests hold")
    finally:
        tracemalloc.stop()


def test_an_unknown_key_leaves_no_long_region_in_memory(raw: RawRequester) -> None:
    def send(text: str) -> None:
        signed = raw.signed_headers("GET", TARGET, credentials=UNKNOWN, region=text)
        answer = raw.send("GET", TARGET, headers=signed)
        assert answer.error_type == "UnrecognizedClientException"

    leaves_nothing(send)


def test_a_long_key_id_is_not_kept_in_memory(raw: RawRequester) -> None:
    def send(text: str) -> None:
        signed = raw.signed_headers("GET", TARGET, credentials=Credentials(text, "x"))
        answer = raw.send("GET", TARGET, headers=signed)
        assert answer.error_type == "UnrecognizedClientException"

    leaves_nothing(send)


def test_a_long_key_id_in_a_presigned_query_is_not_kept_in_memory(raw: RawRequester) -> None:
    now = datetime.now(UTC).strftime(TIME_FORMAT)

    def send(text: str) -> None:
        answer = raw.send(
            "GET",
            "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256"
            f"&X-Amz-Credential={text}/{now[:8]}/us-east-1/sts/aws4_request&X-Amz-Date={now}"
            "&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0",
        )
        assert answer.error_type == "InvalidClientTokenId"

    leaves_nothing(send)


def test_a_long_date_is_not_kept_in_memory(raw: RawRequester) -> None:
    signed = raw.signed_headers("GET", TARGET, credentials=UNKNOWN)

    def send(text: str) -> None:
        date = f"Fri, 02 Jan 2026 12:00:00 GMT ({text})"
        answer = raw.send("GET", TARGET, headers={**signed, "x-amz-date": date})
        assert answer.error_type == "IncompleteSignatureException"

    leaves_nothing(send)


@pytest.mark.parametrize("region", ["us-{}-1", "us{}-1"])
def test_a_guest_who_signs_for_a_long_region_leaves_it_nowhere(
    server: LocalServer, region: str
) -> None:
    guest = new_guest(server, server.new_id())
    raw = RawRequester(server)

    def send(text: str) -> None:
        named = region.format(text if region == "us-{}-1" else "-a" * (len(text) // 2))
        signed = raw.signed_headers("GET", TARGET, credentials=guest.credentials, region=named)
        answer = raw.send("GET", TARGET, headers=signed)
        assert answer.error_type == "InvalidSignatureException"

    leaves_nothing(send)
