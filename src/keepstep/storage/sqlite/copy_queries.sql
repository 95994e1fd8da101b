-- The statements of copying: three for each kind of row, whose columns are the members of its
-- Row in their order, and those of the copy itself. A position of NULL is before every row.

-- name: scan_server_keys
SELECT sealed, creation_date
FROM server_keys
WHERE sealed > coalesce(?, x'')
ORDER BY sealed
LIMIT ?;

-- name: load_server_keys
INSERT INTO server_keys (sealed, creation_date) VALUES (?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_server_keys
DELETE FROM server_keys;

-- name: scan_access_keys
SELECT access_key_id, sealed_secret, description, read_only, creation_date, revoked
FROM access_keys
WHERE access_key_id > coalesce(?, '')
ORDER BY access_key_id
LIMIT ?;

-- name: load_access_keys
INSERT INTO access_keys (
    access_key_id, sealed_secret, description, read_only, creation_date, revoked
) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_access_keys
DELETE FROM access_keys;

-- name: scan_token_keys
SELECT number, sealed, creation_date
FROM token_keys
WHERE number > coalesce(?, -1)
ORDER BY number
LIMIT ?;

-- name: load_token_keys
INSERT INTO token_keys (number, sealed, creation_date) VALUES (?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_token_keys
DELETE FROM token_keys;

-- name: scan_identity_pools
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
       version
FROM identity_pools
WHERE identity_pool_id > coalesce(?, '')
ORDER BY identity_pool_id
LIMIT ?;

-- name: load_identity_pools
INSERT INTO identity_pools (
    identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
    version
) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_identity_pools
DELETE FROM identity_pools;

-- name: scan_identities
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
       merged_into, version
FROM identities
WHERE identity_id > coalesce(?, '')
ORDER BY identity_id
LIMIT ?;

-- name: load_identities
INSERT INTO identities (
    identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
    merged_into, version
) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_identities
DELETE FROM identities;

-- name: scan_logins
SELECT identity_pool_id, provider_name, subject, identity_id, position
FROM logins
WHERE (identity_pool_id, provider_name, subject)
    > (coalesce(?, ''), coalesce(?, ''), coalesce(?, ''))
ORDER BY identity_pool_id, provider_name, subject
LIMIT ?;

-- name: load_logins
INSERT INTO logins (identity_pool_id, provider_name, subject, identity_id, position)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_logins
DELETE FROM logins;

-- name: scan_datasets
SELECT identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count,
       creation_date, last_modified_date, last_modified_by, data_storage, num_records,
       merged_under
FROM datasets
WHERE (identity_id, identity_pool_id, dataset_name)
    > (coalesce(?, ''), coalesce(?, ''), coalesce(?, ''))
ORDER BY identity_id, identity_pool_id, dataset_name
LIMIT ?;

-- name: load_datasets
INSERT INTO datasets (
    identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count, creation_date,
    last_modified_date, last_modified_by, data_storage, num_records, merged_under
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_datasets
DELETE FROM datasets;

-- name: scan_records
SELECT identity_id, identity_pool_id, dataset_name, record_key, value, sync_count,
       last_modified_date, last_modified_by, device_last_modified_date
FROM records
WHERE (identity_id, identity_pool_id, dataset_name, record_key)
    > (coalesce(?, ''), coalesce(?, ''), coalesce(?, ''), coalesce(?, ''))
ORDER BY identity_id, identity_pool_id, dataset_name, record_key
LIMIT ?;

-- name: load_records
INSERT INTO records (
    identity_id, identity_pool_id, dataset_name, record_key, value, sync_count,
    last_modified_date, last_modified_by, device_last_modified_date
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_records
DELETE FROM records;

-- name: scan_consumed_sessions
SELECT identity_id, session_id, expires_at
FROM consumed_sessions
WHERE (identity_id, session_id) > (coalesce(?, ''), coalesce(?, x''))
ORDER BY identity_id, session_id
LIMIT ?;

-- name: load_consumed_sessions
INSERT INTO consumed_sessions (identity_id, session_id, expires_at) VALUES (?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_consumed_sessions
DELETE FROM consumed_sessions;

-- name: scan_revocations
SELECT subject, not_before, reason
FROM revocations
WHERE subject > coalesce(?, '')
ORDER BY subject
LIMIT ?;

-- name: load_revocations
INSERT INTO revocations (subject, not_before, reason) VALUES (?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_revocations
DELETE FROM revocations;

-- name: scan_outbox
SELECT set_aside, identity_id, identity_pool_id, dataset_name, channel, sync_count,
       creation_date, partition, attempts, next_attempt_date, failure, body
FROM outbox
WHERE (set_aside, identity_id, identity_pool_id, dataset_name, channel, sync_count) > (
    coalesce(?, -1), coalesce(?, ''), coalesce(?, ''), coalesce(?, ''), coalesce(?, ''),
    coalesce(?, -1)
)
ORDER BY set_aside, identity_id, identity_pool_id, dataset_name, channel, sync_count
LIMIT ?;

-- name: load_outbox
INSERT INTO outbox (
    set_aside, identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date,
    partition, attempts, next_attempt_date, failure, body
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_outbox
DELETE FROM outbox;

-- name: scan_outbox_lanes
SELECT identity_id, identity_pool_id, dataset_name, channel, partition, next_attempt_date
FROM outbox_lanes
WHERE (identity_id, identity_pool_id, dataset_name, channel) > (
    coalesce(?, ''), coalesce(?, ''), coalesce(?, ''), coalesce(?, '')
)
ORDER BY identity_id, identity_pool_id, dataset_name, channel
LIMIT ?;

-- name: load_outbox_lanes
INSERT INTO outbox_lanes (
    identity_id, identity_pool_id, dataset_name, channel, partition, next_attempt_date
) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_outbox_lanes
DELETE FROM outbox_lanes;

-- name: scan_devices
SELECT identity_id, identity_pool_id, device_id, platform, token, creation_date, endpoint
FROM devices
WHERE (identity_id, identity_pool_id, device_id) > (
    coalesce(?, ''), coalesce(?, ''), coalesce(?, '')
)
ORDER BY identity_id, identity_pool_id, device_id
LIMIT ?;

-- name: load_devices
INSERT INTO devices (
    identity_id, identity_pool_id, device_id, platform, token, creation_date, endpoint
) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_devices
DELETE FROM devices;

-- name: scan_subscriptions
SELECT identity_id, identity_pool_id, dataset_name, device_id
FROM subscriptions
WHERE (identity_id, identity_pool_id, dataset_name, device_id) > (
    coalesce(?, ''), coalesce(?, ''), coalesce(?, ''), coalesce(?, '')
)
ORDER BY identity_id, identity_pool_id, dataset_name, device_id
LIMIT ?;

-- name: load_subscriptions
INSERT INTO subscriptions (identity_id, identity_pool_id, dataset_name, device_id) VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_subscriptions
DELETE FROM subscriptions;

-- name: scan_bulk_publishes
SELECT identity_pool_id, status, start_date, complete_date, failure_message,
       position_identity_id, position_dataset_name, version
FROM bulk_publishes
WHERE identity_pool_id > coalesce(?, '')
ORDER BY identity_pool_id
LIMIT ?;

-- name: load_bulk_publishes
INSERT INTO bulk_publishes (
    identity_pool_id, status, start_date, complete_date, failure_message, position_identity_id,
    position_dataset_name, version
) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: clear_bulk_publishes
DELETE FROM bulk_publishes;

-- name: find_copy
SELECT progress FROM copies;

-- name: find_copied_store
SELECT source FROM copies;

-- name: begin_copy
INSERT INTO copies (one, source, run, progress) VALUES (1, ?, ?, ?)
ON CONFLICT (one) DO UPDATE
SET source = excluded.source, run = excluded.run, progress = excluded.progress;

-- name: keep_progress
UPDATE copies SET progress = ? WHERE run = ?;

-- name: end_copy
DELETE FROM copies WHERE run = ?;
