"""Sync triggers: the functions that pools' owners let have a say in each update.

A function is known by the ARN of SetCognitoEvents. The settings say which of them are an HTTP
endpoint or a Python function; the others are called at Lambda, if there is an AWS to speak to.
Nothing is tried twice: the client synchronizes again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from keepstep.delivery.aws import AwsClients
from keepstep.domain.limits import TRIGGER_SECONDS
from keepstep.interfaces.service import Clock
from keepstep.wire.errors import InvalidLambdaFunctionOutputException

from .lambda_functions import LambdaFunctions
from .python_functions import PythonFunction

__all__ = ["TriggerConfiguration", "Triggers"]


class Function(Protocol):
    """A function, wherever it runs."""

    async def call(self, event: bytes) -> bytes:
        """Call it with an event. See ``interfaces.delivery.SyncTriggers``."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerConfiguration:
    """Where a function of an ARN runs: at a URL, with a secret, or as ``module:function``."""

    function: str
    url: str | None = None
    secret: str | None = field(default=None, repr=False)
    python: str | None = None


class Triggers:
    """Calls triggers wherever they run; see ``interfaces.delivery.SyncTriggers``."""

    def __init__(
        self,
        configurations: Sequence[TriggerConfiguration],
        aws: AwsClients,
        clock: Clock,
        *,
        seconds: float = TRIGGER_SECONDS,
    ) -> None:
        """Import the Python functions. Raises ValueError for one that cannot be used."""
        self._listed = {one.function: _function(one, clock, seconds) for one in configurations}
        self._lambda = LambdaFunctions(aws, seconds) if aws.settings.is_configured else None

    async def call(self, function: str, event: bytes) -> bytes:
        """Call a function. See ``interfaces.delivery.SyncTriggers``."""
        listed = self._listed.get(function)
        if listed is not None:
            return await listed.call(event)
        if self._lambda is not None:
            return await self._lambda.call(function, event)
        raise InvalidLambdaFunctionOutputException(
            f"There is no function {function}: it is not among the triggers of this server, and "
            "the server is not set up to call AWS."
        )

    async def close(self) -> None:
        """Let go of connections."""
        for function in self._listed.values():
            await function.close()


def _function(configuration: TriggerConfiguration, clock: Clock, seconds: float) -> Function:
    arn = configuration.function
    if configuration.python is not None:
        return PythonFunction(arn, configuration.python, seconds)
    if configuration.url is None or configuration.secret is None:
        raise ValueError(f"{arn} needs a url with a secret, or python")
    from .endpoints import EndpointFunction  # noqa: PLC0415 -- a fast start without endpoints

    try:
        return EndpointFunction(arn, configuration.url, configuration.secret, clock, seconds)
    except ValueError as error:
        raise ValueError(f"the url or secret of {arn} {error}") from None
