/** Live changes in Node, by the functions that the documentation shows. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { syncClient } from "../harness/clients.mjs";
import { liveChanges } from "../harness/live-changes.mjs";
import { newDataset, writeRecords } from "../harness/records.mjs";
import { liveServer } from "../harness/server.mjs";

const server = liveServer({ flags: ["--open-pools"] });

test("a stream goes on with what changes, and again after its last event", async () => {
  const sync = syncClient(server, server.credentials);
  const dataset = newDataset(server);
  await writeRecords(sync, dataset, { theme: "dark" });
  const leaving = new AbortController();
  const events = liveChanges(sync, server.endpoint, dataset, "", leaving.signal);
  assert.equal((await events.next()).value.id, "1");
  await writeRecords(sync, dataset, { theme: "light" });
  assert.equal((await events.next()).value.id, "2");
  leaving.abort();
  await assert.rejects(events.next(), { name: "AbortError" });

  await writeRecords(sync, dataset, { volume: "7" });
  for await (const { id, data } of liveChanges(sync, server.endpoint, dataset, "2")) {
    assert.equal(id, "3");
    assert.deepEqual(
      data.Records.map(({ Key, Value }) => [Key, Value]),
      [["volume", "7"]],
    );
    break;
  }
});

test("a stream that may not be opened says why", async () => {
  const sync = syncClient(server, { accessKeyId: "AKIANOBODY", secretAccessKey: "wrong" });
  const events = liveChanges(sync, server.endpoint, newDataset(server));
  await assert.rejects(events.next(), /UnrecognizedClientException/);
});

test("the documentation shows these functions", async () => {
  const shown = await readFile(join(import.meta.dirname, "../../docs/live-changes.md"), "utf8");
  const text = await readFile(join(import.meta.dirname, "../harness/live-changes.mjs"), "utf8");
  assert.ok(shown.includes(text.slice(text.indexOf("/** Give a URL"))));
});
