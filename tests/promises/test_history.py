"""The checker of histories, on good and bad ones made by hand."""

from collections.abc import Callable
from itertools import count as counter

import pytest

from keepstep.testing.history import History, Outcome, Patch, Promise, State, check
from keepstep.wire.errors import ResourceConflictException

Records = dict[str, tuple[int, str | None]]
Patches = dict[str, tuple[str | None, int]]


class Lost(Exception):
    """The connection broke."""


class Story:
    """A history told one request after another, at the times 0, 1, 2, …"""

    def __init__(self) -> None:
        self.history = History(counter().__next__)

    @property
    def broken(self) -> list[Promise]:
        return [violation.promise for violation in check(self.history)]

    def write(self, count: int, patches: Patches) -> None:
        """Tell of an accepted write."""
        with self.history.writing("d", _patches(patches)) as write:
            write.accept({key: State(count, value) for key, (value, _) in patches.items()})

    def fail(self, patches: Patches, error: Exception) -> None:
        """Tell of a write that raised an error."""
        with (
            pytest.raises(type(error)),
            self.history.writing("d", _patches(patches)),
        ):
            raise error

    def delete(self) -> None:
        """Tell of an accepted deletion."""
        with self.history.deleting("d"):
            pass

    def read(
        self, last: int, count: int, records: Records, *, exists: bool = True, deleted: bool = False
    ) -> None:
        """Tell of a read in one page."""
        with self.history.reading("d", last) as read:
            read.page(count, _states(records), exists=exists, deleted=deleted)


def _patches(patches: Patches) -> dict[str, Patch]:
    return {key: Patch(value, base) for key, (value, base) in patches.items()}


def _states(records: Records) -> list[tuple[str, State]]:
    return [(key, State(count, value)) for key, (count, value) in records.items()]


def conflict(story: Story, patches: Patches) -> None:
    story.fail(patches, ResourceConflictException("Current SyncCount for: …"))


def a_plain_story(story: Story) -> None:
    story.read(0, 0, {}, exists=False)
    story.write(1, {"a": ("a1", 0), "b": ("b1", 0)})
    conflict(story, {"a": ("a2", 0)})
    story.read(0, 1, {"a": (1, "a1"), "b": (1, "b1")})
    story.write(2, {"a": (None, 1)})
    story.read(1, 2, {"a": (2, None)})
    story.read(0, 2, {"b": (1, "b1"), "a": (2, None)})


