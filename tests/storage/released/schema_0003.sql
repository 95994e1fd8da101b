-- A store of schema 3, as keepstep 0.1.0 wrote it.
BEGIN TRANSACTION;
CREATE TABLE access_keys (
    access_key_id TEXT PRIMARY KEY,
    sealed_secret BLOB NOT NULL,
    description TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    creation_date INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO "access_keys" VALUES('AKIAOLD',X'','',0,1700000000123,1);
INSERT INTO "access_keys" VALUES('AKIAONE',X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF','for the reports',0,1700000000123,0);
INSERT INTO "access_keys" VALUES('AKIATWO',X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF','for the reports',1,1700000000123,0);
CREATE TABLE consumed_sessions (
    identity_id TEXT NOT NULL,
    session_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (identity_id, session_id)
) WITHOUT ROWID;
INSERT INTO "consumed_sessions" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a',X'00000000000000000000000000000001',1700000000123);
INSERT INTO "consumed_sessions" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a',X'00000000000000000000000000000002',1700000000124);
CREATE TABLE copies (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    source TEXT NOT NULL,
    run TEXT NOT NULL,
    progress BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE datasets (
    identity_id TEXT NOT NULL,
    identity_pool_id TEXT NOT NULL,
    dataset_name TEXT NOT NULL,
    sync_count INTEGER NOT NULL,
    deleted_sync_count INTEGER NOT NULL,
    creation_date INTEGER,
    last_modified_date INTEGER NOT NULL,
    last_modified_by TEXT,
    data_storage INTEGER NOT NULL,
    num_records INTEGER NOT NULL, merged_under TEXT,
    PRIMARY KEY (identity_id, identity_pool_id, dataset_name)
) WITHOUT ROWID;
INSERT INTO "datasets" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a','us-east-1:00000000-0000-4000-8000-000000000001','deleted',2,2,NULL,1700000000125,NULL,0,0,NULL);
INSERT INTO "datasets" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a','us-east-1:00000000-0000-4000-8000-000000000001','kept',2,0,1700000000123,1700000000125,'device-1',2,1,NULL);
INSERT INTO "datasets" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a','us-east-1:00000000-0000-4000-8000-000000000001','notes.us-east-1:00000000-0000-4000-8000-00000000000b',1,0,1700000000123,1700000000124,'device-1',2,1,'notes');
CREATE TABLE identities (
    identity_id TEXT PRIMARY KEY,
    identity_pool_id TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    last_modified_date INTEGER NOT NULL,
    was_authenticated INTEGER NOT NULL,
    merged_into TEXT,
    version INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "identities" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a','us-east-1:00000000-0000-4000-8000-000000000001',1700000000123,1700000000124,1,NULL,2);
INSERT INTO "identities" VALUES('us-east-1:00000000-0000-4000-8000-00000000000b','us-east-1:00000000-0000-4000-8000-000000000001',1700000000123,1700000000124,1,'us-east-1:00000000-0000-4000-8000-00000000000a',2);
INSERT INTO "identities" VALUES('us-east-1:00000000-0000-4000-8000-00000000000c','us-east-1:00000000-0000-4000-8000-000000000001',1700000000123,1700000000123,0,NULL,1);
CREATE TABLE identity_pools (
    identity_pool_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    last_modified_date INTEGER NOT NULL,
    sync_sessions_count INTEGER NOT NULL
, settings TEXT NOT NULL DEFAULT '{}', version INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID;
INSERT INTO "identity_pools" VALUES('us-east-1:00000000-0000-4000-8000-000000000001','A pool',1700000000123,1700000000124,7,'{}',1);
INSERT INTO "identity_pools" VALUES('us-east-1:00000000-0000-4000-8000-000000000002','A pool',1700000000123,1700000000124,1099511627776,'{}',1);
INSERT INTO "identity_pools" VALUES('us-east-1:00000000-0000-4000-8000-000000000003','A pöol 🌊',1700000000123,1700000000123,0,'{"allow_unauthenticated":true,"allow_classic_flow":false,"supported_login_providers":{"graph.facebook.com":"7;8","a":"''\u0000😀"},"developer_provider_name":"login.mycompany","open_id_connect_provider_arns":["arn:b","arn:a"],"cognito_identity_providers":[{"ProviderName":"cognito-idp.eu-west-1.amazonaws.com/p","ClientId":"c","ServerSideTokenCheck":true},{"ProviderName":"other"}],"saml_provider_arns":["arn:saml"],"tags":{"k":"","ü":"v"},"roles":{"authenticated":"arn:role/a"},"role_mappings":{"graph.facebook.com":{"Type":"Token","AmbiguousRoleResolution":"Deny"}},"principal_tags":{"graph.facebook.com":{"use_defaults":true,"principal_tags":{}},"a":{"use_defaults":false,"principal_tags":{"team":"claim"}}}}',2);
CREATE TABLE logins (
    identity_pool_id TEXT NOT NULL,
    provider_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    identity_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (identity_pool_id, provider_name, subject)
) WITHOUT ROWID;
INSERT INTO "logins" VALUES('us-east-1:00000000-0000-4000-8000-000000000001','z','the first','us-east-1:00000000-0000-4000-8000-00000000000a',0);
INSERT INTO "logins" VALUES('us-east-1:00000000-0000-4000-8000-000000000001','a','the second 😀','us-east-1:00000000-0000-4000-8000-00000000000a',1);
INSERT INTO "logins" VALUES('us-east-1:00000000-0000-4000-8000-000000000001','accounts.example.com','somebody','us-east-1:00000000-0000-4000-8000-00000000000a',2);
CREATE TABLE records (
    identity_id TEXT NOT NULL,
    identity_pool_id TEXT NOT NULL,
    dataset_name TEXT NOT NULL,
    record_key TEXT NOT NULL,
    value TEXT,
    sync_count INTEGER NOT NULL,
    last_modified_date INTEGER NOT NULL,
    last_modified_by TEXT,
    device_last_modified_date INTEGER NOT NULL,
    PRIMARY KEY (identity_id, identity_pool_id, dataset_name, record_key)
) WITHOUT ROWID;
INSERT INTO "records" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a','us-east-1:00000000-0000-4000-8000-000000000001','kept','a','2',2,1700000000125,'device-1',1700000000121);
INSERT INTO "records" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a','us-east-1:00000000-0000-4000-8000-000000000001','kept','gone',NULL,1,1700000000124,'device-1',1700000000122);
INSERT INTO "records" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a','us-east-1:00000000-0000-4000-8000-000000000001','kept','lines','first
second ''quoted'' -- ü😀',1,1700000000124,'device-1',1700000000122);
INSERT INTO "records" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a','us-east-1:00000000-0000-4000-8000-000000000001','kept','zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz','xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',1,1700000000124,'device-1',1700000000122);
INSERT INTO "records" VALUES('us-east-1:00000000-0000-4000-8000-00000000000a','us-east-1:00000000-0000-4000-8000-000000000001','notes.us-east-1:00000000-0000-4000-8000-00000000000b','n','1',1,1700000000124,'device-1',1700000000122);
CREATE TABLE revocations (
    subject TEXT PRIMARY KEY,
    not_before INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "revocations" VALUES('identity:us-east-1:00000000-0000-4000-8000-00000000000b',1700000000132,'merged');
INSERT INTO "revocations" VALUES('identity:us-east-1:00000000-0000-4000-8000-00000000000d',1700000000123,'deleted');
CREATE TABLE server_keys (
    sealed BLOB PRIMARY KEY,
    creation_date INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "server_keys" VALUES(X'6E65776572',1700000000124);
INSERT INTO "server_keys" VALUES(X'6F6C646572',1700000000123);
CREATE TABLE token_keys (
    number INTEGER PRIMARY KEY,
    sealed BLOB NOT NULL,
    creation_date INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "token_keys" VALUES(1,X'6F6C646572',1700000000123);
INSERT INTO "token_keys" VALUES(2,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF',1700000000124);
CREATE INDEX records_by_sync_count
    ON records (identity_id, identity_pool_id, dataset_name, sync_count, record_key);
CREATE INDEX consumed_sessions_by_expiry ON consumed_sessions (expires_at);
CREATE INDEX identity_pools_by_creation ON identity_pools (creation_date, identity_pool_id);
CREATE INDEX datasets_by_merge ON datasets (identity_id, identity_pool_id, merged_under)
    WHERE merged_under IS NOT NULL;
CREATE INDEX identities_by_creation
    ON identities (identity_pool_id, creation_date, identity_id);
CREATE INDEX guests_by_creation ON identities (creation_date, identity_id)
    WHERE was_authenticated = 0 AND merged_into IS NULL;
CREATE INDEX logins_by_identity ON logins (identity_id, position);
CREATE INDEX revocations_by_time ON revocations (not_before);
COMMIT;
PRAGMA application_id = 1802728560;
PRAGMA user_version = 3;
