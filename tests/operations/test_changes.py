"""What a silent stream looks after for developers, whose keys outlive what they watch."""

from collections.abc import Callable

import pytest

from keepstep.domain.access import Developer
from keepstep.domain.revocations import Reason, Revocation, identity_subject
from keepstep.interfaces.service import Call
from keepstep.operations.sync.changes import check_watched
from keepstep.wire.errors import (
    NotAuthorizedException,
    ResourceNotFoundException,
    ServiceError,
)
from keepstep.wire.live import WatchDatasetRequest

from .conftest import ACCOUNT_ID, IDENTITY_ID, POOL_ID, World, place_members

REQUEST = WatchDatasetRequest(*place_members())
DEVELOPER = Developer(account_id=ACCOUNT_ID, access_key_id="AKIA")


def delete_pool(world: World) -> None:
    assert world.run(world.store.delete_pool(POOL_ID))


def delete_identity(world: World) -> None:
    gone = Revocation(subject=identity_subject(IDENTITY_ID), not_before=1, reason=Reason.DELETED)
    world.run(world.store.revoke(gone))


@pytest.mark.parametrize(
    ("delete", "error"),
    [(delete_pool, ResourceNotFoundException), (delete_identity, NotAuthorizedException)],
)
def test_a_developer_stops_watching_where_nothing_can_come(
    world: World, delete: Callable[[World], None], error: type[ServiceError]
) -> None:
    call = Call(world.service, DEVELOPER)
    world.run(check_watched(call, REQUEST))
    delete(world)
    with pytest.raises(error):
        world.run(check_watched(call, REQUEST))


def test_watching_as_an_identity_reads_nothing_more_than_its_revocations(world: World) -> None:
    world.asked.names.clear()
    world.run(check_watched(Call(world.service, world.caller), REQUEST))
    assert world.asked.names == []
