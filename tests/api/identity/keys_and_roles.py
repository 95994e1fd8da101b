"""The keys that each way of signing in gives, and the roles that say what they are good for."""

import json
from collections.abc import Mapping
from typing import Any

from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import LocalServer
from keepstep.wire.sigv4 import Credentials
from tests.api.steps import dataset_target
from tests.conftest import Identity, Place
from tests.raw import RawRequester

from .signing_in import COGNITO, sts_client
from .steps import Pool, sync_client

ACCOUNT = "000000000000"
OWN = f"arn:aws:cognito-sync:*:*:identitypool/${{{COGNITO}:aud}}/identity/${{{COGNITO}:sub}}"
"""The caller's own identity, as policies name it."""
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def arn_of_role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def allow(
    resource: str = "*", action: str | list[str] = "cognito-sync:*", /, **condition: Any
) -> dict[str, Any]:
    """Give a statement; ``condition`` is an operator and what it asks."""
    asked = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": action, "Resource": resource, **asked}


def deny(action: str, /, **condition: Any) -> dict[str, Any]:
    """Give a statement that denies an action on everything."""
    return {**allow("*", action, **condition), "Effect": "Deny"}


def policy(*statements: Mapping[str, Any], version: str | None = "2012-10-17") -> dict[str, Any]:
    """Give a policy document."""
    versioned = {"Version": version} if version else {}
    return {**versioned, "Statement": list(statements)}


def trust(**condition: Any) -> dict[str, Any]:
    """Give a trust policy for sign-ins, under a condition if there is one."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": COGNITO},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }
    return policy({**statement, "Condition": condition} if condition else statement)


def role(name: str, *policies: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    """Give the settings of a role that any sign-in may take on, unless they say otherwise."""
    return {"name": name, "trust_policy": trust(), "policies": list(policies), **members}


def use_role(pool: Pool, name: str, guests: str | None = None) -> None:
    """Give a pool one role for everybody, or another one for guests."""
    roles = {"authenticated": arn_of_role(name), "unauthenticated": arn_of_role(guests or name)}
    pool.developer.set_identity_pool_roles(IdentityPoolId=pool.pool_id, Roles=roles)


def boto_arguments(credentials: Credentials) -> dict[str, str]:
    """Give what boto3 calls the parts of credentials."""
    return {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "aws_session_token": credentials.session_token or "",
    }


def enhanced(
    pool: Pool, identity_id: str, *logins: Mapping[str, str], **arguments: Any
) -> Credentials:
    """Get credentials the enhanced way."""
    together = {provider: token for one in logins for provider, token in one.items()}
    answer = pool.public.get_credentials_for_identity(
        IdentityId=identity_id, Logins=together, **arguments
    )
    given: Any = answer["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretKey"], given["SessionToken"])


def open_id_token(pool: Pool, identity_id: str, *logins: Mapping[str, str]) -> str:
    """Get the token of the classic flow's first half."""
    together = {provider: token for one in logins for provider, token in one.items()}
    return pool.public.get_open_id_token(IdentityId=identity_id, Logins=together)["Token"]


def assume(server: LocalServer, token: str, role_arn: str, **arguments: Any) -> Credentials:
    """Get credentials from STS for a token."""
    given: Any = sts_client(server).assume_role_with_web_identity(
        RoleArn=role_arn, RoleSessionName="web-identity", WebIdentityToken=token, **arguments
    )["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def session_policy(*statements: Mapping[str, Any]) -> str:
    """Give a policy as STS takes it."""
    return json.dumps(policy(*statements))


def caller_arn(server: LocalServer, credentials: Credentials) -> str:
    """Give the ARN of whoever has credentials."""
    return sts_client(server, **boto_arguments(credentials)).get_caller_identity()["Arn"]


class App:
    """Somebody who signed in with a role, and their own datasets."""

    def __init__(
        self, server: LocalServer, pool: Pool, identity_id: str, keys: Credentials
    ) -> None:
        self.server = server
        self.credentials = keys
        self.identity: Identity = {"IdentityPoolId": pool.pool_id, "IdentityId": identity_id}

    @property
    def sync(self) -> CognitoSyncClient:
        return sync_client(self.server, boto_arguments(self.credentials))

    def place(self, dataset_name: str) -> Place:
        return {**self.identity, "DatasetName": dataset_name}

    def may_use(self, dataset_name: str) -> bool:
        """Whether the records of a dataset may be listed."""
        target = dataset_target(self.place(dataset_name), "/records")
        return self.get(target) == 200

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> int:
        """Get a target of Cognito Sync and give the status."""
        raw = RawRequester(self.server)
        signed = raw.signed_headers(
            "GET", target, headers=dict(headers or {}), credentials=self.credentials
        )
        return raw.send("GET", target, headers=signed).status


def classic_app(
    server: LocalServer, pool: Pool, role_name: str, *logins: dict[str, str], **arguments: Any
) -> App:
    """Sign somebody in through STS; ``arguments`` are more of AssumeRoleWithWebIdentity."""
    identity_id = pool.log_in(*logins)
    token = open_id_token(pool, identity_id, *logins)
    keys = assume(server, token, arn_of_role(role_name), **arguments)
    return App(server, pool, identity_id, keys)
