"""What is posted is signed, in time, and goes nowhere else."""

import hashlib
import hmac
import threading

import httpx
import pytest

from keepstep.delivery.posts import Answer, PostFailed, PostTimedOut, SignedPosts
from keepstep.delivery.signing import checked_secret, checked_url, signature

from .conftest import DATE, SECRET, clock, run
from .endpoints import Endpoint, Planned


async def post(url: str, body: bytes = b"{}", *, seconds: float = 10.0) -> Answer:
    posts = SignedPosts(url, SECRET, clock, seconds=seconds, answer_bytes_max=10)
    try:
        return await posts.post(body, "an-id")
    finally:
        await posts.close()


def test_a_post_is_these_bytes_and_no_others(receiver: Endpoint) -> None:
    body = '{"name": "⛵"}'.encode()
    assert run(post(receiver.url + "/a/path?of=it", body)) == Answer(200, b"", is_whole=True)
    (received,) = receiver.received
    seconds = DATE // 1000
    signed = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert (received.method, received.path, received.body) == ("POST", "/a/path?of=it", body)
    assert received.headers == {
        "host": receiver.url.removeprefix("http://"),
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "keep-alive",
        "user-agent": "keepstep",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "keepstep-message-id": "an-id",
        "keepstep-timestamp": str(seconds),
        "keepstep-signature": f"t={seconds},v1={signed}",
    }


def test_a_signature_is_of_the_published_form() -> None:
    digest = "aeb1cce3f4dc396d715b3ff7b54b519b4e345adfd5553d517e44d431ec18c20c"
    told = signature("whsec_test_secret", 1_492_774_577, b'{"id": "evt"}')
    assert told == f"t=1492774577,v1={digest}"


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: Endpoint) -> None:
    receiver.planned = [Planned(307, headers={"Location": receiver.url + "/elsewhere"})]
    assert run(post(receiver.url)).status == 307
    assert len(receiver.received) == 1


def test_of_a_long_answer_the_beginning_is_read(receiver: Endpoint) -> None:
    receiver.usual = Planned(200, b"0123456789and more")
    assert run(post(receiver.url)) == Answer(200, b"0123456789", is_whole=False)


def test_an_answer_that_does_not_come_in_time_is_told_apart(
    receiver: Endpoint, gate: threading.Event
) -> None:
    receiver.usual = Planned(gate=gate)
    with pytest.raises(PostTimedOut, match=r"^did not answer within 0\.2 seconds$"):
        run(post(receiver.url, seconds=0.2))


def test_an_endpoint_that_hangs_up_is_a_failure(receiver: Endpoint) -> None:
    receiver.usual = Planned(cut_off=True)
    with pytest.raises(PostFailed) as caught:
        run(post(receiver.url + "/?token=of-the-operator"))
    assert not isinstance(caught.value, PostTimedOut)
    assert "of-the-operator" not in str(caught.value)


def test_an_endpoint_that_nobody_serves_is_a_failure(receiver: Endpoint) -> None:
    receiver.server_close()
    with pytest.raises(PostFailed):
        run(post(receiver.url, seconds=2))


def test_proxies_of_the_environment_are_not_asked(
    receiver: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert run(post(receiver.url)).is_success


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no url",
        "ftp://example.com",
        "https://",
        "http://example.com:port",
        "https://a:b@example.com",
    ],
)
def test_a_url_that_cannot_be_posted_to_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^is "):
        checked_url(url)


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="16 characters"):
        checked_secret("0123456789abcde")
    assert checked_secret("0123456789abcdef")


def test_statuses_of_success_are_those_of_http() -> None:
    took = {status for status in range(100, 600) if Answer(status, b"", is_whole=True).is_success}
    assert took == {status for status in range(100, 600) if httpx.codes.is_success(status)}
