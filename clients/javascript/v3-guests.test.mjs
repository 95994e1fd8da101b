/** The AWS SDK v3 as a guest: fromCognitoIdentityPool, own data only, and the refusals. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { GetCredentialsForIdentityCommand, GetIdCommand } from "@aws-sdk/client-cognito-identity";
import {
  DeleteDatasetCommand,
  ListDatasetsCommand,
  ListRecordsCommand,
  UpdateRecordsCommand,
} from "@aws-sdk/client-cognito-sync";
import { fromCognitoIdentity, fromCognitoIdentityPool } from "@aws-sdk/credential-providers";
import { Backend } from "../harness/backend.mjs";
import { identityClient, syncClient } from "../harness/clients.mjs";
import { readRecords, writeRecords } from "../harness/records.mjs";
import { assertMetadata, denial, refusal } from "../harness/refusals.mjs";
import { liveServer, place } from "../harness/server.mjs";

const MINUTE = 60 * 1000;
const UNKNOWN_ID = "us-east-1:00000000-0000-4000-8000-000000000000";

const server = liveServer();

/** Make a guest with a memory of its own, where it keeps its identity id. */
async function newGuest(identityPoolId) {
  const cache = memory();
  const clientConfig = place(server);
  const provider = fromCognitoIdentityPool({ identityPoolId, clientConfig, cache });
  const { identityId, expiration } = await provider();
  return {
    sync: syncClient(server, provider),
    user: { IdentityPoolId: identityPoolId, IdentityId: identityId },
    settings: { IdentityPoolId: identityPoolId, IdentityId: identityId, DatasetName: "settings" },
    expiration,
    cache,
  };
}

function memory() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

test("a guest writes, reads and lists its own data", async () => {
  const { poolId } = await Backend.start(server);
  const guest = await newGuest(poolId);
  await writeRecords(guest.sync, guest.settings, { theme: "dark" });
  assert.deepEqual(await readRecords(guest.sync, guest.settings), { theme: "dark" });
  const { Datasets } = await guest.sync.send(new ListDatasetsCommand(guest.user));
  assert.deepEqual(
    Datasets.map(({ DatasetName }) => DatasetName),
    ["settings"],
  );
});

test("each guest is somebody else, and none reaches the data of another", async () => {
  const { poolId } = await Backend.start(server);
  const [guest, other] = [await newGuest(poolId), await newGuest(poolId)];
  assert.notEqual(guest.user.IdentityId, other.user.IdentityId);

  const { SyncSessionToken } = await guest.sync.send(new ListRecordsCommand(guest.settings));
  for (const [action, command] of [
    ["ListDatasets", new ListDatasetsCommand(other.user)],
    ["ListRecords", new ListRecordsCommand(other.settings)],
    ["UpdateRecords", new UpdateRecordsCommand({ ...other.settings, SyncSessionToken })],
    ["DeleteDataset", new DeleteDatasetCommand(other.settings)],
  ]) {
    await assert.rejects(guest.sync.send(command), denial(action));
  }
});

test("a guest does not reach its own id in another pool", async () => {
  const { poolId } = await Backend.start(server);
  const other = await Backend.start(server);
  const guest = await newGuest(poolId);
  await assert.rejects(
    guest.sync.send(new ListRecordsCommand({ ...guest.settings, IdentityPoolId: other.poolId })),
    denial("ListRecords"),
  );
});

test("a guest who kept the identity id is the same guest", async () => {
  const { poolId } = await Backend.start(server);
  const guest = await newGuest(poolId);
  await writeRecords(guest.sync, guest.settings, { theme: "dark" });

  const clientConfig = place(server);
  const again = fromCognitoIdentityPool({
    identityPoolId: poolId,
    clientConfig,
    cache: guest.cache,
  });
  assert.equal((await again()).identityId, guest.user.IdentityId);
  const byId = fromCognitoIdentity({ identityId: guest.user.IdentityId, clientConfig });
  assert.deepEqual(await readRecords(syncClient(server, byId), guest.settings), { theme: "dark" });
});

test("a guest's credentials last an hour", async () => {
  const { poolId } = await Backend.start(server);
  const { expiration } = await newGuest(poolId);
  assert.ok(expiration instanceof Date);
  assert.ok(Math.abs(expiration - Date.now() - 60 * MINUTE) < MINUTE);
});

test("a session token without its own key is refused", async () => {
  const { poolId } = await Backend.start(server);
  const [guest, other] = [await newGuest(poolId), await newGuest(poolId)];
  const { sessionToken } = await other.sync.config.credentials();
  const { accessKeyId, secretAccessKey } = await guest.sync.config.credentials();
  const sync = syncClient(server, { accessKeyId, secretAccessKey, sessionToken });
  await assert.rejects(
    sync.send(new ListRecordsCommand(guest.settings)),
    refusal("UnrecognizedClientException", 403),
  );
});

test("an answer of Cognito Identity carries its request id", async () => {
  const { poolId } = await Backend.start(server);
  const getId = new GetIdCommand({ IdentityPoolId: poolId });
  assertMetadata(await identityClient(server).send(getId), 200);
});

test("a pool without guests refuses them", async () => {
  const { poolId } = await Backend.start(server, { AllowUnauthenticatedIdentities: false });
  await assert.rejects(
    identityClient(server).send(new GetIdCommand({ IdentityPoolId: poolId })),
    refusal(
      "NotAuthorizedException",
      400,
      "Unauthenticated access is not supported for this identity pool.",
    ),
  );
});

test("an identity that does not exist has the text that Amplify compares", async () => {
  await assert.rejects(
    identityClient(server).send(new GetCredentialsForIdentityCommand({ IdentityId: UNKNOWN_ID })),
    refusal("ResourceNotFoundException", 400, `Identity '${UNKNOWN_ID}' not found.`),
  );
});

test("a pool that does not exist is a ResourceNotFoundException", async () => {
  await assert.rejects(
    identityClient(server).send(new GetIdCommand({ IdentityPoolId: UNKNOWN_ID })),
    refusal("ResourceNotFoundException", 400, `IdentityPool '${UNKNOWN_ID}' not found.`),
  );
});

test("an id of no valid form is a ValidationException that names the member", async () => {
  await assert.rejects(
    identityClient(server).send(new GetIdCommand({ IdentityPoolId: "my pool" })),
    refusal("ValidationException", 400, /^1 validation error detected: .*'identityPoolId'/),
  );
});
