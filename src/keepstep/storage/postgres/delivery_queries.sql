-- The statements about the outbox, leases, devices, subscriptions and bulk publishes. What is
-- settled is a statement of one lane, however many lanes there are.

-- name: list_due
-- Walks the lanes in their order; a lane that waits, or is somebody else's, costs one small row.
-- A page ends early behind so many bytes of bodies, which are read only for the rows of a page.
SELECT identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date, body,
       attempts, next_attempt_date, set_aside, failure
FROM (
    SELECT *, sum(octet_length(body)) OVER (
        ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS bytes_before
    FROM (
        SELECT lanes.identity_id, lanes.identity_pool_id, lanes.dataset_name, lanes.channel,
               message.*
        FROM outbox_lanes AS lanes
        CROSS JOIN LATERAL (
            SELECT sync_count, creation_date, body, attempts, next_attempt_date, set_aside, failure
            FROM outbox
            WHERE outbox.identity_id = lanes.identity_id
              AND outbox.identity_pool_id = lanes.identity_pool_id
              AND outbox.dataset_name = lanes.dataset_name AND outbox.channel = lanes.channel
              AND NOT set_aside
            ORDER BY sync_count
            LIMIT %(limit)s::bigint
        ) AS message
        WHERE (lanes.identity_id, lanes.identity_pool_id, lanes.dataset_name, lanes.channel)
              > (%(after_identity_id)s, %(after_pool_id)s, %(after_name)s, %(after_channel)s)
          AND lanes.next_attempt_date <= %(now)s
          AND lanes.partition = ANY (%(partitions)s::bigint[])
        ORDER BY lanes.identity_id, lanes.identity_pool_id, lanes.dataset_name, lanes.channel,
                 message.sync_count
        LIMIT %(limit)s::bigint
    ) AS due
) AS page
WHERE coalesce(bytes_before, 0) < %(bytes)s::bigint
ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count;

-- name: list_outbox
-- Of those that wait, or of all. The last identity is the one wanted, or behind every one. A page
-- ends early as in list_due.
SELECT identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date, body,
       attempts, next_attempt_date, set_aside, failure
FROM (
    SELECT *, sum(octet_length(body)) OVER (
        ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS bytes_before
    FROM outbox
    WHERE (identity_id, identity_pool_id, dataset_name, channel, sync_count)
          > (%(after_identity_id)s, %(after_pool_id)s, %(after_name)s, %(after_channel)s,
             %(after_sync_count)s)
      AND identity_id <= %(last_identity_id)s
      AND identity_pool_id = coalesce(%(identity_pool_id)s::text, identity_pool_id)
      AND NOT (set_aside AND %(waiting)s)
    ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count
    LIMIT %(limit)s::bigint
) AS page
WHERE coalesce(bytes_before, 0) < %(bytes)s::bigint
ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count;

-- name: list_set_aside
-- As list_outbox.
SELECT identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date, body,
       attempts, next_attempt_date, set_aside, failure
FROM (
    SELECT *, sum(octet_length(body)) OVER (
        ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS bytes_before
    FROM outbox
    WHERE (identity_id, identity_pool_id, dataset_name, channel, sync_count)
          > (%(after_identity_id)s, %(after_pool_id)s, %(after_name)s, %(after_channel)s,
             %(after_sync_count)s)
      AND identity_id <= %(last_identity_id)s
      AND identity_pool_id = coalesce(%(identity_pool_id)s::text, identity_pool_id)
      AND set_aside
    ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count
    LIMIT %(limit)s::bigint
) AS page
WHERE coalesce(bytes_before, 0) < %(bytes)s::bigint
ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count;

-- name: measure_outbox
SELECT count(*) FILTER (WHERE NOT set_aside), count(*) FILTER (WHERE set_aside),
       min(creation_date) FILTER (WHERE NOT set_aside)
FROM outbox;

-- name: list_leases
SELECT name, holder, until FROM leases
WHERE starts_with(name, %(prefix)s) AND until > %(now)s
ORDER BY name;

-- name: find_leases
SELECT name FROM leases
WHERE name = ANY (%(names)s::text[]) AND holder = %(holder)s AND until = %(until)s;

-- name: list_subscribers
SELECT devices.device_id, devices.identity_pool_id, devices.identity_id, platform, token,
       creation_date, endpoint
FROM subscriptions
JOIN devices
    ON devices.identity_id = %(identity_id)s AND devices.identity_pool_id = %(identity_pool_id)s
   AND devices.device_id = subscriptions.device_id
WHERE subscriptions.identity_id = %(identity_id)s
  AND subscriptions.identity_pool_id = %(identity_pool_id)s AND dataset_name = %(dataset_name)s
ORDER BY devices.device_id;

-- name: list_devices
SELECT device_id, identity_pool_id, identity_id, platform, token, creation_date, endpoint
FROM devices
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
ORDER BY device_id;

-- name: find_device
SELECT device_id, identity_pool_id, identity_id, platform, token, creation_date, endpoint
FROM devices
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND device_id = %(device_id)s;

-- name: find_device_of_token
SELECT device_id, identity_pool_id, identity_id, platform, token, creation_date, endpoint
FROM devices
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND platform = %(platform)s AND token_digest = %(token_digest)s;

-- name: find_subscription
SELECT 1 FROM subscriptions
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND dataset_name = %(dataset_name)s AND device_id = %(device_id)s;

-- name: find_bulk_publish
SELECT identity_pool_id, status, start_date, complete_date, failure_message,
       position_identity_id, position_dataset_name, version
FROM bulk_publishes
WHERE identity_pool_id = %(identity_pool_id)s;

-- name: list_bulk_publishes
SELECT identity_pool_id, status, start_date, complete_date, failure_message,
       position_identity_id, position_dataset_name, version
FROM bulk_publishes
WHERE status = 'IN_PROGRESS'
ORDER BY identity_pool_id;

-- name: list_pool_datasets
-- Passes over the datasets of other pools: an index by pool would cost every update, since each
-- of them may make a dataset exist.
SELECT identity_pool_id, identity_id, dataset_name
FROM datasets
WHERE (identity_id, identity_pool_id, dataset_name)
      > (%(after_identity_id)s, %(identity_pool_id)s, %(after_name)s)
  AND identity_pool_id = %(identity_pool_id)s AND creation_date IS NOT NULL
ORDER BY identity_id, identity_pool_id, dataset_name
LIMIT %(limit)s::bigint;

-- name: find_sync_counts
SELECT datasets.identity_id, datasets.identity_pool_id, datasets.dataset_name, sync_count
FROM datasets
JOIN unnest(
    %(identity_ids)s::text[], %(identity_pool_ids)s::text[], %(dataset_names)s::text[]
) AS wanted (identity_id, identity_pool_id, dataset_name)
    ON wanted.identity_id = datasets.identity_id
   AND wanted.identity_pool_id = datasets.identity_pool_id
   AND wanted.dataset_name = datasets.dataset_name;

-- name: hold_lane
-- One after the other in the order of their keys, so that two changes never wait for each other.
INSERT INTO outbox_lanes (identity_id, identity_pool_id, dataset_name, channel, partition)
VALUES (
    %(identity_id)s, %(identity_pool_id)s, %(dataset_name)s, %(channel)s, %(partition)s
)
ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel) DO UPDATE
SET partition = excluded.partition;

-- name: remove_messages
DELETE FROM outbox
USING unnest(%(sync_counts)s::bigint[], %(creation_dates)s::bigint[])
    AS delivered (sync_count, creation_date)
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND dataset_name = %(dataset_name)s AND channel = %(channel)s
  AND outbox.sync_count = delivered.sync_count
  AND outbox.creation_date = delivered.creation_date;

-- name: keep_message
UPDATE outbox
SET attempts = %(attempts)s, next_attempt_date = %(next_attempt_date)s,
    set_aside = %(set_aside)s, failure = %(failure)s, body = %(body)s
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND dataset_name = %(dataset_name)s AND channel = %(channel)s
  AND sync_count = %(sync_count)s AND creation_date = %(creation_date)s;

-- name: settle_lane
-- The lane, which is held, ends if nothing waits in it, or waits for its latest next attempt.
WITH ended AS (
    DELETE FROM outbox_lanes
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND dataset_name = %(dataset_name)s AND channel = %(channel)s
      AND NOT EXISTS (
          SELECT 1 FROM outbox
          WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
            AND dataset_name = %(dataset_name)s AND channel = %(channel)s AND NOT set_aside
      )
    RETURNING 1
), latest AS (
    SELECT coalesce(max(next_attempt_date), 0) AS next_attempt_date
    FROM outbox
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND dataset_name = %(dataset_name)s AND channel = %(channel)s
      AND NOT set_aside AND next_attempt_date > 0
)
UPDATE outbox_lanes SET next_attempt_date = latest.next_attempt_date
FROM latest
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND dataset_name = %(dataset_name)s AND channel = %(channel)s
  AND outbox_lanes.next_attempt_date <> latest.next_attempt_date
  AND NOT EXISTS (SELECT 1 FROM ended);

-- name: count_outbox
SELECT count(*) FROM outbox
WHERE set_aside = ANY (%(states)s::boolean[])
  AND identity_pool_id = coalesce(%(identity_pool_id)s::text, identity_pool_id)
  AND identity_id = coalesce(%(identity_id)s::text, identity_id);

-- name: retry_waiting_lanes
-- The lanes first, which keeps everybody else off their messages.
UPDATE outbox_lanes SET next_attempt_date = least(next_attempt_date, %(now)s)
WHERE identity_pool_id = coalesce(%(identity_pool_id)s::text, identity_pool_id)
  AND identity_id = coalesce(%(identity_id)s::text, identity_id);

-- name: retry_waiting
-- A message that was never tried is due as it is.
UPDATE outbox
SET attempts = 0, next_attempt_date = least(next_attempt_date, %(now)s), failure = NULL
WHERE NOT set_aside
  AND identity_pool_id = coalesce(%(identity_pool_id)s::text, identity_pool_id)
  AND identity_id = coalesce(%(identity_id)s::text, identity_id)
  AND (attempts > 0 OR next_attempt_date > 0 OR failure IS NOT NULL);

-- name: retry_set_aside
-- Their lanes are made, or kept, for exactly those that wait again.
WITH again AS (
    UPDATE outbox
    SET attempts = 0, next_attempt_date = least(next_attempt_date, %(now)s), set_aside = false,
        failure = NULL
    WHERE set_aside
      AND identity_pool_id = coalesce(%(identity_pool_id)s::text, identity_pool_id)
      AND identity_id = coalesce(%(identity_id)s::text, identity_id)
    RETURNING identity_id, identity_pool_id, dataset_name, channel, partition, next_attempt_date
)
INSERT INTO outbox_lanes (
    identity_id, identity_pool_id, dataset_name, channel, partition, next_attempt_date
)
SELECT identity_id, identity_pool_id, dataset_name, channel, partition, max(next_attempt_date)
FROM again
GROUP BY identity_id, identity_pool_id, dataset_name, channel, partition
ORDER BY identity_id, identity_pool_id, dataset_name, channel
ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel) DO UPDATE
SET next_attempt_date = greatest(outbox_lanes.next_attempt_date, excluded.next_attempt_date);

-- name: drop_lanes
DELETE FROM outbox_lanes
WHERE identity_pool_id = coalesce(%(identity_pool_id)s::text, identity_pool_id)
  AND identity_id = coalesce(%(identity_id)s::text, identity_id);

-- name: drop_waiting
-- Not those of a lane that began after the lanes were dropped.
DELETE FROM outbox
WHERE NOT set_aside
  AND identity_pool_id = coalesce(%(identity_pool_id)s::text, identity_pool_id)
  AND identity_id = coalesce(%(identity_id)s::text, identity_id)
  AND NOT EXISTS (
      SELECT 1 FROM outbox_lanes AS lanes
      WHERE lanes.identity_id = outbox.identity_id
        AND lanes.identity_pool_id = outbox.identity_pool_id
        AND lanes.dataset_name = outbox.dataset_name AND lanes.channel = outbox.channel
  );

-- name: drop_set_aside
DELETE FROM outbox
WHERE set_aside
  AND identity_pool_id = coalesce(%(identity_pool_id)s::text, identity_pool_id)
  AND identity_id = coalesce(%(identity_id)s::text, identity_id);

-- name: hold_leases
-- In the order of their names, so that two holders never wait for each other. Those that ran out
-- long ago are forgotten, unless somebody is at them.
WITH ended AS (
    SELECT name FROM leases
    WHERE until < %(forgotten)s AND name <> ALL (%(names)s::text[])
    FOR UPDATE SKIP LOCKED
), forgotten AS (
    DELETE FROM leases USING ended WHERE leases.name = ended.name
)
INSERT INTO leases (name, holder, until)
SELECT name, %(holder)s, %(until)s FROM unnest(%(names)s::text[]) AS name
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, until = excluded.until
WHERE leases.holder = excluded.holder OR leases.until <= %(now)s
RETURNING name;

-- name: release_lease
-- One after the other, as they are held.
DELETE FROM leases WHERE name = %(name)s AND holder = %(holder)s;

-- name: share_identity
-- Against its deletion and its merging, until the transaction ends.
SELECT 1 FROM identities WHERE identity_id = %(identity_id)s FOR SHARE;

-- name: may_create_datasets
SELECT NOT EXISTS (
    SELECT 1 FROM identities WHERE identity_id = %(identity_id)s AND merged_into IS NOT NULL
) AND NOT EXISTS (
    SELECT 1 FROM revocations
    WHERE identity_id = %(identity_id)s AND subject_digest = %(subject_digest)s
      AND reason = 'deleted'
);

-- name: register_device
-- The identity's count is locked by now.
INSERT INTO devices (
    identity_id, identity_pool_id, device_id, platform, token, token_digest, creation_date,
    endpoint
)
SELECT %(identity_id)s, %(identity_pool_id)s, %(device_id)s, %(platform)s, %(token)s,
       %(token_digest)s, %(creation_date)s, %(endpoint)s
WHERE %(limit)s::bigint > (
    SELECT count(*) FROM devices
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
);

-- name: update_device
UPDATE devices SET endpoint = %(endpoint)s
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND device_id = %(device_id)s;

-- name: delete_device
-- The device first: who subscribes it waits, and then finds it gone.
DELETE FROM devices
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND device_id = %(device_id)s;

-- name: delete_device_subscriptions
DELETE FROM subscriptions
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND device_id = %(device_id)s;

-- name: subscribe
-- The dataset and the device stay locked until the end, so that nobody deletes them meanwhile.
WITH dataset AS MATERIALIZED (
    SELECT 1 FROM datasets
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND dataset_name = %(dataset_name)s AND creation_date IS NOT NULL
    FOR SHARE
), device AS MATERIALIZED (
    SELECT 1 FROM devices, dataset
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND device_id = %(device_id)s
    FOR KEY SHARE OF devices
), subscribed AS (
    INSERT INTO subscriptions (identity_id, identity_pool_id, dataset_name, device_id)
    SELECT %(identity_id)s, %(identity_pool_id)s, %(dataset_name)s, %(device_id)s
    FROM device
    ON CONFLICT DO NOTHING
)
SELECT 1 FROM device;

-- name: unsubscribe
DELETE FROM subscriptions
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND dataset_name = %(dataset_name)s AND device_id = %(device_id)s;

-- name: delete_devices
DELETE FROM devices
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s;

-- name: delete_subscriptions
DELETE FROM subscriptions
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s;

-- name: begin_bulk_publish
INSERT INTO bulk_publishes (
    identity_pool_id, status, start_date, complete_date, failure_message, position_identity_id,
    position_dataset_name, version
) VALUES (
    %(identity_pool_id)s, %(status)s, %(start_date)s, %(complete_date)s, %(failure_message)s,
    %(position_identity_id)s, %(position_dataset_name)s, %(version)s
)
ON CONFLICT DO NOTHING;

-- name: update_bulk_publish
UPDATE bulk_publishes
SET status = %(status)s, start_date = %(start_date)s, complete_date = %(complete_date)s,
    failure_message = %(failure_message)s, position_identity_id = %(position_identity_id)s,
    position_dataset_name = %(position_dataset_name)s, version = %(version)s
WHERE identity_pool_id = %(identity_pool_id)s AND version = %(version)s - 1;

-- name: delete_pool_lanes
-- Lanes first: whoever settles their messages waits, and then finds none.
DELETE FROM outbox_lanes WHERE identity_pool_id = %(identity_pool_id)s;

-- name: delete_pool_outbox
DELETE FROM outbox WHERE identity_pool_id = %(identity_pool_id)s;

-- name: delete_pool_devices
DELETE FROM devices WHERE identity_pool_id = %(identity_pool_id)s;

-- name: delete_pool_subscriptions
DELETE FROM subscriptions WHERE identity_pool_id = %(identity_pool_id)s;

-- name: delete_pool_bulk_publish
DELETE FROM bulk_publishes WHERE identity_pool_id = %(identity_pool_id)s;

-- name: touch_local_tables
SELECT EXISTS (SELECT 1 FROM leases), EXISTS (SELECT 1 FROM bulk_publishes);
