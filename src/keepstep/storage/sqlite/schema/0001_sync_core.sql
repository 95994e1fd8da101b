-- Pools, datasets, records, consumed sync sessions, access keys and the server's own keys.
-- Dates are milliseconds since the epoch. Text compares in byte order of UTF-8 (BINARY).

CREATE TABLE identity_pools (
    identity_pool_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    last_modified_date INTEGER NOT NULL,
    sync_sessions_count INTEGER NOT NULL
) WITHOUT ROWID;

-- One row for each name an identity ever used: the counter survives the data.
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
    num_records INTEGER NOT NULL,
    PRIMARY KEY (identity_id, identity_pool_id, dataset_name)
) WITHOUT ROWID;

-- A record without a value is a tombstone.
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

CREATE INDEX records_by_sync_count
    ON records (identity_id, identity_pool_id, dataset_name, sync_count, record_key);

CREATE TABLE consumed_sessions (
    identity_id TEXT NOT NULL,
    session_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (identity_id, session_id)
) WITHOUT ROWID;

CREATE INDEX consumed_sessions_by_expiry ON consumed_sessions (expires_at);

CREATE TABLE access_keys (
    access_key_id TEXT PRIMARY KEY,
    sealed_secret BLOB NOT NULL,
    description TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    creation_date INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE server_keys (
    sealed BLOB PRIMARY KEY,
    creation_date INTEGER NOT NULL
) WITHOUT ROWID;
