"""Kinto: an environment of its own, its server as it comes, and users as many as ours.

``kinto init`` writes the settings. What is changed in them: the database's URL, buckets may be
made by any account, and a checked password is remembered for a day instead of 30 seconds. With
stored passwords hashed at the least cost, bcrypt takes no part in the numbers.
"""

import os
import re
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.load import Address, send_each
from bench.preload import KEYS, value_of
from bench.servers import STOP_SECONDS, Server, ServerFailed

from .database import Database

VERSION: Final = "26.5.0"
REQUIREMENT: Final = f"kinto[postgresql]=={VERSION}"
COLLECTION: Final = "settings"
PASSWORD: Final = "the-password-of-the-benchmark"
START_SECONDS: Final = 60
CONNECTIONS: Final = 8
FIRST: Final = "user-00000"
"""The user who is made by requests; the others are copies."""

_SETTINGS: Final = "kinto.bucket_create_principals = system.Authenticated\n"
_REMEMBER: Final = "kinto.account_cache_ttl_seconds = 86400\n"
_HASH: Final = "import bcrypt, sys; print(bcrypt.hashpw(sys.argv[1].encode(), bcrypt.gensalt(4)))"
_COPIES: Final = (
    """
    INSERT INTO objects (id, parent_id, resource_name, last_modified, data, deleted)
    SELECT replace(id, %(first)s, name), replace(parent_id, %(first)s, name), resource_name,
           last_modified - position * interval '1 ms',
           replace(data::text, %(first)s, name)::jsonb, deleted
    FROM objects, unnest(%(names)s::text[]) WITH ORDINALITY AS others (name, position)
    WHERE strpos(id || ' ' || parent_id, %(first)s) > 0
    """,
    """
    INSERT INTO timestamps (parent_id, resource_name, last_modified)
    SELECT replace(parent_id, %(first)s, name), resource_name, last_modified
    FROM timestamps, unnest(%(names)s::text[]) AS name
    WHERE strpos(parent_id, %(first)s) > 0
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO access_control_entries (object_id, permission, principal)
    SELECT replace(object_id, %(first)s, name), permission, replace(principal, %(first)s, name)
    FROM access_control_entries, unnest(%(names)s::text[]) AS name
    WHERE strpos(object_id, %(first)s) > 0
    """,
)


@dataclass(frozen=True, slots=True)
class Kinto:
    """A running Kinto, and its users."""

    server: Server
    url: str
    users: Sequence[str]


