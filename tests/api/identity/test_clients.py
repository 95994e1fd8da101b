"""Unmodified clients other than plain boto3: aiobotocore and the AWS CLI, in every flow."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from keepstep.testing import LocalServer, local_server

from .aws_cli import Shell, keys_of
from .keys_and_roles import ANYTHING, arn_of_role, policy, role
from .signing_in import COGNITO, sts_client
from .steps import DEVELOPER, FACEBOOK, GOOGLE, identity_client, login

ROLE = "Everything"
SESSION = "the-app"


@pytest.fixture(scope="module")
def server(clean_environment: None) -> Iterator[LocalServer]:
    roles = [role(ROLE, policy(ANYTHING))]
    with local_server(open_pools=False, insecure_logins=True, roles=roles) as running:
        yield running


def place_of(pool_id: str, identity_id: str) -> dict[str, str]:
    return {"IdentityPoolId": pool_id, "IdentityId": identity_id, "DatasetName": "notes"}


class AsyncApp:
    """An app and its backend that use aiobotocore."""

    def __init__(self, server: LocalServer, stack: AsyncExitStack) -> None:
        self._session: Any = import_module("aiobotocore.session").get_session()
        self._server = server
        self._stack = stack

    async def client(self, service: str, keys: Any = None, *, signed: bool = True) -> Any:
        """Give a client: a developer's, that of somebody with credentials, or one without."""
        given = self._server.client_arguments
        if keys is not None:
            given["aws_access_key_id"] = keys["AccessKeyId"]
            given["aws_secret_access_key"] = keys.get("SecretKey") or keys["SecretAccessKey"]
            given["aws_session_token"] = keys["SessionToken"]
        if not signed:
            given["config"] = Config(signature_version=UNSIGNED)
        return await self._stack.enter_async_context(self._session.create_client(service, **given))

    async def syncs(self, keys: Any, pool_id: str, identity_id: str) -> None:
        """Expect credentials to be good for the data of an identity."""
        sync = await self.client("cognito-sync", keys)
        place = place_of(pool_id, identity_id)
        token = (await sync.list_records(**place))["SyncSessionToken"]
        patch = {"Op": "replace", "Key": "milk", "Value": "2 l", "SyncCount": 0}
        await sync.update_records(**place, SyncSessionToken=token, RecordPatches=[patch])
        listed = await sync.list_records(**place)
        assert [record["Value"] for record in listed["Records"]] == ["2 l"]


def test_aiobotocore_signs_in_in_every_flow(server: LocalServer) -> None:
    async def play() -> None:
        async with AsyncExitStack() as stack:
            app = AsyncApp(server, stack)
            developer = await app.client("cognito-identity")
            created = await developer.create_identity_pool(
                IdentityPoolName="people",
                AllowUnauthenticatedIdentities=True,
                DeveloperProviderName=DEVELOPER,
            )
            pool_id = created["IdentityPoolId"]
            public = await app.client("cognito-identity", signed=False)

            guest = (await public.get_id(IdentityPoolId=pool_id))["IdentityId"]
            answer = await public.get_credentials_for_identity(IdentityId=guest)
            await app.syncs(answer["Credentials"], pool_id, guest)

            logins = {DEVELOPER: "ada"}
            token = await developer.get_open_id_token_for_developer_identity(
                IdentityPoolId=pool_id, Logins=logins
            )
            user = token["IdentityId"]
            answer = await public.get_credentials_for_identity(
                IdentityId=user, Logins={COGNITO: token["Token"]}
            )
            await app.syncs(answer["Credentials"], pool_id, user)

            other = (await public.get_id(IdentityPoolId=pool_id))["IdentityId"]
            token = await public.get_open_id_token(IdentityId=other)
            sts = await app.client("sts", signed=False)
            answer = await sts.assume_role_with_web_identity(
                RoleArn=arn_of_role(ROLE), RoleSessionName=SESSION, WebIdentityToken=token["Token"]
            )
            await app.syncs(answer["Credentials"], pool_id, other)

    asyncio.run(play())


def cli_pool(developer: Shell, name: str) -> str:
    return developer.answer(
        "cognito-identity",
        "create-identity-pool",
        "--identity-pool-name",
        name,
        "--allow-unauthenticated-identities",
        "--developer-provider-name",
        DEVELOPER,
    )["IdentityPoolId"]


