"""Signed POSTs to endpoints of the operator: webhooks for streams, push and sync triggers.

No redirects, no proxies, no cookies.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, NoReturn

import httpx

from keepstep.domain.limits import SECOND_MS
from keepstep.interfaces.service import Clock

from .signing import SIGNATURE, checked_secret, checked_url, signature

MESSAGE_ID: Final = "Keepstep-Message-Id"
TIMESTAMP: Final = "Keepstep-Timestamp"


class PostFailed(Exception):
    """No answer came. The text is for operators; it holds no URL and no secret."""


class PostTimedOut(PostFailed):
    """No answer came in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered; ``is_whole`` is False if the body was longer than was read."""

    status: int
    body: bytes
    is_whole: bool

    @property
    def is_success(self) -> bool:
        """Whether the endpoint took what it was sent."""
        return 200 <= self.status < 300


class SignedPosts:
    """Posts JSON to one endpoint."""

    def __init__(
        self, url: str, secret: str, clock: Clock, *, seconds: float, answer_bytes_max: int
    ) -> None:
        """An answer may take ``seconds`` in all; of it, ``answer_bytes_max`` are read."""
        self._url = checked_url(url)
        self._secret = checked_secret(secret)
        self._clock = clock
        self._seconds = seconds
        self._answer_bytes_max = answer_bytes_max
        self._client = httpx.AsyncClient(
            # Before trust_env: the public authorities, or those of SSL_CERT_FILE.
            verify=httpx.create_ssl_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=seconds,
            headers={"User-Agent": "keepstep", "Accept-Encoding": "identity"},
        )

    async def post(self, body: bytes, message_id: str | None = None) -> Answer:
        """Post a JSON document and give the answer, whatever its status.

        Raises PostTimedOut and PostFailed.
        """
        timestamp = self._clock() // SECOND_MS
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP: str(timestamp),
            SIGNATURE: signature(self._secret, timestamp, body),
        }
        if message_id is not None:
            headers[MESSAGE_ID] = message_id
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(body, headers)
        except (TimeoutError, httpx.TimeoutException):
            self._fail_in_time()
        except (httpx.HTTPError, OSError) as error:
            # from None: errors of the library repeat the URL, and what is in it
            raise PostFailed(f"cannot be reached ({type(error).__name__})") from None

    async def _post(self, body: bytes, headers: dict[str, str]) -> Answer:
        async with self._client.stream(
            "POST", self._url, content=body, headers=headers
        ) as response:
            received = bytearray()
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) > self._answer_bytes_max:
                    kept = bytes(received[: self._answer_bytes_max])
                    return Answer(response.status_code, kept, is_whole=False)
            return Answer(response.status_code, bytes(received), is_whole=True)

    def _fail_in_time(self) -> NoReturn:
        raise PostTimedOut(f"did not answer within {self._seconds:g} seconds") from None

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()
