"""``keepstep trigger replay``: what a function would make of a stored dataset, and nothing else."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.api.steps import remove, replace, write
from tests.conftest import Place

from .conftest import new_place
from .processes import ROOT, Serving, keepstep, serving

NAMES = ("same", "tidy", "paint", "crowd", "fails", "lies", "missing")
MODULE = """
import json
import pathlib


def same(event):
    pathlib.Path("event.json").write_text(json.dumps(event))
    return event


def tidy(event):
    records = event["datasetRecords"]
    records["name"]["newValue"] = records["name"]["newValue"].strip()
    records["notes"]["newValue"] = records["notes"]["newValue"].replace("grey", "green")
    records["old"] = None
    records["seen"] = {"op": "replace", "newValue": "[bold]yes[/bold]"}
    del records["left out"]
    return event


def paint(event):
    value = {"op": "replace", "newValue": "\\x1b[31mred\\u202e"}
    event["datasetRecords"]["日本語" * 5] = value
    return event


def crowd(event):
    records = event["datasetRecords"]
    records.update({f"more {i}": {"op": "replace", "newValue": ""} for i in range(9)})
    return event


def fails(event):
    raise RuntimeError("no such\\ncustomer")


def lies(event):
    return {**event, "datasetName": "others"}
"""
NOTES = "the shop has long rows of paint: blue, grey, red"


def function(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"


TRIGGERS = [{"function": function(name), "python": f"shop:{name}"} for name in NAMES]
"""Of these, ``missing`` cannot be imported; no other is held up by it."""


@dataclass(frozen=True)
class Stored:
    """A served store with a dataset whose pool has the trigger ``tidy``."""

    running: Serving
    directory: Path
    place: Place

    def replay(self, *options: str, place: Place | None = None) -> CompletedProcess[str]:
        arguments = list((place or self.place).values())
        environment = {
            "KEEPSTEP_TRIGGERS": json.dumps(TRIGGERS),
            "KEEPSTEP_RECORDS_PER_DATASET": "8",
            "PYTHONPATH": str(self.directory),
        }
        return keepstep(
            self.directory,
            *("trigger", "replay", *[str(one) for one in arguments], *options),
            environment=environment,
        )

    def shown(self, *options: str) -> str:
        """Give what a replay shows; it leaves the dataset as it is."""
        before = self.listing()
        ended = self.replay("--dry-run", *options)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert self.listing() == before
        return ended.stdout

    def refused(self, *options: str, **arguments: Any) -> str:
        """Give the one sentence that a replay is refused in; it leaves the dataset as it is."""
        before = self.listing()
        ended = self.replay(*options, **arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        (line,) = ended.stderr.splitlines()
        assert self.listing() == before
        return line.removeprefix("keepstep: ")

    def listing(self) -> Any:
        answer: Any = self.running.client.list_records(**self.place)
        return answer["Records"], answer["DatasetSyncCount"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    directory, place = tmp_path_factory.mktemp("stored"), new_place()
    (directory / "shop.py").write_text(MODULE, encoding="utf-8")
    with serving(directory, "--open-pools", environment=ROOT) as running:
        client = running.client
        values = {"name": " Ann\t", "notes": NOTES, "old": "", "left out": "1", "gone": "2"}
        write(client, place, *(replace(key, value) for key, value in values.items()))
        write(client, place, remove("gone", 1))
        client.set_cognito_events(
            IdentityPoolId=place["IdentityPoolId"], Events={"SyncTrigger": function("tidy")}
        )
        yield Stored(running, directory, place)


def test_a_replay_shows_in_a_table_what_the_pools_trigger_would_change(stored: Stored) -> None:
    assert stored.shown().splitlines() == [
        f"{function('tidy')} was asked with 4 records.",
        "",
        "CHANGE    KEY                     STORED                  ANSWERED",
        'replaced  "name"                  " Ann\\t"                "Ann"',
        'replaced  "notes"                 …e, grey, red"          …e, green, red"',
        'removed   "old"                   ""                      -',
        'added     "seen"                  -                       "[bold]yes[/bold]"',
        "",
        "Its answer would change 4 records: 1 added, 2 replaced, 1 removed.",
    ]


def test_a_replay_shows_whole_values_if_it_is_asked_to(stored: Stored) -> None:
    assert stored.shown("--full").splitlines() == [
        f"{function('tidy')} was asked with 4 records.",
        "",
        'replaced "name"',
        '  stored    " Ann\\t"',
        '  answered  "Ann"',
        "",
        'replaced "notes"',
        f'  stored    "{NOTES}"',
        f'  answered  "{NOTES.replace("grey", "green")}"',
        "",
        'removed "old"',
        '  stored    ""',
        "  answered  -",
        "",
        'added "seen"',
        "  stored    -",
        '  answered  "[bold]yes[/bold]"',
        "",
        "Its answer would change 4 records: 1 added, 2 replaced, 1 removed.",
    ]


def test_what_would_move_the_cursor_or_the_columns_is_seen_instead(stored: Stored) -> None:
    lines = stored.shown("--function", function("paint")).splitlines()
    assert lines[3:4] == [
        'added     "日本語日本語日本語日…  -                       "\\u001b[31mred\\u202e"'
    ]


def test_another_function_may_be_asked_and_is_asked_with_every_live_record_as_it_is(
    stored: Stored,
) -> None:
    assert stored.shown("--function", function("same")) == (
        f"{function('same')} was asked with 4 records.\n\nIts answer would change no record.\n"
    )
    place = stored.place
    assert json.loads((stored.directory / "event.json").read_text(encoding="utf-8")) == {
        "version": 2,
        "eventType": "SyncTrigger",
        "region": "us-east-1",
        "identityPoolId": place["IdentityPoolId"],
        "identityId": place["IdentityId"],
        "datasetName": place["DatasetName"],
        "datasetRecords": {
            key: {"oldValue": value, "newValue": value, "op": "replace"}
            for key, value in (("left out", "1"), ("name", " Ann\t"), ("notes", NOTES), ("old", ""))
        },
    }


def test_a_replay_that_is_not_said_to_be_dry_is_refused(stored: Stored) -> None:
    words = stored.refused()
    assert words == "a replay never writes what the function answers; say so by --dry-run"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fails", "The function {arn} failed. (RuntimeError: no such customer)"),
        ("lies", "has not the datasetName that it was asked with"),
        ("crowd", "LimitExceededException: The dataset would hold 13 records and may hold 8"),
        ("missing", "triggers (KEEPSTEP_TRIGGERS): shop:missing cannot be imported"),
        ("nowhere", "There is no function {arn}: it is not among the triggers of this server"),
    ],
)
def test_what_an_update_would_fail_with_is_said_in_one_sentence_with_the_reason(
    stored: Stored, name: str, words: str
) -> None:
    arn = function(name)
    assert words.format(arn=arn) in stored.refused("--dry-run", "--function", arn)


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("IdentityPoolId", "there is no identity pool {value}"),
        ("IdentityId", "there is no dataset things of the identity {value} in the identity pool"),
        ("DatasetName", "there is no dataset {value} of the identity"),
    ],
)
def test_what_is_not_there_is_named(stored: Stored, member: str, words: str) -> None:
    value = new_place()["IdentityId"]
    place: Any = {**stored.place, member: value}
    assert words.format(value=value) in stored.refused("--dry-run", place=place)


def test_of_a_pool_without_a_trigger_a_function_has_to_be_named(stored: Stored) -> None:
    place = new_place()
    write(stored.running.client, place, replace("name", "Bo"))
    words = stored.refused("--dry-run", place=place)
    assert words.startswith(f"the identity pool {place['IdentityPoolId']} has no sync trigger")
    named = ("--dry-run", "--function", function("same"))
    assert stored.replay(*named, place=place).stdout.startswith(
        f"{function('same')} was asked with 1 record."
    )
