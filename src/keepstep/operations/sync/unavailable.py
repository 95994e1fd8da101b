"""The answer of the operations that this version does not have yet."""

from keepstep.interfaces.service import Call
from keepstep.wire import sync
from keepstep.wire.errors import InvalidParameterException


async def unavailable(call: Call, request: sync.Shape) -> sync.Shape:
    """Refuse in words. Raises InvalidParameterException, which every operation models."""
    del call
    name = type(request).__name__.removesuffix("Request")
    raise InvalidParameterException(
        f"This version of keepstep does not have {name} yet; docs/compatibility.md lists what it "
        "has."
    )
