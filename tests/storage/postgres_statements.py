"""What PostgreSQL's own parser makes of the engine's statements: which tables each uses, and how.

A table is pinned where its distribution column must equal a parameter, at the top of a WHERE or
ON, or is given one by an INSERT.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind
from pglast.parser import ParseError

from keepstep.storage.postgres.queries import QUERIES
from keepstep.storage.postgres.sharding import TABLES, Distributed

PARTS: Final = ("and_what_goes_with_it", "and_what_is_erased", "and_what_leaves", "in_one")
"""What the statements end with which do not end by themselves, at their longest."""
_PARAMETER: Final = re.compile(r"%\((\w+)\)s")
_QUERIES: Final = (ast.SelectStmt, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)


@dataclass(frozen=True, slots=True)
class Use:
    """One mention of a table in a statement."""

    table: str
    parameter: str | None = None
    """What the distribution column must equal; None: it may be anything."""
    one_of_many: bool = False
    """Whether that is one of several values."""
    written: bool = False
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A whole statement, with numbered parameters as the database takes them."""

    name: str
    sql: str
    parameters: tuple[str, ...]
    tree: ast.Node

    @property
    def uses(self) -> list[Use]:
        """Every mention of a table, in the order of the text."""
        return [
            use
            for level, known in _levels(self.tree, frozenset())
            for use in self._in(level, known)
        ]

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return any(use.written for use in self.uses)

    @property
    def distributed(self) -> list[Use]:
        """The mentions of tables that are distributed."""
        return [use for use in self.uses if isinstance(TABLES[use.table], Distributed)]

    @property
    def reaches_one_place(self) -> bool:
        """Whether all that it uses of distributed tables is where one value belongs."""
        places = {(_column(use.table), use.parameter, use.one_of_many) for use in self.distributed}
        return not places or (
            len(places) == 1 and all(name is not None and not many for _, name, many in places)
        )

    def _in(self, level: ast.Node, known: frozenset[str]) -> Iterator[Use]:
        if isinstance(level, ast.TruncateStmt):
            for relation in _ranges(level.relations):
                yield Use(str(relation.relname), written=True)
            return
        read = [each for each in _ranges(_from(level)) if each.relname not in known]
        pins = dict(self._pins(level))
        locks = _locks(level)
        for relation in read:
            table, alias = _names(relation)
            pin = _pin_of(table, alias, pins, read)
            yield Use(table, *pin, locked=locks is not None and (not locks or alias in locks))
        target = getattr(level, "relation", None)
        if isinstance(target, ast.RangeVar):
            table, alias = _names(target)
            if isinstance(level, ast.InsertStmt):
                pin = (self._inserted(level, _column(table)), False)
            else:
                pin = _pin_of(table, alias, pins, [target, *read])
            yield Use(table, *pin, written=True)

    def _pins(self, level: ast.Node) -> Iterator[tuple[tuple[str | None, str], tuple[str, bool]]]:
        """Give which columns, of which alias, must equal which parameters."""
        joins = (each.quals for each in _joins(_from(level)))
        for part in _conjuncts([getattr(level, "whereClause", None), *joins]):
            if not isinstance(part, ast.A_Expr) or _sole_name(part.name) != "=":
                continue
            for column, value in ((part.lexpr, part.rexpr), (part.rexpr, part.lexpr)):
                given = self._parameter(value)
                if isinstance(column, ast.ColumnRef) and given is not None:
                    fields = [each for each in column.fields or () if isinstance(each, ast.String)]
                    *alias, name = [str(field.sval) for field in fields]
                    many = part.kind == A_Expr_Kind.AEXPR_OP_ANY
                    yield (alias[0] if alias else None, name), (given, many)

    def _inserted(self, level: ast.InsertStmt, column: str | None) -> str | None:
        names = [each.name for each in level.cols or () if isinstance(each, ast.ResTarget)]
        source = level.selectStmt
        if column not in names or not isinstance(source, ast.SelectStmt):
            return None
        rows: Iterable[object] = source.valuesLists or (source.targetList,)
        given = {self._parameter(_item(row, names.index(column))) for row in rows}
        return given.pop() if len(given) == 1 else None

    def _parameter(self, node: object) -> str | None:
        """Give the name of the parameter that a node is, whatever it is cast to."""
        while isinstance(node, ast.ResTarget | ast.TypeCast):
            node = node.val if isinstance(node, ast.ResTarget) else node.arg
        return self.parameters[(node.number or 0) - 1] if isinstance(node, ast.ParamRef) else None


@cache
def statements() -> dict[str, Statement]:
    """Give every statement of the ``.sql`` files that is one by itself or with the parts."""
    found: dict[str, Statement] = {}
    for name in QUERIES:
        if name in PARTS:
            continue
        try:
            found[name] = parsed(name, QUERIES[name])
        except ParseError:
            found[name] = parsed(name, b" ".join(QUERIES[part] for part in (name, *PARTS)))
    return found


