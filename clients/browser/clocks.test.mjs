/** Pages on machines whose clocks are off: they may read the time of the answer, and go on. */

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { SDK_V2, SDK_V3, headlessBrowser } from "../harness/browser.mjs";
import { newDataset } from "../harness/records.mjs";
import { shiftedServer } from "../harness/server.mjs";

const SHIFTS = { "ten minutes ahead": -600, "ten minutes behind": 600 };

const browser = headlessBrowser();

for (const [description, seconds] of Object.entries(SHIFTS)) {
  suite(`on a machine whose clock is ${description}`, () => {
    const server = shiftedServer(seconds);

    test("the SDK v3 corrects itself at the first refusal", async () => {
      const page = await browser.newPage(SDK_V3);
      const inPage = async ([{ endpoint, region, credentials }, settings]) => {
        const sync = new SDK.CognitoSyncClient({ endpoint, region, credentials });
        const { $metadata } = await sync.send(new SDK.ListRecordsCommand(settings));
        return { attempts: $metadata.attempts, offset: sync.config.systemClockOffset };
      };
      const { attempts, offset } = await page.evaluate(inPage, [server, newDataset(server)]);
      assert.equal(attempts, 2);
      assert.ok(Math.abs(offset - seconds * 1000) < 5000);
    });

    test("the SDK v2 corrects itself if asked to", async () => {
      const page = await browser.newPage(SDK_V2);
      const inPage = async ([{ endpoint, region, credentials }, settings]) => {
        const options = { endpoint, region, credentials, correctClockSkew: true };
        const sync = new AWS.CognitoSync(options);
        await sync.listRecords(settings).promise();
        return sync.config.systemClockOffset;
      };
      const offset = await page.evaluate(inPage, [server, newDataset(server)]);
      assert.ok(Math.abs(offset - seconds * 1000) < 5000);
    });
  });
}
