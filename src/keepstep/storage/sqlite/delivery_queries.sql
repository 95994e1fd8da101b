-- The statements about the outbox, leases, devices, subscriptions and bulk publishes.

-- name: list_due
-- Walks the lanes in their order; a lane that waits, or is somebody else's, costs one small row.
-- The bits of the number given are the partitions. The plus keeps SQLite from searching the
-- messages, too, by the lower end of the lanes.
SELECT outbox.identity_id, outbox.identity_pool_id, outbox.dataset_name, outbox.channel,
       sync_count, creation_date, body, attempts, outbox.next_attempt_date, set_aside, failure
FROM outbox_lanes AS lanes
CROSS JOIN outbox
WHERE (lanes.identity_id, lanes.identity_pool_id, lanes.dataset_name, lanes.channel)
      > (?, ?, ?, ?)
  AND lanes.next_attempt_date <= ? AND (? >> lanes.partition) & 1
  AND outbox.set_aside = 0 AND outbox.identity_id = +lanes.identity_id
  AND outbox.identity_pool_id = lanes.identity_pool_id
  AND outbox.dataset_name = lanes.dataset_name AND outbox.channel = lanes.channel
ORDER BY lanes.identity_id, lanes.identity_pool_id, lanes.dataset_name, lanes.channel, sync_count
LIMIT ?;

-- name: list_outbox
-- Of those that wait, or of those set aside. A blob is greater than any text.
SELECT identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date, body,
       attempts, next_attempt_date, set_aside, failure
FROM outbox
WHERE set_aside = ?
  AND (identity_id, identity_pool_id, dataset_name, channel, sync_count) > (?, ?, ?, ?, ?)
  AND identity_id <= coalesce(?, x'')
  AND identity_pool_id = coalesce(?, identity_pool_id)
ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count
LIMIT ?;

-- name: measure_outbox
-- Reads every message, away from the event loop, and in the order in which they lie on the disk.
SELECT count(*) - coalesce(sum(set_aside), 0), coalesce(sum(set_aside), 0),
       min(CASE WHEN set_aside = 0 THEN creation_date END)
FROM outbox NOT INDEXED;

-- name: list_leases
SELECT name, holder, until FROM leases WHERE instr(name, ?) = 1 AND until > ? ORDER BY name;

-- name: has_subscribers
SELECT 1
FROM subscriptions
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
LIMIT 1;

-- name: list_subscribers
SELECT devices.device_id, devices.identity_pool_id, devices.identity_id, platform, token,
       creation_date, endpoint
FROM subscriptions
CROSS JOIN devices
WHERE subscriptions.identity_id = ? AND subscriptions.identity_pool_id = ? AND dataset_name = ?
  AND devices.identity_id = subscriptions.identity_id
  AND devices.identity_pool_id = subscriptions.identity_pool_id
  AND devices.device_id = subscriptions.device_id
ORDER BY subscriptions.device_id;

-- name: list_devices
SELECT device_id, identity_pool_id, identity_id, platform, token, creation_date, endpoint
FROM devices
WHERE identity_id = ? AND identity_pool_id = ?
ORDER BY device_id;

-- name: find_device_of_token
SELECT device_id, identity_pool_id, identity_id, platform, token, creation_date, endpoint
FROM devices
WHERE identity_id = ? AND identity_pool_id = ? AND platform = ? AND token = ?;

-- name: find_bulk_publish
SELECT identity_pool_id, status, start_date, complete_date, failure_message,
       position_identity_id, position_dataset_name, version
FROM bulk_publishes
WHERE identity_pool_id = ?;

-- name: list_bulk_publishes
SELECT identity_pool_id, status, start_date, complete_date, failure_message,
       position_identity_id, position_dataset_name, version
FROM bulk_publishes
WHERE status = 'IN_PROGRESS'
ORDER BY identity_pool_id;

