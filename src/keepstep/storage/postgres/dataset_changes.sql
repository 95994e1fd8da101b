-- The one statement that changes a dataset: one of three ways to write its head,
-- and_what_goes_with_it, and_what_is_erased and and_what_leaves if anything is, and in_one.
-- Whatever does not hold leaves the head unwritten, and what follows takes nothing from it; a name
-- or a session taken meanwhile is a unique violation, which undoes the whole statement.

-- name: create_dataset
-- The pool and the identity stay locked until the end, so that nobody deletes or merges them
-- meanwhile. An identity that was there and is not when its lock is held was deleted just now.
WITH pool AS MATERIALIZED (
    SELECT 1 FROM identity_pools WHERE identity_pool_id = %(identity_pool_id)s FOR KEY SHARE
), identity AS MATERIALIZED (
    SELECT identities.merged_into FROM identities, pool
    WHERE identities.identity_id = %(identity_id)s FOR SHARE OF identities
), allowed AS MATERIALIZED (
    SELECT 1
    WHERE %(below)s::bigint IS NULL
       OR EXISTS (SELECT 1 FROM pool)
      AND NOT EXISTS (SELECT 1 FROM identity WHERE merged_into IS NOT NULL)
      AND EXISTS (SELECT 1 FROM identity)
        = EXISTS (SELECT 1 FROM identities WHERE identity_id = %(identity_id)s)
      AND NOT EXISTS (
          SELECT 1 FROM revocations
          WHERE identity_id = %(identity_id)s AND subject_digest = %(subject_digest)s
            AND reason = 'deleted'
      )
), counter AS (
    INSERT INTO dataset_counts (identity_id, identity_pool_id, live)
    SELECT %(identity_id)s, %(identity_pool_id)s,
           CASE WHEN %(creation_date)s::bigint IS NULL THEN 0 ELSE 1 END
    FROM allowed
    WHERE coalesce(%(below)s::bigint, 1) > 0
      AND NOT EXISTS (
          SELECT 1 FROM datasets
          WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
            AND dataset_name = %(dataset_name)s
      )
    ON CONFLICT (identity_id, identity_pool_id) DO UPDATE
    SET live = dataset_counts.live + excluded.live
    WHERE %(below)s::bigint IS NULL OR dataset_counts.live < %(below)s::bigint
    RETURNING 1
), head AS (
    INSERT INTO datasets (
        identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count,
        creation_date, last_modified_date, last_modified_by, data_storage, num_records
    )
    SELECT %(identity_id)s, %(identity_pool_id)s, %(dataset_name)s, %(sync_count)s,
           %(deleted_sync_count)s, %(creation_date)s::bigint, %(last_modified_date)s,
           %(last_modified_by)s::bytea, %(data_storage)s, %(num_records)s
    FROM counter
    RETURNING 1
);

-- name: revive_dataset
-- As create_dataset, for a name whose counter is there: it is locked before the identity's count.
WITH pool AS MATERIALIZED (
    SELECT 1 FROM identity_pools WHERE identity_pool_id = %(identity_pool_id)s FOR KEY SHARE
), identity AS MATERIALIZED (
    SELECT identities.merged_into FROM identities, pool
    WHERE identities.identity_id = %(identity_id)s FOR SHARE OF identities
), allowed AS MATERIALIZED (
    SELECT 1 FROM pool
    WHERE NOT EXISTS (SELECT 1 FROM identity WHERE merged_into IS NOT NULL)
      AND EXISTS (SELECT 1 FROM identity)
        = EXISTS (SELECT 1 FROM identities WHERE identity_id = %(identity_id)s)
      AND NOT EXISTS (
          SELECT 1 FROM revocations
          WHERE identity_id = %(identity_id)s AND subject_digest = %(subject_digest)s
            AND reason = 'deleted'
      )
), before AS MATERIALIZED (
    SELECT datasets.creation_date IS NOT NULL AS existed
    FROM datasets, allowed
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND dataset_name = %(dataset_name)s AND sync_count = %(expected)s
    FOR UPDATE OF datasets
), counter AS (
    INSERT INTO dataset_counts (identity_id, identity_pool_id, live)
    SELECT %(identity_id)s, %(identity_pool_id)s,
           (%(creation_date)s::bigint IS NOT NULL)::int - existed::int
    FROM before
    WHERE %(below)s::bigint > 0
    ON CONFLICT (identity_id, identity_pool_id) DO UPDATE
    SET live = dataset_counts.live + excluded.live
    WHERE dataset_counts.live < %(below)s::bigint
    RETURNING 1
), head AS (
    UPDATE datasets
    SET sync_count = %(sync_count)s, deleted_sync_count = %(deleted_sync_count)s,
        creation_date = %(creation_date)s::bigint, last_modified_date = %(last_modified_date)s,
        last_modified_by = %(last_modified_by)s::bytea, data_storage = %(data_storage)s,
        num_records = %(num_records)s,
        merged_under = CASE WHEN %(erases)s THEN NULL ELSE merged_under END
    FROM counter
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND dataset_name = %(dataset_name)s
    RETURNING 1
);

