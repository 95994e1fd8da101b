-- The statements of copying: three for each kind of row, whose columns are the members of its
-- Row in their order, and those of the copy itself. A position of NULL is before every row.
-- A text is sent as bytes where a statement takes bytea, and as text where it takes text.

-- name: scan_server_keys
SELECT sealed, creation_date
FROM server_keys
WHERE sealed > coalesce(%(sealed)s::bytea, '')
ORDER BY sealed
LIMIT %(limit)s::bigint;

-- name: load_server_keys
-- None is the first any more: that only keeps two servers from making one at the same time.
INSERT INTO server_keys (sealed, creation_date, first)
SELECT sealed, creation_date, false
FROM unnest(%(sealed)s::bytea[], %(creation_date)s::bigint[]) AS loaded (sealed, creation_date)
ON CONFLICT DO NOTHING;

-- name: clear_server_keys
TRUNCATE server_keys;

-- name: scan_access_keys
SELECT access_key_id, sealed_secret, description, read_only, creation_date, revoked
FROM access_keys
WHERE access_key_id > coalesce(%(access_key_id)s::text, '')
ORDER BY access_key_id
LIMIT %(limit)s::bigint;

-- name: load_access_keys
INSERT INTO access_keys (
    access_key_id, sealed_secret, description, read_only, creation_date, revoked
)
SELECT * FROM unnest(
    %(access_key_id)s::text[], %(sealed_secret)s::bytea[], %(description)s::bytea[],
    %(read_only)s::boolean[], %(creation_date)s::bigint[], %(revoked)s::boolean[]
)
ON CONFLICT DO NOTHING;

-- name: clear_access_keys
TRUNCATE access_keys;

-- name: scan_token_keys
SELECT number, sealed, creation_date
FROM token_keys
WHERE number > coalesce(%(number)s::bigint, -1)
ORDER BY number
LIMIT %(limit)s::bigint;

-- name: load_token_keys
INSERT INTO token_keys (number, sealed, creation_date)
SELECT * FROM unnest(%(number)s::bigint[], %(sealed)s::bytea[], %(creation_date)s::bigint[])
ON CONFLICT DO NOTHING;

-- name: clear_token_keys
TRUNCATE token_keys;

-- name: scan_identity_pools
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
       version
FROM identity_pools
WHERE identity_pool_id > coalesce(%(identity_pool_id)s::text, '')
ORDER BY identity_pool_id
LIMIT %(limit)s::bigint;

-- name: load_identity_pools
INSERT INTO identity_pools (
    identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings,
    version
)
SELECT * FROM unnest(
    %(identity_pool_id)s::text[], %(name)s::bytea[], %(creation_date)s::bigint[],
    %(last_modified_date)s::bigint[], %(sync_sessions_count)s::bigint[], %(settings)s::bytea[],
    %(version)s::bigint[]
)
ON CONFLICT DO NOTHING;

-- name: clear_identity_pools
TRUNCATE identity_pools;

-- name: scan_identities
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
       merged_into, version
FROM identities
WHERE identity_id > coalesce(%(identity_id)s::text, '')
ORDER BY identity_id
LIMIT %(limit)s::bigint;

-- name: load_identities
INSERT INTO identities (
    identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated,
    merged_into, version
)
SELECT * FROM unnest(
    %(identity_id)s::text[], %(identity_pool_id)s::text[], %(creation_date)s::bigint[],
    %(last_modified_date)s::bigint[], %(was_authenticated)s::boolean[], %(merged_into)s::text[],
    %(version)s::bigint[]
)
ON CONFLICT DO NOTHING;

-- name: clear_identities
TRUNCATE identities;

-- name: scan_logins
SELECT identity_pool_id, provider_name, subject, identity_id, position
FROM logins
WHERE (identity_pool_id, login_digest) > (
    coalesce(%(identity_pool_id)s::text, ''),
    coalesce(
        sha256(
            int8send(octet_length(%(provider_name)s::bytea)) || %(provider_name)s::bytea
            || int8send(octet_length(%(subject)s::bytea)) || %(subject)s::bytea
        ),
        ''
    )
)
ORDER BY identity_pool_id, login_digest
LIMIT %(limit)s::bigint;