def cli_syncs(user: Shell, pool_id: str, identity_id: str) -> None:
    """Expect the keys of a shell to be good for the data of an identity."""
    place = ["--identity-pool-id", pool_id, "--identity-id", identity_id, "--dataset-name", "notes"]
    token = user.answer("cognito-sync", "list-records", *place)["SyncSessionToken"]
    patch = "Op=replace,Key=milk,Value=2 l,SyncCount=0"
    written = user.answer(
        "cognito-sync",
        "update-records",
        *place,
        "--sync-session-token",
        token,
        "--record-patches",
        patch,
    )
    assert [record["Value"] for record in written["Records"]] == ["2 l"]


def test_the_aws_cli_is_a_guest_without_any_key(server: LocalServer) -> None:
    pool_id = cli_pool(Shell.of_developer(server), "guests")
    anybody = Shell(server)
    identity_id = anybody.answer("cognito-identity", "get-id", "--identity-pool-id", pool_id)[
        "IdentityId"
    ]
    granted = anybody.answer(
        "cognito-identity", "get-credentials-for-identity", "--identity-id", identity_id
    )
    cli_syncs(Shell(server, keys_of(granted)), pool_id, identity_id)


def test_the_aws_cli_signs_a_developers_user_in(server: LocalServer) -> None:
    developer = Shell.of_developer(server)
    pool_id = cli_pool(developer, "developers")
    token = developer.answer(
        "cognito-identity",
        "get-open-id-token-for-developer-identity",
        "--identity-pool-id",
        pool_id,
        "--logins",
        f"{DEVELOPER}=ada",
    )
    granted = Shell(server).answer(
        "cognito-identity",
        "get-credentials-for-identity",
        "--identity-id",
        token["IdentityId"],
        "--logins",
        f"{COGNITO}={token['Token']}",
    )
    cli_syncs(Shell(server, keys_of(granted)), pool_id, token["IdentityId"])


def test_the_aws_cli_signs_in_the_classic_way(server: LocalServer) -> None:
    pool_id = cli_pool(Shell.of_developer(server), "classics")
    anybody = Shell(server)
    identity_id = anybody.answer("cognito-identity", "get-id", "--identity-pool-id", pool_id)[
        "IdentityId"
    ]
    token = anybody.answer("cognito-identity", "get-open-id-token", "--identity-id", identity_id)
    granted = anybody.answer(
        "sts",
        "assume-role-with-web-identity",
        "--role-arn",
        arn_of_role(ROLE),
        "--role-session-name",
        SESSION,
        "--web-identity-token",
        token["Token"],
    )
    assert granted["SubjectFromWebIdentityToken"] == identity_id
    assert granted["Audience"] == pool_id
    user = Shell(server, keys_of(granted))
    caller = user.answer("sts", "get-caller-identity")
    assert caller["Arn"] == f"arn:aws:sts::000000000000:assumed-role/{ROLE}/{SESSION}"
    cli_syncs(user, pool_id, identity_id)


def test_the_aws_cli_shows_the_texts_of_refusals(server: LocalServer) -> None:
    missing = server.new_id()
    said = Shell(server).refusal("cognito-identity", "get-id", "--identity-pool-id", missing)
    assert "An error occurred (ResourceNotFoundException) when calling the GetId" in said
    assert f"IdentityPool '{missing}' not found." in said
    said = Shell(server).refusal(
        "sts",
        "assume-role-with-web-identity",
        "--role-arn",
        arn_of_role(ROLE),
        "--role-session-name",
        SESSION,
        "--web-identity-token",
        "nonsense",
    )
    assert "An error occurred (InvalidIdentityToken) when calling" in said


def test_boto3_calls_every_operation_there_is(server: LocalServer) -> None:
    developer: Any = identity_client(server)
    public: Any = identity_client(server, signed=False)
    called: set[str] = set()

    def note(model: Any, parsed: dict[str, Any], **_: Any) -> None:
        if parsed["ResponseMetadata"]["HTTPStatusCode"] == 200:
            called.add(model.name)

    for client in (developer, public):
        client.meta.events.register("after-call.cognito-identity", note)
    play_pools(developer)
    play_people(developer, public)
    assert called == set(developer.meta.service_model.operation_names)
    assert len(called) == 23