-- name: list_pool_datasets
-- Passes over the datasets of other pools, away from the event loop: an index by pool would cost
-- every update, since each of them may make a dataset exist. The plus keeps the order usable.
SELECT identity_pool_id, identity_id, dataset_name
FROM datasets
WHERE (identity_id, identity_pool_id, dataset_name) > (?, ?, ?) AND +identity_pool_id = ?
  AND creation_date IS NOT NULL
ORDER BY identity_id, identity_pool_id, dataset_name
LIMIT ?;

-- name: find_sync_count
SELECT sync_count
FROM datasets
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?;

-- name: forget_set_aside
-- With a parameter for the 1, SQLite would compile the statement anew each time: the parameter may
-- decide whether a partial index fits.
DELETE FROM outbox
WHERE set_aside = 1 AND identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
  AND channel = ? AND sync_count = ?;

-- name: forget_waiting
DELETE FROM outbox
WHERE set_aside = 0 AND identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
  AND channel = ? AND sync_count = ?;

-- name: add_message
INSERT INTO outbox (
    identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date, partition,
    body
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: remove_waiting
DELETE FROM outbox
WHERE set_aside = 0 AND identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
  AND channel = ? AND sync_count = ? AND creation_date = ?;

-- name: remove_set_aside
DELETE FROM outbox
WHERE set_aside = 1 AND identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
  AND channel = ? AND sync_count = ? AND creation_date = ?;

-- name: keep_message
UPDATE outbox
SET attempts = ?, next_attempt_date = ?, set_aside = ?, failure = ?, body = ?
WHERE set_aside IN (0, 1) AND identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
  AND channel = ? AND sync_count = ? AND creation_date = ?;

-- name: begin_lane
INSERT INTO outbox_lanes (identity_id, identity_pool_id, dataset_name, channel, partition)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: end_lane
DELETE FROM outbox_lanes
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ? AND channel = ?
  AND NOT EXISTS (
      SELECT 1 FROM outbox
      WHERE set_aside = 0 AND outbox.identity_id = outbox_lanes.identity_id
        AND outbox.identity_pool_id = outbox_lanes.identity_pool_id
        AND outbox.dataset_name = outbox_lanes.dataset_name
        AND outbox.channel = outbox_lanes.channel
  );

-- name: defer_lane
UPDATE outbox_lanes
SET next_attempt_date = coalesce(
    (
        SELECT max(outbox.next_attempt_date)
        FROM outbox INDEXED BY outbox_by_next_attempt
        WHERE set_aside = 0 AND outbox.next_attempt_date > 0
          AND outbox.identity_id = outbox_lanes.identity_id
          AND outbox.identity_pool_id = outbox_lanes.identity_pool_id
          AND outbox.dataset_name = outbox_lanes.dataset_name
          AND outbox.channel = outbox_lanes.channel
    ),
    0
)
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ? AND channel = ?;

-- name: count_outbox
SELECT count(*)
FROM outbox
WHERE set_aside IN (?, ?) AND identity_pool_id = coalesce(?, identity_pool_id)
  AND identity_id = coalesce(?, identity_id);

-- name: retry_set_aside_lanes
INSERT INTO outbox_lanes (
    identity_id, identity_pool_id, dataset_name, channel, partition, next_attempt_date
)
SELECT identity_id, identity_pool_id, dataset_name, channel, partition,
       min(max(next_attempt_date), ?)
FROM outbox
WHERE set_aside = 1 AND identity_pool_id = coalesce(?, identity_pool_id)
  AND identity_id = coalesce(?, identity_id)
GROUP BY identity_id, identity_pool_id, dataset_name, channel, partition
ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel) DO UPDATE
SET next_attempt_date = max(next_attempt_date, excluded.next_attempt_date);

-- name: retry_set_aside
UPDATE outbox
SET attempts = 0, next_attempt_date = min(next_attempt_date, ?), set_aside = 0, failure = NULL
WHERE set_aside = 1 AND identity_pool_id = coalesce(?, identity_pool_id)
  AND identity_id = coalesce(?, identity_id);

