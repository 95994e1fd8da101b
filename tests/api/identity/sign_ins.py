"""Signing in each way there is, down to the keys that requests are signed with; and roles."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from keepstep.testing import LocalServer
from keepstep.wire.sigv4 import Credentials

from .steps import Pool

if TYPE_CHECKING:
    from types_boto3_sts import STSClient

ACCOUNT = "000000000000"
COGNITO = "cognito-identity.amazonaws.com"
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def arn_of_role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


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


def sts_client(server: LocalServer, credentials: Credentials | None = None) -> "STSClient":
    """Give a boto3 client of STS that tries once; without credentials it signs nothing."""
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    if credentials is None:
        config = config.merge(Config(signature_version=UNSIGNED))  # pyright: ignore[reportUnknownMemberType] -- botocore has no types
    keys = {} if credentials is None else boto_arguments(credentials)
    return boto3.client(  # pyright: ignore[reportUnknownMemberType] -- stubs of a few services only
        "sts", config=config, **{**server.client_arguments, **keys}
    )


def boto_arguments(credentials: Credentials) -> dict[str, Any]:
    """Give what boto3 calls the parts of credentials."""
    return {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "aws_session_token": credentials.session_token,
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
