/** Devices of users: the AWS SDK v2 with amazon-cognito-js on top, each with its own storage. */

import { createRequire } from "node:module";
import { AWS } from "./sdk-v2.mjs";
import { place } from "./server.mjs";

const require = createRequire(import.meta.url);
require("amazon-cognito-js");

/** The part of the browser's Storage that amazon-cognito-js uses. */
class LocalStorage {
  getItem(key) {
    return Object.hasOwn(this, key) ? this[key] : null;
  }

  setItem(key, value) {
    this[key] = String(value);
  }

  removeItem(key) {
    delete this[key];
  }
}

/**
 * Sign a new device in and give its CognitoSyncManager, which is `manager`, with `provider` as its
 * credentials. `params` are those of CognitoIdentityCredentials.
 */
export async function signIn(server, params) {
  const provider = new AWS.CognitoIdentityCredentials({ ...params }, place(server));
  await provider.getPromise();
  return managerFor(server, provider);
}

/** Make a CognitoSyncManager, which takes all it needs from AWS.config and window. */
export function managerFor(server, provider) {
  AWS.config.update({ ...place(server), credentials: provider });
  globalThis.window = { localStorage: new LocalStorage() };
  try {
    return new AWS.CognitoSyncManager();
  } finally {
    delete globalThis.window;
  }
}

/** Open a dataset of a device. */
export function open(manager, name) {
  return called((callback) => manager.openOrCreateDataset(name, callback));
}

/** Store a value on the device. */
export function put(dataset, key, value) {
  return called((callback) => dataset.put(key, value, callback));
}

/** Mark a key as removed on the device. */
export function remove(dataset, key) {
  return called((callback) => dataset.remove(key, callback));
}

/** Give what the device holds, as an object of keys and values. */
export function valuesOf(dataset) {
  return called((callback) => dataset.getAll(callback));
}

/** Take resolved conflicts into the device's storage. */
export function resolve(dataset, records) {
  return called((callback) => dataset.resolve(records, callback));
}

/** Have the device forget a dataset, so that it can be opened anew. */
export function forget(dataset) {
  const { local, datasetName } = dataset;
  return called((callback) => local.purgeDataset(dataset.getIdentityId(), datasetName, callback));
}

/** Delete a dataset on the device, and everywhere at its next synchronization. */
export function markDeleted(dataset) {
  const { local, datasetName } = dataset;
  return called((callback) => local.deleteDataset(dataset.getIdentityId(), datasetName, callback));
}

/** Synchronize; `handlers` are the callbacks besides onSuccess and onFailure. */
export function synchronize(dataset, handlers = {}) {
  return new Promise((onSuccess, onFailure) => {
    dataset.synchronize({ onSuccess, onFailure, ...handlers });
  });
}

function called(call) {
  return new Promise((fulfil, reject) => {
    call((error, value) => (error ? reject(error) : fulfil(value)));
  });
}
