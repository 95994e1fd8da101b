/** The AWS SDK v3 with developer-authenticated identities: tokens of a backend, users' devices. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  GetOpenIdTokenForDeveloperIdentityCommand,
} from "@aws-sdk/client-cognito-identity";
import { ListRecordsCommand } from "@aws-sdk/client-cognito-sync";
import { fromCognitoIdentity } from "@aws-sdk/credential-providers";
import { Backend, COGNITO_LOGIN } from "../harness/backend.mjs";
import { identityClient, signsWith, syncClient } from "../harness/clients.mjs";
import { readRecords, writeRecords } from "../harness/records.mjs";
import { denial, refusal } from "../harness/refusals.mjs";
import { liveServer, place } from "../harness/server.mjs";

const LOGINS_DO_NOT_MATCH =
  "Logins don't match. Please include at least one valid login for this identity or identity pool.";

const server = liveServer();

/** Give a Cognito Sync client for the user of a backend's token. */
function clientOf({ IdentityId, Token }) {
  const logins = { [COGNITO_LOGIN]: Token };
  const clientConfig = place(server);
  return syncClient(server, fromCognitoIdentity({ identityId: IdentityId, logins, clientConfig }));
}

function getCredentials(IdentityId, Token) {
  const Logins = Token && { [COGNITO_LOGIN]: Token };
  return identityClient(server).send(new GetCredentialsForIdentityCommand({ IdentityId, Logins }));
}

async function newGuestId(backend) {
  const { IdentityId } = await identityClient(server).send(
    new GetIdCommand({ IdentityPoolId: backend.poolId }),
  );
  return IdentityId;
}

test("a user's data is on every device that has a token for the user", async () => {
  const backend = await Backend.start(server, { AllowUnauthenticatedIdentities: false });
  const [phone, tablet] = [await backend.tokenFor("ada"), await backend.tokenFor("ada")];
  assert.equal(phone.IdentityId, tablet.IdentityId);

  await writeRecords(clientOf(phone), backend.settingsOf(phone), { theme: "dark" });
  assert.deepEqual(await readRecords(clientOf(tablet), backend.settingsOf(tablet)), {
    theme: "dark",
  });
});

test("a user does not reach the data of another", async () => {
  const backend = await Backend.start(server);
  const [ada, bob] = [await backend.tokenFor("ada"), await backend.tokenFor("bob")];
  await assert.rejects(
    clientOf(bob).send(new ListRecordsCommand(backend.settingsOf(ada))),
    denial("ListRecords"),
  );
});

test("credentials come with the identity id and expire in an hour", async () => {
  const backend = await Backend.start(server);
  const { IdentityId, Token } = await backend.tokenFor("ada");
  const answer = await getCredentials(IdentityId, Token);
  assert.equal(answer.IdentityId, IdentityId);
  assert.match(answer.Credentials.AccessKeyId, /^ASIA[A-Z2-7]{16}$/);
  assert.ok(answer.Credentials.Expiration - Date.now() > 50 * 60 * 1000);
});

test("a guest who is linked to a user keeps the identity and its data", async () => {
  const backend = await Backend.start(server);
  const guestId = await newGuestId(backend);
  const clientConfig = place(server);
  const guest = syncClient(server, fromCognitoIdentity({ identityId: guestId, clientConfig }));
  const settings = backend.settingsOf({ IdentityId: guestId });
  await writeRecords(guest, settings, { theme: "dark" });

  const user = await backend.tokenFor("ada", { IdentityId: guestId });
  assert.equal(user.IdentityId, guestId);
  assert.deepEqual(await readRecords(clientOf(user), settings), { theme: "dark" });
});

test("an identity with a user is not to be had without the user's token", async () => {
  const backend = await Backend.start(server);
  const { IdentityId } = await backend.tokenFor("ada");
  await assert.rejects(
    getCredentials(IdentityId),
    refusal("NotAuthorizedException", 400, `Access to Identity '${IdentityId}' is forbidden.`),
  );
});

test("a token is good for its own identity only", async () => {
  const backend = await Backend.start(server);
  const [ada, bob] = [await backend.tokenFor("ada"), await backend.tokenFor("bob")];
  await assert.rejects(
    getCredentials(ada.IdentityId, bob.Token),
    refusal("NotAuthorizedException", 400, LOGINS_DO_NOT_MATCH),
  );
});

test("a token that is not the service's own is refused under its name", async () => {
  const backend = await Backend.start(server);
  const { IdentityId } = await backend.tokenFor("ada");
  await assert.rejects(
    getCredentials(IdentityId, "e30.e30.e30"),
    refusal("NotAuthorizedException", 400, "Invalid login token. Not a Cognito token."),
  );
});

test("GetId does not take the service's own token", async () => {
  const backend = await Backend.start(server);
  const { Token } = await backend.tokenFor("ada");
  const getId = { IdentityPoolId: backend.poolId, Logins: { [COGNITO_LOGIN]: Token } };
  await assert.rejects(
    identityClient(server).send(new GetIdCommand(getId)),
    refusal("NotAuthorizedException", 400, "Invalid login token. Can't pass in a Cognito token."),
  );
});

test("a user of one identity cannot be linked to another", async () => {
  const backend = await Backend.start(server);
  await backend.tokenFor("ada");
  await assert.rejects(
    backend.tokenFor("ada", { IdentityId: await newGuestId(backend) }),
    refusal("DeveloperUserAlreadyRegisteredException", 400),
  );
});

for (const TokenDuration of [1, 86400]) {
  test(`a token may last ${TokenDuration} seconds`, async () => {
    const backend = await Backend.start(server);
    const { IdentityId, Token } = await backend.tokenFor("ada", { TokenDuration });
    const { exp, iat, aud, sub } = JSON.parse(Buffer.from(Token.split(".")[1], "base64url"));
    assert.deepEqual([exp - iat, aud, sub], [TokenDuration, backend.poolId, IdentityId]);
  });
}

for (const TokenDuration of [0, 86401]) {
  test(`a token may not last ${TokenDuration} seconds`, async () => {
    const backend = await Backend.start(server);
    await assert.rejects(
      backend.tokenFor("ada", { TokenDuration }),
      refusal("ValidationException", 400, /^1 validation error detected: .*'tokenDuration'/),
    );
  });
}

test("only a developer gets tokens for users", async () => {
  const backend = await Backend.start(server);
  const { Credentials } = await getCredentials(await newGuestId(backend));
  const guest = identityClient(server, signsWith(Credentials));
  const request = { IdentityPoolId: backend.poolId, Logins: { "login.my.app": "ada" } };
  await assert.rejects(
    guest.send(new GetOpenIdTokenForDeveloperIdentityCommand(request)),
    (error) => /^(AccessDenied|NotAuthorized)Exception$/.test(error.name),
  );
});