def usual_pool(developer: Any) -> str:
    return developer.create_identity_pool(
        IdentityPoolName="all",
        AllowUnauthenticatedIdentities=True,
        DeveloperProviderName=DEVELOPER,
        SupportedLoginProviders={FACEBOOK: "app", GOOGLE: "app"},
    )["IdentityPoolId"]


def play_pools(developer: Any) -> None:
    """Call every operation on pools."""
    pool = {"IdentityPoolId": usual_pool(developer)}
    described = developer.describe_identity_pool(**pool)
    del described["ResponseMetadata"]
    developer.update_identity_pool(**{**described, "IdentityPoolName": "renamed"})
    listed = developer.list_identity_pools(MaxResults=60)["IdentityPools"]
    assert "renamed" in [one["IdentityPoolName"] for one in listed]
    arn = f"arn:aws:cognito-identity:us-east-1:000000000000:identitypool/{pool['IdentityPoolId']}"
    developer.tag_resource(ResourceArn=arn, Tags={"team": "sync", "cost": "low"})
    developer.untag_resource(ResourceArn=arn, TagKeys=["cost"])
    assert developer.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"team": "sync"}
    roles = {"authenticated": arn_of_role(ROLE)}
    developer.set_identity_pool_roles(**pool, Roles=roles)
    assert developer.get_identity_pool_roles(**pool)["Roles"] == roles
    provider = {**pool, "IdentityProviderName": GOOGLE}
    developer.set_principal_tag_attribute_map(**provider, PrincipalTags={"mail": "email"})
    tags = developer.get_principal_tag_attribute_map(**provider)["PrincipalTags"]
    assert tags == {"mail": "email"}
    developer.delete_identity_pool(**pool)


def play_people(developer: Any, public: Any) -> None:
    """Call every operation on identities."""
    pool = {"IdentityPoolId": usual_pool(developer)}
    both = {**login(FACEBOOK, "ada"), **login(GOOGLE, "ada")}
    identity_id = public.get_id(**pool, Logins=both)["IdentityId"]
    whose = {"IdentityId": identity_id}
    assert public.get_open_id_token(**whose, Logins=both)["IdentityId"] == identity_id
    public.get_credentials_for_identity(**whose, Logins=both)
    public.unlink_identity(**whose, Logins=both, LoginsToRemove=[GOOGLE])
    assert developer.describe_identity(**whose)["Logins"] == [FACEBOOK]
    for user in ("first", "second"):
        developer.get_open_id_token_for_developer_identity(**pool, Logins={DEVELOPER: user})
    provider = {**pool, "DeveloperProviderName": DEVELOPER}
    merged = developer.merge_developer_identities(
        **provider, SourceUserIdentifier="first", DestinationUserIdentifier="second"
    )["IdentityId"]
    found = developer.lookup_developer_identity(**pool, DeveloperUserIdentifier="first")
    assert found["IdentityId"] == merged
    developer.unlink_developer_identity(
        **provider, IdentityId=merged, DeveloperUserIdentifier="first"
    )
    listed = developer.list_identities(**pool, MaxResults=60)["Identities"]
    assert {identity_id, merged} < {one["IdentityId"] for one in listed}
    deleted = developer.delete_identities(IdentityIdsToDelete=[identity_id, merged])
    assert deleted["UnprocessedIdentityIds"] == []


def test_boto3_calls_both_operations_of_sts(server: LocalServer) -> None:
    public: Any = identity_client(server, signed=False)
    pool_id = usual_pool(identity_client(server))
    identity_id = public.get_id(IdentityPoolId=pool_id)["IdentityId"]
    token = public.get_open_id_token(IdentityId=identity_id)["Token"]
    answer: Any = sts_client(server).assume_role_with_web_identity(
        RoleArn=arn_of_role(ROLE), RoleSessionName=SESSION, WebIdentityToken=token
    )
    keys = answer["Credentials"]
    caller = sts_client(
        server,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    ).get_caller_identity()
    assert caller["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    assert caller["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert caller["Account"] == "000000000000"