def parsed(name: str, query: bytes) -> Statement:
    """Parse a statement with named parameters."""
    text = query.decode()
    parameters = tuple(dict.fromkeys(_PARAMETER.findall(text)))
    sql = _PARAMETER.sub(lambda match: f"${parameters.index(match[1]) + 1}", text)
    (raw,) = parse_sql(sql)
    assert isinstance(raw.stmt, ast.Node)
    return Statement(name, sql, parameters, raw.stmt)


def nodes_of(node: object) -> Iterator[ast.Node]:
    """Give a node of a tree and every node under it."""
    if isinstance(node, tuple):
        for each in node:  # pyright: ignore[reportUnknownVariableType] -- lists of nodes
            yield from nodes_of(each)  # pyright: ignore[reportUnknownArgumentType] -- the same
    elif isinstance(node, ast.Node):
        yield node
        for name in node:
            yield from nodes_of(getattr(node, name))


def functions_of(node: ast.Node) -> set[str]:
    """Give the names of the functions that a tree calls."""
    calls = (each for each in nodes_of(node) if isinstance(each, ast.FuncCall))
    return {_sole_name((call.funcname or ())[-1:]) for call in calls}


def _levels(node: object, known: frozenset[str]) -> Iterator[tuple[ast.Node, frozenset[str]]]:
    """Give each query in a tree, with the names of the common table expressions it can see."""
    if isinstance(node, tuple):
        for each in node:  # pyright: ignore[reportUnknownVariableType] -- lists of nodes
            yield from _levels(each, known)  # pyright: ignore[reportUnknownArgumentType] -- the same
    elif isinstance(node, ast.Node):
        if isinstance(node, _QUERIES) and node.withClause is not None:
            tables = node.withClause.ctes or ()
            known |= {str(each.ctename) for each in tables if isinstance(each, ast.CommonTableExpr)}
        if isinstance(node, (*_QUERIES, ast.TruncateStmt)):
            yield node, known
        for name in node:
            yield from _levels(getattr(node, name), known)


def _from(level: ast.Node) -> object:
    return getattr(level, "fromClause", None) or getattr(level, "usingClause", None)


def _ranges(node: object) -> list[ast.RangeVar]:
    """Give the tables named in a FROM, but for those of subqueries."""
    return [each for each in _items(node) if isinstance(each, ast.RangeVar)]


def _joins(node: object) -> list[ast.JoinExpr]:
    return [each for each in _items(node) if isinstance(each, ast.JoinExpr)]


def _items(node: object) -> Iterator[ast.Node]:
    if isinstance(node, tuple):
        for each in node:  # pyright: ignore[reportUnknownVariableType] -- lists of nodes
            yield from _items(each)  # pyright: ignore[reportUnknownArgumentType] -- the same
    elif isinstance(node, ast.JoinExpr):
        yield node
        yield from _items(node.larg)
        yield from _items(node.rarg)
    elif isinstance(node, ast.Node):
        yield node


def _conjuncts(parts: Iterable[object]) -> Iterator[ast.Node]:
    for part in parts:
        if (
            isinstance(part, ast.BoolExpr)
            and part.boolop is not None
            and part.boolop.name == "AND_EXPR"
        ):
            yield from _conjuncts(part.args or ())
        elif isinstance(part, ast.Node):
            yield part


def _locks(level: ast.Node) -> set[str] | None:
    """Give the aliases whose rows a query locks, none standing for all; None: it locks nothing."""
    clauses = getattr(level, "lockingClause", None)
    if clauses is None:
        return None
    return {str(each.relname) for clause in clauses for each in clause.lockedRels or ()}


def _pin_of(
    table: str,
    alias: str,
    pins: dict[tuple[str | None, str], tuple[str, bool]],
    beside: Iterable[ast.RangeVar],
) -> tuple[str | None, bool]:
    column = _column(table)
    if column is None:
        return None, False
    alone = [each for each in beside if _column(_names(each)[0]) == column]
    found = pins.get((alias, column))
    if found is None and len(alone) == 1:
        found = pins.get((None, column))
    return found or (None, False)


def _names(relation: ast.RangeVar) -> tuple[str, str]:
    table = str(relation.relname)
    return table, table if relation.alias is None else str(relation.alias.aliasname)


def _column(table: str) -> str | None:
    decision = TABLES.get(table)
    return decision.column if isinstance(decision, Distributed) else None


def _item(row: object, place: int) -> object:
    """Give a column of a row; None if the row is all of a table's, whatever they are."""
    assert isinstance(row, tuple)
    return row[place] if place < len(row) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- a list of nodes


def _sole_name(names: object) -> str:
    assert isinstance(names, tuple)
    (name,) = names  # pyright: ignore[reportUnknownVariableType] -- a list of nodes
    return str(name.sval) if isinstance(name, ast.String) else ""
