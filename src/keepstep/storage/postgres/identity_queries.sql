-- The statements about identities, logins, merges, revocations and keys that sign tokens. What
-- changes an identity is a statement of that one, however many identities a change has.

-- name: find_identity
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
       merged_into, version, provider_names, subjects
FROM identities
WHERE identity_id = %(identity_id)s;

-- name: find_owners
-- First which identities have the logins, then find_identities: each is in a place of its own.
SELECT DISTINCT identity_id FROM logins
WHERE identity_pool_id = %(identity_pool_id)s
  AND login_digest = ANY (%(login_digests)s::bytea[]);

-- name: find_identities
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
       merged_into, version, provider_names, subjects
FROM identities
WHERE identity_id = ANY (%(identity_ids)s::text[])
ORDER BY creation_date, identity_id;

-- name: list_identities
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
       merged_into, version, provider_names, subjects
FROM identities
WHERE identity_pool_id = %(identity_pool_id)s
  AND (creation_date, identity_id) > (%(after_date)s, %(after_id)s)
  AND (merged_into IS NULL OR NOT %(hide_disabled)s)
ORDER BY creation_date, identity_id
LIMIT %(limit)s;

-- name: list_dataset_names
SELECT dataset_name, creation_date IS NOT NULL
FROM datasets
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
ORDER BY dataset_name;

-- name: dump_datasets
-- One row for each record, or one for a dataset without.
SELECT dataset_name, datasets.sync_count, deleted_sync_count, creation_date,
       datasets.last_modified_date, datasets.last_modified_by, data_storage, num_records,
       merged_under, record_key, value, records.sync_count, records.last_modified_date,
       records.last_modified_by, device_last_modified_date
FROM datasets
LEFT JOIN (
    SELECT * FROM records
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
) AS records USING (dataset_name)
WHERE datasets.identity_id = %(identity_id)s
  AND datasets.identity_pool_id = %(identity_pool_id)s
ORDER BY dataset_name, records.sync_count, record_key;

-- name: list_pools
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
       version
FROM identity_pools
WHERE (creation_date, identity_pool_id) > (%(after_date)s, %(after_id)s)
ORDER BY creation_date, identity_pool_id
LIMIT %(limit)s;

-- name: find_revocation
SELECT subject, not_before, reason FROM revocations
WHERE identity_id = %(identity_id)s AND subject_digest = %(subject_digest)s;

-- name: list_token_keys
SELECT number, sealed, creation_date FROM token_keys ORDER BY number DESC;

-- name: lock_pool
-- Against its deletion, until the transaction ends.
SELECT 1 FROM identity_pools WHERE identity_pool_id = %(identity_pool_id)s FOR KEY SHARE;

-- name: lock_identity
-- One after the other in the order of their ids, so that two changes never wait for each other.
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
       merged_into, version, provider_names, subjects
FROM identities
WHERE identity_id = %(identity_id)s
FOR UPDATE;

-- name: create_identity
INSERT INTO identities (
    identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
    merged_into, version, provider_names, subjects
)
VALUES (
    %(identity_id)s, %(identity_pool_id)s, %(creation_date)s, %(last_modified_date)s,
    %(was_authenticated)s, %(merged_into)s, %(version)s, %(provider_names)s, %(subjects)s
)
ON CONFLICT DO NOTHING;

-- name: update_identity
UPDATE identities
SET creation_date = %(creation_date)s, last_modified_date = %(last_modified_date)s,
    was_authenticated = %(was_authenticated)s, merged_into = %(merged_into)s,
    version = %(version)s, provider_names = %(provider_names)s, subjects = %(subjects)s
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND version = %(expected_version)s;

-- name: unlink_login
DELETE FROM logins
WHERE identity_pool_id = %(identity_pool_id)s AND login_digest = %(login_digest)s
  AND identity_id = %(identity_id)s;

-- name: link_login
-- One after the other in the order of their digests, so that two changes never wait for each
-- other.
INSERT INTO logins (
    identity_pool_id, login_digest, provider_name, subject, identity_id, position
) VALUES (
    %(identity_pool_id)s, %(login_digest)s, %(provider_name)s, %(subject)s, %(identity_id)s,
    %(position)s
)
ON CONFLICT DO NOTHING;

-- name: lock_datasets
SELECT dataset_name, creation_date IS NOT NULL
FROM datasets
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
ORDER BY dataset_name
FOR UPDATE;

-- name: find_names
SELECT 1 FROM datasets
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND dataset_name = ANY (%(dataset_names)s::text[])
LIMIT 1;

-- name: move_datasets
-- Copied and then deleted, since a sharded database does not change where a row belongs. What
-- was moved before keeps its first name.
INSERT INTO datasets (
    identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count, creation_date,
    last_modified_date, last_modified_by, data_storage, num_records, merged_under
)
SELECT %(destination)s, identity_pool_id, moved.new_name, sync_count, deleted_sync_count,
       creation_date, last_modified_date, last_modified_by, data_storage, num_records,
       coalesce(merged_under, dataset_name)
