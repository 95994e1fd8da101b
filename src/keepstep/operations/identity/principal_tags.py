"""GetPrincipalTagAttributeMap and SetPrincipalTagAttributeMap."""

from keepstep.domain.pool_settings import with_principal_tags
from keepstep.domain.pools import PrincipalTagMap
from keepstep.interfaces.service import Call
from keepstep.wire import identity as wire
from keepstep.wire.errors import TooManyRequestsException

from .pool_changes import change_pool, current_pool

_NO_TAGS = PrincipalTagMap(use_defaults=False)


async def get_principal_tag_attribute_map(
    call: Call, request: wire.GetPrincipalTagAttributeMapRequest
) -> wire.GetPrincipalTagAttributeMapResponse:
    """Tell which session tags a provider's claims become; none if that was never set.

    Raises ResourceNotFoundException.
    """
    pool = await current_pool(call, request.identity_pool_id)
    mapping = pool.settings.principal_tags.get(request.identity_provider_name, _NO_TAGS)
    return wire.GetPrincipalTagAttributeMapResponse(
        identity_pool_id=request.identity_pool_id,
        identity_provider_name=request.identity_provider_name,
        use_defaults=mapping.use_defaults,
        principal_tags=dict(mapping.principal_tags),
    )


async def set_principal_tag_attribute_map(
    call: Call, request: wire.SetPrincipalTagAttributeMapRequest
) -> wire.SetPrincipalTagAttributeMapResponse:
    """Set which session tags the claims of one provider become.

    Without UseDefaults, the tags that are given count, and the defaults if there are none.

    Raises ResourceNotFoundException, and TooManyRequestsException if others were faster a
    hundred times in a row.
    """
    tags = request.principal_tags or {}
    use_defaults = not tags if request.use_defaults is None else request.use_defaults
    mapping = PrincipalTagMap(use_defaults=use_defaults, principal_tags=tags)
    provider = request.identity_provider_name
    await change_pool(
        call,
        request.identity_pool_id,
        lambda before: with_principal_tags(before, provider, mapping),
        refusal=TooManyRequestsException,
    )
    return wire.SetPrincipalTagAttributeMapResponse(
        identity_pool_id=request.identity_pool_id,
        identity_provider_name=provider,
        use_defaults=use_defaults,
        principal_tags=tags,
    )
