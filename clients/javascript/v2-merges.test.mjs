/** The AWS SDK v2 with amazon-cognito-js: a guest with data becomes a user who has data already. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Backend, COGNITO_LOGIN } from "../harness/backend.mjs";
import * as device from "../harness/device.mjs";
import { LoginProvider } from "../harness/login-provider.mjs";
import { liveServer } from "../harness/server.mjs";

const provider = new LoginProvider();
const server = liveServer({ settings: () => provider.settings() });

/** Store a value in the dataset "settings" of a device, and synchronize. */
async function store(manager, key, value) {
  const settings = await device.open(manager, "settings");
  await device.put(settings, key, value);
  await device.synchronize(settings);
}

/** Synchronize a dataset that has merged ones, and give their names. */
async function mergedNames(dataset) {
  const told = [];
  // Answering "yes" calls a function that this library lacks; "no" ends the run with an error.
  const onDatasetsMerged = (root, names, answer) => {
    told.push(...names);
    answer(false);
  };
  await assert.rejects(
    device.synchronize(dataset, { onDatasetsMerged }),
    /Cancelled due to .onDatasetsMerged result/,
  );
  return told;
}

/** Take what the merged dataset has into the one it came to, and delete it. */
async function resolveMerge(manager, dataset, mergedName) {
  const merged = await device.open(manager, mergedName);
  await device.synchronize(merged);
  const values = await device.valuesOf(merged);
  for (const [key, value] of Object.entries(values)) await device.put(dataset, key, value);
  await device.markDeleted(merged);
  await device.synchronize(merged);
  return values;
}

/** Check that a signed-in device learns of the guest's dataset, takes it in and is done with it. */
async function assertMergeCanBeResolved(manager, guestId) {
  const settings = await device.open(manager, "settings");
  const name = `settings.${guestId}`;
  assert.deepEqual(await mergedNames(settings), [name]);
  assert.deepEqual(await resolveMerge(manager, settings, name), { volume: "7" });
  await device.synchronize(settings);
  assert.deepEqual(await device.valuesOf(settings), { theme: "dark", volume: "7" });
}

test("a guest who logs in as a known user goes on as that user, with both datasets", async () => {
  const { poolId } = await Backend.start(server, LoginProvider.poolSettings);
  const IdentityPoolId = poolId;
  const computer = await device.signIn(server, {
    IdentityPoolId,
    Logins: provider.loginsOf("ada"),
  });
  await store(computer, "theme", "dark");
  const guest = await device.signIn(server, { IdentityPoolId });
  await store(guest, "volume", "7");
  const guestId = guest.getIdentityId();
  assert.notEqual(guestId, computer.getIdentityId());

  const phone = await device.signIn(server, {
    IdentityPoolId,
    IdentityId: guestId,
    Logins: provider.loginsOf("ada"),
  });
  assert.equal(phone.getIdentityId(), computer.getIdentityId());
  await assertMergeCanBeResolved(phone, guestId);
});

test("two developer users that are merged have both their datasets", async () => {
  const backend = await Backend.start(server);
  const signIn = async (user, members) => {
    const { IdentityId, Token } = await backend.tokenFor(user, members);
    const Logins = { [COGNITO_LOGIN]: Token };
    return device.signIn(server, { IdentityPoolId: backend.poolId, IdentityId, Logins });
  };
  const computer = await signIn("ada");
  await store(computer, "theme", "dark");
  const guest = await device.signIn(server, { IdentityPoolId: backend.poolId });
  await store(guest, "volume", "7");
  const guestId = guest.getIdentityId();

  const linked = await signIn("ada's phone", { IdentityId: guestId });
  assert.equal(linked.getIdentityId(), guestId);
  assert.equal(await backend.merge("ada's phone", "ada"), computer.getIdentityId());

  const phone = await signIn("ada's phone");
  assert.equal(phone.getIdentityId(), computer.getIdentityId());
  await assertMergeCanBeResolved(phone, guestId);
});
