"""The examples of the page on sync triggers do what the page says."""

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from keepstep.delivery.signing import SIGNATURE, signature
from keepstep.domain.triggers import trigger_event, triggered_patches
from keepstep.server.settings import load_settings
from tests.domain.places import PLACE, patch, state_of

PAGE = (Path(__file__).parents[2] / "docs/sync-triggers.md").read_text(encoding="utf-8")
SECRET = "0123456789abcdef0123456789abcdef"
STATE = state_of({"name": "Bo", "secret": "s", "note": "x"})
PATCHES = [patch("name", " Ann "), patch("secret", "t"), patch("note", None)]
EVENT = trigger_event(PLACE, STATE, PATCHES)


def shown(language: str) -> list[str]:
    """Give the blocks of a language that the page shows."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def defined(file: str) -> dict[str, Any]:
    """Give what a shown file of Python defines."""
    (text,) = [one for one in shown("python") if one.startswith(f"# {file}")]
    names: dict[str, Any] = {"__name__": file}
    exec(compile(text, file, "exec"), names)
    return names


def values_after(answer: bytes) -> dict[str, str | None]:
    return {one.key: one.value for one in triggered_patches(PLACE, STATE, PATCHES, answer)}


def test_the_shown_event_is_what_is_sent() -> None:
    (text,) = shown("json")
    event, sent = json.loads(text), json.loads(EVENT)
    assert event.keys() == sent.keys()
    stored = {"colour": "blue", "name": "Ann", "note": "x"}
    patches = [patch("colour", "green"), patch("size", "7"), patch("note", None)]
    same = json.loads(trigger_event(PLACE, state_of(stored), patches))
    assert same["datasetRecords"] == event["datasetRecords"]


def test_the_shown_python_function_checks_an_update() -> None:
    check = defined("my_triggers.py")["check"]
    after = values_after(json.dumps(check(json.loads(EVENT))).encode())
    assert after.pop("checked")
    assert after == {"name": "Ann", "secret": "t", "note": None}
    long = trigger_event(PLACE, STATE, [patch("name", "x" * 1001)])
    with pytest.raises(ValueError, match="name is too long"):
        check(json.loads(long))


@pytest.mark.parametrize(
    ("secret", "age_seconds", "status"),
    [
        (SECRET, 0, 200),
        (SECRET, 200, 200),
        (SECRET, 400, 403),
        ("another secret, as long", 0, 403),
        (None, 0, 403),
    ],
)
def test_the_shown_endpoint_answers_what_is_signed(
    secret: str | None, age_seconds: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIGGER_SECRET", SECRET)
    signed_at = int(time.time()) - age_seconds
    headers = {} if secret is None else {SIGNATURE: signature(secret, signed_at, EVENT)}
    application = defined("trigger_endpoint.py")["app"]

    async def posted() -> httpx.Response:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://endpoint") as client:
            return await client.post("/check", content=EVENT, headers=headers)

    answer = asyncio.run(posted())
    assert answer.status_code == status
    if status == 200:
        assert values_after(answer.content) == {"name": " Ann ", "secret": "s", "note": None}


def test_the_shown_settings_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts = shown("toml")
    assert len(texts) == 3
    for text in texts:
        (tmp_path / "keepstep.toml").write_text(text, encoding="utf-8")
        assert load_settings().model_fields_set
