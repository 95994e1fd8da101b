-- The statements about pools, datasets, records, sync sessions and keys. The name is the method,
-- or the step of the method, that uses it.

-- name: list_datasets
SELECT dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date,
       last_modified_by, data_storage, num_records
FROM datasets
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND dataset_name > %(after)s AND creation_date IS NOT NULL
ORDER BY dataset_name
LIMIT %(limit)s;

-- name: find_dataset
SELECT dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date,
       last_modified_by, data_storage, num_records
FROM datasets
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND dataset_name = %(dataset_name)s;

-- name: find_records
-- The first row is the dataset's, there or not; then come its records. Each row has the columns
-- of both. The live datasets matter only to who makes it exist.
SELECT true AS is_head, dataset_name, sync_count, deleted_sync_count, creation_date,
       last_modified_date, last_modified_by, data_storage, num_records,
       NULL::bytea AS record_key, NULL::bytea AS value,
       EXISTS (
           SELECT 1 FROM consumed_sessions
           WHERE identity_id = %(identity_id)s AND session_id = %(session_id)s::bytea
       ) AS session_consumed,
       ARRAY (
           SELECT dataset_name FROM datasets
           WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
             AND merged_under = %(dataset_name)s
           ORDER BY dataset_name
       ) AS merged_names,
       CASE WHEN creation_date IS NULL THEN (
           SELECT live FROM dataset_counts
           WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
       ) END AS live_datasets
FROM (VALUES (1)) AS always
LEFT JOIN datasets
    ON identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
   AND dataset_name = %(dataset_name)s
UNION ALL (
    SELECT false, NULL, sync_count, NULL, NULL, last_modified_date, last_modified_by,
           device_last_modified_date, NULL, record_key, value, NULL, NULL, NULL
    FROM records
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND dataset_name = %(dataset_name)s
      AND sync_count > %(above)s AND sync_count <= %(through)s
      AND (sync_count, record_key) > (%(after_sync_count)s, %(after_key)s)
    ORDER BY sync_count, record_key
    LIMIT %(limit)s::bigint
)
ORDER BY is_head DESC, sync_count, record_key;

-- name: find_state
-- As find_records. The records matter only while the dataset exists, and there are none else.
SELECT true AS is_head, dataset_name, sync_count, deleted_sync_count, creation_date,
       last_modified_date, last_modified_by, data_storage, num_records,
       NULL::bytea AS record_key, NULL::bytea AS value,
       EXISTS (
           SELECT 1 FROM consumed_sessions
           WHERE identity_id = %(identity_id)s AND session_id = %(session_id)s
       ) AS session_consumed,
       CASE WHEN creation_date IS NULL THEN (
           SELECT live FROM dataset_counts
           WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
       ) END AS live_datasets
FROM (VALUES (1)) AS always
LEFT JOIN datasets
    ON identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
   AND dataset_name = %(dataset_name)s
UNION ALL
SELECT false, NULL, sync_count, NULL, NULL, last_modified_date, last_modified_by,
       device_last_modified_date, NULL, record_key, value, NULL, NULL
FROM records
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND dataset_name = %(dataset_name)s AND key_digest = ANY (%(key_digests)s::bytea[]);

-- name: measure_identity
SELECT count(*), coalesce(sum(data_storage), 0)::bigint, max(last_modified_date)
FROM datasets
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND creation_date IS NOT NULL;

-- name: find_pool
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
       version
FROM identity_pools
WHERE identity_pool_id = %(identity_pool_id)s;

-- name: measure_pools
-- Reads every dataset of the page's pools.
WITH page AS MATERIALIZED (
    SELECT * FROM identity_pools
    WHERE identity_pool_id > %(after)s
    ORDER BY identity_pool_id
    LIMIT %(limit)s
), usage AS (
    SELECT identity_pool_id, sum(data_storage)::bigint AS data_storage,
           max(last_modified_date) AS latest
    FROM datasets
    WHERE identity_pool_id IN (SELECT identity_pool_id FROM page)
    GROUP BY identity_pool_id
)
SELECT page.identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count,
       settings, version, coalesce(usage.data_storage, 0),
       greatest(last_modified_date, usage.latest)
FROM page LEFT JOIN usage ON usage.identity_pool_id = page.identity_pool_id
ORDER BY page.identity_pool_id;

-- name: measure_pool
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
       version, coalesce(usage.data_storage, 0), greatest(last_modified_date, usage.latest)
FROM identity_pools, (
    SELECT sum(data_storage)::bigint AS data_storage, max(last_modified_date) AS latest
    FROM datasets
    WHERE identity_pool_id = %(identity_pool_id)s
) AS usage
WHERE identity_pool_id = %(identity_pool_id)s;

-- name: purge_consumed_sessions
-- As purge_revocations.
WITH expired AS MATERIALIZED (
    SELECT identity_id, session_id FROM consumed_sessions
    WHERE expires_at < %(expired_before)s
    ORDER BY expires_at
    LIMIT %(limit)s
)
DELETE FROM consumed_sessions USING expired
WHERE consumed_sessions.identity_id = expired.identity_id
  AND consumed_sessions.session_id = expired.session_id;

