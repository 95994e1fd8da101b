"""The settings: a TOML file, over it ``KEEPSTEP_*`` variables, over them command-line flags."""

import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from keepstep.delivery.aws import AwsSettings
from keepstep.delivery.senders import StreamConfiguration
from keepstep.delivery.signing import checked_secret, checked_url
from keepstep.delivery.triggers import TriggerConfiguration
from keepstep.domain.limits import KIB, MASTER_KEY_LENGTH_MIN, Limits
from keepstep.domain.logins import COGNITO_ISSUER

from .delivery_settings import (
    StreamSettings,
    TriggerSettings,
    check_streams,
    check_triggers,
)
from .identity_settings import LoginProviderSettings, RoleSettings
from .stores import FORMS, MEMORY, is_store

ENVIRONMENT_PREFIX: Final = "KEEPSTEP_"
DEFAULT_FILE: Final = Path("keepstep.toml")
REGION_PATTERN: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")

_DEFAULTS = Limits()


def _from_json(value: object) -> object:
    """Read the text of an environment variable as a JSON list."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise ValueError('a list is JSON, for example ["a", "b"]') from None


Names = Annotated[list[str], NoDecode, BeforeValidator(_from_json)]
"""A list of names; decoded here, so that a bad one is refused like any other value."""


def _endpoint(url: str | None) -> str | None:
    return None if url is None else checked_url(url)


EndpointUrl = Annotated[str | None, AfterValidator(_endpoint)]
"""Where a service is, if not where AWS has it."""


class SettingsError(Exception):
    """Settings that cannot be used; each line names one, with both its spellings."""


class Settings(BaseSettings):
    """Everything an operator can set. A field's description is its documentation."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    store: str = Field(
        "sqlite:keepstep.db",
        description="Where data lives: sqlite:PATH, sqlite::memory: for data that ends with the "
        "process, or postgresql://USER@HOST/DATABASE.",
    )
    workers: int = Field(1, ge=1, le=64, description="Processes that serve the port.")
    master_key: SecretStr | None = Field(
        None,
        description=f"Key, of {MASTER_KEY_LENGTH_MIN} characters or more, that seals the secrets "
        "in the store.",
    )
    master_key_file: Path | None = Field(
        None,
        description="File that holds the master key; by default STORE.key, made at first start.",
    )
    access_key_id: str | None = Field(
        None, min_length=16, max_length=128, pattern=r"^\w+$", description="The root key's id."
    )
    secret_access_key: SecretStr | None = Field(None, description="The root key's secret.")
    account_id: str = Field(
        "000000000000", pattern=r"^[0-9]{12}$", description="The account that owns every pool."
    )
    region: str = Field("us-east-1", description="Region of new ids.")
    regions: Names = Field(
        [], description="Regions that a signature may name; empty for any well-formed one."
    )
    public_hosts: Names = Field(
        [],
        description="Host names that clients sign when a proxy in front changes the Host header.",
    )
    open_pools: bool = Field(
        False, description="Take any well-formed identity pool id and create it at first use."
    )
    login_providers: Annotated[
        list[LoginProviderSettings], NoDecode, BeforeValidator(_from_json)
    ] = Field([], description="OpenID Connect providers beside Google and Apple.")
    auto_trust_user_pools: bool = Field(
        True, description="Take tokens of any Cognito user pool that an identity pool names."
    )
    facebook_app_id: str | None = Field(
        None, description="Facebook app whose access tokens are taken; off without it."
    )
    facebook_app_secret: SecretStr | None = Field(
        None, description="Its secret, which Facebook asks for."
    )
    amazon_logins: bool = Field(
        False, description="Take access tokens of Login with Amazon, asking Amazon about them."
    )
    insecure_logins: bool = Field(
        False, description="For development only: take unsigned test tokens of any provider."
    )
    roles: Annotated[list[RoleSettings], NoDecode, BeforeValidator(_from_json)] = Field(
        [], description="Roles beside the two built-in ones."
    )
    auto_roles: bool = Field(
        True, description="Pools without roles of their own have the built-in ones."
    )
    token_issuer: str = Field(
        COGNITO_ISSUER, min_length=1, description="Issuer of the OpenID tokens."
    )
    sign_ins_per_second: int = Field(
        100,
        ge=0,
        description="Calls without credentials that one address may make; 0 for any number.",
    )
    trusted_proxies: Names = Field(
        [], description="Addresses of proxies whose X-Forwarded-For and -Proto are believed."
    )
    guest_days: int = Field(
        0,
        ge=0,
        description="Days after which guests that store nothing are removed; 0 for never.",
    )
    cors_origins: Names = Field(
        ["*"], description="Origins whose pages may call the service; * for all."
    )
    streams: Annotated[
        list[StreamSettings],
        NoDecode,
        BeforeValidator(_from_json),
        AfterValidator(check_streams),
    ] = Field([], description="Where the streams of pools go, if not to Kinesis.")
    stream_bucket: str | None = Field(
        None, min_length=3, description="S3 bucket for records that are too large for Kinesis."
    )
    push_webhook_url: EndpointUrl = Field(
        None, description="Endpoint that takes push notifications, in place of SNS."
    )
    push_webhook_secret: SecretStr | None = Field(
        None, description="Secret that signs what goes to it."
    )
    triggers: Annotated[
        list[TriggerSettings],
        NoDecode,
        BeforeValidator(_from_json),
        AfterValidator(check_triggers),
    ] = Field([], description="Where the functions of sync triggers run, if not at Lambda.")
    aws_region: str | None = Field(
        None, description="Region of AWS for all pools; each pool's own without it."
    )
    aws_access_key_id: str | None = Field(
        None, min_length=1, description="Key to sign with at AWS; else what aiobotocore finds."
    )
    aws_secret_access_key: SecretStr | None = Field(None, description="Its secret.")
    aws_assume_roles: bool = Field(
        False, description="Use streams and push as the roles that pools name, through STS."
    )
    aws_endpoint_url: EndpointUrl = Field(
        None, description="Endpoint that stands for all of AWS; those below go before it."
    )
    kinesis_endpoint_url: EndpointUrl = Field(None, description="Endpoint of Kinesis.")
    sns_endpoint_url: EndpointUrl = Field(None, description="Endpoint of SNS.")
    s3_endpoint_url: EndpointUrl = Field(None, description="Endpoint of S3.")
    lambda_endpoint_url: EndpointUrl = Field(None, description="Endpoint of Lambda.")
    sts_endpoint_url: EndpointUrl = Field(None, description="Endpoint of STS.")
    log_requests: bool = Field(True, description="Write one log line for each request.")
    shutdown_seconds: int = Field(
        30, ge=0, le=3600, description="How long a stop waits for requests in flight."
    )
    datasets_per_identity: int = Field(
        _DEFAULTS.datasets_per_identity, ge=1, le=999, description="Datasets an identity may have."
    )
    records_per_dataset: int = Field(
        _DEFAULTS.records_per_dataset, ge=1, description="Live records a dataset may hold."
    )
    dataset_bytes: int = Field(
        _DEFAULTS.dataset_bytes, ge=1, description="Bytes of keys and values a dataset may hold."
    )
    request_body_bytes: int = Field(
        _DEFAULTS.request_body_bytes, ge=KIB, description="Bytes of a request's body."
    )
    request_header_bytes: int = Field(
        _DEFAULTS.request_header_bytes, ge=KIB, description="Bytes of a request's line and headers."
    )
    request_seconds: int = Field(
        _DEFAULTS.request_seconds, ge=1, description="Seconds for a request to arrive whole."
    )
    idle_seconds: int = Field(
        _DEFAULTS.idle_seconds, ge=1, description="Seconds a kept-alive connection may be silent."
    )
    bulk_publish_pause_seconds: int = Field(
        _DEFAULTS.bulk_publish_pause_seconds,
        ge=0,
        description="Seconds after a successful bulk publish in which none may begin; 0 for none.",
    )
    trigger_developers: bool = Field(
        False, description="Call sync triggers for updates by developers' keys too."
    )

    live_streams: int = Field(
        _DEFAULTS.live_streams, ge=0, description="Streams of live changes in one process."
    )
    live_streams_per_identity: int = Field(
        _DEFAULTS.live_streams_per_identity, ge=0, description="The same of one identity."
    )

    @field_validator("region", "aws_region")
    @classmethod
    def _well_formed_region(cls, region: str | None) -> str | None:
        if region is not None and REGION_PATTERN.fullmatch(region) is None:
            raise ValueError("a region looks like us-east-1")
        return region

    @field_validator("push_webhook_secret")
    @classmethod
    def _long_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            checked_secret(secret.get_secret_value())
        return secret

    @field_validator("store")
    @classmethod
    def _known_store(cls, store: str) -> str:
        if not is_store(store):
            raise ValueError(f"a store is {FORMS}")
        return store

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError(
                "access_key_id (KEEPSTEP_ACCESS_KEY_ID) and secret_access_key "
                "(KEEPSTEP_SECRET_ACCESS_KEY) go together; give both or neither"
            )
        if (self.aws_access_key_id is None) != (self.aws_secret_access_key is None):
            raise ValueError(
                "aws_access_key_id (KEEPSTEP_AWS_ACCESS_KEY_ID) and aws_secret_access_key "
                "(KEEPSTEP_AWS_SECRET_ACCESS_KEY) go together; give both or neither"
            )
        if (self.push_webhook_url is None) != (self.push_webhook_secret is None):
            raise ValueError(
                "push_webhook_url (KEEPSTEP_PUSH_WEBHOOK_URL) and push_webhook_secret "
                "(KEEPSTEP_PUSH_WEBHOOK_SECRET) go together; give both or neither"
            )
        if (self.facebook_app_id is None) != (self.facebook_app_secret is None):
            raise ValueError(
                "facebook_app_id (KEEPSTEP_FACEBOOK_APP_ID) and facebook_app_secret "
                "(KEEPSTEP_FACEBOOK_APP_SECRET) go together; give both or neither"
            )
        if self.store == MEMORY and self.workers > 1:
            raise ValueError(
                "a store in memory is one process's own; with workers (KEEPSTEP_WORKERS) over 1 "
                "use store (KEEPSTEP_STORE) sqlite:PATH"
            )
        return self

    @property
    def limits(self) -> Limits:
        """The limits among the settings."""
        return Limits(
            datasets_per_identity=self.datasets_per_identity,
            records_per_dataset=self.records_per_dataset,
            dataset_bytes=self.dataset_bytes,
            request_body_bytes=self.request_body_bytes,
            request_header_bytes=self.request_header_bytes,
            request_seconds=self.request_seconds,
            idle_seconds=self.idle_seconds,
            live_streams=self.live_streams,
            live_streams_per_identity=self.live_streams_per_identity,
            bulk_publish_pause_seconds=self.bulk_publish_pause_seconds,
        )

    @property
    def aws(self) -> AwsSettings:
        """Where AWS is, and how to sign there."""
        secret = self.aws_secret_access_key
        services = {
            "kinesis": self.kinesis_endpoint_url,
            "lambda": self.lambda_endpoint_url,
            "s3": self.s3_endpoint_url,
            "sns": self.sns_endpoint_url,
            "sts": self.sts_endpoint_url,
        }
        return AwsSettings(
            region=self.aws_region,
            access_key_id=self.aws_access_key_id,
            secret_access_key=None if secret is None else secret.get_secret_value(),
            assume_roles=self.aws_assume_roles,
            endpoint_url=self.aws_endpoint_url,
            endpoint_urls={name: url for name, url in services.items() if url is not None},
            stream_bucket=self.stream_bucket,
        )

    @property
    def stream_configurations(self) -> list[StreamConfiguration]:
        """The streams among the settings."""
        return [stream.configuration() for stream in self.streams]

    @property
    def trigger_configurations(self) -> list[TriggerConfiguration]:
        """The sync triggers among the settings."""
        return [trigger.configuration() for trigger in self.triggers]

    @property
    def push_endpoint(self) -> tuple[str, str] | None:
        """The URL and the secret of the push webhook, or None."""
        if self.push_webhook_url is None or self.push_webhook_secret is None:
            return None
        return self.push_webhook_url, self.push_webhook_secret.get_secret_value()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read flags first, then the environment, then the file."""
        file = settings_file()
        if file is None:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)


def settings_file() -> Path | None:
    """Give the settings file: ``KEEPSTEP_CONFIG``, or ``keepstep.toml`` if there is one."""
    named = os.environ.get(ENVIRONMENT_PREFIX + "CONFIG")
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def load_settings(**flags: Any) -> Settings:
    """Read the settings; a flag of None is one that was not given.

    Raises SettingsError.
    """
    file = settings_file()
    if file is not None and not file.is_file():
        raise SettingsError(f"config (KEEPSTEP_CONFIG): there is no file {file}")
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        problems = [_problem(detail["loc"], detail["msg"]) for detail in error.errors()]
        raise SettingsError("\n".join(problems)) from None
    except ValueError as error:
        raise SettingsError(f"the settings file {file} cannot be read: {error}") from None


def unknown_variables() -> list[str]:
    """Give the ``KEEPSTEP_*`` variables that no setting has; most often a slip of the pen."""
    known = {ENVIRONMENT_PREFIX + name.upper() for name in Settings.model_fields}
    known.add(ENVIRONMENT_PREFIX + "CONFIG")
    return sorted(
        name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX) and name not in known
    )


def _problem(location: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    if not location:
        return text
    name = str(location[0]).lower()
    if name not in Settings.model_fields:
        return f"{name}: there is no such setting"
    inside = [str(part + 1) if isinstance(part, int) else part for part in location[1:]]
    where = f", entry {', '.join(inside)}" if inside else ""
    return f"{name} ({ENVIRONMENT_PREFIX}{name.upper()}){where}: {text}"