-- name: load_logins
-- Their identities, which are read with them, are there by now.
WITH loaded AS (
    INSERT INTO logins (
        identity_pool_id, login_digest, provider_name, subject, identity_id, position
    )
    SELECT identity_pool_id,
           sha256(
               int8send(octet_length(provider_name)) || provider_name
               || int8send(octet_length(subject)) || subject
           ),
           provider_name, subject, identity_id, position
    FROM unnest(
        %(identity_pool_id)s::text[], %(provider_name)s::bytea[], %(subject)s::bytea[],
        %(identity_id)s::text[], %(position)s::bigint[]
    ) AS page (identity_pool_id, provider_name, subject, identity_id, position)
    ON CONFLICT DO NOTHING
    RETURNING identity_id, position, provider_name, subject
), known AS (
    SELECT identity_id, position, provider_name, subject FROM loaded
    UNION ALL
    SELECT identity_id, position, provider_name, subject FROM logins
    WHERE identity_id IN (SELECT identity_id FROM loaded)
), linked AS (
    SELECT identity_id, array_agg(provider_name ORDER BY position) AS provider_names,
           array_agg(subject ORDER BY position) AS subjects
    FROM known
    GROUP BY identity_id
)
UPDATE identities
SET provider_names = linked.provider_names, subjects = linked.subjects
FROM linked
WHERE identities.identity_id = linked.identity_id;

-- name: clear_logins
WITH unlinked AS (
    UPDATE identities SET provider_names = '{}', subjects = '{}' WHERE provider_names <> '{}'
)
DELETE FROM logins;

-- name: scan_datasets
SELECT identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count,
       creation_date, last_modified_date, last_modified_by, data_storage, num_records,
       merged_under
FROM datasets
WHERE (identity_id, identity_pool_id, dataset_name) > (
    coalesce(%(identity_id)s::text, ''), coalesce(%(identity_pool_id)s::text, ''),
    coalesce(%(dataset_name)s::text, '')
)
ORDER BY identity_id, identity_pool_id, dataset_name
LIMIT %(limit)s::bigint;

-- name: load_datasets
-- Only those that were not there are counted.
WITH loaded AS (
    INSERT INTO datasets (
        identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count,
        creation_date, last_modified_date, last_modified_by, data_storage, num_records,
        merged_under
    )
    SELECT * FROM unnest(
        %(identity_id)s::text[], %(identity_pool_id)s::text[], %(dataset_name)s::text[],
        %(sync_count)s::bigint[], %(deleted_sync_count)s::bigint[], %(creation_date)s::bigint[],
        %(last_modified_date)s::bigint[], %(last_modified_by)s::bytea[],
        %(data_storage)s::bigint[], %(num_records)s::bigint[], %(merged_under)s::text[]
    )
    ON CONFLICT DO NOTHING
    RETURNING identity_id, identity_pool_id, creation_date
)
INSERT INTO dataset_counts (identity_id, identity_pool_id, live)
SELECT identity_id, identity_pool_id, count(creation_date)
FROM loaded
GROUP BY identity_id, identity_pool_id
ON CONFLICT (identity_id, identity_pool_id) DO UPDATE
SET live = dataset_counts.live + excluded.live;

-- name: clear_datasets
TRUNCATE datasets, dataset_counts;

-- name: scan_records
-- A page ends early behind so many bytes of values, which are read only for the rows of a page.
SELECT identity_id, identity_pool_id, dataset_name, record_key, value, sync_count,
       last_modified_date, last_modified_by, device_last_modified_date
