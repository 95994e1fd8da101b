/** Reading and writing records with a Cognito Sync client of the SDK v3. */

import { randomUUID } from "node:crypto";
import { ListRecordsCommand, UpdateRecordsCommand } from "@aws-sdk/client-cognito-sync";

/** Name a dataset of an identity and pool that nobody has used. */
export function newDataset(server) {
  const newId = () => `${server.region}:${randomUUID()}`;
  return { IdentityPoolId: newId(), IdentityId: newId(), DatasetName: "settings" };
}

/** Write values over what the dataset holds now, and give the answer. */
export async function writeRecords(sync, dataset, values) {
  const before = await sync.send(new ListRecordsCommand(dataset));
  const counts = new Map(before.Records.map((record) => [record.Key, record.SyncCount]));
  return sync.send(
    new UpdateRecordsCommand({
      ...dataset,
      SyncSessionToken: before.SyncSessionToken,
      RecordPatches: Object.entries(values).map(([Key, Value]) => ({
        Op: "replace",
        Key,
        Value,
        SyncCount: counts.get(Key) ?? 0,
      })),
    }),
  );
}

/** Give the live records of a dataset as an object of keys and values. */
export async function readRecords(sync, dataset) {
  const { Records } = await sync.send(new ListRecordsCommand(dataset));
  const live = Records.filter(({ Value }) => Value !== undefined);
  return Object.fromEntries(live.map(({ Key, Value }) => [Key, Value]));
}
