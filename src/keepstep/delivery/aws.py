"""The one place that speaks to AWS, or to what speaks like it: clients, credentials, errors.

aiobotocore is an extra, and is imported when something is to be sent there. Its errors end here:
others see ``AwsError``. Nothing is tried twice here; who calls knows whether it may be.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any, Final, Literal

from keepstep.domain.limits import AWS_CLIENTS_MAX
from keepstep.interfaces.delivery import DeliveryFailed, DestinationGone

from .kept import Kept

Service = Literal["kinesis", "lambda", "s3", "sns", "sts"]

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 20
"""How long any call may be without an answer."""
CONNECTIONS_MAX: Final = 50
"""Connections that one client may have."""
ROLE_SECONDS: Final = 3600
"""Life of an assumed role's credentials: what a role allows by default (AWS STS, AssumeRole)."""
ROLE_SESSION_NAME: Final = "keepstep"
GONE_CODES: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "NotFound",
        "ResourceNotFoundException",
    }
)
"""What cannot be used until its owner repairs it."""


class MissingExtra(Exception):
    """aiobotocore is not installed."""


class AwsError(Exception):
    """A call that was refused, with the code of the refusal, or (code "") did not come through."""

    def __init__(self, code: str, text: str, *, timed_out: bool = False) -> None:
        """The text is for operators."""
        super().__init__(text)
        self.code = code
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings:
    """Where AWS is and how to sign there; what is None comes from aiobotocore's own chain."""

    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    assume_roles: bool = False
    endpoint_url: str | None = None
    endpoint_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    stream_bucket: str | None = None

    @property
    def is_configured(self) -> bool:
        """Whether anything says that there is an AWS to speak to."""
        return self != AwsSettings()

    def endpoint(self, service: Service) -> str | None:
        """Give the endpoint of a service; None for that of AWS."""
        return self.endpoint_urls.get(service, self.endpoint_url)


@dataclass(frozen=True, slots=True)
class Target:
    """Which service, where, and as whom (None: as the server itself)."""

    service: Service
    region: str
    role_arn: str | None = None


