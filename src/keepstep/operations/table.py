"""The table of contents of the API: each operation, its function, and who may call it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from keepstep.domain.access import CallerClass
from keepstep.interfaces.service import Call
from keepstep.wire import identity_operations as identity
from keepstep.wire import live, sts
from keepstep.wire import operations as sync
from keepstep.wire.operations import Operation, Request, Response

from .identity.identities import delete_identities, describe_identity, list_identities
from .identity.links import (
    lookup_developer_identity,
    merge_developer_identities,
    unlink_developer_identity,
    unlink_identity,
)
from .identity.pools import (
    create_identity_pool,
    delete_identity_pool,
    describe_identity_pool,
    list_identity_pools,
    update_identity_pool,
)
from .identity.principal_tags import (
    get_principal_tag_attribute_map,
    set_principal_tag_attribute_map,
)
from .identity.roles import get_identity_pool_roles, set_identity_pool_roles
from .identity.sign_in import (
    get_credentials_for_identity,
    get_id,
    get_open_id_token,
    get_open_id_token_for_developer_identity,
)
from .identity.tags import list_tags_for_resource, tag_resource, untag_resource
from .sts.caller import get_caller_identity
from .sts.web_identity import assume_role_with_web_identity
from .sync.bulk_publish import bulk_publish, get_bulk_publish_details
from .sync.changes import watch_dataset
from .sync.configuration import (
    get_cognito_events,
    get_identity_pool_configuration,
    set_cognito_events,
    set_identity_pool_configuration,
)
from .sync.datasets import delete_dataset, describe_dataset, list_datasets
from .sync.devices import register_device, subscribe_to_dataset, unsubscribe_from_dataset
from .sync.records import list_records, update_records
from .sync.usage import (
    describe_identity_pool_usage,
    describe_identity_usage,
    list_identity_pool_usage,
)

ANY, DEVELOPER, IDENTITY = CallerClass.ANY, CallerClass.DEVELOPER, CallerClass.IDENTITY
ANYBODY, SIGNED = CallerClass.ANYBODY, CallerClass.SIGNED

Function = Callable[[Call, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """One operation: what travels, what runs, which callers it takes, whether it only reads.

    A row that is ``live`` is answered with a stream of events, each made by the function.
    """

    operation: Operation[Any, Any]
    function: Function
    callers: CallerClass
    reads: bool
    live: bool = False

    @property
    def permission(self) -> str:
        """The action that policies allow or deny; watching is listing again and again."""
        return "ListRecords" if self.live else self.operation.name


def row(
    operation: Operation[Request, Response],
    function: Callable[[Call, Request], Awaitable[Response]],
    callers: CallerClass,
    *,
    reads: bool = False,
) -> Row:
    """Pair an operation with the function of exactly its request and response."""
    return Row(operation, function, callers, reads)


SYNC_TABLE: Final = (
    row(sync.LIST_DATASETS, list_datasets, ANY, reads=True),
    row(sync.DESCRIBE_DATASET, describe_dataset, ANY, reads=True),
    row(sync.DELETE_DATASET, delete_dataset, ANY),
    row(sync.LIST_RECORDS, list_records, ANY, reads=True),
    row(sync.UPDATE_RECORDS, update_records, ANY),
    row(sync.SUBSCRIBE_TO_DATASET, subscribe_to_dataset, IDENTITY),
    row(sync.UNSUBSCRIBE_FROM_DATASET, unsubscribe_from_dataset, IDENTITY),
    row(sync.REGISTER_DEVICE, register_device, IDENTITY),
    row(sync.DESCRIBE_IDENTITY_USAGE, describe_identity_usage, ANY, reads=True),
    row(sync.DESCRIBE_IDENTITY_POOL_USAGE, describe_identity_pool_usage, DEVELOPER, reads=True),
    row(sync.LIST_IDENTITY_POOL_USAGE, list_identity_pool_usage, DEVELOPER, reads=True),
    row(
        sync.GET_IDENTITY_POOL_CONFIGURATION, get_identity_pool_configuration, DEVELOPER, reads=True
    ),
    row(sync.SET_IDENTITY_POOL_CONFIGURATION, set_identity_pool_configuration, DEVELOPER),
    row(sync.GET_COGNITO_EVENTS, get_cognito_events, DEVELOPER, reads=True),
    row(sync.SET_COGNITO_EVENTS, set_cognito_events, DEVELOPER),
    row(sync.BULK_PUBLISH, bulk_publish, DEVELOPER),
    row(sync.GET_BULK_PUBLISH_DETAILS, get_bulk_publish_details, DEVELOPER, reads=True),
)

IDENTITY_TABLE: Final = (
    row(identity.GET_ID, get_id, ANYBODY),
    row(identity.GET_CREDENTIALS_FOR_IDENTITY, get_credentials_for_identity, ANYBODY),
    row(identity.GET_OPEN_ID_TOKEN, get_open_id_token, ANYBODY),
    row(identity.UNLINK_IDENTITY, unlink_identity, ANYBODY),
    row(
        identity.GET_OPEN_ID_TOKEN_FOR_DEVELOPER_IDENTITY,
        get_open_id_token_for_developer_identity,
        DEVELOPER,
    ),
    row(identity.LOOKUP_DEVELOPER_IDENTITY, lookup_developer_identity, DEVELOPER, reads=True),
    row(identity.MERGE_DEVELOPER_IDENTITIES, merge_developer_identities, DEVELOPER),
    row(identity.UNLINK_DEVELOPER_IDENTITY, unlink_developer_identity, DEVELOPER),
    row(identity.DESCRIBE_IDENTITY, describe_identity, DEVELOPER, reads=True),
    row(identity.LIST_IDENTITIES, list_identities, DEVELOPER, reads=True),
    row(identity.DELETE_IDENTITIES, delete_identities, DEVELOPER),
    row(identity.CREATE_IDENTITY_POOL, create_identity_pool, DEVELOPER),
    row(identity.DESCRIBE_IDENTITY_POOL, describe_identity_pool, DEVELOPER, reads=True),
    row(identity.UPDATE_IDENTITY_POOL, update_identity_pool, DEVELOPER),
    row(identity.DELETE_IDENTITY_POOL, delete_identity_pool, DEVELOPER),
    row(identity.LIST_IDENTITY_POOLS, list_identity_pools, DEVELOPER, reads=True),
    row(identity.GET_IDENTITY_POOL_ROLES, get_identity_pool_roles, DEVELOPER, reads=True),
    row(identity.SET_IDENTITY_POOL_ROLES, set_identity_pool_roles, DEVELOPER),
    row(
        identity.GET_PRINCIPAL_TAG_ATTRIBUTE_MAP,
        get_principal_tag_attribute_map,
        DEVELOPER,
        reads=True,
    ),
    row(identity.SET_PRINCIPAL_TAG_ATTRIBUTE_MAP, set_principal_tag_attribute_map, DEVELOPER),
    row(identity.TAG_RESOURCE, tag_resource, DEVELOPER),
    row(identity.UNTAG_RESOURCE, untag_resource, DEVELOPER),
    row(identity.LIST_TAGS_FOR_RESOURCE, list_tags_for_resource, DEVELOPER, reads=True),
)

STS_TABLE: Final = (
    row(sts.ASSUME_ROLE_WITH_WEB_IDENTITY, assume_role_with_web_identity, ANYBODY),
    row(sts.GET_CALLER_IDENTITY, get_caller_identity, SIGNED, reads=True),
)

LIVE_TABLE: Final = (Row(live.WATCH_DATASET, watch_dataset, ANY, reads=True, live=True),)