def environment() -> Path:
    """Give the folder of Kinto's commands; it is installed in a cache at first."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "keepstep-bench" / f"kinto-{VERSION}"
    ready = folder / "ready"
    if not ready.exists():
        _call([sys.executable, "-m", "venv", "--clear", str(folder)])
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT]
        _call([str(folder / "bin/python"), *install])
        ready.touch()
    return folder / "bin"


@contextmanager
def kinto_server(database: Database, folder: Path, count: int) -> Generator[Kinto]:
    """Serve so many users, with a bucket, a collection and 20 records each."""
    commands, file = environment(), folder / "kinto.ini"
    url = database.create("kinto")
    kinto = [str(commands / "kinto")]
    backends = ["--backend", "postgresql", "--cache-backend", "postgresql"]
    _call([*kinto, "init", "--ini", str(file), "--host", "127.0.0.1", *backends])
    text = re.sub(r"(?m)^(kinto\.\w+_url) = .*$", rf"\1 = {url}", file.read_text("utf-8"))
    text = re.sub(r"(?m)^kinto\.bucket_create_principals = .*\n", _SETTINGS + _REMEMBER, text)
    file.write_text(text, "utf-8")
    _call([*kinto, "migrate", "--ini", str(file)])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*kinto, "start", "--ini", str(file), "--port", port],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = ("127.0.0.1", int(port))
        _wait_until_listening(process, address)
        server = Server(address, process.pid, time.perf_counter() - begun)
        _make_first_user(server)
        users = _copy_first_user(database, url, commands, count)
        send_each(address, [list_collections(server, user) for user in users], CONNECTIONS)
        yield Kinto(server, url, users)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def list_collections(server: Server, user: str) -> bytes:
    """Give what answers ListDatasets."""
    return _request(server, user, "GET", f"/v1/buckets/{user}/collections")


def list_records(server: Server, user: str) -> bytes:
    """Give what answers ListRecords of a whole dataset."""
    return _request(server, user, "GET", f"/v1/buckets/{user}/collections/{COLLECTION}/records")


def write_records(server: Server, user: str, versions: dict[str, int], number: int) -> bytes:
    """Give what answers UpdateRecords: each record only if it is still of its version."""
    writes = [
        {
            "method": "PUT",
            "path": f"/buckets/{user}/collections/{COLLECTION}/records/{key}",
            "body": {"data": {"value": value_of(number)}},
            "headers": {"If-Match": f'"{version}"'},
        }
        for key, version in versions.items()
    ]
    return _request(server, user, "POST", "/v1/batch", {"requests": writes})


def versions_in(answer: bytes, keys: Sequence[str]) -> dict[str, int]:
    """Read the versions of these records in an answer to ``list_records``."""
    records = msgspec.json.decode(_body(answer))["data"]
    found = {record["id"]: record["last_modified"] for record in records}
    return {key: found[key] for key in keys}


def check_written(answers: Sequence[bytes]) -> None:
    """Check that every record of every batch was written."""
    for answer in answers:
        for response in msgspec.json.decode(_body(answer))["responses"]:
            if response["status"] != 200:
                raise ServerFailed(f"Kinto refused a write: {response}")


def _make_first_user(server: Server) -> None:
    collection = f"/v1/buckets/{FIRST}/collections/{COLLECTION}"
    made = [
        _request(server, FIRST, "PUT", f"/v1/accounts/{FIRST}", {"data": {"password": PASSWORD}}),
        _request(server, FIRST, "PUT", f"/v1/buckets/{FIRST}"),
        _request(server, FIRST, "PUT", collection),
    ]
    made += [
        _request(server, FIRST, "PUT", f"{collection}/records/{key}", {"data": {"value": value}})
        for key, value in ((key, value_of(number)) for number, key in enumerate(KEYS))
    ]
    send_each(server.address, made, 1, good=(b"HTTP/1.1 200 ", b"HTTP/1.1 201 "))


def _copy_first_user(database: Database, url: str, commands: Path, count: int) -> Sequence[str]:
    """Copy what the first user has to the others."""
    users = [f"user-{number:05d}" for number in range(count)]
    values = {"first": FIRST, "names": users[1:]}
    hashed = _call([str(commands / "python"), "-c", _HASH, PASSWORD]).strip().strip("b'")
    database.execute(
        "UPDATE objects SET data = data || jsonb_build_object('password', %s::text) "
        "WHERE resource_name = 'account'",
        (hashed,),
        url=url,
    )
    for statement in _COPIES:
        database.execute(statement, values, url=url)
    return users


def _request(server: Server, user: str, method: str, target: str, body: Any = None) -> bytes:
    content = b"" if body is None else msgspec.json.encode(body)
    token = b64encode(f"{user}:{PASSWORD}".encode()).decode()
    lines = [
        f"{method} {target} HTTP/1.1",
        f"host: {server.host}",
        f"authorization: Basic {token}",
        "user-agent: bench",
    ]
    if content or method == "PUT":
        lines += ["content-type: application/json", f"content-length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def _body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def _call(command: Sequence[str]) -> str:
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise ServerFailed(f"{' '.join(command)}: {found.stdout}{found.stderr}")
    return found.stdout


def _wait_until_listening(process: "subprocess.Popen[bytes]", address: Address) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"Kinto does not listen: {process.args}") from error
            time.sleep(0.1)
        else:
            return
