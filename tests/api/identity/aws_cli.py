"""The AWS CLI, one process for each call, with the keys of a developer, of somebody, or none."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepstep.testing import LocalServer
from keepstep.wire.sigv4 import Credentials

AWS = Path(sys.executable).with_name("aws")
SECONDS = 60


@dataclass(frozen=True)
class Shell:
    """Where somebody types ``aws``; without keys nothing can be signed."""

    server: LocalServer
    keys: Credentials | None = None

    @classmethod
    def of_developer(cls, server: LocalServer) -> "Shell":
        return cls(server, Credentials(server.access_key_id, server.secret_access_key))

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.server.endpoint_url,
            "AWS_DEFAULT_REGION": self.server.region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }
        if self.keys is not None:
            environment["AWS_ACCESS_KEY_ID"] = self.keys.access_key_id
            environment["AWS_SECRET_ACCESS_KEY"] = self.keys.secret_access_key
            environment["AWS_SESSION_TOKEN"] = self.keys.session_token or ""
        return subprocess.run(
            [sys.executable, AWS, *arguments, "--output", "json"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def answer(self, *arguments: str) -> Any:
        """Run a command that must succeed, and give what it printed."""
        completed = self.run(*arguments)
        assert completed.returncode == 0, completed.stderr
        return json.loads(completed.stdout or "null")

    def refusal(self, *arguments: str) -> str:
        """Run a command that must fail, and give what it said."""
        completed = self.run(*arguments)
        assert completed.returncode != 0, completed.stdout
        return completed.stderr


def keys_of(answer: Any) -> Credentials:
    """Give the credentials in an answer of Cognito Identity or of STS."""
    given = answer["Credentials"]
    secret = given.get("SecretKey") or given["SecretAccessKey"]
    return Credentials(given["AccessKeyId"], secret, given["SessionToken"])
