/** The AWS SDK v3 with logins of an OpenID Connect provider: linking and merging of identities. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { GetCredentialsForIdentityCommand, GetIdCommand } from "@aws-sdk/client-cognito-identity";
import { ListRecordsCommand } from "@aws-sdk/client-cognito-sync";
import { fromCognitoIdentityPool } from "@aws-sdk/credential-providers";
import { Backend } from "../harness/backend.mjs";
import { identityClient, signsWith, syncClient } from "../harness/clients.mjs";
import { LoginProvider } from "../harness/login-provider.mjs";
import { readRecords, writeRecords } from "../harness/records.mjs";
import { refusal } from "../harness/refusals.mjs";
import { liveServer, place } from "../harness/server.mjs";

const provider = new LoginProvider();
const server = liveServer({ settings: () => provider.settings() });

const startApp = () => Backend.start(server, LoginProvider.poolSettings);

function getId({ poolId }, Logins) {
  return identityClient(server).send(new GetIdCommand({ IdentityPoolId: poolId, Logins }));
}

function getCredentials(IdentityId, Logins) {
  return identityClient(server).send(new GetCredentialsForIdentityCommand({ IdentityId, Logins }));
}

/** Give a Cognito Sync client for what GetCredentialsForIdentity answered. */
function clientOf({ Credentials }) {
  return syncClient(server, signsWith(Credentials));
}

/** Make a guest and a user who both have data, and log the guest in as the user. */
async function mergedApp() {
  const app = await startApp();
  const user = await getCredentials(
    (await getId(app, provider.loginsOf("ada"))).IdentityId,
    provider.loginsOf("ada"),
  );
  const guest = await getCredentials((await getId(app)).IdentityId);
  await writeRecords(clientOf(user), app.settingsOf(user), { theme: "dark" });
  await writeRecords(clientOf(guest), app.settingsOf(guest), { volume: "7" });
  const merged = await getCredentials(guest.IdentityId, provider.loginsOf("ada"));
  return { app, user, guest, merged };
}

test("a user who logs in anywhere is the same identity with the same data", async () => {
  const app = await startApp();
  const login = () => {
    const logins = provider.loginsOf("ada");
    const clientConfig = place(server);
    return fromCognitoIdentityPool({ identityPoolId: app.poolId, logins, clientConfig });
  };
  const [phone, tablet] = [login(), login()];
  const { identityId } = await phone();
  assert.equal((await tablet()).identityId, identityId);

  const settings = app.settingsOf({ IdentityId: identityId });
  await writeRecords(syncClient(server, phone), settings, { theme: "dark" });
  assert.deepEqual(await readRecords(syncClient(server, tablet), settings), { theme: "dark" });
});

test("a guest who logs in for the first time keeps the identity and its data", async () => {
  const app = await startApp();
  const guest = await getCredentials((await getId(app)).IdentityId);
  await writeRecords(clientOf(guest), app.settingsOf(guest), { volume: "7" });

  const user = await getCredentials(guest.IdentityId, provider.loginsOf("ada"));
  assert.equal(user.IdentityId, guest.IdentityId);
  assert.deepEqual(await readRecords(clientOf(user), app.settingsOf(user)), { volume: "7" });
  assert.equal((await getId(app, provider.loginsOf("ada"))).IdentityId, guest.IdentityId);
});

test("a guest who logs in as a known user goes on as that user", async () => {
  const { app, user, guest, merged } = await mergedApp();
  assert.equal(merged.IdentityId, user.IdentityId);
  const sync = clientOf(merged);
  const settings = app.settingsOf(merged);
  const name = `settings.${guest.IdentityId}`;
  const { MergedDatasetNames } = await sync.send(new ListRecordsCommand(settings));
  assert.deepEqual(MergedDatasetNames, [name]);
  assert.deepEqual(await readRecords(sync, settings), { theme: "dark" });
  assert.deepEqual(await readRecords(sync, { ...settings, DatasetName: name }), { volume: "7" });
});

test("an identity that was merged is forbidden without a login", async () => {
  const { guest } = await mergedApp();
  await assert.rejects(
    getCredentials(guest.IdentityId),
    refusal(
      "NotAuthorizedException",
      400,
      `Access to Identity '${guest.IdentityId}' is forbidden.`,
    ),
  );
});

test("a device that still knows the merged identity gets the user's with a login", async () => {
  const { user, guest } = await mergedApp();
  const answer = await getCredentials(guest.IdentityId, provider.loginsOf("ada"));
  assert.equal(answer.IdentityId, user.IdentityId);
});

test("credentials from before a merge write nothing under the merged identity", async () => {
  const { app, guest } = await mergedApp();
  await assert.rejects(
    writeRecords(clientOf(guest), app.settingsOf(guest), { volume: "8" }),
    refusal("NotAuthorizedException", 403),
  );
});

test("a login of another user does not open an identity", async () => {
  const app = await startApp();
  const { IdentityId } = await getId(app, provider.loginsOf("ada"));
  await getId(app, provider.loginsOf("bob"));
  await assert.rejects(
    getCredentials(IdentityId, provider.loginsOf("bob")),
    refusal("NotAuthorizedException", 400, /^Logins don't match\./),
  );
});

test("a token that was tampered with is refused", async () => {
  const app = await startApp();
  const [[name, token]] = Object.entries(provider.loginsOf("ada"));
  const [header, , signature] = token.split(".");
  const [, claims] = Object.values(provider.loginsOf("bob"))[0].split(".");
  await assert.rejects(
    getId(app, { [name]: [header, claims, signature].join(".") }),
    refusal("NotAuthorizedException", 400, "Invalid login token. Couldn't verify signed token."),
  );
});

test("a pool that does not have the provider refuses its logins", async () => {
  const app = await Backend.start(server);
  await assert.rejects(
    getId(app, provider.loginsOf("ada")),
    refusal(
      "NotAuthorizedException",
      400,
      "Token is not from a supported provider of this identity pool.",
    ),
  );
});
