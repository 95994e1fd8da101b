"""Logs: one JSON line for each request, and reasons for the operator, not for the caller."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from keepstep.operations.table import SYNC_TABLE
from tests.api.steps import dataset_target, replace, write
from tests.conftest import Place
from tests.raw import RawAnswer

from .conftest import new_place
from .processes import ROOT, STORE, Serving, eventually, serving
from .wide_run import CODES, SECRET_KEY, SECRET_VALUE, SETTINGS, WideRun

MILLISECONDS_PER_MINUTE = 60_000


def lines_of(running: Serving) -> list[dict[str, Any]]:
    """Give the log of a server; what is being written is left out."""
    return [json.loads(line) for line in running.logged.splitlines(True) if line.endswith("\n")]


def line_of(running: Serving, request_id: str, event: str) -> dict[str, Any]:
    """Give the line of one event of one request, once it is written."""

    def found() -> list[dict[str, Any]]:
        lines = lines_of(running)
        return [x for x in lines if x.get("request_id") == request_id and x["event"] == event]

    lines = eventually(found, f"a line of {request_id}")
    assert len(lines) == 1
    return lines[0]


def request_id_of(answer: RawAnswer) -> str:
    return answer.headers["x-amzn-RequestId"]


@pytest.fixture(scope="module")
def wide_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WideRun]:
    """A server that has met every operation, failures of every kind, and secrets everywhere."""
    directory = tmp_path_factory.mktemp("wide-run")
    with serving(directory, "--open-pools", environment={**ROOT, **SETTINGS}) as running:
        run = WideRun(running, directory, new_place())
        run.everything()
        assert running.stop() == 0
        yield run


def test_a_request_leaves_one_line_with_its_operation_caller_and_outcome(
    running: Serving, place: Place
) -> None:
    before = time.time()
    answer = running.raw.call("GET", dataset_target(place, "/records"))
    line = line_of(running, request_id_of(answer), "request")
    assert 0 < line.pop("milliseconds") < MILLISECONDS_PER_MINUTE
    assert line.pop("timestamp")[:13] >= time.strftime("%Y-%m-%dT%H", time.gmtime(before))
    assert line == {
        "event": "request",
        "level": "info",
        "operation": "ListRecords",
        "caller": "developer",
        "access_key_id": ROOT["KEEPSTEP_ACCESS_KEY_ID"],
        "identity_id": place["IdentityId"],
        "status": 200,
        "code": "OK",
        "request_id": request_id_of(answer),
    }


def test_a_request_without_a_valid_signature_is_logged_as_anonymous(
    running: Serving, place: Place
) -> None:
    answer = running.raw.send("GET", dataset_target(place, "/records"))
    line = line_of(running, request_id_of(answer), "request")
    assert (line["caller"], line["operation"]) == ("anonymous", "ListRecords")
    assert (line["status"], line["code"]) == (403, "MissingAuthenticationTokenException")
    assert "access_key_id" not in line


def test_a_refused_request_is_logged_with_its_identity_status_and_code(
    running: Serving, place: Place
) -> None:
    answer = running.raw.call("GET", dataset_target(place))
    line = line_of(running, request_id_of(answer), "request")
    assert (line["operation"], line["identity_id"]) == ("DescribeDataset", place["IdentityId"])
    assert (line["status"], line["code"]) == (404, "ResourceNotFoundException")


def test_every_operation_and_every_kind_of_failure_is_logged(wide_run: WideRun) -> None:
    lines = [line for line in wide_run.log_lines() if line["event"] == "request"]
    assert {row.operation.name for row in SYNC_TABLE} <= {line["operation"] for line in lines}
    assert {line["code"] for line in lines} >= CODES | {"OK"}
    assert {line["caller"] for line in lines} == {"anonymous", "developer"}


def test_each_answer_has_one_line_of_its_request_id(wide_run: WideRun) -> None:
    logged = [x["request_id"] for x in wide_run.log_lines() if x["event"] == "request"]
    assert len(logged) == len(set(logged))
    assert set(wide_run.request_ids) <= set(logged)


def test_everything_on_standard_error_is_json(wide_run: WideRun) -> None:
    strange: list[str] = []
    for line in wide_run.running.logged.splitlines():
        try:
            assert "event" in json.loads(line)
        except json.JSONDecodeError:
            strange.append(line)
    assert strange == []


@pytest.mark.parametrize("kind", ["secret key", "session token", "page token", "signature"])
def test_nothing_that_authenticates_is_ever_printed(wide_run: WideRun, kind: str) -> None:
    secrets = wide_run.secrets[kind]
    assert secrets
    assert [secret for secret in secrets if secret in wide_run.everything_printed()] == []


@pytest.mark.parametrize(
    "text",
    ["AWS4-HMAC-SHA256", "Credential=", "Signature=", "SignedHeaders", SECRET_VALUE, SECRET_KEY],
)
def test_no_authorization_header_and_no_record_is_ever_printed(
    wide_run: WideRun, text: str
) -> None:
    assert text not in wide_run.everything_printed()


def damage(directory: Path, statement: str) -> None:
    with closing(sqlite3.connect(directory / STORE)) as other, other:
        other.execute(statement)


@pytest.mark.parametrize(
    ("statement", "event", "reason"),
    [
        ("DROP TABLE records", "store_unavailable", "no such table: records"),
        ("UPDATE datasets SET sync_count = 'x'", "internal_error", "Traceback"),
    ],
)
def test_the_reason_of_a_failure_is_in_the_log_and_the_caller_gets_the_request_id_only(
    running: Serving, tmp_path: Path, place: Place, statement: str, event: str, reason: str
) -> None:
    write(running.client, place, replace("theme", "dark"))
    damage(tmp_path, statement)
    answer = running.raw.call("GET", dataset_target(place, "/records"))
    request_id = request_id_of(answer)
    assert (answer.status, answer.error_type) == (500, "InternalErrorException")
    assert answer.json == {
        "__type": "InternalErrorException",
        "message": f"The server failed; its log says why under the request id {request_id}.",
    }
    line = line_of(running, request_id, event)
    assert line["level"] == "error"
    assert reason in json.dumps(line)
    assert line_of(running, request_id, "request")["code"] == "InternalErrorException"


def test_log_requests_false_turns_the_lines_of_requests_off_and_no_others(
    tmp_path: Path, place: Place
) -> None:
    environment = {**ROOT, "KEEPSTEP_LOG_REQUESTS": "false"}
    with serving(tmp_path, "--open-pools", environment=environment) as running:
        write(running.client, place, replace("theme", "dark"))
        damage(tmp_path, "DROP TABLE records")
        failed = running.raw.call("GET", dataset_target(place, "/records"))
        assert running.stop() == 0
    found = [(line["event"], line["request_id"]) for line in lines_of(running)]
    assert found == [("store_unavailable", request_id_of(failed))]
