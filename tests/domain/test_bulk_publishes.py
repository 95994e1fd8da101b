"""When a bulk publish may begin, and how it goes on."""

import msgspec
import pytest

from keepstep.domain.bulk_publishes import BulkPublish, begun, ended, failed, proceeded
from keepstep.domain.limits import DAY_MS, Limits
from keepstep.wire.errors import AlreadyStreamedException, DuplicateRequestException

from .places import NOW

POOL = "us-east-1:1"
FIRST = BulkPublish(identity_pool_id=POOL, status="IN_PROGRESS", start_date=NOW)


def begin(before: BulkPublish | None, now: int, pause_seconds: int = 86_400) -> BulkPublish:
    limits = Limits(bulk_publish_pause_seconds=pause_seconds)
    return begun(POOL, before, now=now, limits=limits)


def test_the_first_bulk_publish_begins_at_once() -> None:
    assert begin(None, NOW) == FIRST


def test_none_begins_while_one_is_in_progress() -> None:
    with pytest.raises(DuplicateRequestException):
        begin(proceeded(FIRST, ("a", "b")), NOW + 10 * DAY_MS)


def test_one_may_begin_a_day_after_the_last_succeeded_and_not_a_millisecond_earlier() -> None:
    done = ended(FIRST, [], NOW + 7)
    for now in (NOW - DAY_MS, NOW + 7, NOW + 7 + DAY_MS - 1):
        with pytest.raises(AlreadyStreamedException, match=r"in [0-9]+ seconds"):
            begin(done, now)
    again = begin(done, NOW + 7 + DAY_MS)
    assert again == msgspec.structs.replace(FIRST, start_date=NOW + 7 + DAY_MS, version=3)


@pytest.mark.parametrize("now", [NOW - 5, NOW, NOW + 5])
def test_without_a_pause_one_may_begin_at_once(now: int) -> None:
    assert begin(ended(FIRST, [], NOW), now, pause_seconds=0).status == "IN_PROGRESS"


def test_a_failed_one_may_be_repeated_at_once_and_starts_from_the_beginning() -> None:
    stopped = failed(proceeded(FIRST, ("a", "b")), "the stream is gone")
    assert (stopped.status, stopped.failure_message) == ("FAILED", "the stream is gone")
    assert stopped.complete_date is None
    again = begin(stopped, NOW + 1)
    assert (again.position, again.failure_message, again.version) == (("", ""), None, 4)


def test_each_step_is_the_next_version() -> None:
    steps = [FIRST, proceeded(FIRST, ("a", "b")), ended(FIRST, [], NOW), failed(FIRST, "why")]
    assert [step.version for step in steps] == [1, 2, 2, 2]


@pytest.mark.parametrize(
    ("pages", "last", "told"),
    [
        ([], ["a: too large"], "1 dataset was not published: a: too large"),
        ([["a: too large"], []], [], "1 dataset was not published: a: too large"),
        (
            [[], ["b: too large", "c: too"], ["d: too"]],
            ["e: too"],
            "4 datasets were not published; the first: b: too large",
        ),
    ],
)
def test_one_that_left_datasets_out_has_failed_and_tells_how_many_and_why_the_first(
    pages: list[list[str]], last: list[str], told: str
) -> None:
    publish = FIRST
    for left_out in pages:
        publish = proceeded(publish, ("a", "b"), left_out)
        assert publish.status == "IN_PROGRESS"
    done = ended(publish, last, NOW)
    assert (done.status, done.failure_message, done.complete_date) == ("FAILED", told, None)
    assert begin(done, NOW).failure_message is None


def test_one_that_stopped_tells_why_and_what_it_left_out_before() -> None:
    stopped = failed(proceeded(FIRST, ("a", "b"), ["a: too large"]), "the stream is gone")
    assert stopped.failure_message == (
        "the stream is gone; before that, 1 dataset was not published: a: too large"
    )
