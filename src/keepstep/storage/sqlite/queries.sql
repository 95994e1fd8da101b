-- The statements about pools, datasets, records, sync sessions and keys. The name is the method,
-- or the step of the method, that uses it.

-- name: list_datasets
SELECT dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date,
       last_modified_by, data_storage, num_records
FROM datasets
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name > ?
  AND creation_date IS NOT NULL
ORDER BY dataset_name
LIMIT ?;

-- name: find_dataset
SELECT dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date,
       last_modified_by, data_storage, num_records
FROM datasets
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?;

-- name: find_state
-- A session is consumed together with a change, so without a dataset none is. With one record.
SELECT d.dataset_name, d.sync_count, d.deleted_sync_count, d.creation_date, d.last_modified_date,
       d.last_modified_by, d.data_storage, d.num_records,
       EXISTS (
           SELECT 1 FROM consumed_sessions
           WHERE consumed_sessions.identity_id = d.identity_id AND session_id = ?
       ),
       r.record_key, r.value, r.sync_count, r.last_modified_date, r.last_modified_by,
       r.device_last_modified_date
FROM datasets d
LEFT JOIN records r ON r.identity_id = d.identity_id
    AND r.identity_pool_id = d.identity_pool_id
    AND r.dataset_name = d.dataset_name
    AND r.record_key = ?
WHERE d.identity_id = ? AND d.identity_pool_id = ? AND d.dataset_name = ?;

-- name: count_datasets
SELECT count(*)
FROM datasets
WHERE identity_id = ? AND identity_pool_id = ? AND creation_date IS NOT NULL;

-- name: find_records
-- LIMIT -1 is no limit.
SELECT record_key, value, sync_count, last_modified_date, last_modified_by,
       device_last_modified_date
FROM records
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
  AND sync_count > ? AND sync_count <= ?
ORDER BY sync_count, record_key
LIMIT ?;

-- name: find_records_after
SELECT record_key, value, sync_count, last_modified_date, last_modified_by,
       device_last_modified_date
FROM records
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
  AND (sync_count, record_key) > (?, ?) AND sync_count <= ?
ORDER BY sync_count, record_key
LIMIT ?;

-- name: find_record
SELECT record_key, value, sync_count, last_modified_date, last_modified_by,
       device_last_modified_date
FROM records
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ? AND record_key = ?;

-- name: find_consumed_session
SELECT 1 FROM consumed_sessions WHERE identity_id = ? AND session_id = ?;

-- name: measure_identity
SELECT count(*), coalesce(sum(data_storage), 0), max(last_modified_date)
FROM datasets
WHERE identity_id = ? AND identity_pool_id = ? AND creation_date IS NOT NULL;

-- name: find_pool
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
       version
FROM identity_pools
WHERE identity_pool_id = ?;

-- name: list_pools_by_id
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
       version
FROM identity_pools
WHERE identity_pool_id > ?
ORDER BY identity_pool_id
LIMIT ?;

-- name: measure_pools
-- Reads every dataset, away from the event loop.
SELECT identity_pool_id, sum(data_storage), max(last_modified_date)
FROM datasets
WHERE identity_pool_id BETWEEN ? AND ?
GROUP BY identity_pool_id;

-- name: create_dataset
INSERT INTO datasets (
    sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by,
    data_storage, num_records, identity_id, identity_pool_id, dataset_name
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: update_dataset
UPDATE datasets
SET sync_count = ?, deleted_sync_count = ?, creation_date = ?, last_modified_date = ?,
    last_modified_by = ?, data_storage = ?, num_records = ?
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ? AND sync_count = ?;

-- name: write_record
INSERT INTO records (
    identity_id, identity_pool_id, dataset_name, record_key, value, sync_count,
    last_modified_date, last_modified_by, device_last_modified_date
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (identity_id, identity_pool_id, dataset_name, record_key) DO UPDATE
SET value = excluded.value,
    sync_count = excluded.sync_count,
    last_modified_date = excluded.last_modified_date,
    last_modified_by = excluded.last_modified_by,
    device_last_modified_date = excluded.device_last_modified_date;

-- name: erase_records
DELETE FROM records WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?;

-- name: consume_session
INSERT INTO consumed_sessions (identity_id, session_id, expires_at) VALUES (?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: purge_consumed_sessions
DELETE FROM consumed_sessions
WHERE (identity_id, session_id) IN (
    SELECT identity_id, session_id FROM consumed_sessions WHERE expires_at < ? LIMIT ?
);

-- name: create_pool
INSERT INTO identity_pools (
    identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
    version
) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: delete_pool
DELETE FROM identity_pools WHERE identity_pool_id = ?;

-- name: delete_pool_records
DELETE FROM records WHERE identity_pool_id = ?;

-- name: delete_pool_datasets
DELETE FROM datasets WHERE identity_pool_id = ?;

-- name: add_sync_sessions
UPDATE identity_pools
SET sync_sessions_count = sync_sessions_count + ?
WHERE identity_pool_id = ?;

-- name: find_access_key
SELECT access_key_id, sealed_secret, description, read_only, creation_date
FROM access_keys
WHERE access_key_id = ? AND revoked = 0;

-- name: list_access_keys
SELECT access_key_id, sealed_secret, description, read_only, creation_date
FROM access_keys
WHERE revoked = 0
ORDER BY creation_date, access_key_id;

-- name: create_access_key
INSERT INTO access_keys (access_key_id, sealed_secret, description, read_only, creation_date)
VALUES (?, ?, ?, ?, ?);

-- name: revoke_access_key
UPDATE access_keys SET revoked = 1, sealed_secret = x'' WHERE access_key_id = ? AND revoked = 0;

-- name: list_server_keys
SELECT sealed FROM server_keys ORDER BY creation_date DESC, sealed;

-- name: create_server_key
INSERT INTO server_keys (sealed, creation_date) VALUES (?, ?);

-- name: count_server_keys
SELECT count(*) FROM server_keys;

-- name: touch_tables
SELECT EXISTS (SELECT 1 FROM identity_pools), EXISTS (SELECT 1 FROM datasets),
       EXISTS (SELECT 1 FROM records), EXISTS (SELECT 1 FROM consumed_sessions),
       EXISTS (SELECT 1 FROM access_keys), EXISTS (SELECT 1 FROM server_keys),
       EXISTS (SELECT 1 FROM identities), EXISTS (SELECT 1 FROM logins),
       EXISTS (SELECT 1 FROM revocations), EXISTS (SELECT 1 FROM token_keys),
       EXISTS (SELECT 1 FROM outbox), EXISTS (SELECT 1 FROM outbox_lanes),
       EXISTS (SELECT 1 FROM leases), EXISTS (SELECT 1 FROM devices),
       EXISTS (SELECT 1 FROM subscriptions), EXISTS (SELECT 1 FROM bulk_publishes);