class AwsClients:
    """Makes clients, and keeps a number of them open. It belongs to one event loop."""

    def __init__(self, settings: AwsSettings) -> None:
        """Nothing is imported or connected before the first call."""
        self.settings = settings
        self._clients = Kept[Target, Any](AWS_CLIENTS_MAX)
        self._models: Any = None

    def target(self, service: Service, region: str, role_arn: str | None = None) -> Target:
        """Name a target by the settings: their region first, roles only if they are assumed."""
        role = role_arn if self.settings.assume_roles else None
        return Target(service, self.settings.region or region, role)

    def client(self, target: Target) -> AbstractAsyncContextManager[Any]:
        """Give the client of a target, open while the block lasts.

        Raises MissingExtra and AwsError.
        """
        return self._clients.use(target, partial(self._made, target))

    async def call(self, target: Target, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call an operation, by its name in Python, and give the answer.

        Raises MissingExtra and AwsError.
        """
        async with self.client(target) as client:
            with translated():
                return await getattr(client, operation)(**arguments)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._clients.close()

    @asynccontextmanager
    async def _made(self, target: Target) -> AsyncGenerator[Any]:
        # In a thread: imports and models of services take tenths of a second.
        library, config = await asyncio.to_thread(_library)
        async with AsyncExitStack() as stack:
            with translated():
                made = await self._unopened(
                    target,
                    library.get_session(),
                    config.AioConfig(**_config_of(self.settings, target.service)),
                )
                client = await stack.enter_async_context(made)
            client.meta.events.register("before-send", _as_stream)
            yield client

    async def _unopened(
        self, target: Target, session: Any, config: Any
    ) -> AbstractAsyncContextManager[Any]:
        credentials = {
            "aws_access_key_id": self.settings.access_key_id,
            "aws_secret_access_key": self.settings.secret_access_key,
        }
        if target.role_arn is not None:
            credentials = {}
            provider = _RoleCredentials(self, target.role_arn, target.region)
            session.register_component("credential_provider", provider)
        self._models = self._models or session.get_component("data_loader")
        session.register_component("data_loader", self._models)
        await asyncio.to_thread(session.warm_up_loader_caches, target.service)
        return session.create_client(
            target.service,
            region_name=target.region,
            endpoint_url=self.settings.endpoint(target.service),
            config=config,
            **credentials,
        )


class _RoleCredentials:
    """Gives the credentials of a role, renewed a quarter of an hour before they end."""

    def __init__(self, clients: AwsClients, role_arn: str, region: str) -> None:
        self._clients = clients
        self._role_arn = role_arn
        self._region = region

    async def load_credentials(self) -> Any:
        """Give what the session asks for credentials each time that it signs."""
        from aiobotocore import credentials  # noqa: PLC0415 -- an extra

        made: Any = getattr(credentials, "AioDeferredRefreshableCredentials")  # noqa: B009 -- untyped
        return made(self._assume, "sts-assume-role")

    async def _assume(self) -> dict[str, str]:
        answer = await self._clients.call(
            Target("sts", self._region),
            "assume_role",
            RoleArn=self._role_arn,
            RoleSessionName=ROLE_SESSION_NAME,
            DurationSeconds=ROLE_SECONDS,
        )
        found = answer["Credentials"]
        return {
            "access_key": found["AccessKeyId"],
            "secret_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
            "expiry_time": found["Expiration"].isoformat(),
        }


@contextmanager
def translated() -> Generator[None]:
    """Make an AwsError of whatever the library raises in a block."""
    from aiohttp import ClientPayloadError  # noqa: PLC0415 -- an extra; a client exists by now
    from botocore.exceptions import (  # noqa: PLC0415 -- likewise
        BotoCoreError,
        ClientError,
        HTTPClientError,
        NoCredentialsError,
    )

    try:
        yield
    except ClientError as error:
        told: Any = error.response.get("Error", {})
        code = str(told.get("Code", ""))
        text = f"{error.operation_name} was refused with {code}: {told.get('Message', '')}"
        raise AwsError(code, text) from None
    except NoCredentialsError:
        raise AwsError(
            "",
            "there are no credentials for AWS; set aws_access_key_id (KEEPSTEP_AWS_ACCESS_KEY_ID) "
            "and aws_secret_access_key (KEEPSTEP_AWS_SECRET_ACCESS_KEY)",
        ) from None
    except (TimeoutError, HTTPClientError) as error:
        timed_out = isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
        raise AwsError("", f"no answer came: {error}", timed_out=timed_out) from None
    except (BotoCoreError, ClientPayloadError, OSError) as error:  # the second: cut off
        raise AwsError("", str(error)) from None


def delivery_error(error: AwsError | MissingExtra) -> DeliveryFailed | DestinationGone:
    """Say what an error means for a delivery: not now, or not until its owner repairs it.

    A missing extra is the matter of one server, which others may not share: not now.
    """
    if isinstance(error, AwsError) and error.code in GONE_CODES:
        return DestinationGone(str(error))
    return DeliveryFailed(str(error))


def _as_stream(request: Any, **_: Any) -> None:
    """Have a body written piece by piece: a long one written at once would hold everybody up."""
    if isinstance(request.body, bytes):
        request.body = BytesIO(request.body)


def _library() -> tuple[Any, Any]:
    """Give the modules that make sessions and configurations. Raises MissingExtra."""
    try:
        from aiobotocore import config, session  # noqa: PLC0415 -- an extra
    except ImportError:
        raise MissingExtra(
            "sending to AWS needs the extra 'aws': pip install 'keepstep[aws]'"
        ) from None
    return session, config


def _config_of(settings: AwsSettings, service: Service) -> dict[str, Any]:
    given: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": ANSWER_SECONDS,
        "max_pool_connections": CONNECTIONS_MAX,
        "retries": {"mode": "standard", "total_max_attempts": 1},
        # Stores that only speak like S3 do not know the newer checksums.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    if service == "s3":
        given["signature_version"] = "s3v4"
        if settings.endpoint("s3") is not None:
            given["s3"] = {"addressing_style": "path"}
    return given
