-- name: list_datasets
SELECT dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name > $3 AND creation_date IS NOT NULL ORDER BY dataset_name LIMIT $4;
-- name: find_dataset
SELECT dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3;
-- name: find_records
SELECT true AS is_head, dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records, NULL::bytea AS record_key, NULL::bytea AS value, EXISTS ( SELECT 1 FROM consumed_sessions WHERE identity_id = $1 AND session_id = $2::bytea ) AS session_consumed, ARRAY ( SELECT dataset_name FROM datasets WHERE identity_id = $1 AND identity_pool_id = $3 AND merged_under = $4 ORDER BY dataset_name ) AS merged_names, CASE WHEN creation_date IS NULL THEN ( SELECT live FROM dataset_counts WHERE identity_id = $1 AND identity_pool_id = $3 ) END AS live_datasets FROM (VALUES (1)) AS always LEFT JOIN datasets ON identity_id = $1 AND identity_pool_id = $3 AND dataset_name = $4 UNION ALL ( SELECT false, NULL, sync_count, NULL, NULL, last_modified_date, last_modified_by, device_last_modified_date, NULL, record_key, value, NULL, NULL, NULL FROM records WHERE identity_id = $1 AND identity_pool_id = $3 AND dataset_name = $4 AND sync_count > $5 AND sync_count <= $6 AND (sync_count, record_key) > ($7, $8) ORDER BY sync_count, record_key LIMIT $9::bigint ) ORDER BY is_head DESC, sync_count, record_key;
-- name: find_state
SELECT true AS is_head, dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records, NULL::bytea AS record_key, NULL::bytea AS value, EXISTS ( SELECT 1 FROM consumed_sessions WHERE identity_id = $1 AND session_id = $2 ) AS session_consumed, CASE WHEN creation_date IS NULL THEN ( SELECT live FROM dataset_counts WHERE identity_id = $1 AND identity_pool_id = $3 ) END AS live_datasets FROM (VALUES (1)) AS always LEFT JOIN datasets ON identity_id = $1 AND identity_pool_id = $3 AND dataset_name = $4 UNION ALL SELECT false, NULL, sync_count, NULL, NULL, last_modified_date, last_modified_by, device_last_modified_date, NULL, record_key, value, NULL, NULL FROM records WHERE identity_id = $1 AND identity_pool_id = $3 AND dataset_name = $4 AND key_digest = ANY ($5::bytea[]);
-- name: measure_identity
SELECT count(*), coalesce(sum(data_storage), 0)::bigint, max(last_modified_date) FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 AND creation_date IS NOT NULL;
-- name: find_pool
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings, version FROM identity_pools WHERE identity_pool_id = $1;
-- name: measure_pools
WITH page AS MATERIALIZED ( SELECT * FROM identity_pools WHERE identity_pool_id > $1 ORDER BY identity_pool_id LIMIT $2 ), usage AS ( SELECT identity_pool_id, sum(data_storage)::bigint AS data_storage, max(last_modified_date) AS latest FROM datasets WHERE identity_pool_id IN (SELECT identity_pool_id FROM page) GROUP BY identity_pool_id ) SELECT page.identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings, version, coalesce(usage.data_storage, 0), greatest(last_modified_date, usage.latest) FROM page LEFT JOIN usage ON usage.identity_pool_id = page.identity_pool_id ORDER BY page.identity_pool_id;
-- name: measure_pool
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings, version, coalesce(usage.data_storage, 0), greatest(last_modified_date, usage.latest) FROM identity_pools, ( SELECT sum(data_storage)::bigint AS data_storage, max(last_modified_date) AS latest FROM datasets WHERE identity_pool_id = $1 ) AS usage WHERE identity_pool_id = $1;
-- name: purge_consumed_sessions
WITH expired AS MATERIALIZED ( SELECT identity_id, session_id FROM consumed_sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 ) DELETE FROM consumed_sessions USING expired WHERE consumed_sessions.identity_id = expired.identity_id AND consumed_sessions.session_id = expired.session_id;
-- name: create_pool
INSERT INTO identity_pools ( identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings, version ) VALUES ( $1, $2, $3, $4, $5, $6, $7 ) ON CONFLICT DO NOTHING;
-- name: update_pool
UPDATE identity_pools SET name = $1, creation_date = $2, last_modified_date = $3, settings = $4, version = $5 WHERE identity_pool_id = $6 AND version = $7;
-- name: delete_pool
DELETE FROM identity_pools WHERE identity_pool_id = $1;
-- name: delete_pool_datasets
DELETE FROM datasets WHERE identity_pool_id = $1;
-- name: delete_pool_records
DELETE FROM records WHERE identity_pool_id = $1;
-- name: delete_pool_counts
DELETE FROM dataset_counts WHERE identity_pool_id = $1;
-- name: delete_pool_identities
DELETE FROM identities WHERE identity_pool_id = $1;
-- name: delete_pool_logins
DELETE FROM logins WHERE identity_pool_id = $1;
-- name: add_sync_sessions
WITH added AS MATERIALIZED ( SELECT identity_pools.identity_pool_id, added.count FROM identity_pools JOIN unnest($1::text[], $2::bigint[]) AS added (identity_pool_id, count) ON added.identity_pool_id = identity_pools.identity_pool_id ORDER BY identity_pools.identity_pool_id FOR NO KEY UPDATE OF identity_pools ) UPDATE identity_pools SET sync_sessions_count = sync_sessions_count + added.count FROM added WHERE identity_pools.identity_pool_id = added.identity_pool_id;
-- name: find_access_key
SELECT access_key_id, sealed_secret, description, read_only, creation_date FROM access_keys WHERE access_key_id = $1 AND NOT revoked;
-- name: list_access_keys
SELECT access_key_id, sealed_secret, description, read_only, creation_date FROM access_keys WHERE NOT revoked ORDER BY creation_date, access_key_id;
-- name: create_access_key
INSERT INTO access_keys (access_key_id, sealed_secret, description, read_only, creation_date) VALUES ( $1, $2, $3, $4, $5 );
-- name: revoke_access_key
UPDATE access_keys SET revoked = true, sealed_secret = '' WHERE access_key_id = $1 AND NOT revoked;
-- name: list_server_keys
SELECT sealed FROM server_keys ORDER BY creation_date DESC, sealed;
-- name: create_server_key
INSERT INTO server_keys (sealed, creation_date, first) VALUES ($1, $2, false);
-- name: create_first_server_key
INSERT INTO server_keys (sealed, creation_date, first) SELECT $1, $2, true WHERE NOT EXISTS (SELECT 1 FROM server_keys) ON CONFLICT DO NOTHING;
-- name: touch_tables
SELECT current_setting('transaction_read_only')::boolean, EXISTS (SELECT 1 FROM identity_pools), EXISTS (SELECT 1 FROM access_keys), EXISTS (SELECT 1 FROM server_keys), EXISTS (SELECT 1 FROM token_keys), EXISTS (SELECT 1 FROM identities WHERE identity_id = $1), EXISTS (SELECT 1 FROM datasets WHERE identity_id = $1), EXISTS (SELECT 1 FROM dataset_counts WHERE identity_id = $1), EXISTS (SELECT 1 FROM records WHERE identity_id = $1), EXISTS (SELECT 1 FROM consumed_sessions WHERE identity_id = $1), EXISTS (SELECT 1 FROM revocations WHERE identity_id = $1), EXISTS (SELECT 1 FROM outbox WHERE identity_id = $1), EXISTS (SELECT 1 FROM outbox_lanes WHERE identity_id = $1), EXISTS (SELECT 1 FROM devices WHERE identity_id = $1), EXISTS (SELECT 1 FROM subscriptions WHERE identity_id = $1);
-- name: touch_logins
SELECT EXISTS ( SELECT 1 FROM logins WHERE identity_pool_id = $1 AND login_digest = $2 );
-- name: find_consumed_session
SELECT 1 FROM consumed_sessions WHERE identity_id = $1 AND session_id = $2;
-- name: create_dataset
WITH pool AS MATERIALIZED ( SELECT 1 FROM identity_pools WHERE identity_pool_id = $1 FOR KEY SHARE ), identity AS MATERIALIZED ( SELECT identities.merged_into FROM identities, pool WHERE identities.identity_id = $2 FOR SHARE OF identities ), allowed AS MATERIALIZED ( SELECT 1 WHERE $3::bigint IS NULL OR EXISTS (SELECT 1 FROM pool) AND NOT EXISTS (SELECT 1 FROM identity WHERE merged_into IS NOT NULL) AND EXISTS (SELECT 1 FROM identity) = EXISTS (SELECT 1 FROM identities WHERE identity_id = $2) AND NOT EXISTS ( SELECT 1 FROM revocations WHERE identity_id = $2 AND subject_digest = $4 AND reason = 'deleted' ) ), counter AS ( INSERT INTO dataset_counts (identity_id, identity_pool_id, live) SELECT $2, $1, CASE WHEN $5::bigint IS NULL THEN 0 ELSE 1 END FROM allowed WHERE coalesce($3::bigint, 1) > 0 AND NOT EXISTS ( SELECT 1 FROM datasets WHERE identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $6 ) ON CONFLICT (identity_id, identity_pool_id) DO UPDATE SET live = dataset_counts.live + excluded.live WHERE $3::bigint IS NULL OR dataset_counts.live < $3::bigint RETURNING 1 ), head AS ( INSERT INTO datasets ( identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records ) SELECT $2, $1, $6, $7, $8, $5::bigint, $9, $10::bytea, $11, $12 FROM counter RETURNING 1 ) , session AS ( INSERT INTO consumed_sessions (identity_id, session_id, expires_at) SELECT $2, $13::bytea, $14::bigint FROM head WHERE $13::bytea IS NOT NULL ), written AS ( INSERT INTO records ( identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count, last_modified_date, last_modified_by, device_last_modified_date ) SELECT $2, $1, $6, record.* FROM head, unnest( $15::bytea[], $16::bytea[], $17::bytea[], $18::bigint[], $19::bigint[], $20::bytea[], $21::bigint[] ) AS record ON CONFLICT (identity_id, identity_pool_id, dataset_name, key_digest) DO UPDATE SET value = excluded.value, sync_count = excluded.sync_count, last_modified_date = excluded.last_modified_date, last_modified_by = excluded.last_modified_by, device_last_modified_date = excluded.device_last_modified_date ) , erased AS ( DELETE FROM records USING head WHERE identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $6 AND key_digest <> ALL ($15::bytea[]) ), unsubscribed AS ( DELETE FROM subscriptions USING head WHERE identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $6 ) , lane AS ( INSERT INTO outbox_lanes (identity_id, identity_pool_id, dataset_name, channel, partition) SELECT $2, $1, $6, channel, $22 FROM head, unnest($23::text[]) AS channel ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel) DO UPDATE SET next_attempt_date = CASE WHEN EXISTS ( SELECT 1 FROM outbox AS old WHERE old.identity_id = $2 AND old.identity_pool_id = $1 AND old.dataset_name = $6 AND old.channel = outbox_lanes.channel AND NOT old.set_aside AND old.next_attempt_date > 0 AND old.sync_count = ANY ($24::bigint[]) ) THEN coalesce(( SELECT max(old.next_attempt_date) FROM outbox AS old WHERE old.identity_id = $2 AND old.identity_pool_id = $1 AND old.dataset_name = $6 AND old.channel = outbox_lanes.channel AND NOT old.set_aside AND old.next_attempt_date > 0 AND old.sync_count <> ALL ($24::bigint[]) ), 0) ELSE outbox_lanes.next_attempt_date END RETURNING channel ), message AS ( INSERT INTO outbox ( identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date, partition, body ) SELECT $2, $1, $6, sent.channel, sent.sync_count, sent.creation_date, $22, sent.body FROM lane JOIN unnest( $25::text[], $24::bigint[], $26::bigint[], $27::bytea[] ) AS sent (channel, sync_count, creation_date, body) ON sent.channel = lane.channel ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel, sync_count) DO UPDATE SET creation_date = excluded.creation_date, body = excluded.body, attempts = 0, next_attempt_date = 0, set_aside = false, failure = NULL ) SELECT count(*) FROM head;
-- name: revive_dataset
WITH pool AS MATERIALIZED ( SELECT 1 FROM identity_pools WHERE identity_pool_id = $1 FOR KEY SHARE ), identity AS MATERIALIZED ( SELECT identities.merged_into FROM identities, pool WHERE identities.identity_id = $2 FOR SHARE OF identities ), allowed AS MATERIALIZED ( SELECT 1 FROM pool WHERE NOT EXISTS (SELECT 1 FROM identity WHERE merged_into IS NOT NULL) AND EXISTS (SELECT 1 FROM identity) = EXISTS (SELECT 1 FROM identities WHERE identity_id = $2) AND NOT EXISTS ( SELECT 1 FROM revocations WHERE identity_id = $2 AND subject_digest = $3 AND reason = 'deleted' ) ), before AS MATERIALIZED ( SELECT datasets.creation_date IS NOT NULL AS existed FROM datasets, allowed WHERE identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $4 AND sync_count = $5 FOR UPDATE OF datasets ), counter AS ( INSERT INTO dataset_counts (identity_id, identity_pool_id, live) SELECT $2, $1, ($6::bigint IS NOT NULL)::int - existed::int FROM before WHERE $7::bigint > 0 ON CONFLICT (identity_id, identity_pool_id) DO UPDATE SET live = dataset_counts.live + excluded.live WHERE dataset_counts.live < $7::bigint RETURNING 1 ), head AS ( UPDATE datasets SET sync_count = $8, deleted_sync_count = $9, creation_date = $6::bigint, last_modified_date = $10, last_modified_by = $11::bytea, data_storage = $12, num_records = $13, merged_under = CASE WHEN $14 THEN NULL ELSE merged_under END FROM counter WHERE identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $4 RETURNING 1 ) , session AS ( INSERT INTO consumed_sessions (identity_id, session_id, expires_at) SELECT $2, $15::bytea, $16::bigint FROM head WHERE $15::bytea IS NOT NULL ), written AS ( INSERT INTO records ( identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count, last_modified_date, last_modified_by, device_last_modified_date ) SELECT $2, $1, $4, record.* FROM head, unnest( $17::bytea[], $18::bytea[], $19::bytea[], $20::bigint[], $21::bigint[], $22::bytea[], $23::bigint[] ) AS record ON CONFLICT (identity_id, identity_pool_id, dataset_name, key_digest) DO UPDATE SET value = excluded.value, sync_count = excluded.sync_count, last_modified_date = excluded.last_modified_date, last_modified_by = excluded.last_modified_by, device_last_modified_date = excluded.device_last_modified_date ) , erased AS ( DELETE FROM records USING head WHERE identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $4 AND key_digest <> ALL ($17::bytea[]) ), unsubscribed AS ( DELETE FROM subscriptions USING head WHERE identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $4 ) , lane AS ( INSERT INTO outbox_lanes (identity_id, identity_pool_id, dataset_name, channel, partition) SELECT $2, $1, $4, channel, $24 FROM head, unnest($25::text[]) AS channel ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel) DO UPDATE SET next_attempt_date = CASE WHEN EXISTS ( SELECT 1 FROM outbox AS old WHERE old.identity_id = $2 AND old.identity_pool_id = $1 AND old.dataset_name = $4 AND old.channel = outbox_lanes.channel AND NOT old.set_aside AND old.next_attempt_date > 0 AND old.sync_count = ANY ($26::bigint[]) ) THEN coalesce(( SELECT max(old.next_attempt_date) FROM outbox AS old WHERE old.identity_id = $2 AND old.identity_pool_id = $1 AND old.dataset_name = $4 AND old.channel = outbox_lanes.channel AND NOT old.set_aside AND old.next_attempt_date > 0 AND old.sync_count <> ALL ($26::bigint[]) ), 0) ELSE outbox_lanes.next_attempt_date END RETURNING channel ), message AS ( INSERT INTO outbox ( identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date, partition, body ) SELECT $2, $1, $4, sent.channel, sent.sync_count, sent.creation_date, $24, sent.body FROM lane JOIN unnest( $27::text[], $26::bigint[], $28::bigint[], $29::bytea[] ) AS sent (channel, sync_count, creation_date, body) ON sent.channel = lane.channel ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel, sync_count) DO UPDATE SET creation_date = excluded.creation_date, body = excluded.body, attempts = 0, next_attempt_date = 0, set_aside = false, failure = NULL ) SELECT count(*) FROM head;
-- name: update_dataset
WITH before AS ( SELECT creation_date IS NOT NULL AS existed FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 ), head AS ( UPDATE datasets SET sync_count = $4, deleted_sync_count = $5, creation_date = $6::bigint, last_modified_date = $7, last_modified_by = $8::bytea, data_storage = $9, num_records = $10, merged_under = CASE WHEN $11 THEN NULL ELSE merged_under END FROM before WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND sync_count = $12 AND (datasets.creation_date IS NOT NULL) = before.existed RETURNING (datasets.creation_date IS NOT NULL)::int - before.existed::int AS grown ), counter AS ( INSERT INTO dataset_counts (identity_id, identity_pool_id, live) SELECT $1, $2, grown FROM head WHERE grown <> 0 ON CONFLICT (identity_id, identity_pool_id) DO UPDATE SET live = dataset_counts.live + excluded.live ) , session AS ( INSERT INTO consumed_sessions (identity_id, session_id, expires_at) SELECT $1, $13::bytea, $14::bigint FROM head WHERE $13::bytea IS NOT NULL ), written AS ( INSERT INTO records ( identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count, last_modified_date, last_modified_by, device_last_modified_date ) SELECT $1, $2, $3, record.* FROM head, unnest( $15::bytea[], $16::bytea[], $17::bytea[], $18::bigint[], $19::bigint[], $20::bytea[], $21::bigint[] ) AS record ON CONFLICT (identity_id, identity_pool_id, dataset_name, key_digest) DO UPDATE SET value = excluded.value, sync_count = excluded.sync_count, last_modified_date = excluded.last_modified_date, last_modified_by = excluded.last_modified_by, device_last_modified_date = excluded.device_last_modified_date ) , erased AS ( DELETE FROM records USING head WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND key_digest <> ALL ($15::bytea[]) ), unsubscribed AS ( DELETE FROM subscriptions USING head WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 ) , lane AS ( INSERT INTO outbox_lanes (identity_id, identity_pool_id, dataset_name, channel, partition) SELECT $1, $2, $3, channel, $22 FROM head, unnest($23::text[]) AS channel ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel) DO UPDATE SET next_attempt_date = CASE WHEN EXISTS ( SELECT 1 FROM outbox AS old WHERE old.identity_id = $1 AND old.identity_pool_id = $2 AND old.dataset_name = $3 AND old.channel = outbox_lanes.channel AND NOT old.set_aside AND old.next_attempt_date > 0 AND old.sync_count = ANY ($24::bigint[]) ) THEN coalesce(( SELECT max(old.next_attempt_date) FROM outbox AS old WHERE old.identity_id = $1 AND old.identity_pool_id = $2 AND old.dataset_name = $3 AND old.channel = outbox_lanes.channel AND NOT old.set_aside AND old.next_attempt_date > 0 AND old.sync_count <> ALL ($24::bigint[]) ), 0) ELSE outbox_lanes.next_attempt_date END RETURNING channel ), message AS ( INSERT INTO outbox ( identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date, partition, body ) SELECT $1, $2, $3, sent.channel, sent.sync_count, sent.creation_date, $22, sent.body FROM lane JOIN unnest( $25::text[], $24::bigint[], $26::bigint[], $27::bytea[] ) AS sent (channel, sync_count, creation_date, body) ON sent.channel = lane.channel ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel, sync_count) DO UPDATE SET creation_date = excluded.creation_date, body = excluded.body, attempts = 0, next_attempt_date = 0, set_aside = false, failure = NULL ) SELECT count(*) FROM head;
-- name: confirm_dataset
UPDATE datasets SET sync_count = sync_count WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND sync_count = $4;
-- name: find_identity
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated, merged_into, version, provider_names, subjects FROM identities WHERE identity_id = $1;
-- name: find_owners
SELECT DISTINCT identity_id FROM logins WHERE identity_pool_id = $1 AND login_digest = ANY ($2::bytea[]);
-- name: find_identities
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated, merged_into, version, provider_names, subjects FROM identities WHERE identity_id = ANY ($1::text[]) ORDER BY creation_date, identity_id;
-- name: list_identities
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated, merged_into, version, provider_names, subjects FROM identities WHERE identity_pool_id = $1 AND (creation_date, identity_id) > ($2, $3) AND (merged_into IS NULL OR NOT $4) ORDER BY creation_date, identity_id LIMIT $5;
-- name: list_dataset_names
SELECT dataset_name, creation_date IS NOT NULL FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 ORDER BY dataset_name;
-- name: dump_datasets
SELECT dataset_name, datasets.sync_count, deleted_sync_count, creation_date, datasets.last_modified_date, datasets.last_modified_by, data_storage, num_records, merged_under, record_key, value, records.sync_count, records.last_modified_date, records.last_modified_by, device_last_modified_date FROM datasets LEFT JOIN ( SELECT * FROM records WHERE identity_id = $1 AND identity_pool_id = $2 ) AS records USING (dataset_name) WHERE datasets.identity_id = $1 AND datasets.identity_pool_id = $2 ORDER BY dataset_name, records.sync_count, record_key;
-- name: list_pools
SELECT identity_pool_id, name, creation_date, last_modified_date, sync_sessions_count, settings, version FROM identity_pools WHERE (creation_date, identity_pool_id) > ($1, $2) ORDER BY creation_date, identity_pool_id LIMIT $3;
-- name: find_revocation
SELECT subject, not_before, reason FROM revocations WHERE identity_id = $1 AND subject_digest = $2;
-- name: list_token_keys
SELECT number, sealed, creation_date FROM token_keys ORDER BY number DESC;
-- name: lock_pool
SELECT 1 FROM identity_pools WHERE identity_pool_id = $1 FOR KEY SHARE;
-- name: lock_identity
SELECT identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated, merged_into, version, provider_names, subjects FROM identities WHERE identity_id = $1 FOR UPDATE;
-- name: create_identity
INSERT INTO identities ( identity_id, identity_pool_id, creation_date, last_modified_date, was_authenticated, merged_into, version, provider_names, subjects ) VALUES ( $1, $2, $3, $4, $5, $6, $7, $8, $9 ) ON CONFLICT DO NOTHING;
-- name: update_identity
UPDATE identities SET creation_date = $1, last_modified_date = $2, was_authenticated = $3, merged_into = $4, version = $5, provider_names = $6, subjects = $7 WHERE identity_id = $8 AND identity_pool_id = $9 AND version = $10;
-- name: unlink_login
DELETE FROM logins WHERE identity_pool_id = $1 AND login_digest = $2 AND identity_id = $3;
-- name: link_login
INSERT INTO logins ( identity_pool_id, login_digest, provider_name, subject, identity_id, position ) VALUES ( $1, $2, $3, $4, $5, $6 ) ON CONFLICT DO NOTHING;
-- name: lock_datasets
SELECT dataset_name, creation_date IS NOT NULL FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 ORDER BY dataset_name FOR UPDATE;
-- name: find_names
SELECT 1 FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = ANY ($3::text[]) LIMIT 1;
-- name: move_datasets
INSERT INTO datasets ( identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records, merged_under ) SELECT $1, identity_pool_id, moved.new_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records, coalesce(merged_under, dataset_name) FROM datasets JOIN unnest($2::text[], $3::text[]) AS moved (name, new_name) ON moved.name = dataset_name WHERE identity_id = $4 AND identity_pool_id = $5 AND creation_date IS NOT NULL;
-- name: move_records
INSERT INTO records ( identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count, last_modified_date, last_modified_by, device_last_modified_date ) SELECT $1, identity_pool_id, moved.new_name, key_digest, record_key, value, sync_count, last_modified_date, last_modified_by, device_last_modified_date FROM records JOIN unnest($2::text[], $3::text[]) AS moved (name, new_name) ON moved.name = dataset_name WHERE identity_id = $4 AND identity_pool_id = $5;
-- name: restore_dataset
INSERT INTO datasets ( identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records, merged_under ) VALUES ( $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 );
-- name: restore_records
INSERT INTO records ( identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count, last_modified_date, last_modified_by, device_last_modified_date ) SELECT $1, $2, $3, record.* FROM unnest( $4::bytea[], $5::bytea[], $6::bytea[], $7::bigint[], $8::bigint[], $9::bytea[], $10::bigint[] ) AS record;
-- name: add_to_count
INSERT INTO dataset_counts (identity_id, identity_pool_id, live) VALUES ($1, $2, $3) ON CONFLICT (identity_id, identity_pool_id) DO UPDATE SET live = dataset_counts.live + excluded.live;
-- name: delete_identity
DELETE FROM identities WHERE identity_id = $1;
-- name: delete_datasets
DELETE FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2;
-- name: delete_records
DELETE FROM records WHERE identity_id = $1 AND identity_pool_id = $2;
-- name: delete_count
DELETE FROM dataset_counts WHERE identity_id = $1 AND identity_pool_id = $2;
-- name: list_guests
SELECT identity_id, creation_date FROM identities WHERE NOT was_authenticated AND merged_into IS NULL AND (creation_date, identity_id) > ($1, $2) AND creation_date < $3 ORDER BY creation_date, identity_id LIMIT $4;
-- name: has_dataset
SELECT EXISTS ( SELECT 1 FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 AND creation_date IS NOT NULL );
-- name: revoke
INSERT INTO revocations (identity_id, subject_digest, subject, not_before, reason) VALUES ( $1, $2, $3, $4, $5::text ) ON CONFLICT (identity_id, subject_digest) DO UPDATE SET not_before = greatest(revocations.not_before, excluded.not_before), reason = CASE WHEN 'deleted' IN (revocations.reason, excluded.reason) THEN 'deleted' WHEN 'merged' IN (revocations.reason, excluded.reason) THEN 'merged' ELSE excluded.reason END;
-- name: change_reason
UPDATE revocations SET reason = $1 WHERE identity_id = $2 AND subject_digest = $3 AND reason = $4;
-- name: purge_revocations
WITH ended AS MATERIALIZED ( SELECT identity_id, subject_digest FROM revocations WHERE not_before < $1 ORDER BY not_before LIMIT $2 ) DELETE FROM revocations USING ended WHERE revocations.identity_id = ended.identity_id AND revocations.subject_digest = ended.subject_digest AND revocations.not_before < $1;
-- name: create_token_key
INSERT INTO token_keys (number, sealed, creation_date) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;
-- name: delete_token_key
DELETE FROM token_keys WHERE number = $1;
-- name: confirm_identity
UPDATE identities SET version = version WHERE identity_id = $1;
-- name: list_due
SELECT lanes.identity_id, lanes.identity_pool_id, lanes.dataset_name, lanes.channel, message.sync_count, message.creation_date, message.body, message.attempts, message.next_attempt_date, message.set_aside, message.failure FROM outbox_lanes AS lanes CROSS JOIN LATERAL ( SELECT sync_count, creation_date, body, attempts, next_attempt_date, set_aside, failure FROM outbox WHERE outbox.identity_id = lanes.identity_id AND outbox.identity_pool_id = lanes.identity_pool_id AND outbox.dataset_name = lanes.dataset_name AND outbox.channel = lanes.channel AND NOT set_aside ORDER BY sync_count LIMIT $1::bigint ) AS message WHERE (lanes.identity_id, lanes.identity_pool_id, lanes.dataset_name, lanes.channel) > ($2, $3, $4, $5) AND lanes.next_attempt_date <= $6 AND lanes.partition = ANY ($7::bigint[]) ORDER BY lanes.identity_id, lanes.identity_pool_id, lanes.dataset_name, lanes.channel, message.sync_count LIMIT $1::bigint;
-- name: list_outbox
SELECT identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date, body, attempts, next_attempt_date, set_aside, failure FROM outbox WHERE (identity_id, identity_pool_id, dataset_name, channel, sync_count) > ($1, $2, $3, $4, $5) AND identity_id <= $6 AND identity_pool_id = coalesce($7::text, identity_pool_id) AND NOT (set_aside AND $8) ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count LIMIT $9::bigint;
-- name: list_set_aside
SELECT identity_id, identity_pool_id, dataset_name, channel, sync_count, creation_date, body, attempts, next_attempt_date, set_aside, failure FROM outbox WHERE (identity_id, identity_pool_id, dataset_name, channel, sync_count) > ($1, $2, $3, $4, $5) AND identity_id <= $6 AND identity_pool_id = coalesce($7::text, identity_pool_id) AND set_aside ORDER BY identity_id, identity_pool_id, dataset_name, channel, sync_count LIMIT $8::bigint;
-- name: measure_outbox
SELECT count(*) FILTER (WHERE NOT set_aside), count(*) FILTER (WHERE set_aside), min(creation_date) FILTER (WHERE NOT set_aside) FROM outbox;
-- name: list_leases
SELECT name, holder, until FROM leases WHERE starts_with(name, $1) AND until > $2 ORDER BY name;
-- name: find_leases
SELECT name FROM leases WHERE name = ANY ($1::text[]) AND holder = $2 AND until = $3;
-- name: has_subscribers
SELECT 1 FROM subscriptions WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 LIMIT 1;
-- name: list_subscribers
SELECT devices.device_id, devices.identity_pool_id, devices.identity_id, platform, token, creation_date, endpoint FROM subscriptions JOIN devices ON devices.identity_id = $1 AND devices.identity_pool_id = $2 AND devices.device_id = subscriptions.device_id WHERE subscriptions.identity_id = $1 AND subscriptions.identity_pool_id = $2 AND dataset_name = $3 ORDER BY devices.device_id;
-- name: list_devices
SELECT device_id, identity_pool_id, identity_id, platform, token, creation_date, endpoint FROM devices WHERE identity_id = $1 AND identity_pool_id = $2 ORDER BY device_id;
-- name: find_device
SELECT device_id, identity_pool_id, identity_id, platform, token, creation_date, endpoint FROM devices WHERE identity_id = $1 AND identity_pool_id = $2 AND device_id = $3;
-- name: find_device_of_token
SELECT device_id, identity_pool_id, identity_id, platform, token, creation_date, endpoint FROM devices WHERE identity_id = $1 AND identity_pool_id = $2 AND platform = $3 AND token_digest = $4;
-- name: find_subscription
SELECT 1 FROM subscriptions WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND device_id = $4;
-- name: find_bulk_publish
SELECT identity_pool_id, status, start_date, complete_date, failure_message, position_identity_id, position_dataset_name, version FROM bulk_publishes WHERE identity_pool_id = $1;
-- name: list_bulk_publishes
SELECT identity_pool_id, status, start_date, complete_date, failure_message, position_identity_id, position_dataset_name, version FROM bulk_publishes WHERE status = 'IN_PROGRESS' ORDER BY identity_pool_id;
-- name: list_pool_datasets
SELECT identity_pool_id, identity_id, dataset_name FROM datasets WHERE (identity_id, identity_pool_id, dataset_name) > ($1, $2, $3) AND identity_pool_id = $2 AND creation_date IS NOT NULL ORDER BY identity_id, identity_pool_id, dataset_name LIMIT $4::bigint;
-- name: find_sync_counts
SELECT datasets.identity_id, datasets.identity_pool_id, datasets.dataset_name, sync_count FROM datasets JOIN unnest( $1::text[], $2::text[], $3::text[] ) AS wanted (identity_id, identity_pool_id, dataset_name) ON wanted.identity_id = datasets.identity_id AND wanted.identity_pool_id = datasets.identity_pool_id AND wanted.dataset_name = datasets.dataset_name;
-- name: hold_lane
INSERT INTO outbox_lanes (identity_id, identity_pool_id, dataset_name, channel, partition) VALUES ( $1, $2, $3, $4, $5 ) ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel) DO UPDATE SET partition = excluded.partition;
-- name: remove_messages
DELETE FROM outbox USING unnest($1::bigint[], $2::bigint[]) AS delivered (sync_count, creation_date) WHERE identity_id = $3 AND identity_pool_id = $4 AND dataset_name = $5 AND channel = $6 AND outbox.sync_count = delivered.sync_count AND outbox.creation_date = delivered.creation_date;
-- name: keep_message
UPDATE outbox SET attempts = $1, next_attempt_date = $2, set_aside = $3, failure = $4, body = $5 WHERE identity_id = $6 AND identity_pool_id = $7 AND dataset_name = $8 AND channel = $9 AND sync_count = $10 AND creation_date = $11;
-- name: settle_lane
WITH ended AS ( DELETE FROM outbox_lanes WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND channel = $4 AND NOT EXISTS ( SELECT 1 FROM outbox WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND channel = $4 AND NOT set_aside ) RETURNING 1 ), latest AS ( SELECT coalesce(max(next_attempt_date), 0) AS next_attempt_date FROM outbox WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND channel = $4 AND NOT set_aside AND next_attempt_date > 0 ) UPDATE outbox_lanes SET next_attempt_date = latest.next_attempt_date FROM latest WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND channel = $4 AND outbox_lanes.next_attempt_date <> latest.next_attempt_date AND NOT EXISTS (SELECT 1 FROM ended);
-- name: count_outbox
SELECT count(*) FROM outbox WHERE set_aside = ANY ($1::boolean[]) AND identity_pool_id = coalesce($2::text, identity_pool_id) AND identity_id = coalesce($3::text, identity_id);
-- name: retry_waiting_lanes
UPDATE outbox_lanes SET next_attempt_date = least(next_attempt_date, $1) WHERE identity_pool_id = coalesce($2::text, identity_pool_id) AND identity_id = coalesce($3::text, identity_id);
-- name: retry_waiting
UPDATE outbox SET attempts = 0, next_attempt_date = least(next_attempt_date, $1), failure = NULL WHERE NOT set_aside AND identity_pool_id = coalesce($2::text, identity_pool_id) AND identity_id = coalesce($3::text, identity_id) AND (attempts > 0 OR next_attempt_date > 0 OR failure IS NOT NULL);
-- name: retry_set_aside
WITH again AS ( UPDATE outbox SET attempts = 0, next_attempt_date = least(next_attempt_date, $1), set_aside = false, failure = NULL WHERE set_aside AND identity_pool_id = coalesce($2::text, identity_pool_id) AND identity_id = coalesce($3::text, identity_id) RETURNING identity_id, identity_pool_id, dataset_name, channel, partition, next_attempt_date ) INSERT INTO outbox_lanes ( identity_id, identity_pool_id, dataset_name, channel, partition, next_attempt_date ) SELECT identity_id, identity_pool_id, dataset_name, channel, partition, max(next_attempt_date) FROM again GROUP BY identity_id, identity_pool_id, dataset_name, channel, partition ORDER BY identity_id, identity_pool_id, dataset_name, channel ON CONFLICT (identity_id, identity_pool_id, dataset_name, channel) DO UPDATE SET next_attempt_date = greatest(outbox_lanes.next_attempt_date, excluded.next_attempt_date);
-- name: drop_lanes
DELETE FROM outbox_lanes WHERE identity_pool_id = coalesce($1::text, identity_pool_id) AND identity_id = coalesce($2::text, identity_id);
-- name: drop_waiting
DELETE FROM outbox WHERE NOT set_aside AND identity_pool_id = coalesce($1::text, identity_pool_id) AND identity_id = coalesce($2::text, identity_id) AND NOT EXISTS ( SELECT 1 FROM outbox_lanes AS lanes WHERE lanes.identity_id = outbox.identity_id AND lanes.identity_pool_id = outbox.identity_pool_id AND lanes.dataset_name = outbox.dataset_name AND lanes.channel = outbox.channel );
-- name: drop_set_aside
DELETE FROM outbox WHERE set_aside AND identity_pool_id = coalesce($1::text, identity_pool_id) AND identity_id = coalesce($2::text, identity_id);
-- name: hold_leases
WITH ended AS ( SELECT name FROM leases WHERE until < $1 AND name <> ALL ($2::text[]) FOR UPDATE SKIP LOCKED ), forgotten AS ( DELETE FROM leases USING ended WHERE leases.name = ended.name ) INSERT INTO leases (name, holder, until) SELECT name, $3, $4 FROM unnest($2::text[]) AS name ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE leases.holder = excluded.holder OR leases.until <= $5 RETURNING name;
-- name: release_lease
DELETE FROM leases WHERE name = $1 AND holder = $2;
-- name: share_identity
SELECT 1 FROM identities WHERE identity_id = $1 FOR SHARE;
-- name: may_create_datasets
SELECT NOT EXISTS ( SELECT 1 FROM identities WHERE identity_id = $1 AND merged_into IS NOT NULL ) AND NOT EXISTS ( SELECT 1 FROM revocations WHERE identity_id = $1 AND subject_digest = $2 AND reason = 'deleted' );
-- name: register_device
INSERT INTO devices ( identity_id, identity_pool_id, device_id, platform, token, token_digest, creation_date, endpoint ) SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE $9::bigint > ( SELECT count(*) FROM devices WHERE identity_id = $1 AND identity_pool_id = $2 );
-- name: update_device
UPDATE devices SET endpoint = $1 WHERE identity_id = $2 AND identity_pool_id = $3 AND device_id = $4;
-- name: delete_device
DELETE FROM devices WHERE identity_id = $1 AND identity_pool_id = $2 AND device_id = $3;
-- name: delete_device_subscriptions
DELETE FROM subscriptions WHERE identity_id = $1 AND identity_pool_id = $2 AND device_id = $3;
-- name: subscribe
WITH dataset AS MATERIALIZED ( SELECT 1 FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND creation_date IS NOT NULL FOR SHARE ), device AS MATERIALIZED ( SELECT 1 FROM devices, dataset WHERE identity_id = $1 AND identity_pool_id = $2 AND device_id = $4 FOR KEY SHARE OF devices ), subscribed AS ( INSERT INTO subscriptions (identity_id, identity_pool_id, dataset_name, device_id) SELECT $1, $2, $3, $4 FROM device ON CONFLICT DO NOTHING ) SELECT 1 FROM device;
-- name: unsubscribe
DELETE FROM subscriptions WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND device_id = $4;
-- name: delete_devices
DELETE FROM devices WHERE identity_id = $1 AND identity_pool_id = $2;
-- name: delete_subscriptions
DELETE FROM subscriptions WHERE identity_id = $1 AND identity_pool_id = $2;
-- name: begin_bulk_publish
INSERT INTO bulk_publishes ( identity_pool_id, status, start_date, complete_date, failure_message, position_identity_id, position_dataset_name, version ) VALUES ( $1, $2, $3, $4, $5, $6, $7, $8 ) ON CONFLICT DO NOTHING;
-- name: update_bulk_publish
UPDATE bulk_publishes SET status = $1, start_date = $2, complete_date = $3, failure_message = $4, position_identity_id = $5, position_dataset_name = $6, version = $7 WHERE identity_pool_id = $8 AND version = $7 - 1;
-- name: delete_pool_lanes
DELETE FROM outbox_lanes WHERE identity_pool_id = $1;
-- name: delete_pool_outbox
DELETE FROM outbox WHERE identity_pool_id = $1;
-- name: delete_pool_devices
DELETE FROM devices WHERE identity_pool_id = $1;
-- name: delete_pool_subscriptions
DELETE FROM subscriptions WHERE identity_pool_id = $1;
-- name: delete_pool_bulk_publish
DELETE FROM bulk_publishes WHERE identity_pool_id = $1;
-- name: touch_local_tables
SELECT EXISTS (SELECT 1 FROM leases), EXISTS (SELECT 1 FROM bulk_publishes);
-- name: find_copy
SELECT progress FROM copies;
-- name: find_copied_store
SELECT source FROM copies;
-- name: begin_copy
INSERT INTO copies (source, run, progress) VALUES ($1, $2, $3) ON CONFLICT (one) DO UPDATE SET source = excluded.source, run = excluded.run, progress = excluded.progress;
-- name: keep_progress
UPDATE copies SET progress = $1 WHERE run = $2;
-- name: end_copy
DELETE FROM copies WHERE run = $1;
