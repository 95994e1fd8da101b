"""DescribeIdentity, ListIdentities and DeleteIdentities."""

from keepstep.domain.identities import Identity
from keepstep.domain.limits import SECOND_MS
from keepstep.domain.pages import open_age, seal_age
from keepstep.interfaces.service import Call
from keepstep.interfaces.storage import StoreUnavailable
from keepstep.wire import identity as wire

from .lookup import existing_identity, existing_pool


async def describe_identity(
    call: Call, request: wire.DescribeIdentityRequest
) -> wire.IdentityDescription:
    """Describe an identity, a disabled one too. Raises ResourceNotFoundException."""
    return identity_shape(await existing_identity(call, request.identity_id))


async def list_identities(
    call: Call, request: wire.ListIdentitiesRequest
) -> wire.ListIdentitiesResponse:
    """List a pool's identities, oldest first; the disabled ones too, unless they are to be hidden.

    A token is given only when another identity exists.

    Raises ResourceNotFoundException, and InvalidParameterException for a bad token.
    """
    pool_id, limit = request.identity_pool_id, request.max_results
    await existing_pool(call, pool_id)
    sealer = call.service.sealer
    after = open_age("ListIdentities", (pool_id,), request.next_token, sealer)
    found = await call.service.store.list_identities(
        pool_id, after=after, limit=limit + 1, hide_disabled=request.hide_disabled or False
    )
    page = found[:limit]
    next_token = None
    if len(found) > limit:
        last = (page[-1].creation_date, page[-1].identity_id)
        next_token = seal_age("ListIdentities", (pool_id,), last, sealer)
    return wire.ListIdentitiesResponse(
        identity_pool_id=pool_id,
        identities=[identity_shape(identity) for identity in page],
        next_token=next_token,
    )


async def delete_identities(
    call: Call, request: wire.DeleteIdentitiesRequest
) -> wire.DeleteIdentitiesResponse:
    """Delete identities with their logins and all their data, and revoke their credentials.

    One that does not exist counts as deleted. Those that the store could not delete now are
    answered as unprocessed.
    """
    service = call.service
    unprocessed: list[wire.UnprocessedIdentityId] = []
    for identity_id in dict.fromkeys(request.identity_ids_to_delete):
        try:
            await service.store.delete_identity(identity_id, date=service.clock())
        except StoreUnavailable:
            unprocessed.append(
                wire.UnprocessedIdentityId(
                    identity_id=identity_id, error_code="InternalServerError"
                )
            )
    service.revocations.forget()
    return wire.DeleteIdentitiesResponse(unprocessed_identity_ids=unprocessed)


def identity_shape(identity: Identity) -> wire.IdentityDescription:
    """Give an identity as it travels: its providers, each once, and never who the user is there."""
    return wire.IdentityDescription(
        identity_id=identity.identity_id,
        logins=list(dict.fromkeys(login.provider_name for login in identity.logins)),
        creation_date=identity.creation_date / SECOND_MS,
        last_modified_date=identity.last_modified_date / SECOND_MS,
    )
