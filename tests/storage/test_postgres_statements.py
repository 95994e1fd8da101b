"""Every statement of the engine for teams: where it reaches, what it uses, how it is planned.

What holds on a sharded database is read from the parse trees; see ``postgres_statements``.
"""

import json
from collections.abc import Callable, Iterator
from inspect import isfunction
from itertools import chain
from types import CodeType, ModuleType
from typing import Any, Final, cast

import psycopg
import pytest
from pglast import ast, parse_sql
from pglast.enums import ConstrType

from keepstep.interfaces.identity_storage import IdentityWriter
from keepstep.operations.table import IDENTITY_TABLE, SYNC_TABLE
from keepstep.storage.postgres import PostgresStore
from keepstep.storage.postgres.schema import schema_steps
from keepstep.storage.postgres.sharding import COPYING, SPREAD, TABLES, Distributed, Local

from .postgres_server import database, execute
from .postgres_statements import Statement, functions_of, nodes_of, parsed, statements

HOT: Final = {
    "ListDatasets",
    "DescribeDataset",
    "DeleteDataset",
    "ListRecords",
    "UpdateRecords",
    "GetId",
    "GetCredentialsForIdentity",
    "GetOpenIdToken",
}
"""What devices call all day. Of the last three, the look-ups: a merge is a change of two."""
LOGIN_LOOK_UPS: Final = {"find_owners", "find_identities"}
"""By what a provider says of a user; each of several logins may lead to another place."""
BANNED: Final = (
    ast.CreateTrigStmt,
    ast.CreateSeqStmt,
    ast.AlterSeqStmt,
    ast.LockStmt,
    ast.ListenStmt,
    ast.NotifyStmt,
    ast.DoStmt,
    ast.CallStmt,
    ast.RuleStmt,
    ast.CreateFunctionStmt,
)
BANNED_CONSTRAINTS: Final = (ConstrType.CONSTR_FOREIGN, ConstrType.CONSTR_IDENTITY)
NAMES: Final = sorted(statements())
ONE_PLACE: Final = {name for name in NAMES if statements()[name].reaches_one_place}


def _names_in(code: CodeType) -> set[str]:
    """Give every name, and every string, in a function and in those inside it."""
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    texts = {const for const in code.co_consts if isinstance(const, str)}
    for const in code.co_consts:
        if isinstance(const, tuple):
            texts |= {member for member in cast("tuple[object]", const) if isinstance(member, str)}
    return texts.union(code.co_names, *map(_names_in, inner))


def _reached(start: Callable[..., Any], package: str) -> set[str]:
    """Give every name used by a function and by those of a package it uses."""
    names: set[str] = set()
    waiting, seen = [start], {start}
    while waiting:
        function = waiting.pop()
        used = _names_in(function.__code__)
        names |= used
        found = [function.__globals__[name] for name in used & function.__globals__.keys()]
        modules = [each for each in found if isinstance(each, ModuleType)]
        found += [vars(module)[name] for module in modules for name in used & vars(module).keys()]
        for each in found:
            if isfunction(each) and each.__module__.startswith(package) and each not in seen:
                seen.add(each)
                waiting.append(each)
    return names


def _statements_of(method: str) -> set[str]:
    """Give the statements that a method of the store executes."""
    names = _reached(getattr(PostgresStore, method), "keepstep.storage.postgres")
    return names & statements().keys()


def _hot() -> Iterator[str]:
    """Give the statements that the hot operations execute, found through the code they run."""
    methods = {name for name in vars(PostgresStore) if not name.startswith("_")}
    for row in (*SYNC_TABLE, *IDENTITY_TABLE):
        if row.operation.name in HOT:
            names = _reached(row.function, "keepstep.operations")
            for method in names & (methods - vars(IdentityWriter).keys()):
                yield from _statements_of(method)


HOT_STATEMENTS: Final = sorted(set(_hot()))


@pytest.fixture(scope="module")
def migrated() -> Iterator[str]:
    with database() as url:
        yield url


