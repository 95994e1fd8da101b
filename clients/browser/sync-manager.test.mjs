/** The AWS SDK v2 with amazon-cognito-js in pages of another origin, as their packages ship them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Backend, COGNITO_LOGIN } from "../harness/backend.mjs";
import { SDK_V2, SYNC_MANAGER, headlessBrowser } from "../harness/browser.mjs";
import { liveServer } from "../harness/server.mjs";

const browser = headlessBrowser();
const server = liveServer();

/** Give a page that is signed in as a user of a backend. */
async function devicePage(backend, user) {
  const page = await browser.newPage(SDK_V2, SYNC_MANAGER);
  const { IdentityId, Token } = await backend.tokenFor(user);
  const Logins = { [COGNITO_LOGIN]: Token };
  await page.evaluate(signIn, [server, { IdentityPoolId: backend.poolId, IdentityId, Logins }]);
  return page;
}

/** In the page: sign in as the library's users do. */
async function signIn([{ endpoint, region }, params]) {
  AWS.config.update({ endpoint, region });
  AWS.config.credentials = new AWS.CognitoIdentityCredentials(params);
  await AWS.config.credentials.getPromise();
  window.manager = new AWS.CognitoSyncManager();
}

/** In the page: store what is given, synchronize, and tell what the page holds then. */
async function storeAndSynchronize(values) {
  const called = (call) => {
    return new Promise((fulfil, reject) => {
      call((error, value) => (error ? reject(error) : fulfil(value)));
    });
  };
  const dataset = await called((callback) => manager.openOrCreateDataset("settings", callback));
  await called((callback) => dataset.putAll(values, callback));
  const conflicts = [];
  await new Promise((onSuccess, onFailure) => {
    dataset.synchronize({
      onSuccess,
      onFailure,
      onConflict: (root, found, answer) => {
        conflicts.push(...found.map((conflict) => conflict.getKey()));
        const resolved = found.map((conflict) => conflict.resolveWithRemoteRecord());
        root.resolve(resolved, () => answer(true));
      },
    });
  });
  return { conflicts, held: await called((callback) => dataset.getAll(callback)) };
}

/** In the page: delete a dataset that is not there, and tell how that ends. */
async function deleteMissing() {
  const { identityId, params } = AWS.config.credentials;
  const missing = {
    IdentityPoolId: params.IdentityPoolId,
    IdentityId: identityId,
    DatasetName: "missing",
  };
  const deletion = new AWS.CognitoSync().deleteDataset(missing).promise();
  const { code, statusCode, requestId } = await deletion.catch((error) => error);
  return { code, statusCode, requestId };
}

test("what one page stores, another page of the user gets", async () => {
  const backend = await Backend.start(server);
  const [phone, tablet] = [await devicePage(backend, "ada"), await devicePage(backend, "ada")];
  await phone.evaluate(storeAndSynchronize, { theme: "dark" });
  const report = await tablet.evaluate(storeAndSynchronize, { volume: "7" });
  assert.deepEqual(report, { conflicts: [], held: { theme: "dark", volume: "7" } });
});

test("a page is told of a conflict", async () => {
  const backend = await Backend.start(server);
  const [phone, tablet] = [await devicePage(backend, "ada"), await devicePage(backend, "ada")];
  await phone.evaluate(storeAndSynchronize, { theme: "dark" });
  const report = await tablet.evaluate(storeAndSynchronize, { theme: "red" });
  assert.deepEqual(report, { conflicts: ["theme"], held: { theme: "dark" } });
});

test("a page is told of an error by its code, status and request id", async () => {
  const page = await devicePage(await Backend.start(server), "ada");
  const { requestId, ...report } = await page.evaluate(deleteMissing);
  assert.deepEqual(report, { code: "ResourceNotFoundException", statusCode: 404 });
  assert.match(requestId, /^[0-9a-f-]{36}$/);
});
