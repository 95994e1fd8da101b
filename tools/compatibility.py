"""Write the tables of operations in docs/compatibility.md from the tables in the code."""

import sys
from collections.abc import Sequence
from pathlib import Path

from keepstep.domain.access import CallerClass
from keepstep.operations.table import IDENTITY_TABLE, STS_TABLE, SYNC_TABLE, Row
from keepstep.wire.errors import InvalidParameterException, NotAuthorizedException

PAGE = Path("docs/compatibility.md")
BEGIN, END = "<!-- operations:begin -->", "<!-- operations:end -->"


def refusal(row: Row) -> str:
    """Name the error that a developer gets from an operation that is not there yet."""
    if row.callers is CallerClass.IDENTITY:
        return NotAuthorizedException.code
    return InvalidParameterException.code


def tables() -> str:
    """Give the tables in Markdown."""
    identity = _named(IDENTITY_TABLE, "operations of Cognito Identity")
    return "\n\n".join((_sync(), identity, _named(STS_TABLE, "operations of STS")))


def _named(rows: Sequence[Row], title: str) -> str:
    have = sum(row.available for row in rows)
    lines = [
        f"{have} of {len(rows)} {title}:",
        "",
        "| Operation | Callers | Here |",
        "| --- | --- | --- |",
        *(f"| {row.operation.name} | {row.callers.value} | yes |" for row in rows if row.available),
    ]
    return "\n".join(lines)


def _sync() -> str:
    have = sum(row.available for row in SYNC_TABLE)
    lines = [
        f"{have} of {len(SYNC_TABLE)} operations of Cognito Sync:",
        "",
        "| Operation | Method and path | Callers | Here |",
        "| --- | --- | --- | --- |",
    ]
    for row in SYNC_TABLE:
        operation = row.operation
        here = "yes" if row.available else f"answers {refusal(row)}"
        path = f"`{operation.method} {operation.uri}`"
        lines.append(f"| {operation.name} | {path} | {row.callers.value} | {here} |")
    return "\n".join(lines)


def updated(page: str) -> str:
    """Give the page with its table written anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def main() -> int:
    """Rewrite the page."""
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