def a_story_of_two_lives(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.delete()
    story.read(1, 2, {}, exists=False, deleted=True)
    story.read(0, 0, {}, exists=False)
    story.write(3, {"a": ("a3", 0)})
    story.read(1, 3, {"a": (3, "a3")}, deleted=True)
    story.read(0, 3, {"a": (3, "a3")})


def an_unknown_write_that_took_place(story: Story) -> None:
    story.fail({"a": ("a1", 0), "b": ("b1", 0)}, Lost())
    story.read(0, 1, {"a": (1, "a1"), "b": (1, "b1")})
    story.write(2, {"a": ("a2", 1)})


def an_unknown_write_that_did_not(story: Story) -> None:
    story.fail({"a": ("a1", 0)}, Lost())
    story.read(0, 0, {}, exists=False)
    story.write(1, {"a": ("a2", 0)})
    story.read(0, 1, {"a": (1, "a2")})


def a_conflict_with_an_unknown_write(story: Story) -> None:
    story.fail({"a": ("a1", 0)}, Lost())
    conflict(story, {"a": ("a2", 0)})


def unknown_removals_that_cannot_be_told_apart(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.fail({"a": (None, 1)}, Lost())
    story.fail({"a": (None, 1)}, Lost())
    story.read(0, 2, {"a": (2, None)})


def pages_between_which_a_record_moved_on(story: Story) -> None:
    story.write(1, {"a": ("a1", 0), "b": ("b1", 0)})
    with story.history.reading("d", 0) as read:
        read.page(1, _states({"a": (1, "a1")}), exists=True, deleted=False)
        story.write(2, {"b": ("b2", 1)})
        read.page(1, [], exists=True, deleted=False)
    story.read(1, 2, {"b": (2, "b2")})


@pytest.mark.parametrize(
    "tell",
    [
        a_plain_story,
        a_story_of_two_lives,
        an_unknown_write_that_took_place,
        an_unknown_write_that_did_not,
        a_conflict_with_an_unknown_write,
        unknown_removals_that_cannot_be_told_apart,
        pages_between_which_a_record_moved_on,
    ],
)
def test_a_good_history_breaks_no_promise(tell: Callable[[Story], None]) -> None:
    story = Story()
    tell(story)
    assert check(story.history) == []


def a_write_that_is_gone(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.write(2, {"b": ("b1", 0)})
    story.read(0, 2, {"b": (2, "b1")})


def a_read_of_the_past(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.write(2, {"a": ("a2", 1)})
    story.read(0, 1, {"a": (1, "a1")})


def a_dataset_that_is_gone(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.read(0, 0, {}, exists=False)


def a_deletion_that_is_gone(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.delete()
    story.write(3, {"b": ("b3", 0)})
    story.read(0, 3, {"a": (1, "a1"), "b": (3, "b3")})


def two_winners_with_one_count(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.write(2, {"a": ("a2", 1)})
    story.write(3, {"a": ("a3", 1)})


def a_conflict_without_a_winner(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    conflict(story, {"a": ("a2", 1)})


def one_count_given_twice(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.write(1, {"b": ("b1", 0)})


def a_count_that_falls(story: Story) -> None:
    story.write(2, {"a": ("a1", 0)})
    story.write(1, {"b": ("b1", 0)})


def a_count_used_again_after_a_deletion(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.delete()
    story.write(1, {"a": ("a2", 0)})


def a_count_that_skips(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.read(0, 2, {"a": (1, "a1")})


def a_reader_that_misses_a_write(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.write(2, {"b": ("b2", 0)})
    story.write(3, {"c": ("c3", 0)})
    story.read(1, 3, {"c": (3, "c3")})


def a_reader_that_is_told_twice(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.read(1, 1, {"a": (1, "a1")})


def a_reader_told_out_of_order(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.write(2, {"b": ("b2", 0)})
    story.read(0, 2, {"b": (2, "b2"), "a": (1, "a1")})


def a_reader_that_is_not_told_of_a_deletion(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.delete()
    story.write(3, {"b": ("b3", 0)})
    story.read(1, 3, {"b": (3, "b3")})


def a_reader_told_of_no_real_deletion(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    story.read(1, 1, {}, deleted=True)


def half_a_write(story: Story) -> None:
    story.write(1, {"a": ("a1", 0), "b": ("b1", 0)})
    story.read(0, 1, {"a": (1, "a1")})


def half_an_unknown_write(story: Story) -> None:
    story.fail({"a": ("a1", 0), "b": ("b1", 0)}, Lost())
    story.read(0, 1, {"a": (1, "a1")})


def an_unknown_write_made_twice(story: Story) -> None:
    story.fail({"a": ("a1", 0)}, Lost())
    story.fail({"b": ("b1", 0)}, Lost())
    story.read(0, 1, {"a": (1, "a1")})
    story.read(1, 2, {"a": (2, "a1")})


def a_refused_write_that_shows(story: Story) -> None:
    story.write(1, {"a": ("a1", 0)})
    conflict(story, {"a": ("a2", 0), "b": ("b2", 0)})
    story.fail({"c": ("c1", 0)}, Lost())
    story.read(0, 2, {"a": (1, "a1"), "b": (2, "b2")})


def a_write_answered_with_two_counts(story: Story) -> None:
    with story.history.writing("d", _patches({"a": ("a1", 0), "b": ("b1", 0)})) as write:
        write.accept({"a": State(1, "a1"), "b": State(2, "b1")})


@pytest.mark.parametrize(
    ("tell", "promise"),
    [
        (a_write_that_is_gone, Promise.NOTHING_LOST),
        (a_read_of_the_past, Promise.NOTHING_LOST),
        (a_dataset_that_is_gone, Promise.NOTHING_LOST),
        (a_deletion_that_is_gone, Promise.NOTHING_LOST),
        (two_winners_with_one_count, Promise.NO_LOST_UPDATE),
        (a_conflict_without_a_winner, Promise.NO_LOST_UPDATE),
        (one_count_given_twice, Promise.COUNTS_GROW),
        (a_count_that_falls, Promise.COUNTS_GROW),
        (a_count_used_again_after_a_deletion, Promise.COUNTS_GROW),
        (a_count_that_skips, Promise.COUNTS_GROW),
        (a_reader_that_misses_a_write, Promise.NO_GAP),
        (a_reader_that_is_told_twice, Promise.NO_GAP),
        (a_reader_told_out_of_order, Promise.NO_GAP),
        (a_reader_that_is_not_told_of_a_deletion, Promise.NO_GAP),
        (a_reader_told_of_no_real_deletion, Promise.NO_GAP),
        (half_a_write, Promise.ALL_OR_NONE),
        (half_an_unknown_write, Promise.ALL_OR_NONE),
        (an_unknown_write_made_twice, Promise.ALL_OR_NONE),
        (a_refused_write_that_shows, Promise.ALL_OR_NONE),
        (a_write_answered_with_two_counts, Promise.ALL_OR_NONE),
    ],
)
def test_a_broken_promise_is_found(tell: Callable[[Story], None], promise: Promise) -> None:
    story = Story()
    tell(story)
    assert promise in story.broken


def test_a_deletion_that_was_refused_excuses_nothing() -> None:
    story = Story()
    story.write(1, {"a": ("a1", 0)})
    with (
        pytest.raises(ResourceConflictException),
        story.history.deleting("d") as deletion,
    ):
        raise ResourceConflictException("…")
    story.read(0, 0, {}, exists=False)
    assert deletion.outcome is Outcome.REFUSED
    assert story.broken == [Promise.NOTHING_LOST]