FROM datasets
JOIN unnest(%(names)s::text[], %(new_names)s::text[]) AS moved (name, new_name)
    ON moved.name = dataset_name
WHERE identity_id = %(source)s AND identity_pool_id = %(identity_pool_id)s
  AND creation_date IS NOT NULL;

-- name: move_records
INSERT INTO records (
    identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count,
    last_modified_date, last_modified_by, device_last_modified_date
)
SELECT %(destination)s, identity_pool_id, moved.new_name, key_digest, record_key, value,
       sync_count, last_modified_date, last_modified_by, device_last_modified_date
FROM records
JOIN unnest(%(names)s::text[], %(new_names)s::text[]) AS moved (name, new_name)
    ON moved.name = dataset_name
WHERE identity_id = %(source)s AND identity_pool_id = %(identity_pool_id)s;

-- name: restore_dataset
INSERT INTO datasets (
    identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count, creation_date,
    last_modified_date, last_modified_by, data_storage, num_records, merged_under
) VALUES (
    %(identity_id)s, %(identity_pool_id)s, %(dataset_name)s, %(sync_count)s,
    %(deleted_sync_count)s, %(creation_date)s, %(last_modified_date)s, %(last_modified_by)s,
    %(data_storage)s, %(num_records)s, %(merged_under)s
);

-- name: restore_records
INSERT INTO records (
    identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count,
    last_modified_date, last_modified_by, device_last_modified_date
)
SELECT %(identity_id)s, %(identity_pool_id)s, %(dataset_name)s, record.*
FROM unnest(
    %(key_digests)s::bytea[], %(keys)s::bytea[], %(values)s::bytea[], %(sync_counts)s::bigint[],
    %(dates)s::bigint[], %(authors)s::bytea[], %(device_dates)s::bigint[]
) AS record;

-- name: add_to_count
INSERT INTO dataset_counts (identity_id, identity_pool_id, live)
VALUES (%(identity_id)s, %(identity_pool_id)s, %(live)s)
ON CONFLICT (identity_id, identity_pool_id) DO UPDATE
SET live = dataset_counts.live + excluded.live;

-- name: delete_identity
DELETE FROM identities WHERE identity_id = %(identity_id)s;

-- name: delete_datasets
DELETE FROM datasets
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s;

-- name: delete_records
DELETE FROM records
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s;

-- name: delete_count
DELETE FROM dataset_counts
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s;

-- name: list_guests
SELECT identity_id, creation_date
FROM identities
WHERE NOT was_authenticated AND merged_into IS NULL
  AND (creation_date, identity_id) > (%(after_date)s, %(after_id)s)
  AND creation_date < %(created_before)s
ORDER BY creation_date, identity_id
LIMIT %(limit)s;

-- name: has_dataset
SELECT EXISTS (
    SELECT 1 FROM datasets
    WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
      AND creation_date IS NOT NULL
);

-- name: revoke
-- The later time and the graver reason stay. One after the other in the order of the digests, as
-- everywhere.
INSERT INTO revocations (identity_id, subject_digest, subject, not_before, reason)
VALUES (
    %(identity_id)s, %(subject_digest)s, %(subject)s, %(not_before)s, %(reason)s::text
)
ON CONFLICT (identity_id, subject_digest) DO UPDATE
SET not_before = greatest(revocations.not_before, excluded.not_before),
    reason = CASE
        WHEN 'deleted' IN (revocations.reason, excluded.reason) THEN 'deleted'
        WHEN 'merged' IN (revocations.reason, excluded.reason) THEN 'merged'
        ELSE excluded.reason
    END;

-- name: change_reason
UPDATE revocations SET reason = %(new_reason)s
WHERE identity_id = %(identity_id)s AND subject_digest = %(subject_digest)s
  AND reason = %(reason)s;

-- name: purge_revocations
-- Without a lock, which a sharded database refuses for rows of many places: another server that
-- purges the same waits, and then finds them gone. One renewed meanwhile stays.
WITH ended AS MATERIALIZED (
    SELECT identity_id, subject_digest FROM revocations
    WHERE not_before < %(not_before)s
    ORDER BY not_before
    LIMIT %(limit)s
)
DELETE FROM revocations USING ended
WHERE revocations.identity_id = ended.identity_id
  AND revocations.subject_digest = ended.subject_digest
  AND revocations.not_before < %(not_before)s;

-- name: create_token_key
INSERT INTO token_keys (number, sealed, creation_date)
VALUES (%(number)s, %(sealed)s, %(creation_date)s)
ON CONFLICT DO NOTHING;

-- name: delete_token_key
DELETE FROM token_keys WHERE number = %(number)s;

-- name: confirm_identity
UPDATE identities SET version = version WHERE identity_id = %(identity_id)s;
