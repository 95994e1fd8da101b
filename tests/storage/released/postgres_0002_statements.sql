-- name: list_datasets
SELECT dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name > $3 AND creation_date IS NOT NULL ORDER BY dataset_name LIMIT $4;
-- name: find_dataset
SELECT dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3;
-- name: find_records
SELECT true AS is_head, dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records, NULL::bytea AS record_key, NULL::bytea AS value, EXISTS ( SELECT 1 FROM consumed_sessions WHERE identity_id = $1 AND session_id = $2::bytea ) AS session_consumed, ARRAY ( SELECT dataset_name FROM datasets WHERE identity_id = $1 AND identity_pool_id = $3 AND merged_under = $4 ORDER BY dataset_name ) AS merged_names FROM (VALUES (1)) AS always LEFT JOIN datasets ON identity_id = $1 AND identity_pool_id = $3 AND dataset_name = $4 UNION ALL ( SELECT false, NULL, sync_count, NULL, NULL, last_modified_date, last_modified_by, device_last_modified_date, NULL, record_key, value, NULL, NULL FROM records WHERE identity_id = $1 AND identity_pool_id = $3 AND dataset_name = $4 AND sync_count > $5 AND sync_count <= $6 AND (sync_count, record_key) > ($7, $8) ORDER BY sync_count, record_key LIMIT $9::bigint ) ORDER BY is_head DESC, sync_count, record_key;
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
SELECT EXISTS (SELECT 1 FROM identity_pools), EXISTS (SELECT 1 FROM access_keys), EXISTS (SELECT 1 FROM server_keys), EXISTS (SELECT 1 FROM token_keys), EXISTS (SELECT 1 FROM identities WHERE identity_id = $1), EXISTS (SELECT 1 FROM datasets WHERE identity_id = $1), EXISTS (SELECT 1 FROM dataset_counts WHERE identity_id = $1), EXISTS (SELECT 1 FROM records WHERE identity_id = $1), EXISTS (SELECT 1 FROM consumed_sessions WHERE identity_id = $1), EXISTS (SELECT 1 FROM revocations WHERE identity_id = $1);
-- name: touch_logins
SELECT EXISTS ( SELECT 1 FROM logins WHERE identity_pool_id = $1 AND login_digest = $2 );
-- name: find_consumed_session
SELECT 1 FROM consumed_sessions WHERE identity_id = $1 AND session_id = $2;
-- name: create_dataset
WITH pool AS MATERIALIZED ( SELECT 1 FROM identity_pools WHERE identity_pool_id = $1 FOR KEY SHARE ), identity AS MATERIALIZED ( SELECT identities.merged_into FROM identities, pool WHERE identities.identity_id = $2 FOR SHARE OF identities ), allowed AS MATERIALIZED ( SELECT 1 WHERE $3::bigint IS NULL OR EXISTS (SELECT 1 FROM pool) AND NOT EXISTS (SELECT 1 FROM identity WHERE merged_into IS NOT NULL) AND EXISTS (SELECT 1 FROM identity) = EXISTS (SELECT 1 FROM identities WHERE identity_id = $2) AND NOT EXISTS ( SELECT 1 FROM revocations WHERE identity_id = $2 AND subject_digest = $4 AND reason = 'deleted' ) ), counter AS ( INSERT INTO dataset_counts (identity_id, identity_pool_id, live) SELECT $2, $1, CASE WHEN $5::bigint IS NULL THEN 0 ELSE 1 END FROM allowed WHERE coalesce($3::bigint, 1) > 0 AND NOT EXISTS ( SELECT 1 FROM datasets WHERE identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $6 ) ON CONFLICT (identity_id, identity_pool_id) DO UPDATE SET live = dataset_counts.live + excluded.live WHERE $3::bigint IS NULL OR dataset_counts.live < $3::bigint RETURNING 1 ), head AS ( INSERT INTO datasets ( identity_id, identity_pool_id, dataset_name, sync_count, deleted_sync_count, creation_date, last_modified_date, last_modified_by, data_storage, num_records ) SELECT $2, $1, $6, $7, $8, $5::bigint, $9, $10::bytea, $11, $12 FROM counter RETURNING 1 ) , session AS ( INSERT INTO consumed_sessions (identity_id, session_id, expires_at) SELECT $2, $13::bytea, $14::bigint FROM head WHERE $13::bytea IS NOT NULL ), erased AS ( DELETE FROM records USING head WHERE $15 AND identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $6 AND key_digest <> ALL ($16::bytea[]) ), written AS ( INSERT INTO records ( identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count, last_modified_date, last_modified_by, device_last_modified_date ) SELECT $2, $1, $6, record.* FROM head, unnest( $16::bytea[], $17::bytea[], $18::bytea[], $19::bigint[], $20::bigint[], $21::bytea[], $22::bigint[] ) AS record ON CONFLICT (identity_id, identity_pool_id, dataset_name, key_digest) DO UPDATE SET value = excluded.value, sync_count = excluded.sync_count, last_modified_date = excluded.last_modified_date, last_modified_by = excluded.last_modified_by, device_last_modified_date = excluded.device_last_modified_date ) SELECT count(*) FROM head;
-- name: revive_dataset
WITH pool AS MATERIALIZED ( SELECT 1 FROM identity_pools WHERE identity_pool_id = $1 FOR KEY SHARE ), identity AS MATERIALIZED ( SELECT identities.merged_into FROM identities, pool WHERE identities.identity_id = $2 FOR SHARE OF identities ), allowed AS MATERIALIZED ( SELECT 1 FROM pool WHERE NOT EXISTS (SELECT 1 FROM identity WHERE merged_into IS NOT NULL) AND EXISTS (SELECT 1 FROM identity) = EXISTS (SELECT 1 FROM identities WHERE identity_id = $2) AND NOT EXISTS ( SELECT 1 FROM revocations WHERE identity_id = $2 AND subject_digest = $3 AND reason = 'deleted' ) ), before AS MATERIALIZED ( SELECT datasets.creation_date IS NOT NULL AS existed FROM datasets, allowed WHERE identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $4 AND sync_count = $5 FOR UPDATE OF datasets ), counter AS ( INSERT INTO dataset_counts (identity_id, identity_pool_id, live) SELECT $2, $1, ($6::bigint IS NOT NULL)::int - existed::int FROM before WHERE $7::bigint > 0 ON CONFLICT (identity_id, identity_pool_id) DO UPDATE SET live = dataset_counts.live + excluded.live WHERE dataset_counts.live < $7::bigint RETURNING 1 ), head AS ( UPDATE datasets SET sync_count = $8, deleted_sync_count = $9, creation_date = $6::bigint, last_modified_date = $10, last_modified_by = $11::bytea, data_storage = $12, num_records = $13, merged_under = CASE WHEN $14 THEN NULL ELSE merged_under END FROM counter WHERE identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $4 RETURNING 1 ) , session AS ( INSERT INTO consumed_sessions (identity_id, session_id, expires_at) SELECT $2, $15::bytea, $16::bigint FROM head WHERE $15::bytea IS NOT NULL ), erased AS ( DELETE FROM records USING head WHERE $14 AND identity_id = $2 AND identity_pool_id = $1 AND dataset_name = $4 AND key_digest <> ALL ($17::bytea[]) ), written AS ( INSERT INTO records ( identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count, last_modified_date, last_modified_by, device_last_modified_date ) SELECT $2, $1, $4, record.* FROM head, unnest( $17::bytea[], $18::bytea[], $19::bytea[], $20::bigint[], $21::bigint[], $22::bytea[], $23::bigint[] ) AS record ON CONFLICT (identity_id, identity_pool_id, dataset_name, key_digest) DO UPDATE SET value = excluded.value, sync_count = excluded.sync_count, last_modified_date = excluded.last_modified_date, last_modified_by = excluded.last_modified_by, device_last_modified_date = excluded.device_last_modified_date ) SELECT count(*) FROM head;
-- name: update_dataset
WITH before AS ( SELECT creation_date IS NOT NULL AS existed FROM datasets WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 ), head AS ( UPDATE datasets SET sync_count = $4, deleted_sync_count = $5, creation_date = $6::bigint, last_modified_date = $7, last_modified_by = $8::bytea, data_storage = $9, num_records = $10, merged_under = CASE WHEN $11 THEN NULL ELSE merged_under END FROM before WHERE identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND sync_count = $12 AND (datasets.creation_date IS NOT NULL) = before.existed RETURNING (datasets.creation_date IS NOT NULL)::int - before.existed::int AS grown ), counter AS ( INSERT INTO dataset_counts (identity_id, identity_pool_id, live) SELECT $1, $2, grown FROM head WHERE grown <> 0 ON CONFLICT (identity_id, identity_pool_id) DO UPDATE SET live = dataset_counts.live + excluded.live ) , session AS ( INSERT INTO consumed_sessions (identity_id, session_id, expires_at) SELECT $1, $13::bytea, $14::bigint FROM head WHERE $13::bytea IS NOT NULL ), erased AS ( DELETE FROM records USING head WHERE $11 AND identity_id = $1 AND identity_pool_id = $2 AND dataset_name = $3 AND key_digest <> ALL ($15::bytea[]) ), written AS ( INSERT INTO records ( identity_id, identity_pool_id, dataset_name, key_digest, record_key, value, sync_count, last_modified_date, last_modified_by, device_last_modified_date ) SELECT $1, $2, $3, record.* FROM head, unnest( $15::bytea[], $16::bytea[], $17::bytea[], $18::bigint[], $19::bigint[], $20::bytea[], $21::bigint[] ) AS record ON CONFLICT (identity_id, identity_pool_id, dataset_name, key_digest) DO UPDATE SET value = excluded.value, sync_count = excluded.sync_count, last_modified_date = excluded.last_modified_date, last_modified_by = excluded.last_modified_by, device_last_modified_date = excluded.device_last_modified_date ) SELECT count(*) FROM head;
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