@pytest.fixture(scope="module")
def planner(migrated: str) -> Iterator["psycopg.Connection[Any]"]:
    """A connection that plans as for tables too large to read through."""
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute(b"SET enable_seqscan = off")
        yield connection


def test_the_hot_statements_are_found_through_the_code() -> None:
    assert set(HOT_STATEMENTS) >= {
        "list_datasets",
        "find_dataset",
        "find_records",
        "find_state",
        "create_dataset",
        "revive_dataset",
        "update_dataset",
        "find_identity",
        "find_identities",
        "find_owners",
        "find_revocation",
    }
    assert not {"delete_pool_records", "measure_pools", "purge_revocations"} & set(HOT_STATEMENTS)


def test_a_statement_reaches_one_place_or_is_known_to_reach_more() -> None:
    known = {name for name in NAMES if name in SPREAD or name.startswith(COPYING)}
    assert set(NAMES) - known - ONE_PLACE == set(), (
        "a statement must give each distributed table its distribution column's value, and the "
        "same one to all, or be named in sharding.SPREAD with the reason why it may not"
    )


def test_only_what_reaches_more_than_one_place_is_said_to() -> None:
    assert SPREAD.keys() - (set(NAMES) - ONE_PLACE) == set()


@pytest.mark.parametrize("name", HOT_STATEMENTS)
def test_a_hot_statement_is_of_the_one_identity(name: str) -> None:
    for use in statements()[name].distributed:
        if name in LOGIN_LOOK_UPS:
            assert use.parameter is not None, use
        else:
            assert (use.parameter, use.one_of_many) == ("identity_id", False), use


def test_rows_of_several_places_are_never_locked() -> None:
    for statement in statements().values():
        for use in statement.distributed:
            assert not use.locked or (use.parameter is not None and not use.one_of_many), statement


def test_no_statement_changes_where_a_row_belongs() -> None:
    columns = {each.column for each in TABLES.values() if isinstance(each, Distributed)}
    for node in chain(*(nodes_of(statement.tree) for statement in statements().values())):
        if isinstance(node, ast.UpdateStmt | ast.OnConflictClause):
            assert not {str(each.name) for each in node.targetList or ()} & columns, node


def test_a_table_that_is_not_distributed_is_used_by_itself() -> None:
    for statement in statements().values():
        assert len({isinstance(TABLES[use.table], Local) for use in statement.uses}) == 1, statement


def _trees() -> Iterator[ast.Node]:
    for statement in statements().values():
        yield statement.tree
    for step in schema_steps():
        yield from (raw.stmt for raw in parse_sql(step.decode()) if raw.stmt is not None)


def test_nothing_ruled_out_is_used() -> None:
    for node in chain(*map(nodes_of, _trees())):
        assert not isinstance(node, BANNED), node
        if isinstance(node, ast.Constraint):
            assert node.contype not in BANNED_CONSTRAINTS, node
        if isinstance(node, ast.TypeName):
            names = {str(each.sval) for each in node.names or () if isinstance(each, ast.String)}
            assert not {name for name in names if "serial" in name}, node


def test_every_function_gives_the_same_for_the_same(migrated: str) -> None:
    used = set[str]().union(*(functions_of(tree) for tree in _trees()))
    found = dict(
        execute(
            b"SELECT proname, bool_and(provolatile <> 'v') FROM pg_proc"
            b" WHERE proname = ANY (%s) GROUP BY 1",
            sorted(used),
            url=migrated,
        )
    )
    assert used == found.keys()
    assert {name for name, same in found.items() if not same} == set()


def test_text_in_an_index_is_in_the_order_of_its_bytes(migrated: str) -> None:
    collations = execute(
        b"SELECT indexrelid::regclass::text, collname FROM pg_index"
        b" CROSS JOIN unnest(indcollation) AS used JOIN pg_collation ON pg_collation.oid = used"
        b" JOIN pg_class ON pg_class.oid = indrelid"
        b" WHERE relnamespace = 'public'::regnamespace",
        url=migrated,
    )
    assert collations
    assert {index for index, collation in collations if collation != "C"} == set()


