"""A server for a demo: ``keepstep serve`` on a free port, its store in a temporary directory."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config


class Printed(dict[str, str]):
    """The settings that a server printed for its clients."""

    def client(self, service: str, credentials: Mapping[str, Any] | None = None) -> Any:
        """Give a boto3 client: a developer's, or one with temporary credentials."""
        given = credentials or {}
        return self._client(
            service,
            aws_access_key_id=given.get("AccessKeyId", self["AWS_ACCESS_KEY_ID"]),
            aws_secret_access_key=given.get("SecretKey", self.get("AWS_SECRET_ACCESS_KEY")),
            aws_session_token=given.get("SessionToken"),
        )

    def unsigned_client(self, service: str) -> Any:
        """Give a boto3 client that signs nothing, like that of an app before its sign-in."""
        return self._client(service, config=Config(signature_version=UNSIGNED))

    def _client(self, service: Any, **options: Any) -> Any:
        session: Any = boto3.Session()
        return session.client(
            service,
            endpoint_url=self["AWS_ENDPOINT_URL"],
            region_name=self["AWS_DEFAULT_REGION"],
            **options,
        )


@contextmanager
def running_server(*options: str, **variables: str) -> Generator[Printed]:
    """Serve for as long as the block lasts; ``variables`` go into the environment."""
    with tempfile.TemporaryDirectory(prefix="keepstep-demo-") as directory:
        store = Path(directory) / "demo.db"
        command = [str(Path(sys.executable).with_name("keepstep")), "serve", "--port", "0"]
        with (
            (Path(directory) / "server.log").open("wb") as log,
            subprocess.Popen(
                [*command, "--store", f"sqlite:{store}", *options],
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **variables},
                text=True,
            ) as process,
        ):
            try:
                printed = Printed()
                for line in process.stdout or ():
                    if match := re.match(r"export (\w+)=(.*)", line):
                        printed[match[1]] = match[2]
                    if line.startswith("aws "):
                        break
                yield printed
            finally:
                process.terminate()
