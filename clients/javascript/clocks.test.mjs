/** Clients on machines whose clocks are off: they take the time from the answer and go on. */

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ListRecordsCommand } from "@aws-sdk/client-cognito-sync";
import { syncClient } from "../harness/clients.mjs";
import { newDataset, readRecords, writeRecords } from "../harness/records.mjs";
import { AWS } from "../harness/sdk-v2.mjs";
import { place, shiftedServer } from "../harness/server.mjs";

const SHIFTS = { "ten minutes ahead": -600, "ten minutes behind": 600 };

for (const [description, seconds] of Object.entries(SHIFTS)) {
  suite(`on a machine whose clock is ${description}`, () => {
    const server = shiftedServer(seconds);

    test("the SDK v3 corrects itself at the first refusal and stays right", async () => {
      const sync = syncClient(server, server.credentials);
      const settings = newDataset(server);

      const first = await sync.send(new ListRecordsCommand(settings));
      assert.equal(first.$metadata.attempts, 2);
      assert.ok(Math.abs(sync.config.systemClockOffset - seconds * 1000) < 5000);

      const second = await writeRecords(sync, settings, { theme: "dark" });
      assert.equal(second.$metadata.attempts, 1);
      assert.deepEqual(await readRecords(sync, settings), { theme: "dark" });
    });

    test("the SDK v2 corrects itself if asked to", async () => {
      const sync = new AWS.CognitoSync({
        ...place(server),
        credentials: server.credentials,
        correctClockSkew: true,
      });
      const answer = await sync.listRecords(newDataset(server)).promise();
      assert.equal(answer.DatasetExists, false);
      assert.ok(Math.abs(sync.config.systemClockOffset - seconds * 1000) < 5000);
    });
  });
}
