"""The documentation says what the code does: settings, commands, errors, operations, the demo."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic.fields import FieldInfo
from typer.main import get_command

from keepstep.cli import app
from keepstep.server.identity_settings import LoginProviderSettings, RoleSettings
from keepstep.server.settings import ENVIRONMENT_PREFIX, Settings, load_settings
from keepstep.storage.postgres.sharding import TABLES, Distributed, Local, Reference
from keepstep.wire import errors

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
REFUSED_BY_THE_CONNECTION = {"MalformedHttpRequestException": 400}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NOT_OURS = {
    "the host of a package registry": re.compile(
        r"(pypi|pythonhosted|registry\.npmjs|registry\.yarnpkg|proxy\.golang)\.(org|com)"
        r"|(index|find)[-_](url|links)"
    ),
    "a path of one machine": re.compile(r"(?<![\w.>~*}])/(root|home|work|Users)/"),
    "a note of unfinished work": re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X)\b"),
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


def rows_of(page: str) -> list[list[str]]:
    """Give the cells of every row of every table of a page."""
    lines = [line for line in read(page).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def headings_of(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def shown_default(member: FieldInfo) -> str:
    """Give the default of a setting, or of a member of one, as the table writes it."""
    if member.is_required():
        return "required"
    value: Any = member.default
    if value is None:
        return "none"
    if value in ([], (), {}):
        return "empty"
    if isinstance(value, tuple):
        value = list(cast("tuple[str, ...]", value))
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`".replace("'", '"')


def test_every_setting_is_documented_with_its_variable_default_and_description() -> None:
    expected = [
        [
            f"`{name}`",
            f"`{ENVIRONMENT_PREFIX}{name.upper()}`",
            shown_default(setting),
            setting.description,
        ]
        for name, setting in Settings.model_fields.items()
    ]
    assert [row for row in rows_of("docs/configuration.md") if len(row) == 4][2:] == expected


def test_every_member_of_a_table_among_the_settings_is_documented() -> None:
    expected = [
        [f"`{name}`", shown_default(member), member.description]
        for table in (LoginProviderSettings, RoleSettings)
        for name, member in table.model_fields.items()
    ]
    rows = [row for row in rows_of("docs/configuration.md") if len(row) == 3]
    assert [row for row in rows if row[0].startswith("`")] == expected


@pytest.mark.parametrize("page", ["configuration", "identity", "operating"])
def test_every_settings_file_that_is_shown_is_one(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = re.findall(r"^```toml\n(.*?)^```$", read(f"docs/{page}.md"), re.MULTILINE | re.DOTALL)
    assert shown
    for text in shown:
        (tmp_path / "keepstep.toml").write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        assert load_settings().model_fields_set


def test_every_table_of_a_sharded_store_is_said_to_be_where_it_is() -> None:
    told = {
        table: said
        for names, said, *_ in rows_of("docs/postgresql.md")
        for table in re.findall(r"`(\w+)`", names)
        if table in TABLES
    }
    assert told.keys() == TABLES.keys()
    for table, decision in TABLES.items():
        match decision:
            case Distributed(column="identity_id"):
                place = "distributed by `identity_id`"
            case Distributed():
                place = "distributed by the login's digest"
            case Reference():
                place = "reference tables"
            case Local():
                place = "on the coordinator"
        assert told[table].startswith(place), table


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Give every command of the command line with the words that call it."""
    below: dict[str, Any] = getattr(command, "commands", {})
    if not below:
        yield " ".join(words), command
    for name, child in below.items():
        yield from commands(child, (*words, name))


COMMANDS = dict(commands(get_command(app)))
OPTIONS = sorted(
    {
        option
        for command in COMMANDS.values()
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("--") and option != "--help"
    }
)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"keepstep {name}" in read("README.md") + read("docs/operating.md")


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_documented(option: str) -> None:
    assert re.search(rf"{option}\b", read("README.md") + read("docs/operating.md"))


def test_every_error_is_documented_with_its_status() -> None:
    classes = errors.JSON_ERRORS.values()
    statuses = {error.code: error.status for error in classes} | REFUSED_BY_THE_CONNECTION
    rows = [row for row in rows_of("docs/errors.md") if len(row) == 3 and row[1].isdecimal()]
    assert {row[0]: int(row[1]) for row in rows} == statuses
    assert all(row[2] for row in rows)


def test_the_table_of_operations_is_what_its_tool_writes() -> None:
    specification = spec_from_file_location("compatibility", ROOT / "tools/compatibility.py")
    assert specification is not None
    assert specification.loader is not None
    tool = module_from_spec(specification)
    specification.loader.exec_module(tool)
    updated: Callable[[str], str] = tool.updated
    page = read("docs/compatibility.md")
    assert updated(page) == page
    assert page.count("<!-- operations:") == 2
    assert all(f"| {name} | " in page for name in tool.DIFFERENCES)


def test_every_relative_link_leads_to_a_file_and_a_heading_of_it() -> None:
    broken: list[str] = []
    for page in (path for path in tracked_files() if path.suffix == ".md"):
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            if "://" in target or target.startswith("mailto:"):
                continue
            name, _, heading = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            if not file.exists() or (heading and heading not in headings_of(file)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_page_of_the_documentation_is_named_in_the_readme() -> None:
    readme = read("README.md")
    assert [page.name for page in PAGES[1:] if f"docs/{page.name}" not in readme] == []


@pytest.fixture(scope="module")
def demo() -> str:
    """What the demo prints, on one line."""
    ended = subprocess.run(
        [sys.executable, "demo/two_devices.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def told_steps(demo: str) -> list[tuple[str, str]]:
    """Give the demo's steps, each with the server's count after it."""
    rows = re.split(r"^[├└┡][^\n]*$", demo, flags=re.MULTILINE)
    steps: list[tuple[str, str]] = []
    for row in rows:
        lines = [line.strip("│\n").split("│") for line in row.splitlines() if line.startswith("│")]
        columns = [" ".join(cell.strip() for cell in column) for column in zip(*lines, strict=True)]
        if len(columns) == 4:
            steps.append((columns[0].strip(), columns[3].strip()))
    return steps


def test_the_demo_plays_to_its_end(demo: str) -> None:
    assert "keepstep serves at http://127.0.0.1:" in demo
    assert "Every step held what it should." in demo


def test_the_counts_of_the_tutorial_are_those_of_the_demo(demo: str) -> None:
    tutorial = read("docs/tutorial.md")
    steps = told_steps(demo)
    assert [count for _, count in steps] == ["1", "1", "3", "4", "5", "6", "8", "8"]
    conflict = re.search(r"refused: (.*)$", steps[3][0])
    assert conflict is not None
    for text in (
        conflict[1],
        "The answer holds each record with its new count, here 1.",
        "The dataset goes to 2,\nthen to 3.".lower(),
        "writes `theme` from count 2 and makes it 4.",
        "and sends the patch again with count 4.",
        '{"Op": "remove", "Key": "volume", "SyncCount": 3}',
        "the dataset goes on at 8, and the phone, which last saw 6,",
    ):
        assert text.lower() in tutorial.lower(), text


@pytest.mark.parametrize("what", NOT_OURS)
def test_no_file_of_the_repository_holds_what_belongs_to_one_machine(what: str) -> None:
    found: list[str] = []
    for path in tracked_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if NOT_OURS[what].search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []
