"""Settings of what leaves the server: what they become, and what stops the start."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keepstep.delivery.aws import AwsSettings
from keepstep.server.delivery_settings import StreamSettings, TriggerSettings
from keepstep.server.settings import SettingsError, load_settings
from keepstep.testing.sender_suite.running import POOL

from .conftest import KEY, SECRET

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:my-trigger"
STREAM = {"name": "one", "kind": "webhook", "url": "https://example.com", "secret": SECRET}
TRIGGER = {"function": FUNCTION, "url": "https://example.com", "secret": SECRET}
DOCUMENTATION = Path(__file__).parents[2] / "docs/configuration.md"

Refused = Callable[[str, str], str]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Refused:
    """Give a setting a value, and give the words it is refused in."""

    def refused_in_words(name: str, value: str) -> str:
        monkeypatch.setenv(f"KEEPSTEP_{name.upper()}", value)
        with pytest.raises(SettingsError) as caught:
            load_settings()
        return str(caught.value)

    return refused_in_words


def without(table: dict[str, str], *names: str, **changed: Any) -> str:
    return json.dumps([{k: v for k, v in {**table, **changed}.items() if k not in names}])


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("streams", "one", "JSON"),
        ("streams", without(STREAM, "name"), "entry 1, name"),
        ("streams", without(STREAM, "kind"), "entry 1, kind"),
        ("streams", without(STREAM, kind="pigeon"), "there is no kind pigeon"),
        ("streams", without(STREAM, "url"), "url"),
        ("streams", without(STREAM, colour="blue"), "colour"),
        ("streams", without(STREAM, secret="short"), "16 characters"),
        ("streams", without(STREAM, pools=["mine"]), "not the id of an identity pool"),
        ("streams", without(STREAM, pools=[POOL, POOL]), f"the pool {POOL} is there twice"),
        ("streams", json.dumps([STREAM, STREAM]), "the name one is there twice"),
        ("triggers", without(TRIGGER, function="mine"), "entry 1, function"),
        ("triggers", without(TRIGGER, "secret"), "url and secret go together"),
        ("triggers", without(TRIGGER, python="a:b"), "url or python"),
        ("triggers", without(TRIGGER, "url", "secret"), "url or python"),
        ("triggers", without(TRIGGER, url="mine"), "url is not"),
        ("triggers", without(TRIGGER, secret="short"), "secret has to have 16"),
        ("triggers", without(TRIGGER, "url", "secret", python="a"), "module:function"),
        ("triggers", json.dumps([TRIGGER, TRIGGER]), "is there twice"),
        ("push_webhook_url", "example.com", "http"),
        ("push_webhook_secret", "short", "16 characters"),
        ("aws_region", "nowhere", "us-east-1"),
        ("aws_access_key_id", "", "1 character"),
        ("aws_assume_roles", "maybe", "boolean"),
        ("aws_endpoint_url", "localhost:4566", "http"),
        ("kinesis_endpoint_url", "kinesis", "http"),
        ("sns_endpoint_url", "sns", "http"),
        ("s3_endpoint_url", "s3", "http"),
        ("lambda_endpoint_url", "lambda", "http"),
        ("sts_endpoint_url", "sts", "http"),
        ("stream_bucket", "b", "3 characters"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_both_spellings(
    refused: Refused, name: str, value: str, why: str
) -> None:
    told = refused(name, value)
    assert told.startswith(f"{name} (KEEPSTEP_{name.upper()})")
    assert why in told


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("aws_access_key_id", "aws_secret_access_key"),
        ("aws_secret_access_key", "aws_access_key_id"),
        ("push_webhook_url", "push_webhook_secret"),
        ("push_webhook_secret", "push_webhook_url"),
    ],
)
def test_settings_that_go_together_name_each_other(
    refused: Refused, given: str, missing: str
) -> None:
    told = refused(given, "https://example.com")
    assert f"{given} (KEEPSTEP_{given.upper()})" in told
    assert f"{missing} (KEEPSTEP_{missing.upper()})" in told


def test_without_settings_there_is_no_aws_and_nothing_of_its_own() -> None:
    settings = load_settings()
    assert not settings.aws.is_configured
    assert settings.push_endpoint is None
    assert settings.stream_configurations == settings.trigger_configurations == []


def test_the_settings_of_aws_are_one_value() -> None:
    settings = load_settings(
        aws_region="eu-west-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        aws_assume_roles=True,
        aws_endpoint_url="http://all",
        sns_endpoint_url="http://sns",
        s3_endpoint_url="http://s3",
        stream_bucket="large-records",
    )
    assert settings.aws == AwsSettings(
        region="eu-west-1",
        access_key_id=KEY,
        secret_access_key=SECRET,
        assume_roles=True,
        endpoint_url="http://all",
        endpoint_urls={"sns": "http://sns", "s3": "http://s3"},
        stream_bucket="large-records",
    )


def test_streams_and_triggers_of_a_file_keep_their_options() -> None:
    Path("keepstep.toml").write_text(
        f'[[streams]]\nname = "one"\nkind = "webhook"\npools = ["{POOL}"]\n'
        f'url = "https://example.com"\nsecret = "{SECRET}"\nconnections = 2\n'
        f'[[triggers]]\nfunction = "{FUNCTION}"\npython = "my.module:function"\n',
        encoding="utf-8",
    )
    settings = load_settings()
    (stream,) = settings.stream_configurations
    assert (stream.name, stream.kind, stream.pools) == ("one", "webhook", (POOL,))
    assert stream.options == {"url": "https://example.com", "secret": SECRET, "connections": 2}
    (trigger,) = settings.trigger_configurations
    assert (trigger.function, trigger.python) == (FUNCTION, "my.module:function")


def test_secrets_are_not_in_what_is_printed_or_refused(refused: Refused) -> None:
    settings = load_settings(
        streams=[StreamSettings.model_validate(STREAM)],
        triggers=[TriggerSettings.model_validate(TRIGGER)],
        push_webhook_url="https://example.com",
        push_webhook_secret=SECRET,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )
    printed = [settings, *settings.streams, *settings.triggers, settings.aws]
    printed += [*settings.stream_configurations, *settings.trigger_configurations]
    assert SECRET not in "".join(map(repr, printed))
    assert SECRET not in refused("streams", without(STREAM, seconds=SECRET))


def test_every_member_of_a_stream_and_of_a_trigger_is_documented() -> None:
    page = DOCUMENTATION.read_text(encoding="utf-8")
    for table in (StreamSettings, TriggerSettings):
        for name, member in table.model_fields.items():
            assert f"`{name}`" in page
            assert member.description is not None
            assert member.description in page
