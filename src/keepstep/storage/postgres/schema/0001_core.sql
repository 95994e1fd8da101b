-- Everything that the engine stores. Dates are milliseconds since the epoch.
--
-- Text that may hold NUL, which TEXT refuses, is BYTEA in UTF-8: bytes compare in byte order.
-- What may be longer than an entry of a B-tree is found by its digest, made by the engine.
-- Every table that grows with users leads its key with the identity, but for the logins, so that
-- a sharded database keeps one identity in one place.

-- The settings are one JSON object, since nothing ever asks for a part of them.
CREATE TABLE identity_pools (
    identity_pool_id TEXT COLLATE "C" PRIMARY KEY,
    name BYTEA NOT NULL,
    creation_date BIGINT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    sync_sessions_count BIGINT NOT NULL,
    settings BYTEA NOT NULL,
    version BIGINT NOT NULL
);

CREATE INDEX identity_pools_by_creation ON identity_pools (creation_date, identity_pool_id);

-- An identity is read with its logins: pairs of a provider and a subject, in the order in which
-- they were linked.
CREATE TABLE identities (
    identity_id TEXT COLLATE "C" PRIMARY KEY,
    identity_pool_id TEXT COLLATE "C" NOT NULL,
    creation_date BIGINT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    was_authenticated BOOLEAN NOT NULL,
    merged_into TEXT COLLATE "C",
    provider_names BYTEA[] NOT NULL DEFAULT '{}',
    subjects BYTEA[] NOT NULL DEFAULT '{}',
    version BIGINT NOT NULL
);

CREATE INDEX identities_by_creation ON identities (identity_pool_id, creation_date, identity_id);

CREATE INDEX guests_by_creation ON identities (creation_date, identity_id)
    WHERE NOT was_authenticated AND merged_into IS NULL;

-- Which identity has a login, so that no other can: found by what a provider says, hence the one
-- key that does not begin with the identity. The position is that in the identity's own list.
CREATE TABLE logins (
    identity_pool_id TEXT COLLATE "C" NOT NULL,
    login_digest BYTEA NOT NULL,
    provider_name BYTEA NOT NULL,
    subject BYTEA NOT NULL,
    identity_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (identity_pool_id, login_digest)
);

CREATE INDEX logins_by_identity ON logins (identity_id, position);

-- One row for each name an identity ever used: the counter survives the data. merged_under is
-- the name that reports a dataset of a merged identity; NULL for all others.
CREATE TABLE datasets (
    identity_id TEXT COLLATE "C" NOT NULL,
    identity_pool_id TEXT COLLATE "C" NOT NULL,
    dataset_name TEXT COLLATE "C" NOT NULL,
    sync_count BIGINT NOT NULL,
    deleted_sync_count BIGINT NOT NULL,
    creation_date BIGINT,
    last_modified_date BIGINT NOT NULL,
    last_modified_by BYTEA,
    data_storage BIGINT NOT NULL,
    num_records BIGINT NOT NULL,
    merged_under TEXT COLLATE "C",
    PRIMARY KEY (identity_id, identity_pool_id, dataset_name)
) WITH (fillfactor = 80);

CREATE INDEX datasets_by_merge ON datasets (identity_id, identity_pool_id, merged_under)
    WHERE merged_under IS NOT NULL;

-- How many datasets of an identity exist. Its row is what creations at the same time wait for.
CREATE TABLE dataset_counts (
    identity_id TEXT COLLATE "C" NOT NULL,
    identity_pool_id TEXT COLLATE "C" NOT NULL,
    live BIGINT NOT NULL,
    PRIMARY KEY (identity_id, identity_pool_id)
);

-- A record without a value is a tombstone.
CREATE TABLE records (
    identity_id TEXT COLLATE "C" NOT NULL,
    identity_pool_id TEXT COLLATE "C" NOT NULL,
    dataset_name TEXT COLLATE "C" NOT NULL,
    key_digest BYTEA NOT NULL,
    record_key BYTEA NOT NULL,
    value BYTEA,
    sync_count BIGINT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by BYTEA,
    device_last_modified_date BIGINT NOT NULL,
    PRIMARY KEY (identity_id, identity_pool_id, dataset_name, key_digest)
);

CREATE INDEX records_by_sync_count
    ON records (identity_id, identity_pool_id, dataset_name, sync_count);

CREATE TABLE consumed_sessions (
    identity_id TEXT COLLATE "C" NOT NULL,
    session_id BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (identity_id, session_id)
);

CREATE INDEX consumed_sessions_by_expiry ON consumed_sessions (expires_at);

-- Those of an identity are kept with it: its end and its revocation are one change in one place.
-- For all others, the identity is the subject's digest.
CREATE TABLE revocations (
    identity_id TEXT COLLATE "C" NOT NULL,
    subject_digest BYTEA NOT NULL,
    subject BYTEA NOT NULL,
    not_before BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (identity_id, subject_digest)
);

CREATE INDEX revocations_by_time ON revocations (not_before);

CREATE TABLE token_keys (
    number BIGINT PRIMARY KEY,
    sealed BYTEA NOT NULL,
    creation_date BIGINT NOT NULL
);

CREATE TABLE access_keys (
    access_key_id TEXT COLLATE "C" PRIMARY KEY,
    sealed_secret BYTEA NOT NULL,
    description BYTEA NOT NULL,
    read_only BOOLEAN NOT NULL,
    creation_date BIGINT NOT NULL,
    revoked BOOLEAN NOT NULL DEFAULT false
);

-- Of keys that are kept only if there is none, one at most is.
CREATE TABLE server_keys (
    sealed BYTEA PRIMARY KEY,
    creation_date BIGINT NOT NULL,
    first BOOLEAN NOT NULL
);

CREATE UNIQUE INDEX server_keys_first ON server_keys (first) WHERE first;
