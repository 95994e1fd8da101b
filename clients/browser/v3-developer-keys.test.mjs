/** The AWS SDK v3 in a page of another origin, signing with a developer's key. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SDK_V3, headlessBrowser } from "../harness/browser.mjs";
import { newDataset } from "../harness/records.mjs";
import { liveServer } from "../harness/server.mjs";

const browser = headlessBrowser();
const server = liveServer({ flags: ["--open-pools"] });

test("a page writes, reads and deletes records", async () => {
  const page = await browser.newPage(SDK_V3);
  const inPage = async ([{ endpoint, region, credentials }, settings]) => {
    const sync = new SDK.CognitoSyncClient({ endpoint, region, credentials });
    const { SyncSessionToken } = await sync.send(new SDK.ListRecordsCommand(settings));
    const patch = { Op: "replace", Key: "city", Value: "Zürich 🚲", SyncCount: 0 };
    const update = { ...settings, SyncSessionToken, RecordPatches: [patch] };
    const written = await sync.send(new SDK.UpdateRecordsCommand(update));
    const read = await sync.send(new SDK.ListRecordsCommand(settings));
    await sync.send(new SDK.DeleteDatasetCommand(settings));
    const after = await sync.send(new SDK.ListRecordsCommand(settings));
    return {
      requestId: written.$metadata.requestId,
      values: read.Records.map(({ Key, Value, SyncCount }) => [Key, Value, SyncCount]),
      exists: [read.DatasetExists, after.DatasetExists],
    };
  };
  const report = await page.evaluate(inPage, [server, newDataset(server)]);
  assert.match(report.requestId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(report.values, [["city", "Zürich 🚲", 1]]);
  assert.deepEqual(report.exists, [true, false]);
});

test("a page is told of an error by its name, status, text and request id", async () => {
  const page = await browser.newPage(SDK_V3);
  const inPage = async ([{ endpoint, region, credentials }, settings]) => {
    const sync = new SDK.CognitoSyncClient({ endpoint, region, credentials });
    const error = await sync.send(new SDK.DeleteDatasetCommand(settings)).catch((caught) => caught);
    const { name, message, $metadata } = error;
    return { isModelled: error instanceof SDK.ResourceNotFoundException, name, message, $metadata };
  };
  const report = await page.evaluate(inPage, [server, newDataset(server)]);
  assert.ok(report.isModelled);
  assert.equal(report.name, "ResourceNotFoundException");
  assert.match(report.message, /settings/);
  assert.equal(report.$metadata.httpStatusCode, 404);
  assert.match(report.$metadata.requestId, /^[0-9a-f-]{36}$/);
});
