/** The AWS SDK v2's CognitoIdentityCredentials, in both flows, and its errors. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Backend, ROLES } from "../harness/backend.mjs";
import { AWS } from "../harness/sdk-v2.mjs";
import { liveServer, place } from "../harness/server.mjs";

const server = liveServer();

/** Get credentials as a guest of a pool, and give them with a Cognito Sync client. */
async function guest(IdentityPoolId, params = {}) {
  const options = place(server);
  const credentials = new AWS.CognitoIdentityCredentials({ IdentityPoolId, ...params }, options);
  await credentials.getPromise();
  return { credentials, sync: new AWS.CognitoSync({ ...options, credentials }) };
}

for (const [flow, params] of [
  ["enhanced", {}],
  ["classic", { RoleArn: ROLES.unauthenticated }],
]) {
  test(`a guest reaches its own data in the ${flow} flow`, async () => {
    const { poolId } = await Backend.start(server);
    const { credentials, sync } = await guest(poolId, params);
    const user = { IdentityPoolId: poolId, IdentityId: credentials.identityId };
    const settings = { ...user, DatasetName: "settings" };
    const { SyncSessionToken } = await sync.listRecords(settings).promise();
    const RecordPatches = [{ Op: "replace", Key: "theme", Value: "dark", SyncCount: 0 }];
    await sync.updateRecords({ ...settings, SyncSessionToken, RecordPatches }).promise();
    const { Datasets } = await sync.listDatasets(user).promise();
    assert.deepEqual(
      Datasets.map(({ DatasetName }) => DatasetName),
      ["settings"],
    );
  });

  test(`a guest is refused the data of another in the ${flow} flow`, async () => {
    const { poolId } = await Backend.start(server);
    const [{ sync }, other] = [await guest(poolId, params), await guest(poolId, params)];
    const user = { IdentityPoolId: poolId, IdentityId: other.credentials.identityId };
    await assert.rejects(sync.listDatasets(user).promise(), (error) => {
      assert.equal(error.code, "AccessDeniedException");
      assert.equal(error.statusCode, 403);
      assert.match(error.requestId, /^[0-9a-f-]{36}$/);
      return true;
    });
  });
}

test("a guest of a pool without guests is refused with the service's code and text", async () => {
  const { poolId } = await Backend.start(server, { AllowUnauthenticatedIdentities: false });
  await assert.rejects(guest(poolId), (error) => {
    const { code, message } = error.originalError ?? error;
    assert.equal(code, "NotAuthorizedException");
    assert.equal(message, "Unauthenticated access is not supported for this identity pool.");
    return true;
  });
});