def _plan(planner: "psycopg.Connection[Any]", statement: Statement) -> Iterator[dict[str, Any]]:
    """Give every node of a statement's generic plan."""
    explain = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {statement.sql}".encode()
    row = psycopg.ClientCursor(planner).execute(explain).fetchone()
    assert row is not None
    plans = row[0] if isinstance(row[0], list) else json.loads(row[0])
    waiting: list[dict[str, Any]] = [plan["Plan"] for plan in plans]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.get("Plans", [])


def test_every_statement_fits_the_schema(planner: "psycopg.Connection[Any]") -> None:
    for statement in statements().values():
        if isinstance(statement.tree, ast.TruncateStmt):  # which has no plan
            assert {use.table for use in statement.uses} <= TABLES.keys()
        else:
            assert list(_plan(planner, statement))


@pytest.mark.parametrize("name", HOT_STATEMENTS)
def test_a_hot_statement_finds_rows_by_their_distribution_column(
    planner: "psycopg.Connection[Any]", name: str
) -> None:
    for node in _plan(planner, statements()[name]):
        decision = TABLES.get(node.get("Relation Name", ""))
        if isinstance(decision, Distributed) and node["Node Type"] != "ModifyTable":
            condition = node.get("Index Cond") or node.get("Recheck Cond") or ""
            assert f"{decision.column} = " in condition, node


IN_ONE_PLACE: Final = """
    SELECT 1 FROM identity_pools
    SELECT 1 FROM records WHERE identity_id = %(identity_id)s
    SELECT 1 FROM records WHERE sync_count = 1 AND %(identity_id)s = identity_id
    SELECT 1 FROM records AS r JOIN datasets AS d ON d.identity_id = %(a)s AND r.identity_id = %(a)s
    WITH records AS (SELECT 1 FROM datasets WHERE identity_id = %(a)s) SELECT 1 FROM records
    INSERT INTO consumed_sessions (session_id, identity_id) SELECT '', %(identity_id)s
    INSERT INTO consumed_sessions (identity_id) VALUES (%(identity_id)s), (%(identity_id)s)
    UPDATE records SET value = NULL WHERE identity_id = %(identity_id)s::text
"""
IN_SEVERAL: Final = """
    SELECT 1 FROM records
    SELECT 1 FROM records WHERE identity_id = %(identity_id)s OR sync_count = 1
    SELECT 1 FROM records WHERE NOT identity_id = %(identity_id)s
    SELECT 1 FROM records WHERE identity_id > %(identity_id)s
    SELECT 1 FROM records WHERE identity_id = ANY (%(identity_ids)s::text[])
    SELECT 1 FROM records AS r JOIN datasets AS d USING (identity_id) WHERE r.identity_id = %(a)s
    SELECT 1 FROM records WHERE identity_id = %(a)s AND EXISTS (SELECT 1 FROM datasets)
    SELECT 1 FROM records AS r, datasets AS d WHERE r.identity_id = %(a)s AND d.identity_id = %(b)s
    SELECT 1 FROM identities, logins WHERE identity_id = %(a)s AND login_digest = %(b)s
    SELECT 1 FROM records WHERE identity_id = %(a)s UNION SELECT 1 FROM records
    WITH a AS (DELETE FROM records RETURNING 1) SELECT 1 FROM a
    INSERT INTO consumed_sessions (session_id, identity_id) SELECT %(identity_id)s, ''
    INSERT INTO consumed_sessions (identity_id) VALUES (%(a)s), (%(b)s)
    INSERT INTO records SELECT * FROM unnest(%(identity_ids)s::text[])
    TRUNCATE records
"""


@pytest.mark.parametrize(
    ("sql", "one_place"),
    [(sql.strip(), True) for sql in IN_ONE_PLACE.strip().splitlines()]
    + [(sql.strip(), False) for sql in IN_SEVERAL.strip().splitlines()],
)
def test_where_a_statement_reaches_is_told_from_its_tree(sql: str, one_place: bool) -> None:
    assert parsed("given", sql.encode()).reaches_one_place is one_place
