"""Bulk publishes: what GetBulkPublishDetails tells of one, and when."""

from keepstep.domain.bulk_publishes import begun, ended, proceeded
from keepstep.domain.pools import PoolSettings
from keepstep.operations.sync.bulk_publish import get_bulk_publish_details
from keepstep.wire import sync

from .conftest import LIMITS, POOL_ID, World


def details(world: World) -> sync.GetBulkPublishDetailsResponse:
    request = sync.GetBulkPublishDetailsRequest(POOL_ID)
    return world.call(get_bulk_publish_details, request, developer=True)


def test_a_bulk_publish_in_progress_tells_nothing_of_the_datasets_it_left_out(
    world: World,
) -> None:
    world.set_up(PoolSettings())
    now = world.clock()
    first = begun(POOL_ID, None, now=now, limits=LIMITS)
    second = proceeded(first, ("a", "b"), ["things of a: too large"])
    third = ended(second, [], now)
    told: list[tuple[str, str | None]] = []
    for publish in (first, second, third):
        assert world.run(world.store.keep_bulk_publish(publish))
        found = details(world)
        told.append((found.bulk_publish_status, found.failure_message))
    assert told == [
        ("IN_PROGRESS", None),
        ("IN_PROGRESS", None),
        ("FAILED", "1 dataset was not published: things of a: too large"),
    ]
