"""A guest's data on a phone joins the data that the user has on a laptop, when the guest signs in.

Starts ``keepstep serve`` with a login provider of its own, whose tokens the server verifies as it
would any provider's; everything else goes through plain boto3, as an app's SDK would do it.
"""

import time
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from rich.console import Console
from rich.table import Table
from serving import Printed, running_server

PROVIDER = "login.example.org"
PROVIDER_ARN = f"arn:aws:iam::000000000000:oidc-provider/{PROVIDER}"
CLIENT_ID = "the-app"


class Provider:
    """A login provider: a key, the settings that name it, and tokens for users."""

    def __init__(self) -> None:
        """Make the key."""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def settings(self) -> str:
        """Give the server's setting ``login_providers``."""
        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        keys = {"keys": [{**public, "kid": "1", "alg": "RS256", "use": "sig"}]}
        provider = {
            "name": PROVIDER,
            "issuer": f"https://{PROVIDER}",
            "audiences": [CLIENT_ID],
            "arn": PROVIDER_ARN,
            "jwks": msgspec.json.encode(keys).decode(),
        }
        return msgspec.json.encode([provider]).decode()

    def token(self, user: str) -> str:
        """Sign a user's ID token."""
        now = int(time.time())
        claims = {
            "iss": f"https://{PROVIDER}",
            "aud": CLIENT_ID,
            "sub": user,
            "iat": now,
            "exp": now + 600,
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "1"})


@dataclass
class App:
    """One installed app: its identity, and a client with that identity's credentials."""

    printed: Printed
    identity_pool_id: str
    identity_id: str = ""
    sync: Any = None

    def sign_in(self, logins: dict[str, str]) -> None:
        """Get an identity once, then credentials for it; the server may answer another one."""
        identity = self.printed.unsigned_client("cognito-identity")
        if not self.identity_id:
            answer = identity.get_id(IdentityPoolId=self.identity_pool_id, Logins=logins)
            self.identity_id = answer["IdentityId"]
        answer = identity.get_credentials_for_identity(IdentityId=self.identity_id, Logins=logins)
        self.identity_id = answer["IdentityId"]
        self.sync = self.printed.client("cognito-sync", answer["Credentials"])

    def place(self, **more: str) -> dict[str, str]:
        """Give the arguments that say whose data."""
        return {"IdentityPoolId": self.identity_pool_id, "IdentityId": self.identity_id, **more}

    def write(self, dataset_name: str, values: dict[str, str]) -> None:
        """Write records over whatever is there."""
        place = self.place(DatasetName=dataset_name)
        listed = self.sync.list_records(**place)
        counts = {record["Key"]: record["SyncCount"] for record in listed["Records"]}
        patches = [
            {"Op": "replace", "Key": key, "Value": value, "SyncCount": counts.get(key, 0)}
            for key, value in values.items()
        ]
        token = listed["SyncSessionToken"]
        self.sync.update_records(**place, SyncSessionToken=token, RecordPatches=patches)

    def records(self, dataset_name: str) -> dict[str, str]:
        """Give the records of a dataset."""
        listed = self.sync.list_records(**self.place(DatasetName=dataset_name))
        return {record["Key"]: record["Value"] for record in listed["Records"]}

    def merged_names(self, dataset_name: str) -> list[str]:
        """Give the datasets that came from a merged identity, for the app to take over."""
        listed = self.sync.list_records(**self.place(DatasetName=dataset_name))
        return listed.get("MergedDatasetNames") or []

    def shown(self) -> str:
        """Give every dataset with its records; the long id at the end of a name cut short."""
        datasets = self.sync.list_datasets(**self.place())["Datasets"]
        lines = [
            f"{_short(one['DatasetName'])}: "
            + ", ".join(f"{k}={v}" for k, v in sorted(self.records(one["DatasetName"]).items()))
            for one in datasets
        ]
        return "\n".join(lines) or "(nothing)"


def play(printed: Printed, provider: Provider) -> Table:
    """Play the story; it ends with an error if a step does not hold what it says."""
    table = Table("Step", "Identity", "Its datasets", show_lines=True)
    pool = printed.client("cognito-identity").create_identity_pool(
        IdentityPoolName="demo",
        AllowUnauthenticatedIdentities=True,
        OpenIdConnectProviderARNs=[PROVIDER_ARN],
    )["IdentityPoolId"]
    laptop, phone = App(printed, pool), App(printed, pool)
    logins = {PROVIDER: provider.token("ada")}

    laptop.sign_in(logins)
    laptop.write("notes", {"milk": "2 litres"})
    users_id = laptop.identity_id
    table.add_row("Ada signs in on her laptop and writes", _short(users_id), laptop.shown())

    phone.sign_in({})
    phone.write("notes", {"bread": "1 loaf"})
    guests_id, guests_sync = phone.identity_id, phone.sync
    table.add_row("A guest writes on a phone", _short(guests_id), phone.shown())
    _refused(lambda: phone.sync.list_datasets(**laptop.place()))
    table.add_row("The guest asks for Ada's data", _short(guests_id), "(refused)")

    phone.sign_in(logins)
    _expect(phone.identity_id == users_id, "the guest has become Ada")
    table.add_row("The guest signs in as Ada: both are merged", _short(users_id), phone.shown())
    _refused(lambda: guests_sync.list_datasets(IdentityPoolId=pool, IdentityId=guests_id))

    for name in phone.merged_names("notes"):
        phone.write("notes", phone.records(name))
        phone.sync.delete_dataset(**phone.place(DatasetName=name))
    _expect(not phone.merged_names("notes"), "nothing is left to take over")
    table.add_row("The app takes the merged dataset over", _short(users_id), phone.shown())

    both = {"milk": "2 litres", "bread": "1 loaf"}
    _expect(laptop.records("notes") == both, "the laptop sees both")
    table.add_row("The laptop syncs", _short(users_id), laptop.shown())
    return table


def _refused(call: Any) -> None:
    try:
        call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        _expect(code in {"AccessDeniedException", "NotAuthorizedException"}, f"refused, not {code}")
    else:
        raise SystemExit("a call for somebody else's data was answered")


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"expected: {what}")


def _short(name: str) -> str:
    head, colon, guid = name.rpartition(":")
    return f"{head}{colon}{guid[:4]}…" if colon else name


def main() -> None:
    """Run the demo."""
    provider = Provider()
    with running_server(KEEPSTEP_LOGIN_PROVIDERS=provider.settings()) as printed:
        console = Console(width=110)
        console.print("A guest signs in:")
        console.print(play(printed, provider))
        console.print("Every step held what it should.")


if __name__ == "__main__":
    main()
