/** The AWS SDK v3 in a page of another origin, as a guest. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Backend } from "../harness/backend.mjs";
import { SDK_V3, headlessBrowser, reload } from "../harness/browser.mjs";
import { liveServer } from "../harness/server.mjs";

const browser = headlessBrowser();
const server = liveServer();

/** In the page: become a guest, store what is given, and tell what there is then. */
async function visit([{ endpoint, region }, identityPoolId, values]) {
  const clientConfig = { endpoint, region };
  const credentials = SDK.fromCognitoIdentityPool({ identityPoolId, clientConfig });
  const { identityId } = await credentials();
  const sync = new SDK.CognitoSyncClient({ ...clientConfig, credentials });
  const settings = {
    IdentityPoolId: identityPoolId,
    IdentityId: identityId,
    DatasetName: "settings",
  };
  const { SyncSessionToken } = await sync.send(new SDK.ListRecordsCommand(settings));
  const patches = Object.entries(values).map(([Key, Value]) => {
    return { Op: "replace", Key, Value, SyncCount: 0 };
  });
  const update = { ...settings, SyncSessionToken, RecordPatches: patches };
  await sync.send(new SDK.UpdateRecordsCommand(update));
  const { Records } = await sync.send(new SDK.ListRecordsCommand(settings));
  return { identityId, stored: Object.fromEntries(Records.map(({ Key, Value }) => [Key, Value])) };
}

/** In the page: become a guest, reach for somebody else's data, and tell how that ends. */
async function intrude([{ endpoint, region }, identityPoolId, identityId]) {
  const clientConfig = { endpoint, region };
  const credentials = SDK.fromCognitoIdentityPool({ identityPoolId, clientConfig });
  const sync = new SDK.CognitoSyncClient({ ...clientConfig, credentials });
  const other = { IdentityPoolId: identityPoolId, IdentityId: identityId };
  const error = await sync.send(new SDK.ListDatasetsCommand(other)).catch((caught) => caught);
  return { name: error.name, status: error.$metadata.httpStatusCode, text: error.message };
}

/** In the page: become a guest of a pool that takes none, and tell how that ends. */
async function knock([{ endpoint, region }, identityPoolId]) {
  const clientConfig = { endpoint, region };
  const credentials = SDK.fromCognitoIdentityPool({ identityPoolId, clientConfig });
  const error = await credentials().catch((caught) => caught);
  const { httpStatusCode, requestId } = error.$metadata;
  return { name: error.name, status: httpStatusCode, text: error.message, requestId };
}

test("a page becomes a guest and stores data, and is the same guest when loaded again", async () => {
  const { poolId } = await Backend.start(server);
  const page = await browser.newPage(SDK_V3);
  const first = await page.evaluate(visit, [server, poolId, { theme: "dark" }]);
  assert.deepEqual(first.stored, { theme: "dark" });

  await reload(page, page.url(), SDK_V3);
  const second = await page.evaluate(visit, [server, poolId, { volume: "7" }]);
  assert.equal(second.identityId, first.identityId);
  assert.deepEqual(second.stored, { theme: "dark", volume: "7" });
});

test("a page that reaches for the data of another guest is told that it may not", async () => {
  const { poolId } = await Backend.start(server);
  const guest = await browser.newPage(SDK_V3);
  const { identityId } = await guest.evaluate(visit, [server, poolId, { theme: "dark" }]);

  const other = await browser.newPage(SDK_V3);
  const { name, status, text } = await other.evaluate(intrude, [server, poolId, identityId]);
  assert.deepEqual([name, status], ["AccessDeniedException", 403]);
  assert.match(text, /is not authorized to perform: cognito-sync:ListDatasets on resource: /);
});

test("a page is told why it cannot be a guest", async () => {
  const { poolId } = await Backend.start(server, { AllowUnauthenticatedIdentities: false });
  const page = await browser.newPage(SDK_V3);
  const { requestId, ...report } = await page.evaluate(knock, [server, poolId]);
  assert.deepEqual(report, {
    name: "NotAuthorizedException",
    status: 400,
    text: "Unauthenticated access is not supported for this identity pool.",
  });
  assert.match(requestId, /^[0-9a-f-]{36}$/);
});