FROM (
    SELECT *, sum(octet_length(value)) OVER (
        ORDER BY identity_id, identity_pool_id, dataset_name, key_digest
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS bytes_before
    FROM records
    WHERE (identity_id, identity_pool_id, dataset_name, key_digest) > (
        coalesce(%(identity_id)s::text, ''), coalesce(%(identity_pool_id)s::text, ''),
        coalesce(%(dataset_name)s::text, ''), coalesce(sha256(%(record_key)s::bytea), '')
    )
    ORDER BY identity_id, identity_pool_id, dataset_name, key_digest
    LIMIT %(limit)s::bigint
) AS page
WHERE coalesce(bytes_before, 0) < %(bytes)s::bigint
ORDER BY identity_id, identity_pool_id, dataset_name, key_digest;

-- name: load_records
INSERT INTO records (
    identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count,
    last_modified_date, last_modified_by, device_last_modified_date
)
SELECT identity_id, identity_pool_id, dataset_name, sha256(record_key), record_key, value,
       sync_count, last_modified_date, last_modified_by, device_last_modified_date
FROM unnest(
    %(identity_id)s::text[], %(identity_pool_id)s::text[], %(dataset_name)s::text[],
    %(record_key)s::bytea[], %(value)s::bytea[], %(sync_count)s::bigint[],
    %(last_modified_date)s::bigint[], %(last_modified_by)s::bytea[],
    %(device_last_modified_date)s::bigint[]
) AS loaded (
    identity_id, identity_pool_id, dataset_name, record_key, value, sync_count,
    last_modified_date, last_modified_by, device_last_modified_date
)
ON CONFLICT DO NOTHING;

-- name: clear_records
TRUNCATE records;

-- name: scan_consumed_sessions
SELECT identity_id, session_id, expires_at
FROM consumed_sessions
WHERE (identity_id, session_id)
    > (coalesce(%(identity_id)s::text, ''), coalesce(%(session_id)s::bytea, ''))
ORDER BY identity_id, session_id
LIMIT %(limit)s::bigint;

-- name: load_consumed_sessions
INSERT INTO consumed_sessions (identity_id, session_id, expires_at)
SELECT * FROM unnest(
    %(identity_id)s::text[], %(session_id)s::bytea[], %(expires_at)s::bigint[]
)
ON CONFLICT DO NOTHING;

-- name: clear_consumed_sessions
TRUNCATE consumed_sessions;

-- name: scan_revocations
SELECT subject, not_before, reason
FROM revocations
WHERE (identity_id, subject_digest) > (
    coalesce(
        CASE
            WHEN substring(%(subject)s::bytea FOR 9) = 'identity:' THEN
                convert_from(substring(%(subject)s::bytea FROM 10), 'UTF8')
            WHEN substring(%(subject)s::bytea FOR 6) = 'guest:' THEN
                convert_from(substring(%(subject)s::bytea FROM 7), 'UTF8')
            ELSE encode(
                sha256(int8send(octet_length(%(subject)s::bytea)) || %(subject)s::bytea), 'hex'
            )
        END,
        ''
    ),
    coalesce(sha256(int8send(octet_length(%(subject)s::bytea)) || %(subject)s::bytea), '')
)
ORDER BY identity_id, subject_digest
LIMIT %(limit)s::bigint;

-- name: load_revocations
-- Those of an identity, or of a guest, are kept with it; all others by their digest.
INSERT INTO revocations (identity_id, subject_digest, subject, not_before, reason)
SELECT CASE
           WHEN substring(subject FOR 9) = 'identity:' THEN
               convert_from(substring(subject FROM 10), 'UTF8')
           WHEN substring(subject FOR 6) = 'guest:' THEN
               convert_from(substring(subject FROM 7), 'UTF8')
           ELSE encode(sha256(int8send(octet_length(subject)) || subject), 'hex')
       END,
       sha256(int8send(octet_length(subject)) || subject), subject, not_before, reason
FROM unnest(%(subject)s::bytea[], %(not_before)s::bigint[], %(reason)s::text[])
    AS loaded (subject, not_before, reason)
ON CONFLICT DO NOTHING;

-- name: clear_revocations
TRUNCATE revocations;

-- name: scan_outbox
-- As scan_records. What is set aside lies among the rest.
SELECT set_aside, identity_id, identity_pool_id, dataset_name, channel, sync_count,
       creation_date, partition, attempts, next_attempt_date, failure, body
FROM (
    SELECT *, sum(octet_length(body)) OVER (
        ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS bytes_before
    FROM outbox
    WHERE (identity_id, identity_pool_id, dataset_name, channel, sync_count) > (
        coalesce(%(identity_id)s::text, ''), coalesce(%(identity_pool_id)s::text, ''),
        coalesce(%(dataset_name)s::text, ''), coalesce(%(channel)s::text, ''),
        coalesce(%(sync_count)s::bigint, -1)
    )
    ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count
    LIMIT %(limit)s::bigint
) AS page
WHERE coalesce(bytes_before, 0) < %(bytes)s::bigint
ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count;

-- name: load_outbox
INSERT INTO outbox (
    set_aside, identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date,
    partition, attempts, next_attempt_date, failure, body
)
SELECT * FROM unnest(
    %(set_aside)s::boolean[], %(identity_id)s::text[], %(identity_pool_id)s::text[],
    %(dataset_name)s::text[], %(channel)s::text[], %(sync_count)s::bigint[],
    %(creation_date)s::bigint[], %(partition)s::bigint[], %(attempts)s::bigint[],
    %(next_attempt_date)s::bigint[], %(failure)s::bytea[], %(body)s::bytea[]
)
ON CONFLICT DO NOTHING;

-- name: clear_outbox
TRUNCATE outbox;

-- name: scan_outbox_lanes
SELECT identity_id, identity_pool_id, dataset_name, channel, partition, next_attempt_date
FROM outbox_lanes
WHERE (identity_id, identity_pool_id, dataset_name, channel) > (
    coalesce(%(identity_id)s::text, ''), coalesce(%(identity_pool_id)s::text, ''),
    coalesce(%(dataset_name)s::text, ''), coalesce(%(channel)s::text, '')
)
ORDER BY identity_id, identity_pool_id, dataset_name, channel
LIMIT %(limit)s::bigint;

-- name: load_outbox_lanes
INSERT INTO outbox_lanes (
    identity_id, identity_pool_id, dataset_name, channel, partition, next_attempt_date
)
SELECT * FROM unnest(
    %(identity_id)s::text[], %(identity_pool_id)s::text[], %(dataset_name)s::text[],
    %(channel)s::text[], %(partition)s::bigint[], %(next_attempt_date)s::bigint[]
)
ON CONFLICT DO NOTHING;

-- name: clear_outbox_lanes
TRUNCATE outbox_lanes;

-- name: scan_devices
SELECT identity_id, identity_pool_id, device_id, platform, token, creation_date, endpoint
FROM devices
WHERE (identity_id, identity_pool_id, device_id) > (
    coalesce(%(identity_id)s::text, ''), coalesce(%(identity_pool_id)s::text, ''),
    coalesce(%(device_id)s::bytea, '')
)
ORDER BY identity_id, identity_pool_id, device_id
LIMIT %(limit)s::bigint;

-- name: load_devices
INSERT INTO devices (
    identity_id, identity_pool_id, device_id, platform, token, token_digest, creation_date,
    endpoint
)
SELECT identity_id, identity_pool_id, device_id, platform, token, sha256(token), creation_date,
       endpoint
FROM unnest(
    %(identity_id)s::text[], %(identity_pool_id)s::text[], %(device_id)s::bytea[],
    %(platform)s::text[], %(token)s::bytea[], %(creation_date)s::bigint[], %(endpoint)s::bytea[]
) AS loaded (
    identity_id, identity_pool_id, device_id, platform, token, creation_date, endpoint
)
ON CONFLICT DO NOTHING;

-- name: clear_devices
TRUNCATE devices;

-- name: scan_subscriptions
SELECT identity_id, identity_pool_id, dataset_name, device_id
FROM subscriptions
WHERE (identity_id, identity_pool_id, dataset_name, device_id) > (
    coalesce(%(identity_id)s::text, ''), coalesce(%(identity_pool_id)s::text, ''),
    coalesce(%(dataset_name)s::text, ''), coalesce(%(device_id)s::bytea, '')
)
ORDER BY identity_id, identity_pool_id, dataset_name, device_id
LIMIT %(limit)s::bigint;

-- name: load_subscriptions
INSERT INTO subscriptions (identity_id, identity_pool_id, dataset_name, device_id)
SELECT * FROM unnest(
    %(identity_id)s::text[], %(identity_pool_id)s::text[], %(dataset_name)s::text[],
    %(device_id)s::bytea[]
)
ON CONFLICT DO NOTHING;

-- name: clear_subscriptions
TRUNCATE subscriptions;

-- name: scan_bulk_publishes
SELECT identity_pool_id, status, start_date, complete_date, failure_message,
       position_identity_id, position_dataset_name, version
FROM bulk_publishes
WHERE identity_pool_id > coalesce(%(identity_pool_id)s::text, '')
ORDER BY identity_pool_id
LIMIT %(limit)s::bigint;

-- name: load_bulk_publishes
INSERT INTO bulk_publishes (
    identity_pool_id, status, start_date, complete_date, failure_message, position_identity_id,
    position_dataset_name, version
)
SELECT * FROM unnest(
    %(identity_pool_id)s::text[], %(status)s::text[], %(start_date)s::bigint[],
    %(complete_date)s::bigint[], %(failure_message)s::bytea[], %(position_identity_id)s::text[],
    %(position_dataset_name)s::bytea[], %(version)s::bigint[]
)
ON CONFLICT DO NOTHING;

-- name: clear_bulk_publishes
TRUNCATE bulk_publishes;

-- name: find_copy
SELECT progress FROM copies;

-- name: find_copied_store
SELECT source FROM copies;

-- name: begin_copy
INSERT INTO copies (source, run, progress) VALUES (%(source)s, %(run)s, %(progress)s)
ON CONFLICT (one) DO UPDATE
SET source = excluded.source, run = excluded.run, progress = excluded.progress;

-- name: keep_progress
UPDATE copies SET progress = %(progress)s WHERE run = %(run)s;

-- name: end_copy
DELETE FROM copies WHERE run = %(run)s;