-- name: update_dataset
-- Whether the dataset existed is read first, and must still be so when its row is locked.
WITH before AS (
    SELECT creation_date IS NOT NULL AS existed
    FROM datasets
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND dataset_name = %(dataset_name)s
), head AS (
    UPDATE datasets
    SET sync_count = %(sync_count)s, deleted_sync_count = %(deleted_sync_count)s,
        creation_date = %(creation_date)s::bigint, last_modified_date = %(last_modified_date)s,
        last_modified_by = %(last_modified_by)s::bytea, data_storage = %(data_storage)s,
        num_records = %(num_records)s,
        merged_under = CASE WHEN %(erases)s THEN NULL ELSE merged_under END
    FROM before
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND dataset_name = %(dataset_name)s AND sync_count = %(expected)s
      AND (datasets.creation_date IS NOT NULL) = before.existed
    RETURNING (datasets.creation_date IS NOT NULL)::int - before.existed::int AS grown
), counter AS (
    INSERT INTO dataset_counts (identity_id, identity_pool_id, live)
    SELECT %(identity_id)s, %(identity_pool_id)s, grown FROM head WHERE grown <> 0
    ON CONFLICT (identity_id, identity_pool_id) DO UPDATE
    SET live = dataset_counts.live + excluded.live
);

-- name: and_what_goes_with_it
, session AS (
    INSERT INTO consumed_sessions (identity_id, session_id, expires_at)
    SELECT %(identity_id)s, %(session_id)s::bytea, %(expires_at)s::bigint
    FROM head
    WHERE %(session_id)s::bytea IS NOT NULL
), written AS (
    INSERT INTO records (
        identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count,
        last_modified_date, last_modified_by, device_last_modified_date
    )
    SELECT %(identity_id)s, %(identity_pool_id)s, %(dataset_name)s, record.*
    FROM head, unnest(
        %(key_digests)s::bytea[], %(keys)s::bytea[], %(values)s::bytea[],
        %(sync_counts)s::bigint[], %(dates)s::bigint[], %(authors)s::bytea[],
        %(device_dates)s::bigint[]
    ) AS record
    ON CONFLICT (identity_id, identity_pool_id, dataset_name, key_digest) DO UPDATE
    SET value = excluded.value,
        sync_count = excluded.sync_count,
        last_modified_date = excluded.last_modified_date,
        last_modified_by = excluded.last_modified_by,
        device_last_modified_date = excluded.device_last_modified_date
);

-- name: and_what_is_erased
-- All records but those that are written again.
, erased AS (
    DELETE FROM records USING head
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND dataset_name = %(dataset_name)s AND key_digest <> ALL (%(key_digests)s::bytea[])
), unsubscribed AS (
    DELETE FROM subscriptions USING head
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND dataset_name = %(dataset_name)s
);

-- name: and_what_leaves
-- The lanes are locked first, in the order of their channels, against whoever settles what is in
-- them, and nothing enters that of subscribers where there are none. A message in whose place a
-- new one is may have been what its lane waited for.
, lane AS (
    INSERT INTO outbox_lanes (identity_id, identity_pool_id, dataset_name, channel, partition)
    SELECT %(identity_id)s, %(identity_pool_id)s, %(dataset_name)s, channel, %(partition)s
    FROM head, unnest(%(lane_channels)s::text[]) AS channel
    WHERE channel <> coalesce(%(subscribed_channel)s::text, '') OR EXISTS (
        SELECT 1 FROM subscriptions
        WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
          AND dataset_name = %(dataset_name)s
    )
    ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel) DO UPDATE
    SET next_attempt_date = CASE
        WHEN EXISTS (
            SELECT 1 FROM outbox AS old
            WHERE old.identity_id = %(identity_id)s
              AND old.identity_pool_id = %(identity_pool_id)s
              AND old.dataset_name = %(dataset_name)s AND old.channel = outbox_lanes.channel
              AND NOT old.set_aside AND old.next_attempt_date > 0
              AND old.sync_count = ANY (%(message_counts)s::bigint[])
        ) THEN coalesce((
            SELECT max(old.next_attempt_date) FROM outbox AS old
            WHERE old.identity_id = %(identity_id)s
              AND old.identity_pool_id = %(identity_pool_id)s
              AND old.dataset_name = %(dataset_name)s AND old.channel = outbox_lanes.channel
              AND NOT old.set_aside AND old.next_attempt_date > 0
              AND old.sync_count <> ALL (%(message_counts)s::bigint[])
        ), 0)
        ELSE outbox_lanes.next_attempt_date
    END
    RETURNING channel
), message AS (
    INSERT INTO outbox (
        identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date,
        partition, body
    )
    SELECT %(identity_id)s, %(identity_pool_id)s, %(dataset_name)s, sent.channel,
           sent.sync_count, sent.creation_date, %(partition)s, sent.body
    FROM lane
    JOIN unnest(
        %(message_channels)s::text[], %(message_counts)s::bigint[], %(message_dates)s::bigint[],
        %(message_bodies)s::bytea[]
    ) AS sent (channel, sync_count, creation_date, body) ON sent.channel = lane.channel
    ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel, sync_count) DO UPDATE
    SET creation_date = excluded.creation_date, body = excluded.body, attempts = 0,
        next_attempt_date = 0, set_aside = false, failure = NULL
);

-- name: in_one
SELECT count(*) FROM head;

-- name: confirm_dataset
UPDATE datasets SET sync_count = sync_count
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND dataset_name = %(dataset_name)s AND sync_count = %(sync_count)s;