-- name: retry_waiting_lanes
UPDATE outbox_lanes
SET next_attempt_date = min(next_attempt_date, ?)
WHERE identity_pool_id = coalesce(?, identity_pool_id)
  AND identity_id = coalesce(?, identity_id);

-- name: retry_waiting
-- A message that was never tried is due as it is.
UPDATE outbox
SET attempts = 0, next_attempt_date = min(next_attempt_date, ?), failure = NULL
WHERE set_aside = 0 AND identity_pool_id = coalesce(?, identity_pool_id)
  AND identity_id = coalesce(?, identity_id)
  AND (attempts > 0 OR next_attempt_date > 0 OR failure IS NOT NULL);

-- name: drop_outbox
DELETE FROM outbox
WHERE set_aside IN (?, ?) AND identity_pool_id = coalesce(?, identity_pool_id)
  AND identity_id = coalesce(?, identity_id);

-- name: drop_lanes
DELETE FROM outbox_lanes
WHERE identity_pool_id = coalesce(?, identity_pool_id)
  AND identity_id = coalesce(?, identity_id);

-- name: hold_lease
INSERT INTO leases (name, holder, until) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, until = excluded.until
WHERE holder = excluded.holder OR until <= ?;

-- name: forget_leases
DELETE FROM leases WHERE until < ?;

-- name: release_lease
DELETE FROM leases WHERE name = ? AND holder = ?;

-- name: count_devices
SELECT count(*) FROM devices WHERE identity_id = ? AND identity_pool_id = ?;

-- name: register_device
INSERT INTO devices (
    device_id, identity_pool_id, identity_id, platform, token, creation_date, endpoint
) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: update_device
UPDATE devices SET endpoint = ? WHERE identity_id = ? AND identity_pool_id = ? AND device_id = ?;

-- name: delete_device
DELETE FROM devices WHERE identity_id = ? AND identity_pool_id = ? AND device_id = ?;

-- name: delete_device_subscriptions
DELETE FROM subscriptions WHERE identity_id = ? AND identity_pool_id = ? AND device_id = ?;

-- name: delete_subscriptions
DELETE FROM subscriptions WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?;

-- name: may_subscribe
SELECT EXISTS (
    SELECT 1 FROM datasets
    WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
      AND creation_date IS NOT NULL
) AND EXISTS (
    SELECT 1 FROM devices WHERE identity_id = ? AND identity_pool_id = ? AND device_id = ?
);

-- name: subscribe
INSERT INTO subscriptions (identity_id, identity_pool_id, dataset_name, device_id)
VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: unsubscribe
DELETE FROM subscriptions
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ? AND device_id = ?;

-- name: delete_identity_devices
DELETE FROM devices WHERE identity_id = ? AND identity_pool_id = ?;

-- name: delete_identity_subscriptions
DELETE FROM subscriptions WHERE identity_id = ? AND identity_pool_id = ?;

-- name: begin_bulk_publish
INSERT INTO bulk_publishes (
    status, start_date, complete_date, failure_message, position_identity_id,
    position_dataset_name, version, identity_pool_id
) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: update_bulk_publish
UPDATE bulk_publishes
SET status = ?, start_date = ?, complete_date = ?, failure_message = ?, position_identity_id = ?,
    position_dataset_name = ?, version = ?
WHERE identity_pool_id = ? AND version = ?;

-- name: delete_pool_outbox
DELETE FROM outbox WHERE identity_pool_id = ?;

-- name: delete_pool_lanes
DELETE FROM outbox_lanes WHERE identity_pool_id = ?;

-- name: delete_pool_devices
DELETE FROM devices WHERE identity_pool_id = ?;

-- name: delete_pool_subscriptions
DELETE FROM subscriptions WHERE identity_pool_id = ?;

-- name: delete_pool_bulk_publish
DELETE FROM bulk_publishes WHERE identity_pool_id = ?;
