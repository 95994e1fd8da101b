"""Sync triggers at AWS Lambda, called as Cognito calls them: Invoke, RequestResponse."""

import asyncio
import re
from typing import Any, Final

from keepstep.delivery.aws import AwsClients, AwsError, MissingExtra, Target, translated
from keepstep.domain.limits import TRIGGER_ANSWER_BYTES_MAX

from .outcomes import failed, throttled, timed_out, too_long

THROTTLED: Final = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "EC2ThrottledException"}
)
"""Refusals that pass by themselves (Lambda API Reference, Invoke)."""

_ARN: Final = re.compile(r"arn:[\w-]+:lambda:([\w-]+):[0-9]{12}:function:\S+")


class LambdaFunctions:
    """Calls functions by their ARNs, with the server's own credentials."""

    def __init__(self, aws: AwsClients, seconds: float) -> None:
        """Nothing is connected before the first call."""
        self._aws = aws
        self._seconds = seconds

    async def call(self, function: str, event: bytes) -> bytes:
        """Call a function. See ``interfaces.delivery.SyncTriggers``."""
        arn = _ARN.fullmatch(function)
        if arn is None:
            raise failed(function, "is not the ARN of a Lambda function")
        # Where the function is, which is in its name, whatever region the settings say.
        target = Target("lambda", arn[1])
        try:
            async with asyncio.timeout(self._seconds):
                return await self._invoke(target, function, event)
        except TimeoutError:
            raise timed_out(function, self._seconds) from None
        except AwsError as error:
            if error.timed_out:
                raise timed_out(function, self._seconds) from None
            if error.code in THROTTLED:
                raise throttled(function) from None
            raise failed(function, str(error)) from None
        except MissingExtra as error:
            raise failed(function, str(error)) from None

    async def _invoke(self, target: Target, function: str, event: bytes) -> bytes:
        async with self._aws.client(target):  # open until the answer is read
            answer = await self._aws.call(
                target,
                "invoke",
                FunctionName=function,
                InvocationType="RequestResponse",
                Payload=event,
            )
            async with answer["Payload"] as payload:
                if "FunctionError" in answer:
                    raise failed(function, f"ended with the error {answer['FunctionError']}")
                return await _read(function, payload)


async def _read(function: str, payload: Any) -> bytes:
    received = bytearray()
    with translated():
        async for chunk in payload.iter_chunks(65_536):
            received += chunk
            if len(received) > TRIGGER_ANSWER_BYTES_MAX:
                raise too_long(function)
    return bytes(received)
