"""Clients of AWS: where they call, as whom, and what their errors mean."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from keepstep.delivery.aws import (
    AwsClients,
    AwsError,
    AwsSettings,
    MissingExtra,
    Target,
    delivery_error,
)
from keepstep.delivery.kinesis import KinesisSender
from keepstep.domain.limits import AWS_CLIENTS_MAX
from keepstep.interfaces.delivery import DeliveryFailed, DestinationGone
from keepstep.testing.sender_suite.running import message

from .conftest import KEY, ROLE, SECRET, aws_clients, aws_settings, run
from .endpoints import Endpoint, Planned
from .streams import kinesis_sender, new_stream

ROOT = Path(__file__).parents[2]


def assumed(access_key_id: str, *, minutes: int) -> Planned:
    """An answer of STS with credentials that end then."""
    end = datetime.now(UTC) + timedelta(minutes=minutes)
    body = (
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
        f"<Credentials><AccessKeyId>{access_key_id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        f"<SessionToken>token-of-{access_key_id}</SessionToken>"
        f"<Expiration>{end:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
        "</AssumeRoleResult></AssumeRoleResponse>"
    )
    return Planned(200, body.encode(), {"Content-Type": "text/xml"})


def refused(code: str, status: int = 403) -> Planned:
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<Error><Type>Sender</Type><Code>{code}</Code><Message>why</Message></Error>"
        "</ErrorResponse>"
    )
    return Planned(status, body.encode(), {"Content-Type": "text/xml"})


async def send_as_role(url: str, sts: str, *, assume_roles: bool, times: int = 1) -> None:
    settings = {"assume_roles": assume_roles, "endpoint_urls": {"sts": sts}}
    async with aws_clients(url, **settings) as aws:
        sender = kinesis_sender(aws, "stream", role_arn=ROLE)
        for _ in range(times):
            await sender.send([message()])


TAKEN = Planned(200, b'{"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}]}')


def test_roles_are_not_assumed_unless_the_settings_say_so(
    front: Endpoint, receiver: Endpoint
) -> None:
    front.always = TAKEN
    run(send_as_role(front.url, receiver.url, assume_roles=False))
    assert receiver.received == []
    assert f"Credential={KEY}/" in front.received[0].headers["authorization"]


def test_a_role_is_assumed_once_for_many_calls(front: Endpoint, receiver: Endpoint) -> None:
    front.always = TAKEN
    receiver.usual = assumed("ASIAONE", minutes=60)
    run(send_as_role(front.url, receiver.url, assume_roles=True, times=3))
    (asked,) = receiver.received
    form = parse_qs(asked.body.decode())
    assert (form["Action"], form["RoleArn"]) == (["AssumeRole"], [ROLE])
    assert f"Credential={KEY}/" in asked.headers["authorization"]
    for call in front.received:
        assert "Credential=ASIAONE/" in call.headers["authorization"]
        assert call.headers["x-amz-security-token"] == "token-of-ASIAONE"


def test_credentials_of_a_role_are_renewed_before_they_end(
    front: Endpoint, receiver: Endpoint
) -> None:
    front.always = TAKEN
    receiver.planned = [assumed("ASIAONE", minutes=9), assumed("ASIATWO", minutes=60)]
    run(send_as_role(front.url, receiver.url, assume_roles=True, times=3))
    used = [call.headers["authorization"].split("Credential=")[1][:7] for call in front.received]
    assert used[-1] == "ASIATWO"
    assert len(receiver.received) == 2


def test_a_role_that_cannot_be_assumed_means_the_destination(
    front: Endpoint, receiver: Endpoint
) -> None:
    receiver.always = refused("AccessDenied")
    with pytest.raises(DestinationGone, match="AssumeRole was refused with AccessDenied"):
        run(send_as_role(front.url, receiver.url, assume_roles=True))
    assert front.received == []


def test_a_key_that_sts_does_not_know_is_a_failure_for_now(
    front: Endpoint, receiver: Endpoint
) -> None:
    receiver.always = refused("InvalidClientTokenId")
    with pytest.raises(DeliveryFailed, match="InvalidClientTokenId"):
        run(send_as_role(front.url, receiver.url, assume_roles=True))


def test_the_role_and_its_stream_work_at_a_real_server(moto: str) -> None:
    async def send() -> None:
        async with aws_clients(moto, assume_roles=True) as aws:
            sender = kinesis_sender(aws, new_stream(moto), role_arn=ROLE)
            assert await sender.send([message()]) == [None]

    run(send())


def test_clients_that_are_not_in_use_are_kept_open_up_to_a_number(front: Endpoint) -> None:
    front.always = TAKEN
    idle, used, *others = (
        Target("kinesis", "us-east-1", f"{ROLE}-{number}") for number in range(AWS_CLIENTS_MAX + 1)
    )

    async def use_many() -> None:
        async with aws_clients(front.url) as aws:
            async with aws.client(idle) as closed:
                pass
            async with aws.client(used) as first:
                for target in others:
                    async with aws.client(target):
                        pass
            async with aws.client(used) as again, aws.client(idle) as made_again:
                assert again is first
                assert made_again is not closed

    run(use_many())


def test_the_endpoint_of_a_service_goes_before_the_one_for_all() -> None:
    settings = aws_settings("http://all", endpoint_urls={"sns": "http://sns"})
    assert settings.endpoint("sns") == "http://sns"
    assert settings.endpoint("kinesis") == "http://all"
    assert AwsSettings().endpoint("s3") is None


def test_the_region_of_the_settings_goes_before_that_of_the_pool() -> None:
    assert AwsClients(AwsSettings()).target("sns", "eu-west-1") == Target("sns", "eu-west-1")
    assert AwsClients(AwsSettings(region="eu-north-1")).target("sns", "eu-west-1") == Target(
        "sns", "eu-north-1"
    )


@pytest.mark.parametrize(
    ("settings", "configured"),
    [
        (AwsSettings(), False),
        (AwsSettings(region="eu-west-1"), True),
        (AwsSettings(endpoint_url="http://all"), True),
        (AwsSettings(endpoint_urls={"lambda": "http://lambda"}), True),
        (AwsSettings(access_key_id=KEY, secret_access_key=SECRET), True),
        (AwsSettings(assume_roles=True), True),
    ],
)
def test_aws_is_configured_if_any_setting_says_so(settings: AwsSettings, configured: bool) -> None:
    assert settings.is_configured is configured


def test_without_credentials_the_failure_names_the_settings(
    receiver: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    async def send() -> None:
        aws = AwsClients(AwsSettings(endpoint_url=receiver.url))
        try:
            await kinesis_sender(aws, "stream").send([message()])
        finally:
            await aws.close()

    with pytest.raises(DeliveryFailed, match="KEEPSTEP_AWS_ACCESS_KEY_ID"):
        run(send())


def test_secrets_are_not_in_what_is_printed() -> None:
    assert SECRET not in repr(aws_settings("http://all"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AwsError("AccessDenied", "why"), DestinationGone),
        (AwsError("NotFound", "why"), DestinationGone),
        (MissingExtra("why"), DeliveryFailed),
        (AwsError("Throttling", "why"), DeliveryFailed),
        (AwsError("", "why", timed_out=True), DeliveryFailed),
    ],
)
def test_an_error_becomes_the_failure_it_means(
    error: AwsError | MissingExtra, expected: type[Exception]
) -> None:
    assert type(delivery_error(error)) is expected
    assert str(delivery_error(error)) == "why"


def in_a_process(script: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_library_of_aws_is_imported_only_to_send_there() -> None:
    script = (
        "import json, sys, keepstep.server.assembly\n"
        "from keepstep.delivery import kinesis, sns, senders, webhook, triggers\n"
        "print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    )
    loaded = set(json.loads(in_a_process(script)))
    assert "keepstep" in loaded
    assert not loaded & {"aiobotocore", "botocore", "aiohttp"}


def test_a_missing_extra_is_a_failure_for_now_that_names_it() -> None:
    script = (
        "import asyncio, sys\n"
        "sys.modules['aiobotocore'] = sys.modules['botocore'] = None\n"
        "from keepstep.delivery.aws import AwsClients, AwsSettings\n"
        "from keepstep.delivery.kinesis import KinesisOptions, KinesisSender\n"
        "from keepstep.delivery.senders import SenderContext\n"
        "from keepstep.testing.sender_suite.running import message\n"
        "async def send():\n"
        "    aws = AwsClients(AwsSettings())\n"
        "    context = SenderContext('stream', 'us-east-1', None, lambda: 0, aws)\n"
        "    await KinesisSender(KinesisOptions(), context).send([message()])\n"
        "try:\n"
        "    asyncio.run(send())\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    told = in_a_process(script)
    assert told.startswith("DeliveryFailed ")
    assert "pip install 'keepstep[aws]'" in told


def test_a_sender_of_kinesis_keeps_nothing_open(moto: str) -> None:
    async def send() -> None:
        async with aws_clients(moto) as aws:
            sender: KinesisSender = kinesis_sender(aws, new_stream(moto))
            await sender.send([message()])
            await sender.close()
            assert await sender.send([message()]) == [None]

    run(send())
