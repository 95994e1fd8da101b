"""Every kind of sign-in against one real server process, remembering whatever is secret in it."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import jwt
import msgspec
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from keepstep.testing import LocalServer
from keepstep.wire.sigv4 import Credentials
from tests.api.identity.keys_and_roles import ANYTHING, arn_of_role, policy, role
from tests.api.identity.signing_in import COGNITO
from tests.raw import RawAnswer, RawRequester
from tests.tokens import unsigned_token

PROVIDER: Final = "login.example.org"
AUDIENCE: Final = "the-app"
DEVELOPER: Final = "login.example.app"
ROLE: Final = arn_of_role("Everything")
RECORD: Final = {
    "key": "record-key-that-nobody-may-read",
    "value": "record-value-that-nobody-may-read",
}
SECRET_MEMBERS: Final = {
    "SecretKey": "secret",
    "SecretAccessKey": "secret",
    "SessionToken": "session token",
    "Token": "token",
    "SyncSessionToken": "sync session token",
}
KEY: Final = rsa.generate_private_key(65537, 2048)


def settings() -> dict[str, str]:
    """Give the environment of a server that takes this module's logins, and test logins."""
    public = RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    provider = {
        "name": PROVIDER,
        "issuer": f"https://{PROVIDER}",
        "jwks": msgspec.json.encode({"keys": [{**public, "kid": "1", "use": "sig"}]}).decode(),
    }
    everything = role("Everything", policy(ANYTHING))
    return {
        "KEEPSTEP_LOGIN_PROVIDERS": msgspec.json.encode([provider]).decode(),
        "KEEPSTEP_ROLES": msgspec.json.encode([everything]).decode(),
        "KEEPSTEP_INSECURE_LOGINS": "true",
    }


