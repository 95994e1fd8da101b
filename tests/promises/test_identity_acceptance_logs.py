"""The acceptance list of sign-in, point 12: nothing secret is written where it could be read."""

import json
from collections.abc import Iterator

import pytest

from keepstep.operations.table import STS_TABLE
from tests.conftest import StoreSettings, store_settings
from tests.server.processes import ROOT, Serving, serving

from .sign_in_run import RECORD, SignInRun, settings
from .stores import environment_of, stored_bytes

Played = tuple[SignInRun, Serving, StoreSettings]

KINDS = ("secret", "session token", "token", "sync session token", "signature", "record", "user")
SIGN_IN = {
    "GetId",
    "GetCredentialsForIdentity",
    "GetOpenIdToken",
    "GetOpenIdTokenForDeveloperIdentity",
    "UnlinkIdentity",
    *(row.operation.name for row in STS_TABLE),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """A server that everybody has signed in to, well and badly, and its end."""
    directory = tmp_path_factory.mktemp("sign-ins")
    with store_settings(directory) as store:
        environment = {**ROOT, **settings(), **environment_of(store)}
        with serving(directory, environment=environment) as running:
            run = SignInRun(running.server)
            run.everything()
            assert running.stop() == 0
            yield run, running, store


def test_acceptance_12_every_kind_of_sign_in_was_played(
    played: Played,
) -> None:
    run, running, _ = played
    lines = [json.loads(line) for line in running.logged.splitlines()]
    logged = {line["operation"] for line in lines if line["event"] == "request"}
    assert logged >= SIGN_IN
    callers = {line["caller"] for line in lines if line["event"] == "request"}
    assert callers == {"anonymous", "developer", "identity"}
    assert run.refusals >= {
        "NotAuthorizedException",
        "ValidationException",
        "InvalidIdentityToken",
        "AccessDenied",
        "MalformedPolicyDocument",
        "ValidationError",
        "InvalidSignatureException",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidClientTokenId",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_acceptance_12_nothing_secret_is_in_the_log(played: Played, kind: str) -> None:
    run, running, _ = played
    printed = running.printed + running.logged
    secrets = run.secrets[kind]
    assert secrets
    assert [secret for secret in secrets if secret in printed] == []
    beginnings = {secret[:60] for secret in secrets if len(secret) > 100}
    ends = {secret[-40:] for secret in secrets if len(secret) > 100}
    assert [part for part in ends if part in printed] == []
    if kind != "token":  # every token of one key begins alike
        assert [part for part in beginnings if part in printed] == []


@pytest.mark.parametrize("text", ["eyJ", "AWS4-HMAC-SHA256", "Signature=", "X-Amz-", "test:"])
def test_acceptance_12_no_token_and_no_signature_is_in_the_log_in_part(
    played: Played, text: str
) -> None:
    _, running, _ = played
    assert text not in running.printed + running.logged


@pytest.mark.parametrize("kind", ["secret", "session token", "token", "signature"])
def test_acceptance_12_nothing_that_authenticates_is_in_the_store(
    played: Played, kind: str
) -> None:
    run, _, store = played
    stored = stored_bytes(store)
    assert RECORD["value"].encode() in stored
    assert [secret for secret in run.secrets[kind] if secret.encode() in stored] == []
