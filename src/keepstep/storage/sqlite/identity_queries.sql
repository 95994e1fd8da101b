-- The statements about identities, logins, merges, revocations and keys that sign tokens.

-- name: find_identity
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
       merged_into, version
FROM identities
WHERE identity_id = ?;

-- name: find_logins
SELECT provider_name, subject FROM logins WHERE identity_id = ? ORDER BY position;

-- name: find_login
SELECT identity_id
FROM logins
WHERE identity_pool_id = ? AND provider_name = ? AND subject = ?;

-- name: list_identities
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
       merged_into, version
FROM identities
WHERE identity_pool_id = ? AND (creation_date, identity_id) > (?, ?)
  AND (merged_into IS NULL OR ?)
ORDER BY creation_date, identity_id
LIMIT ?;

-- name: list_dataset_names
SELECT dataset_name, creation_date IS NOT NULL
FROM datasets
WHERE identity_id = ? AND identity_pool_id = ?
ORDER BY dataset_name;

-- name: list_merged_names
SELECT dataset_name
FROM datasets
WHERE identity_id = ? AND identity_pool_id = ? AND merged_under = ?
ORDER BY dataset_name;

-- name: dump_datasets
SELECT dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date,
       last_modified_by, data_storage, num_records, merged_under
FROM datasets
WHERE identity_id = ? AND identity_pool_id = ?
ORDER BY dataset_name;

-- name: dump_records
SELECT record_key, value, sync_count, last_modified_date, last_modified_by,
       device_last_modified_date
FROM records
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
ORDER BY sync_count, record_key;

-- name: list_pools
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
       version
FROM identity_pools
WHERE (creation_date, identity_pool_id) > (?, ?)
ORDER BY creation_date, identity_pool_id
LIMIT ?;

-- name: find_revocation
SELECT subject, not_before, reason FROM revocations WHERE subject = ?;

-- name: list_token_keys
SELECT number, sealed, creation_date FROM token_keys ORDER BY number DESC;

-- name: pool_exists
SELECT 1 FROM identity_pools WHERE identity_pool_id = ?;

-- name: may_create_datasets
SELECT EXISTS (SELECT 1 FROM identity_pools WHERE identity_pool_id = ?)
   AND NOT EXISTS (SELECT 1 FROM identities WHERE identity_id = ? AND merged_into IS NOT NULL)
   AND NOT EXISTS (SELECT 1 FROM revocations WHERE subject = ? AND reason = ?);

-- name: create_identity
INSERT INTO identities (
    last_modified_date, was_authenticated, merged_into, version, creation_date, identity_id,
    identity_pool_id
) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: update_identity
UPDATE identities
SET last_modified_date = ?, was_authenticated = ?, merged_into = ?, version = ?,
    creation_date = ?
WHERE identity_id = ? AND identity_pool_id = ? AND version = ?;

-- name: unlink_logins
DELETE FROM logins WHERE identity_id = ?;

-- name: link_login
INSERT INTO logins (identity_pool_id, provider_name, subject, identity_id, position)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: move_dataset
-- What was moved before keeps its first name.
UPDATE datasets
SET identity_id = ?, dataset_name = ?, merged_under = coalesce(merged_under, dataset_name)
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?
  AND creation_date IS NOT NULL;

-- name: move_records
UPDATE records
SET identity_id = ?, dataset_name = ?
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?;

-- name: set_merged_under
UPDATE datasets
SET merged_under = ?
WHERE identity_id = ? AND identity_pool_id = ? AND dataset_name = ?;

-- name: delete_identity
DELETE FROM identities WHERE identity_id = ?;

-- name: delete_identity_datasets
DELETE FROM datasets WHERE identity_id = ? AND identity_pool_id = ?;

-- name: delete_identity_records
DELETE FROM records WHERE identity_id = ? AND identity_pool_id = ?;

-- name: delete_pool_identities
DELETE FROM identities WHERE identity_pool_id = ?;

-- name: delete_pool_logins
DELETE FROM logins WHERE identity_pool_id = ?;

-- name: list_guests
SELECT identity_id, identity_pool_id, creation_date,
       EXISTS (
           SELECT 1 FROM datasets
           WHERE datasets.identity_id = identities.identity_id
             AND datasets.identity_pool_id = identities.identity_pool_id
             AND datasets.creation_date IS NOT NULL
       )
FROM identities
WHERE was_authenticated = 0 AND merged_into IS NULL
  AND (creation_date, identity_id) > (?, ?) AND creation_date < ?
ORDER BY creation_date, identity_id
LIMIT ?;

-- name: update_pool
UPDATE identity_pools
SET name = ?, creation_date = ?, last_modified_date = ?, settings = ?, version = ?
WHERE identity_pool_id = ? AND version = ?;

-- name: revoke
-- The later time and the graver reason stay.
INSERT INTO revocations (subject, not_before, reason) VALUES (?, ?, ?)
ON CONFLICT (subject) DO UPDATE
SET not_before = max(not_before, excluded.not_before),
    reason = CASE
        WHEN 'deleted' IN (reason, excluded.reason) THEN 'deleted'
        WHEN 'merged' IN (reason, excluded.reason) THEN 'merged'
        ELSE excluded.reason
    END;

-- name: change_reason
UPDATE revocations SET reason = ? WHERE subject = ? AND reason = ?;

-- name: purge_revocations
DELETE FROM revocations
WHERE subject IN (SELECT subject FROM revocations WHERE not_before < ? LIMIT ?);

-- name: create_token_key
INSERT INTO token_keys (number, sealed, creation_date) VALUES (?, ?, ?)
ON CONFLICT DO NOTHING;

-- name: delete_token_key
DELETE FROM token_keys WHERE number = ?;