@dataclass
class SignInRun:
    """One run; ``secrets`` has everything, by its kind, that no log may show."""

    server: LocalServer
    secrets: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    refusals: set[str] = field(default_factory=set[str])

    def everything(self) -> None:
        """Play the whole run."""
        self.secrets["secret"].add(self.server.secret_access_key)
        self.secrets["record"].update(RECORD.values())
        self.developer = self._client("cognito-identity")
        self.public = self._client("cognito-identity", signed=False)
        self.sts = self._client("sts", signed=False)
        self.pool = self.developer.create_identity_pool(
            IdentityPoolName="people",
            AllowUnauthenticatedIdentities=True,
            DeveloperProviderName=DEVELOPER,
            SupportedLoginProviders={PROVIDER: AUDIENCE},
        )["IdentityPoolId"]
        self._enhanced({})
        self._enhanced({PROVIDER: self._login()})
        self._enhanced({PROVIDER: self._secret("token", "test:the-name-of-a-test-login")})
        self._classic()
        self._developers_user()
        self._merge()
        self._fail_to_log_in()
        self._fail_to_assume()
        self._fail_to_sign()
        self._presign()

    def _client(self, service: str, keys: Any = None, *, signed: bool = True) -> Any:
        given = self.server.client_arguments
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        if keys is not None:
            given["aws_access_key_id"] = keys["AccessKeyId"]
            given["aws_secret_access_key"] = keys.get("SecretKey") or keys["SecretAccessKey"]
            given["aws_session_token"] = keys["SessionToken"]
        if not signed:
            config = config.merge(Config(signature_version=UNSIGNED))  # pyright: ignore[reportUnknownMemberType] -- botocore has no types
        session: Any = boto3.Session()
        client = session.client(service, config=config, **given)
        client.meta.events.register("before-send", self._keep_signature)
        client.meta.events.register("after-call", self._keep_answer)
        return client

    def _keep_signature(self, request: Any, **_: Any) -> None:
        header = request.headers.get("Authorization", b"")
        text = header if isinstance(header, str) else header.decode()
        self.secrets["signature"].update(re.findall(r"Signature=(\w+)", text))

    def _keep_answer(self, parsed: dict[str, Any], **_: Any) -> None:
        for name, value in _members(parsed):
            if name in SECRET_MEMBERS:
                self.secrets[SECRET_MEMBERS[name]].add(value)

    def _secret(self, kind: str, text: str) -> str:
        self.secrets[kind].add(text)
        return text

    def _login(self, subject: str = "ada", **claims: Any) -> str:
        usual = {"iss": f"https://{PROVIDER}", "aud": AUDIENCE, "sub": subject, "exp": 4102444800}
        return self._secret(
            "token", jwt.encode({**usual, **claims}, KEY, algorithm="RS256", headers={"kid": "1"})
        )

    def _enhanced(self, logins: dict[str, str]) -> Any:
        identity_id = self.public.get_id(IdentityPoolId=self.pool, Logins=logins)["IdentityId"]
        answer = self.public.get_credentials_for_identity(IdentityId=identity_id, Logins=logins)
        self._sync(answer["Credentials"], identity_id)
        return answer

    def _classic(self) -> None:
        logins = {PROVIDER: self._login("bob")}
        identity_id = self.public.get_id(IdentityPoolId=self.pool, Logins=logins)["IdentityId"]
        token = self.public.get_open_id_token(IdentityId=identity_id, Logins=logins)["Token"]
        self._sync(self._assume(token)["Credentials"], identity_id)

    def _assume(self, token: str, **arguments: Any) -> Any:
        usual = {"RoleArn": ROLE, "RoleSessionName": "app", "WebIdentityToken": token}
        return self.sts.assume_role_with_web_identity(**{**usual, **arguments})

    def _developers_user(self) -> None:
        answer = self.developer.get_open_id_token_for_developer_identity(
            IdentityPoolId=self.pool,
            Logins={DEVELOPER: self._secret("user", "the-developers-name-of-a-user")},
        )
        identity_id, logins = answer["IdentityId"], {COGNITO: answer["Token"]}
        granted = self.public.get_credentials_for_identity(IdentityId=identity_id, Logins=logins)
        self._sync(granted["Credentials"], identity_id)
        self._sync(self._assume(answer["Token"])["Credentials"], identity_id)

    def _merge(self) -> None:
        guest = self._enhanced({})
        logins = {PROVIDER: self._login()}
        self.public.get_credentials_for_identity(IdentityId=guest["IdentityId"], Logins=logins)
        with suppress(ClientError):
            self._sync(guest["Credentials"], guest["IdentityId"])
        names = {"Logins": logins, "LoginsToRemove": [PROVIDER]}
        found = self.public.get_id(IdentityPoolId=self.pool, Logins=logins)["IdentityId"]
        self.public.unlink_identity(IdentityId=found, **names)

    def _sync(self, keys: Any, identity_id: str) -> None:
        sync = self._client("cognito-sync", keys)
        place = {"IdentityPoolId": self.pool, "IdentityId": identity_id, "DatasetName": "notes"}
        listed = sync.list_records(**place)
        patch = {
            "Op": "replace",
            "Key": RECORD["key"],
            "Value": RECORD["value"],
            "SyncCount": listed["DatasetSyncCount"],
        }
        token = listed["SyncSessionToken"]
        sync.update_records(**place, SyncSessionToken=token, RecordPatches=[patch])
        self._client("sts", keys).get_caller_identity()

    def _refused(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except ClientError as error:
            self.refusals.add(error.response.get("Error", {}).get("Code", ""))
        else:
            raise AssertionError("this was to be refused")

    def _fail_to_log_in(self) -> None:
        good = self._login()
        bad = [
            self._login(exp=1),
            self._login(aud="another-app"),
            self._login(iss="https://evil.example"),
            self._secret("token", good[:-20] + "A" * 20),
            self._secret("token", unsigned_token({"sub": 7})),
            self._secret("token", "a-token-that-is-none-at-all"),
            self._secret("token", "a-token-that-is-too-long" * 3000),
        ]
        for token in bad:
            logins = {PROVIDER: token}
            self._refused(lambda given=logins: self._get_id(given))
        self._refused(lambda: self._get_id({COGNITO: good}))
        self._refused(lambda: self._get_id({"unknown.example": good}))
        self._refused(lambda: self._get_id({PROVIDER: {"not": self._secret("token", "a-text")}}))

    def _get_id(self, logins: dict[str, Any]) -> Any:
        return self.public.get_id(IdentityPoolId=self.pool, Logins=logins)

    def _fail_to_assume(self) -> None:
        guest = self.public.get_id(IdentityPoolId=self.pool)["IdentityId"]
        token = self.public.get_open_id_token(IdentityId=guest)["Token"]
        self._refused(lambda: self._assume(self._secret("token", token[:-10] + "A" * 10)))
        self._refused(lambda: self._assume(token, RoleArn=arn_of_role("Missing")))
        self._refused(lambda: self._assume(token, Policy="a-policy-that-is-none"))
        self._refused(lambda: self._assume(token, DurationSeconds=1))

    def _fail_to_sign(self) -> None:
        granted = self._enhanced({})["Credentials"]
        secret = self._secret("secret", "a-secret-that-somebody-has-mistyped")
        session = self._secret("session token", f"{granted['SessionToken'][:-8]}AAAAAAA=")
        for changed in ({"SecretKey": secret}, {"SessionToken": session}):
            keys = {**granted, **changed}
            for service, call in (("sts", "get_caller_identity"), ("cognito-sync", "bulk_publish")):
                client = self._client(service, keys)
                given = {} if service == "sts" else {"IdentityPoolId": self.pool}
                self._refused(lambda one=client, name=call, to=given: getattr(one, name)(**to))
        self._refused(lambda: self._client("cognito-identity", granted).list_identity_pools())

    def _presign(self) -> None:
        """Prove who one is by a URL; and try it where it is not taken."""
        granted = self._enhanced({})["Credentials"]
        sts = self._client("sts", granted)
        made: str = sts.generate_presigned_url("get_caller_identity", HttpMethod="GET")
        url = urlsplit(made)
        query = parse_qs(url.query)
        self.secrets["signature"].update(query["X-Amz-Signature"])
        self.secrets["session token"].update(map(unquote, query["X-Amz-Security-Token"]))
        assert self._get(f"/?{url.query}").status == 200
        assert self._get(f"/?{url.query}0").status == 403
        assert self._get(f"/identitypools?{url.query}").status == 403
        keys = Credentials(granted["AccessKeyId"], granted["SecretKey"], granted["SessionToken"])
        signed = RawRequester(self.server).signed_headers("GET", "/nothing", credentials=keys)
        self.secrets["signature"].add(signed["authorization"].rpartition("=")[2])
        assert self._get("/nothing", signed).status == 404

    def _get(self, target: str, headers: dict[str, str] | None = None) -> RawAnswer:
        return RawRequester(self.server).send("GET", target, headers=headers)


def _members(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, member in value.items():  # pyright: ignore[reportUnknownVariableType] -- any answer
            if isinstance(member, str):
                yield str(name), member  # pyright: ignore[reportUnknownArgumentType] -- likewise
            else:
                yield from _members(member)
