/** The AWS SDK v3 with roles of an operator's own: they narrow what is one's own, never widen it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ListDatasetsCommand, ListRecordsCommand } from "@aws-sdk/client-cognito-sync";
import { fromCognitoIdentityPool } from "@aws-sdk/credential-providers";
import { Backend, ROLES, roleArn } from "../harness/backend.mjs";
import { syncClient } from "../harness/clients.mjs";
import { readRecords, writeRecords } from "../harness/records.mjs";
import { denial, refusal } from "../harness/refusals.mjs";
import { liveServer, place } from "../harness/server.mjs";

const TRUST = {
  Version: "2012-10-17",
  Statement: {
    Effect: "Allow",
    Principal: { Federated: "cognito-identity.amazonaws.com" },
    Action: "sts:AssumeRoleWithWebIdentity",
  },
};

const server = liveServer({
  settings: role("everything", "cognito-sync:*") + role("reading", "cognito-sync:List*"),
});

/** Give the settings of a role that allows an action on everything. */
function role(name, Action) {
  const statement = { Effect: "Allow", Action, Resource: "*" };
  const policy = { Version: "2012-10-17", Statement: statement };
  return [
    "[[roles]]",
    `name = "${name}"`,
    `trust_policy = '${JSON.stringify(TRUST)}'`,
    `policies = ['${JSON.stringify(policy)}']`,
    "",
  ].join("\n");
}

/** Start an app whose guests have a role, and give what makes its guests. */
async function appWith(roleName) {
  const roles = { ...ROLES, unauthenticated: roleArn(roleName) };
  const { poolId } = await Backend.start(server, {}, roles);
  return async () => {
    const credentials = fromCognitoIdentityPool({
      identityPoolId: poolId,
      userIdentifier: crypto.randomUUID(),
      clientConfig: place(server),
    });
    const { identityId } = await credentials();
    const user = { IdentityPoolId: poolId, IdentityId: identityId };
    const settings = { ...user, DatasetName: "settings" };
    return { sync: syncClient(server, credentials), user, settings };
  };
}

test("a guest whose role allows everything reaches its own data and nothing else", async () => {
  const newGuest = await appWith("everything");
  const [guest, other] = [await newGuest(), await newGuest()];
  await writeRecords(guest.sync, guest.settings, { theme: "dark" });
  assert.deepEqual(await readRecords(guest.sync, guest.settings), { theme: "dark" });

  const text = `Access to Identity '${other.user.IdentityId}' is forbidden.`;
  for (const command of [
    new ListDatasetsCommand(other.user),
    new ListRecordsCommand(other.settings),
  ]) {
    await assert.rejects(guest.sync.send(command), refusal("NotAuthorizedException", 403, text));
  }
});

test("a guest whose role allows reading is refused a write of its own data", async () => {
  const newGuest = await appWith("reading");
  const guest = await newGuest();
  assert.deepEqual(await readRecords(guest.sync, guest.settings), {});
  await assert.rejects(
    writeRecords(guest.sync, guest.settings, { theme: "dark" }),
    denial("UpdateRecords"),
  );
});
