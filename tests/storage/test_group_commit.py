"""Group commit: many changes in one transaction, each of them on its own."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from keepstep.domain.limits import GROUP_CHANGES_MAX, WAITING_CHANGES_MAX
from keepstep.interfaces.storage import StoreBusy, StoreUnavailable
from keepstep.storage.sqlite.files import connect, open_file
from keepstep.storage.sqlite.group_commit import GroupCommit
from keepstep.testing.storage_suite.running import run


@dataclass
class Observed:
    """Keeps what a store tells about its work."""

    reads: list[float] = field(default_factory=list[float])
    changes: list[float] = field(default_factory=list[float])
    groups: list[int] = field(default_factory=list[int])

    def observe_read(self, seconds: float) -> None:
        self.reads.append(seconds)

    def observe_change(self, seconds: float) -> None:
        self.changes.append(seconds)

    def observe_group(self, size: int) -> None:
        self.groups.append(size)


@asynccontextmanager
async def _group_commit(path: Path, observed: Observed) -> AsyncGenerator[GroupCommit]:
    connection, lock = open_file(path)
    connection.execute("CREATE TABLE IF NOT EXISTS done (number INTEGER PRIMARY KEY)")
    changes = GroupCommit(connection, str(path), waits=True, observer=observed)
    try:
        yield changes
    finally:
        await changes.close()
        lock.close()


def _on_group_commit(path: Path, case: Callable[[GroupCommit, Observed], Awaitable[None]]) -> None:
    async def open_and_run() -> None:
        observed = Observed()
        async with _group_commit(path, observed) as changes:
            await case(changes, observed)

    run(open_and_run())


def _write(connection: sqlite3.Connection, number: int) -> int:
    connection.execute("INSERT INTO done VALUES (?)", (number,))
    return number


def _write_and_raise(connection: sqlite3.Connection, number: int) -> int:
    _write(connection, number)
    raise ValueError(number)


def _write_and_refuse(connection: sqlite3.Connection, number: int) -> bool:
    _write(connection, number)
    return False


def _numbers(path: Path) -> list[int]:
    with closing(connect(str(path))) as reader:
        return [row[0] for row in reader.execute("SELECT number FROM done ORDER BY number")]


async def _let_them_hand_over() -> None:
    await asyncio.sleep(0)  # runs every task that is ready up to its first wait


def test_changes_that_wait_together_are_committed_together(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        count = 3 * GROUP_CHANGES_MAX
        answers = await asyncio.gather(
            *(changes.submit(partial(_write, number=number)) for number in range(count))
        )
        assert answers == list(range(count))
        assert _numbers(path) == answers
        assert sum(observed.groups) == count
        assert max(observed.groups) == GROUP_CHANGES_MAX
        assert len(observed.changes) == count

    _on_group_commit(path, case)


def test_a_single_change_does_not_wait_for_company(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        for number in range(3):
            assert await changes.submit(partial(_write, number=number)) == number
        assert observed.groups == [1, 1, 1]

    _on_group_commit(path, case)


def test_an_answered_change_is_committed(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        for number in range(5):
            await changes.submit(partial(_write, number=number))
            assert _numbers(path) == list(range(number + 1))

    _on_group_commit(path, case)


def test_a_change_that_raises_fails_alone_and_is_undone(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        work = [_write, _write_and_raise, _write, _write_and_raise, _write]
        answers = await asyncio.gather(
            *(changes.submit(partial(step, number=n)) for n, step in enumerate(work)),
            return_exceptions=True,
        )
        assert observed.groups == [5]
        assert [answers[n] for n in (0, 2, 4)] == [0, 2, 4]
        assert [type(answers[n]) for n in (1, 3)] == [ValueError, ValueError]
        assert _numbers(path) == [0, 2, 4]

    _on_group_commit(path, case)


def test_a_statement_that_fails_fails_its_change_alone(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        answers = await asyncio.gather(
            *(changes.submit(partial(_write, number=number)) for number in (1, 1, 2)),
            return_exceptions=True,
        )
        assert observed.groups == [3]
        assert (answers[0], answers[2]) == (1, 2)
        assert isinstance(answers[1], StoreUnavailable)
        assert str(path) in str(answers[1])
        assert _numbers(path) == [1, 2]

    _on_group_commit(path, case)


def test_a_change_that_answers_false_is_undone(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        answers = await asyncio.gather(
            changes.submit(partial(_write, number=1)),
            changes.submit(partial(_write_and_refuse, number=2)),
            changes.submit(partial(_write, number=3)),
        )
        assert answers == [1, False, 3]
        assert _numbers(path) == [1, 3]

    _on_group_commit(path, case)


@pytest.mark.parametrize(("refuse", "times"), [("SELECT 1", 1), ("DELETE FROM done", 2)])
def test_only_a_group_with_something_to_undo_is_executed_again(
    path: Path, refuse: str, times: int
) -> None:
    executed: list[int] = []

    def write(connection: sqlite3.Connection) -> int:
        executed.append(1)
        return _write(connection, number=1)

    def lose(connection: sqlite3.Connection) -> bool:
        connection.execute(refuse)
        return False

    async def case(changes: GroupCommit, observed: Observed) -> None:
        answers = await asyncio.gather(changes.submit(write), changes.submit(lose))
        assert answers == [1, False]
        assert len(executed) == times
        assert _numbers(path) == [1]

    _on_group_commit(path, case)


def test_a_change_that_answers_zero_is_kept(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        assert await changes.submit(partial(_write, number=0)) == 0
        assert _numbers(path) == [0]

    _on_group_commit(path, case)


def test_a_cancelled_caller_neither_undoes_nor_holds_up_a_change(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        tasks = [
            asyncio.create_task(changes.submit(partial(_write, number=number)))
            for number in range(6)
        ]
        await _let_them_hand_over()
        for task in tasks[::2]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [answers[n] for n in (1, 3, 5)] == [1, 3, 5]
        assert all(isinstance(answers[n], asyncio.CancelledError) for n in (0, 2, 4))
        await changes.submit(partial(_write, number=6))
        assert _numbers(path) == list(range(7))

    _on_group_commit(path, case)


def test_more_changes_than_may_wait_are_refused_and_the_others_are_made(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        other = connect(str(path))
        other.execute("BEGIN IMMEDIATE")
        tasks = [
            asyncio.create_task(changes.submit(partial(_write, number=number)))
            for number in range(WAITING_CHANGES_MAX + 2 * GROUP_CHANGES_MAX)
        ]
        await _let_them_hand_over()
        with pytest.raises(StoreBusy, match="changes are waiting"):
            await changes.submit(partial(_write, number=-1))
        other.execute("COMMIT")
        other.close()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        made = [answer for answer in answers if not isinstance(answer, BaseException)]
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert len(made) >= WAITING_CHANGES_MAX
        assert refused
        assert all(isinstance(answer, StoreBusy) for answer in refused)
        assert _numbers(path) == made

    _on_group_commit(path, case)


def test_a_change_that_another_process_holds_up_too_long_fails_with_what_to_do(
    path: Path,
) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        with closing(connect(str(path))) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match=r"another process .* end that process"):
                await changes.submit(partial(_write, number=1))
            other.execute("COMMIT")
        assert await changes.submit(partial(_write, number=2)) == 2
        assert _numbers(path) == [2]

    _on_group_commit(path, case)


def test_the_loop_goes_on_while_a_slow_change_runs_elsewhere(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        loop_went_on = threading.Event()
        threads: list[int] = []

        def work(connection: sqlite3.Connection) -> int:
            threads.append(threading.get_ident())
            assert loop_went_on.wait(30)
            return _write(connection, 1)

        slow = asyncio.create_task(changes.submit(work, slow=True))
        await _let_them_hand_over()
        loop_went_on.set()
        assert await slow == 1
        assert threads != [threading.get_ident()]

    _on_group_commit(path, case)


def test_a_slow_change_is_a_group_of_its_own_in_turn(path: Path) -> None:
    async def case(changes: GroupCommit, observed: Observed) -> None:
        order: list[int] = []

        def work(connection: sqlite3.Connection, number: int) -> int:
            order.append(number)
            return _write(connection, number)

        await asyncio.gather(
            *(changes.submit(partial(work, number=n), slow=n in {2, 3}) for n in range(6))
        )
        assert order == list(range(6))
        assert observed.groups == [2, 1, 1, 2]

    _on_group_commit(path, case)


def test_closing_finishes_what_waits(path: Path) -> None:
    async def hand_over_and_close() -> list[int]:
        async with _group_commit(path, Observed()) as changes:
            tasks = [
                asyncio.create_task(changes.submit(partial(_write, number=n), slow=n % 50 == 0))
                for n in range(3 * GROUP_CHANGES_MAX)
            ]
            await _let_them_hand_over()
        assert all(task.done() for task in tasks)
        return await asyncio.gather(*tasks)

    assert run(hand_over_and_close()) == _numbers(path) == list(range(3 * GROUP_CHANGES_MAX))


def test_a_change_after_closing_is_refused(path: Path) -> None:
    async def close_and_submit() -> None:
        async with _group_commit(path, Observed()) as changes:
            await changes.submit(partial(_write, number=1))
        async with asyncio.timeout(5):
            with pytest.raises(StoreUnavailable):
                await changes.submit(partial(_write, number=2))

    run(close_and_submit())
