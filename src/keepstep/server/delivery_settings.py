"""The settings of what leaves the server: streams, push, sync triggers, and AWS for all of them.

Streams and triggers are each a table in the settings file, or an object in a JSON list in the
environment.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Secret,
    SecretStr,
    field_validator,
    model_validator,
)

from keepstep.delivery.senders import StreamConfiguration, check
from keepstep.delivery.signing import checked_secret, checked_url
from keepstep.delivery.triggers import TriggerConfiguration
from keepstep.domain.pools import is_pool_id

_PYTHON: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


class StreamSettings(BaseModel):
    """One stream; beside these members, its table has the options of its kind."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Secret[Any]] = Field(  # pyright: ignore[reportIncompatibleVariableOverride] -- as pydantic's documentation types the rest
        init=False
    )

    name: str = Field(min_length=1, description="Chosen by pools whose StreamName it is.")
    kind: str = Field(description="kinesis, webhook, jsonl, or what a package adds.")
    pools: tuple[str, ...] = Field((), description="Ids of pools that use it, whatever they name.")

    @field_validator("pools")
    @classmethod
    def _ids(cls, pools: tuple[str, ...]) -> tuple[str, ...]:
        for pool in pools:
            if not is_pool_id(pool):
                raise ValueError(f"{pool} is not the id of an identity pool")
        return pools

    @model_validator(mode="after")
    def _can_be_made(self) -> "StreamSettings":
        check(self.configuration())
        return self

    def configuration(self) -> StreamConfiguration:
        """Give the stream as senders take it."""
        options = {name: held.get_secret_value() for name, held in self.__pydantic_extra__.items()}
        return StreamConfiguration(
            name=self.name, kind=self.kind, pools=self.pools, options=options
        )


class TriggerSettings(BaseModel):
    """Where one function of SetCognitoEvents runs, if not at Lambda."""

    model_config = ConfigDict(extra="forbid")

    function: str = Field(
        pattern=r"^arn:[\w-]+:lambda:\S+$", description="Its ARN, as in SetCognitoEvents."
    )
    url: str | None = Field(None, description="Endpoint that takes its events.")
    secret: SecretStr | None = Field(None, description="Secret that signs what goes to url.")
    python: str | None = Field(None, description="Python function, as module:function.")

    @model_validator(mode="after")
    def _is_at_one_place(self) -> "TriggerSettings":
        if (self.url is None) == (self.python is None):
            raise ValueError("give url or python")
        if (self.url is None) != (self.secret is None):
            raise ValueError("url and secret go together; give both or neither")
        if self.url is not None and self.secret is not None:
            _check_endpoint(self.url, self.secret)
        if self.python is not None and _PYTHON.fullmatch(self.python) is None:
            raise ValueError("python is of the form module:function")
        return self

    def configuration(self) -> TriggerConfiguration:
        """Give the function as triggers take it."""
        secret = None if self.secret is None else self.secret.get_secret_value()
        return TriggerConfiguration(
            function=self.function, url=self.url, secret=secret, python=self.python
        )


def _check_endpoint(url: str, secret: SecretStr) -> None:
    """Refuse an endpoint that cannot be posted to. Raises ValueError."""
    for name, checked, value in (
        ("url", checked_url, url),
        ("secret", checked_secret, secret.get_secret_value()),
    ):
        try:
            checked(value)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None


def _unique(values: Sequence[str], what: str) -> None:
    """Refuse what is there twice. Raises ValueError."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{what} {value} is there twice")


def check_streams(streams: list[StreamSettings]) -> list[StreamSettings]:
    """Give streams of which a pool has one at most. Raises ValueError."""
    _unique([stream.name for stream in streams], "the name")
    _unique([pool for stream in streams for pool in stream.pools], "the pool")
    return streams


def check_triggers(triggers: list[TriggerSettings]) -> list[TriggerSettings]:
    """Give triggers of which a function has one. Raises ValueError."""
    _unique([trigger.function for trigger in triggers], "the function")
    return triggers
