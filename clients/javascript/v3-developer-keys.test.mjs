/** The AWS SDK v3 with a developer's access key: records and errors. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DeleteDatasetCommand,
  ListDatasetsCommand,
  ListRecordsCommand,
  ResourceConflictException,
  UpdateRecordsCommand,
} from "@aws-sdk/client-cognito-sync";
import { syncClient } from "../harness/clients.mjs";
import { newDataset, readRecords, writeRecords } from "../harness/records.mjs";
import { assertMetadata, refusal } from "../harness/refusals.mjs";
import { liveServer } from "../harness/server.mjs";

const server = liveServer({ flags: ["--open-pools"] });

test("a developer writes, reads, lists and deletes what an identity has", async () => {
  const sync = syncClient(server, server.credentials);
  const settings = newDataset(server);
  const { IdentityPoolId, IdentityId } = settings;
  const values = { theme: "dark", city: "Zürich 🚲" };

  const written = await writeRecords(sync, settings, values);
  assert.deepEqual(
    written.Records.map(({ SyncCount }) => SyncCount),
    [1, 1],
  );
  assert.deepEqual(await readRecords(sync, settings), values);

  const listDatasets = new ListDatasetsCommand({ IdentityPoolId, IdentityId });
  const { Datasets } = await sync.send(listDatasets);
  assert.deepEqual(
    Datasets.map(({ DatasetName, NumRecords }) => [DatasetName, NumRecords]),
    [["settings", 2]],
  );
  assert.ok(Datasets[0].LastModifiedDate instanceof Date);

  await sync.send(new DeleteDatasetCommand(settings));
  assert.deepEqual((await sync.send(listDatasets)).Datasets, []);
});

test("an answer carries its request id", async () => {
  const sync = syncClient(server, server.credentials);
  assertMetadata(await sync.send(new ListRecordsCommand(newDataset(server))), 200);
});

test("a stale sync count is a ResourceConflictException with the text that clients parse", async () => {
  const sync = syncClient(server, server.credentials);
  const settings = newDataset(server);
  await writeRecords(sync, settings, { theme: "dark" });
  const { SyncSessionToken } = await sync.send(new ListRecordsCommand(settings));
  const RecordPatches = [{ Op: "replace", Key: "theme", Value: "red", SyncCount: 0 }];
  const update = new UpdateRecordsCommand({ ...settings, SyncSessionToken, RecordPatches });

  await assert.rejects(sync.send(update), ResourceConflictException);
  await assert.rejects(
    sync.send(update),
    refusal("ResourceConflictException", 409, /^Current SyncCount for: theme is: 1 not: 0/),
  );
});

test("a dataset that does not exist is a ResourceNotFoundException", async () => {
  const sync = syncClient(server, server.credentials);
  await assert.rejects(
    sync.send(new DeleteDatasetCommand(newDataset(server))),
    refusal("ResourceNotFoundException", 404),
  );
});

test("a wrong secret is an InvalidSignatureException", async () => {
  const { accessKeyId } = server.credentials;
  const sync = syncClient(server, { accessKeyId, secretAccessKey: "not the secret" });
  await assert.rejects(
    sync.send(new ListRecordsCommand(newDataset(server))),
    refusal("InvalidSignatureException", 403, /^The request signature we calculated does not/),
  );
});

test("an access key that nobody has is an UnrecognizedClientException", async () => {
  const { secretAccessKey } = server.credentials;
  const sync = syncClient(server, { accessKeyId: "AKIAAAAAAAAAAAAAAAAA", secretAccessKey });
  await assert.rejects(
    sync.send(new ListRecordsCommand(newDataset(server))),
    refusal("UnrecognizedClientException", 403),
  );
});
