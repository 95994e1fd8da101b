"""The shape of the source: its floors, what each may import, and where transactions may be."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/keepstep"
HANDLE_LINES_MAX = 70
AMBIENT = {"time", "secrets", "random", "sqlite3"}
TRANSACTION = re.compile(r"\b(BEGIN|COMMIT|ROLLBACK|SAVEPOINT)\b")


def top_level_modules() -> set[str]:
    """Give the packages and modules right under ``keepstep``."""
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    return packages | {path.stem for path in SOURCE.glob("*.py")} - {"__init__"}


def trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Parse the source files in some folders of the package."""
    for folder in folders:
        for path in sorted((SOURCE / folder).rglob("*.py")):
            yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imports_of(tree: ast.Module) -> set[str]:
    """Give the top-level names of everything that a module imports absolutely."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def controls_a_transaction(node: ast.AST) -> bool:
    """Whether a node calls commit or rollback, or is a statement that does."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"commit", "rollback"}
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and TRANSACTION.search(node.value) is not None
    )


def test_every_module_of_the_top_floor_plan_is_named_in_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    named = set(re.findall(r"^  (\w+)(?:/|\.py) +\d", text, re.MULTILINE))
    assert packages | {"cli"} <= named
    assert named <= top_level_modules()


def test_the_import_contract_names_exactly_the_modules_that_exist() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts: list[dict[str, Any]] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers: list[str] = next(c["layers"] for c in contracts if c["type"] == "layers")
    named = [name.strip() for layer in layers for name in re.split(r"[|:]", layer)]
    assert sorted(named) == sorted(top_level_modules())


@pytest.mark.parametrize("module", ["keepstep.cli", "keepstep.server.run", "keepstep.testing"])
def test_the_oracle_of_the_tests_is_never_loaded(module: str) -> None:
    script = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(ended.stdout)}
    assert not loaded & {"boto3", "botocore"}


@pytest.mark.parametrize("floor", ["wire", "domain"])
def test_the_pure_floors_import_no_clock_no_chance_and_no_database(floor: str) -> None:
    guilty = {name: imports_of(tree) & AMBIENT for name, tree in trees(floor)}
    assert {name: found for name, found in guilty.items() if found} == {}


def test_nothing_below_the_assembly_makes_random_numbers() -> None:
    floors = ("wire", "domain", "interfaces", "operations", "storage")
    found = [name for name, tree in trees(*floors) if imports_of(tree) & {"secrets", "random"}]
    assert found == []


def test_the_life_of_a_request_is_one_short_function() -> None:
    tree = ast.parse((SOURCE / "server/handle.py").read_text(encoding="utf-8"))
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "handle"
    ]
    assert len(functions) == 1
    assert (functions[0].end_lineno or 0) - functions[0].lineno < HANDLE_LINES_MAX


def test_transactions_are_begun_and_ended_by_storage_engines_alone() -> None:
    found = {
        name
        for name, tree in trees(".")
        if any(controls_a_transaction(node) for node in ast.walk(tree))
    }
    assert {name for name in found if not name.startswith("storage/")} == set()
    assert found
