/** Live changes in a page of another origin: an EventSource, and a stream with signed headers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Backend } from "../harness/backend.mjs";
import { SDK_V3, headlessBrowser } from "../harness/browser.mjs";
import { syncClient } from "../harness/clients.mjs";
import { cuttableWay } from "../harness/cuttable.mjs";
import { writeRecords } from "../harness/records.mjs";
import { liveServer, place } from "../harness/server.mjs";

const browser = headlessBrowser();
const server = liveServer();
const way = cuttableWay(server);

/** In the page: become a guest, and begin to note the events of the dataset "settings". */
async function follow([{ endpoint, region }, identityPoolId, how]) {
  const clientConfig = { endpoint, region };
  const credentials = SDK.fromCognitoIdentityPool({ identityPoolId, clientConfig });
  const { identityId } = await credentials();
  const sync = new SDK.CognitoSyncClient({ ...clientConfig, credentials });
  const dataset = {
    IdentityPoolId: identityPoolId,
    IdentityId: identityId,
    DatasetName: "settings",
  };
  window.noted = [];
  const note = (id, { Records }) => {
    noted.push({ id, values: Object.fromEntries(Records.map(({ Key, Value }) => [Key, Value])) });
  };
  if (how === "EventSource") {
    window.events = new EventSource(await SDK.liveUrl(sync, endpoint, dataset));
    events.addEventListener("change", (event) => note(event.lastEventId, JSON.parse(event.data)));
  } else {
    (async () => {
      for await (const { id, data } of SDK.liveChanges(sync, endpoint, dataset)) note(id, data);
    })();
  }
  return dataset;
}

/** Wait until the page has noted an event, and give all it has noted. */
async function notedThrough(page, id) {
  await page.waitForFunction((last) => noted.at(-1)?.id === last, id);
  return page.evaluate(() => noted);
}

for (const how of ["EventSource", "fetch"]) {
  test(`a page sees by ${how} what another device writes`, async () => {
    const { poolId } = await Backend.start(server);
    const page = await browser.newPage(SDK_V3);
    const dataset = await page.evaluate(follow, [server, poolId, how]);
    await notedThrough(page, "0");
    const device = syncClient(server, server.credentials);
    await writeRecords(device, dataset, { theme: "dark" });
    await notedThrough(page, "1");
    await writeRecords(device, dataset, { volume: "7" });
    assert.deepEqual(await notedThrough(page, "2"), [
      { id: "0", values: {} },
      { id: "1", values: { theme: "dark" } },
      { id: "2", values: { volume: "7" } },
    ]);
  });
}

test("an EventSource that is cut off goes on by itself after its last event", async () => {
  const { poolId } = await Backend.start(server);
  const page = await browser.newPage(SDK_V3);
  const dataset = await page.evaluate(follow, [place(way), poolId, "EventSource"]);
  const device = syncClient(server, server.credentials);
  await writeRecords(device, dataset, { theme: "dark" });
  const before = await notedThrough(page, "1");
  way.cut();
  await writeRecords(device, dataset, { volume: "7" });
  const after = await notedThrough(page, "2");
  assert.deepEqual(after.slice(before.length), [{ id: "2", values: { volume: "7" } }]);
});

test("an EventSource that may not open a stream gives up", async () => {
  const page = await browser.newPage();
  const url = `${server.endpoint}/identitypools/a/identities/b/datasets/c/changes`;
  const state = await page.evaluate(
    (address) =>
      new Promise((resolve) => {
        const events = new EventSource(address);
        events.onerror = () => resolve(events.readyState);
      }),
    url,
  );
  assert.equal(state, 2);
});
