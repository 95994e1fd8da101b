-- The statements about identities, logins, merges, revocations and keys that sign tokens.

-- name: find_identity
-- One row for each login; the logins of an identity in their order.
SELECT identities.identity_id, identities.identity_pool_id, creation_date, last_modified_date,
       was_authenticated, merged_into, version, provider_name, subject
FROM identities LEFT JOIN logins ON logins.identity_id = identities.identity_id
WHERE identities.identity_id = %(identity_id)s
ORDER BY position;

-- name: find_identities
SELECT identities.identity_id, identities.identity_pool_id, creation_date, last_modified_date,
       was_authenticated, merged_into, version, provider_name, subject
FROM identities JOIN logins ON logins.identity_id = identities.identity_id
WHERE identities.identity_id IN (
    SELECT identity_id FROM logins
    WHERE identity_pool_id = %(identity_pool_id)s
      AND login_digest = ANY (%(login_digests)s::bytea[])
)
ORDER BY creation_date, identities.identity_id, position;

-- name: list_identities
SELECT page.identity_id, page.identity_pool_id, creation_date, last_modified_date,
       was_authenticated, merged_into, version, provider_name, subject
FROM (
    SELECT * FROM identities
    WHERE identity_pool_id = %(identity_pool_id)s
      AND (creation_date, identity_id) > (%(after_date)s, %(after_id)s)
      AND (merged_into IS NULL OR NOT %(hide_disabled)s)
    ORDER BY creation_date, identity_id
    LIMIT %(limit)s
) AS page
LEFT JOIN logins ON logins.identity_id = page.identity_id
ORDER BY creation_date, page.identity_id, position;

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
FROM datasets LEFT JOIN records USING (identity_id, identity_pool_id, dataset_name)
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
ORDER BY dataset_name, records.sync_count, record_key;

-- name: list_pools
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
       version
FROM identity_pools
WHERE (creation_date, identity_pool_id) > (%(after_date)s, %(after_id)s)
ORDER BY creation_date, identity_pool_id
LIMIT %(limit)s;

-- name: find_revocation
SELECT subject, not_before, reason FROM revocations WHERE subject_digest = %(subject_digest)s;

-- name: list_token_keys
SELECT number, sealed, creation_date FROM token_keys ORDER BY number DESC;

-- name: lock_pool
-- Against its deletion, until the transaction ends.
SELECT 1 FROM identity_pools WHERE identity_pool_id = %(identity_pool_id)s FOR KEY SHARE;

-- name: lock_identities
-- In the order of their ids, so that two changes never wait for each other.
SELECT identity_id, identity_pool_id, was_authenticated, merged_into, version
FROM identities
WHERE identity_id = ANY (%(identity_ids)s::text[])
ORDER BY identity_id
FOR UPDATE;

-- name: create_identity
INSERT INTO identities (
    identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
    merged_into, version
)
VALUES (
    %(identity_id)s, %(identity_pool_id)s, %(creation_date)s, %(last_modified_date)s,
    %(was_authenticated)s, %(merged_into)s, %(version)s
)
ON CONFLICT DO NOTHING;

-- name: update_identity
UPDATE identities
SET creation_date = %(creation_date)s, last_modified_date = %(last_modified_date)s,
    was_authenticated = %(was_authenticated)s, merged_into = %(merged_into)s,
    version = %(version)s
WHERE identity_id = %(identity_id)s AND identity_pool_id = %(identity_pool_id)s
  AND version = %(expected_version)s;

-- name: unlink_logins
DELETE FROM logins WHERE identity_id = ANY (%(identity_ids)s::text[]);

-- name: link_logins
-- In the order of their digests, so that two changes never wait for each other.
INSERT INTO logins (
    identity_pool_id, login_digest, provider_name, subject, identity_id, position
)
SELECT %(identity_pool_id)s, login.digest, login.provider_name, login.subject,
       login.identity_id, login.position
FROM unnest(
    %(digests)s::bytea[], %(provider_names)s::bytea[], %(subjects)s::bytea[],
    %(identity_ids)s::text[], %(positions)s::bigint[]
) AS login (digest, provider_name, subject, identity_id, position)
ORDER BY login.digest
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

-- name: delete_identities
DELETE FROM identities WHERE identity_id = ANY (%(identity_ids)s::text[]);

-- name: delete_datasets
DELETE FROM datasets
USING unnest(%(identity_ids)s::text[], %(identity_pool_ids)s::text[]) AS gone (id, pool)
WHERE identity_id = gone.id AND identity_pool_id = gone.pool;

-- name: delete_records
DELETE FROM records
USING unnest(%(identity_ids)s::text[], %(identity_pool_ids)s::text[]) AS gone (id, pool)
WHERE identity_id = gone.id AND identity_pool_id = gone.pool;

-- name: delete_counts
DELETE FROM dataset_counts
USING unnest(%(identity_ids)s::text[], %(identity_pool_ids)s::text[]) AS gone (id, pool)
WHERE identity_id = gone.id AND identity_pool_id = gone.pool;

-- name: list_guests
SELECT identity_id, creation_date
FROM identities
WHERE NOT was_authenticated AND merged_into IS NULL
  AND (creation_date, identity_id) > (%(after_date)s, %(after_id)s)
  AND creation_date < %(created_before)s
ORDER BY creation_date, identity_id
LIMIT %(limit)s;

-- name: list_idle
-- Those of some identities, locked by now, that are guests still and have no dataset.
SELECT identity_id, identity_pool_id
FROM identities
WHERE identity_id = ANY (%(identity_ids)s::text[])
  AND NOT was_authenticated AND merged_into IS NULL
  AND NOT EXISTS (
      SELECT 1 FROM datasets
      WHERE datasets.identity_id = identities.identity_id
        AND datasets.identity_pool_id = identities.identity_pool_id
        AND datasets.creation_date IS NOT NULL
  );

-- name: revoke
-- The later time and the graver reason stay. In the order of the digests, as everywhere.
INSERT INTO revocations (subject_digest, subject, not_before, reason)
SELECT *
FROM unnest(
    %(digests)s::bytea[], %(subjects)s::bytea[], %(times)s::bigint[], %(reasons)s::text[]
) AS revoked (digest, subject, not_before, reason)
ORDER BY digest
ON CONFLICT (subject_digest) DO UPDATE
SET not_before = greatest(revocations.not_before, excluded.not_before),
    reason = CASE
        WHEN 'deleted' IN (revocations.reason, excluded.reason) THEN 'deleted'
        WHEN 'merged' IN (revocations.reason, excluded.reason) THEN 'merged'
        ELSE excluded.reason
    END;

-- name: change_reason
UPDATE revocations SET reason = %(new_reason)s
WHERE subject_digest = %(subject_digest)s AND reason = %(reason)s;

-- name: purge_revocations
WITH ended AS MATERIALIZED (
    SELECT subject_digest FROM revocations
    WHERE not_before < %(not_before)s
    ORDER BY not_before
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM revocations USING ended
WHERE revocations.subject_digest = ended.subject_digest;

-- name: create_token_key
INSERT INTO token_keys (number, sealed, creation_date)
VALUES (%(number)s, %(sealed)s, %(creation_date)s)
ON CONFLICT DO NOTHING;

-- name: delete_token_key
DELETE FROM token_keys WHERE number = %(number)s;
