"""TagResource, UntagResource and ListTagsForResource; identity pools are all that has tags."""

import re
from typing import Final

from keepstep.domain.pool_settings import with_tags, without_tags
from keepstep.interfaces.service import Call
from keepstep.wire import identity as wire
from keepstep.wire.errors import InvalidParameterException, TooManyRequestsException
from keepstep.wire.members import ID_PATTERN

from .pool_changes import change_pool, current_pool

_POOL_ARN: Final = re.compile(
    rf"arn:aws[a-z-]*:cognito-identity:[a-z0-9-]+:[0-9]{{12}}:identitypool/({ID_PATTERN})",
    re.ASCII,
)


async def tag_resource(call: Call, request: wire.TagResourceRequest) -> wire.TagResourceResponse:
    """Add tags to a pool; one that is there gets the new value.

    Raises InvalidParameterException for an ARN that is no pool's and for more than 50 tags,
    ResourceNotFoundException, and TooManyRequestsException if others were faster a hundred times
    in a row.
    """
    await change_pool(
        call,
        _tagged_pool(request.resource_arn),
        lambda before: with_tags(before, request.tags),
        refusal=TooManyRequestsException,
    )
    return wire.TagResourceResponse()


async def untag_resource(
    call: Call, request: wire.UntagResourceRequest
) -> wire.UntagResourceResponse:
    """Take tags off a pool; those that are not there are passed over.

    Raises what ``tag_resource`` raises.
    """
    await change_pool(
        call,
        _tagged_pool(request.resource_arn),
        lambda before: without_tags(before, request.tag_keys),
        refusal=TooManyRequestsException,
    )
    return wire.UntagResourceResponse()


async def list_tags_for_resource(
    call: Call, request: wire.ListTagsForResourceRequest
) -> wire.ListTagsForResourceResponse:
    """Give the tags of a pool.

    Raises InvalidParameterException for an ARN that is no pool's, ResourceNotFoundException.
    """
    pool = await current_pool(call, _tagged_pool(request.resource_arn))
    return wire.ListTagsForResourceResponse(tags=dict(pool.settings.tags))


def _tagged_pool(arn: str) -> str:
    """Give the id of the pool an ARN names; account numbers are not compared, as in ``get_id``.

    Raises InvalidParameterException.
    """
    named = _POOL_ARN.fullmatch(arn)
    if named is None:
        raise InvalidParameterException(
            f"ResourceArn {arn} is not of the form "
            "arn:aws:cognito-identity:REGION:ACCOUNT:identitypool/REGION:GUID."
        )
    return named[1]
