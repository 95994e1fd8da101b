"""What callers and operators are told when a trigger gives no usable answer."""

import structlog

from keepstep.domain.limits import TRIGGER_ANSWER_BYTES_MAX
from keepstep.wire.errors import (
    InvalidLambdaFunctionOutputException,
    LambdaSocketTimeoutException,
    LambdaThrottledException,
)

_log = structlog.stdlib.get_logger()


def failed(function: str, reason: str) -> InvalidLambdaFunctionOutputException:
    """Give the error for a function that failed; why, only the operator's log tells."""
    _log.warning("sync trigger failed", function=function, reason=reason)
    return InvalidLambdaFunctionOutputException(f"The function {function} failed.")


def too_long(function: str) -> InvalidLambdaFunctionOutputException:
    """Give the error for an answer that is too long."""
    return failed(function, f"answered over {TRIGGER_ANSWER_BYTES_MAX} bytes")


def timed_out(function: str, seconds: float) -> LambdaSocketTimeoutException:
    """Give the error for a function that took too long."""
    _log.warning("sync trigger timed out", function=function, seconds=seconds)
    return LambdaSocketTimeoutException(
        f"The function {function} did not answer within {seconds:g} seconds."
    )


def throttled(function: str) -> LambdaThrottledException:
    """Give the error for a function that has too much to do."""
    _log.warning("sync trigger throttled", function=function)
    return LambdaThrottledException(
        f"The function {function} has too much to do; synchronize again."
    )
