/** The AWS SDK v2 with amazon-cognito-js: two devices of one developer-authenticated user. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Backend, COGNITO_LOGIN } from "../harness/backend.mjs";
import * as device from "../harness/device.mjs";
import { liveServer } from "../harness/server.mjs";

const server = liveServer();

/** Give the managers of two devices of a user whom nobody else has. */
async function twoDevices() {
  const backend = await Backend.start(server);
  const signIn = async () => {
    const { IdentityId, Token } = await backend.tokenFor("ada");
    return device.signIn(server, {
      IdentityPoolId: backend.poolId,
      IdentityId,
      Logins: { [COGNITO_LOGIN]: Token },
    });
  };
  return [await signIn(), await signIn()];
}

/** Give the dataset "settings" on two devices, both with theme=dark. */
async function twoCopies() {
  const [phone, tablet] = await twoDevices();
  const onPhone = await device.open(phone, "settings");
  const onTablet = await device.open(tablet, "settings");
  await device.put(onPhone, "theme", "dark");
  await device.synchronize(onPhone);
  await device.synchronize(onTablet);
  assert.deepEqual(await device.valuesOf(onTablet), { theme: "dark" });
  return { onPhone, onTablet, tablet };
}

/** Change theme on both devices and synchronize both, resolving the second's conflict. */
async function collide({ onPhone, onTablet }, resolution) {
  const seen = [];
  await device.put(onPhone, "theme", "red");
  await device.synchronize(onPhone);
  await device.put(onTablet, "theme", "blue");
  await device.synchronize(onTablet, {
    onConflict: async (dataset, conflicts, answer) => {
      for (const conflict of conflicts) {
        const sides = [conflict.getRemoteRecord(), conflict.getLocalRecord()];
        seen.push([conflict.getKey(), ...sides.map((record) => record.getValue())]);
      }
      await device.resolve(dataset, conflicts.map(resolution));
      answer(true);
    },
  });
  assert.deepEqual(seen, [["theme", "red", "blue"]]);
  await device.synchronize(onPhone);
  const values = await device.valuesOf(onPhone);
  assert.deepEqual(await device.valuesOf(onTablet), values);
  return values;
}

test("both devices of a user are the same identity", async () => {
  const [phone, tablet] = await twoDevices();
  assert.match(phone.getIdentityId(), /^us-east-1:[0-9a-f-]{36}$/);
  assert.equal(phone.getIdentityId(), tablet.getIdentityId());
});

test("what one device stores, the other one gets", async () => {
  const { onPhone, onTablet } = await twoCopies();
  await device.put(onTablet, "volume", "7");
  await device.synchronize(onTablet);
  await device.synchronize(onPhone);
  assert.deepEqual(await device.valuesOf(onPhone), { theme: "dark", volume: "7" });
});

test("a device lists the datasets that another one made", async () => {
  const { tablet } = await twoCopies();
  const metadata = await new Promise((fulfil, reject) => {
    tablet.refreshDatasetMetadata((error, found) => (error ? reject(error) : fulfil(found)));
  });
  assert.deepEqual(
    metadata.map((dataset) => [dataset.getDatasetName(), dataset.getRecordCount()]),
    [["settings", 1]],
  );
});

test("a record that one device removes goes from the other one", async () => {
  const { onPhone, onTablet } = await twoCopies();
  await device.remove(onPhone, "theme");
  await device.synchronize(onPhone);
  await device.synchronize(onTablet);
  // A removed record is an empty text to this library (amazon-cognito-js issue 44).
  assert.deepEqual(await device.valuesOf(onTablet), { theme: "" });
});

test("a conflict is told with both values, and the local one can win", async () => {
  const values = await collide(await twoCopies(), (conflict) => conflict.resolveWithLocalRecord());
  assert.deepEqual(values, { theme: "blue" });
});

test("a conflict can be resolved with the remote value", async () => {
  const values = await collide(await twoCopies(), (conflict) => conflict.resolveWithRemoteRecord());
  assert.deepEqual(values, { theme: "red" });
});

test("a conflict can be resolved with a new value", async () => {
  const values = await collide(await twoCopies(), (conflict) =>
    conflict.resolveWithValue("violet"),
  );
  assert.deepEqual(values, { theme: "violet" });
});

test("a deletion is told to the other device, which starts afresh", async () => {
  const { onPhone, onTablet, tablet } = await twoCopies();
  await device.markDeleted(onPhone);
  await device.synchronize(onPhone);

  const told = [];
  // Answering "yes" calls a function that this library lacks; "no" ends the run with an error.
  const onDatasetDeleted = (dataset, name, answer) => {
    told.push(name);
    answer(false);
  };
  await assert.rejects(
    device.synchronize(onTablet, { onDatasetDeleted }),
    /Cancelled due to .onDatasetDeleted result/,
  );
  assert.deepEqual(told, ["settings"]);

  await device.forget(onTablet);
  const fresh = await device.open(tablet, "settings");
  await device.put(fresh, "theme", "green");
  await device.synchronize(fresh);
  assert.deepEqual(await device.valuesOf(fresh), { theme: "green" });
});
