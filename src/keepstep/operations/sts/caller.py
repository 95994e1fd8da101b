"""GetCallerIdentity: who signed the call."""

import base64
import hashlib

from keepstep.domain.access import Developer
from keepstep.interfaces.service import Call
from keepstep.wire import sts as wire


async def get_caller_identity(
    call: Call, request: wire.GetCallerIdentityRequest
) -> wire.GetCallerIdentityResponse:
    """Name the caller. No permission is needed, and no policy can take it away."""
    del request
    caller = call.caller
    assert caller is not None
    return wire.GetCallerIdentityResponse(
        user_id=_user_id(caller) if isinstance(caller, Developer) else caller.user_id,
        account=caller.account_id,
        arn=caller.arn,
    )


def _user_id(developer: Developer) -> str:
    """Give a unique id of AWS's form for the holder of an access key."""
    digest = hashlib.sha256(developer.access_key_id.encode()).digest()
    return f"AIDA{base64.b32encode(digest).decode('ascii')[:17]}"
