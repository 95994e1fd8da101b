"""The receiver for Firebase of docs/push.md, run as it is shown, with a Firebase of the test."""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keepstep.delivery.push_webhook import PushWebhook
from keepstep.delivery.signing import SIGNATURE, signature
from keepstep.domain.devices import Device
from keepstep.interfaces.delivery import DeliveryFailed, DeviceGone

from .conftest import SECRET, pool, run
from .endpoints import WAIT_SECONDS, Endpoint, Planned, Received
from .server_process import server_process
from .test_sns import DATA, FORMS, NOTIFICATION, new_device

PAGE = (Path(__file__).parents[2] / "docs/push.md").read_text(encoding="utf-8")
PROJECT = "my-project"
ISSUER = f"keepstep@{PROJECT}.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"


def firebase_error(status: int, name: str, code: str | None = None) -> Planned:
    """An error in the form of Firebase Cloud Messaging."""
    details = [] if code is None else [{"@type": "type.googleapis.com/FcmError", "errorCode": code}]
    error = {"code": status, "message": "why", "status": name, "details": details}
    return Planned(status, json.dumps({"error": error}).encode())


class Firebase(Endpoint):
    """Takes messages with the access tokens that it gave to the service account."""

    def __init__(self) -> None:
        super().__init__()
        self.key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        self.asked: list[dict[str, Any]] = []
        """The claims that access tokens were asked for with."""
        self.expires_in = 3600

    @property
    def account(self) -> str:
        """The key file of the service account."""
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return json.dumps(
            {
                "project_id": PROJECT,
                "client_email": ISSUER,
                "private_key": pem.decode(),
                "token_uri": f"{self.url}/token",
            }
        )

    def answer(self, request: Received) -> Planned:
        if request.path == "/token":
            return self._token(parse_qs(request.body.decode()))
        assert request.path == f"/v1/projects/{PROJECT}/messages:send"
        if request.headers.get("authorization") != f"Bearer token-{len(self.asked)}":
            return firebase_error(401, "UNAUTHENTICATED")
        return super().answer(request)

    def _token(self, form: dict[str, list[str]]) -> Planned:
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        claims = jwt.decode(
            form["assertion"][0],
            self.key.public_key(),
            algorithms=["RS256"],
            audience=f"{self.url}/token",
            issuer=ISSUER,
        )
        self.asked.append(claims)
        told = {"access_token": f"token-{len(self.asked)}", "expires_in": self.expires_in}
        return Planned(200, json.dumps(told).encode())

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(one.body)["message"] for one in self.received]


@pytest.fixture
def firebase() -> Iterator[Firebase]:
    with Firebase() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(WAIT_SECONDS)


def shown() -> str:
    """Give the receiver that the page shows."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (receiver,) = [block for block in blocks if block.startswith("# fcm_receiver.py")]
    return receiver


@pytest.fixture
def fcm_receiver(tmp_path: Path, firebase: Firebase) -> Generator[str]:
    """The URL of the receiver at work."""
    (tmp_path / "fcm_receiver.py").write_text(shown(), encoding="utf-8")
    (tmp_path / "key.json").write_text(firebase.account)
    environment = {
        **os.environ,
        "PUSH_SECRET": SECRET,
        "GOOGLE_APPLICATION_CREDENTIALS": "key.json",
        "FIREBASE_URL": firebase.url,
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-m", "uvicorn", "fcm_receiver:app", "--port", "0"]
    with server_process(command, cwd=tmp_path, env=environment) as url:
        yield url


def milliseconds() -> int:
    return time.time_ns() // 1_000_000


def send(url: str, *devices: Device) -> None:
    """Tell devices through the receiver, as keepstep does. Raises what it answers."""

    async def through_the_receiver() -> None:
        webhook = PushWebhook(url, SECRET, milliseconds)
        try:
            for device in devices:
                assert await webhook.send(pool(), device, NOTIFICATION) == device
        finally:
            await webhook.close()

    run(through_the_receiver())


def test_the_receiver_gives_a_notification_to_firebase(
    fcm_receiver: str, firebase: Firebase
) -> None:
    android, apple = new_device("GCM"), new_device("APNS")
    send(fcm_receiver, android, apple)
    assert firebase.messages == [
        {"token": android.token, "data": DATA},
        {
            "token": apple.token,
            "data": DATA,
            "apns": {
                "headers": {"apns-push-type": "background", "apns-priority": "5"},
                "payload": FORMS["APNS"],
            },
        },
    ]
    (claims,) = firebase.asked
    assert claims["scope"] == SCOPE
    assert claims["exp"] - claims["iat"] == 3600


def test_the_receiver_renews_an_access_token_that_soon_ends(
    fcm_receiver: str, firebase: Firebase
) -> None:
    firebase.expires_in = 59
    send(fcm_receiver, new_device(), new_device())
    assert len(firebase.messages) == len(firebase.asked) == 2


def test_a_dead_token_is_a_device_that_is_gone_and_anything_else_is_sent_again(
    fcm_receiver: str, firebase: Firebase
) -> None:
    firebase.planned = [firebase_error(404, "NOT_FOUND", "UNREGISTERED")]
    with pytest.raises(DeviceGone):
        send(fcm_receiver, new_device())
    for passing in (
        firebase_error(404, "NOT_FOUND"),  # the project, and not the device
        firebase_error(503, "UNAVAILABLE", "UNAVAILABLE"),
        Planned(cut_off=True),
    ):
        firebase.planned = [passing]
        with pytest.raises(DeliveryFailed, match="status 502"):
            send(fcm_receiver, new_device())
    send(fcm_receiver, new_device())


def test_the_receiver_takes_nothing_that_keepstep_has_not_just_signed(
    fcm_receiver: str, firebase: Firebase
) -> None:
    body = json.dumps({"token": "a token", "message": FORMS["GCM"]}).encode()
    now = int(time.time())
    forged = [
        {},
        {SIGNATURE: signature("a secret of somebody else", now, body)},
        {SIGNATURE: signature(SECRET, now, b"another body")},
        {SIGNATURE: signature(SECRET, now - 301, body)},
    ]
    for headers in forged:
        answer = httpx.post(fcm_receiver, content=body, headers=headers, trust_env=False)
        assert answer.status_code == 403
    assert firebase.messages == firebase.asked == []
    signed = {SIGNATURE: signature(SECRET, now, body)}
    answer = httpx.post(fcm_receiver, content=body, headers=signed, trust_env=False)
    assert (answer.status_code, len(firebase.messages)) == (204, 1)