-- name: create_pool
INSERT INTO identity_pools (
    identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
    version
) VALUES (
    %(identity_pool_id)s, %(name)s, %(creation_date)s, %(last_modified_date)s,
    %(sync_sessions_count)s, %(settings)s, %(version)s
)
ON CONFLICT DO NOTHING;

-- name: update_pool
UPDATE identity_pools
SET name = %(name)s, creation_date = %(creation_date)s,
    last_modified_date = %(last_modified_date)s, settings = %(settings)s, version = %(version)s
WHERE identity_pool_id = %(identity_pool_id)s AND version = %(expected_version)s;

-- name: delete_pool
DELETE FROM identity_pools WHERE identity_pool_id = %(identity_pool_id)s;

-- name: delete_pool_datasets
-- Datasets first: whoever writes their records waits, and then finds no head.
DELETE FROM datasets WHERE identity_pool_id = %(identity_pool_id)s;

-- name: delete_pool_records
DELETE FROM records WHERE identity_pool_id = %(identity_pool_id)s;

-- name: delete_pool_counts
DELETE FROM dataset_counts WHERE identity_pool_id = %(identity_pool_id)s;

-- name: delete_pool_identities
DELETE FROM identities WHERE identity_pool_id = %(identity_pool_id)s;

-- name: delete_pool_logins
DELETE FROM logins WHERE identity_pool_id = %(identity_pool_id)s;

-- name: add_sync_sessions
-- Locked in the order of their ids, so that two servers never wait for each other.
WITH added AS MATERIALIZED (
    SELECT identity_pools.identity_pool_id, added.count
    FROM identity_pools
    JOIN unnest(%(identity_pool_ids)s::text[], %(counts)s::bigint[])
        AS added (identity_pool_id, count)
        ON added.identity_pool_id = identity_pools.identity_pool_id
    ORDER BY identity_pools.identity_pool_id
    FOR NO KEY UPDATE OF identity_pools
)
UPDATE identity_pools
SET sync_sessions_count = sync_sessions_count + added.count
FROM added
WHERE identity_pools.identity_pool_id = added.identity_pool_id;

-- name: find_access_key
SELECT access_key_id, sealed_secret, description, read_only, creation_date
FROM access_keys
WHERE access_key_id = %(access_key_id)s AND NOT revoked;

-- name: list_access_keys
SELECT access_key_id, sealed_secret, description, read_only, creation_date
FROM access_keys
WHERE NOT revoked
ORDER BY creation_date, access_key_id;

-- name: create_access_key
INSERT INTO access_keys (access_key_id, sealed_secret, description, read_only, creation_date)
VALUES (
    %(access_key_id)s, %(sealed_secret)s, %(description)s, %(read_only)s, %(creation_date)s
);

-- name: revoke_access_key
UPDATE access_keys SET revoked = true, sealed_secret = ''
WHERE access_key_id = %(access_key_id)s AND NOT revoked;

-- name: list_server_keys
SELECT sealed FROM server_keys ORDER BY creation_date DESC, sealed;

-- name: create_server_key
INSERT INTO server_keys (sealed, creation_date, first)
VALUES (%(sealed)s, %(creation_date)s, false);

-- name: create_first_server_key
INSERT INTO server_keys (sealed, creation_date, first)
SELECT %(sealed)s, %(creation_date)s, true
WHERE NOT EXISTS (SELECT 1 FROM server_keys)
ON CONFLICT DO NOTHING;

-- name: touch_tables
-- Of the tables that grow, in one place and by their keys: it is asked every few seconds.
-- The first column says whether the server or the session takes no writes, as a standby does.
SELECT current_setting('transaction_read_only')::boolean,
       EXISTS (SELECT 1 FROM identity_pools), EXISTS (SELECT 1 FROM access_keys),
       EXISTS (SELECT 1 FROM server_keys), EXISTS (SELECT 1 FROM token_keys),
       EXISTS (SELECT 1 FROM identities WHERE identity_id = %(identity_id)s),
       EXISTS (SELECT 1 FROM datasets WHERE identity_id = %(identity_id)s),
       EXISTS (SELECT 1 FROM dataset_counts WHERE identity_id = %(identity_id)s),
       EXISTS (SELECT 1 FROM records WHERE identity_id = %(identity_id)s),
       EXISTS (SELECT 1 FROM consumed_sessions WHERE identity_id = %(identity_id)s),
       EXISTS (SELECT 1 FROM revocations WHERE identity_id = %(identity_id)s),
       EXISTS (SELECT 1 FROM outbox WHERE identity_id = %(identity_id)s),
       EXISTS (SELECT 1 FROM outbox_lanes WHERE identity_id = %(identity_id)s),
       EXISTS (SELECT 1 FROM devices WHERE identity_id = %(identity_id)s),
       EXISTS (SELECT 1 FROM subscriptions WHERE identity_id = %(identity_id)s);

-- name: touch_logins
SELECT EXISTS (
    SELECT 1 FROM logins
    WHERE identity_pool_id = %(identity_pool_id)s AND login_digest = %(login_digest)s
);

-- name: find_consumed_session
SELECT 1 FROM consumed_sessions
WHERE identity_id = %(identity_id)s AND session_id = %(session_id)s;
