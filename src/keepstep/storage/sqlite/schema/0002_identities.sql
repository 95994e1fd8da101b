-- Identities, the logins linked to them, revocations, keys that sign tokens, pools' settings,
-- and what datasets were merged under.

-- The settings are one JSON object, since nothing ever asks for a part of them.
ALTER TABLE identity_pools ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE identity_pools ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

CREATE INDEX identity_pools_by_creation ON identity_pools (creation_date, identity_pool_id);

-- The name that reports a dataset of a merged identity; NULL for all others.
ALTER TABLE datasets ADD COLUMN merged_under TEXT;

CREATE INDEX datasets_by_merge ON datasets (identity_id, identity_pool_id, merged_under)
    WHERE merged_under IS NOT NULL;

CREATE TABLE identities (
    identity_id TEXT PRIMARY KEY,
    identity_pool_id TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    last_modified_date INTEGER NOT NULL,
    was_authenticated INTEGER NOT NULL,
    merged_into TEXT,
    version INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX identities_by_creation
    ON identities (identity_pool_id, creation_date, identity_id);

CREATE INDEX guests_by_creation ON identities (creation_date, identity_id)
    WHERE was_authenticated = 0 AND merged_into IS NULL;

-- Found by what a provider says, so this key does not begin with the identity. The position
-- keeps the order in which an identity's logins were linked.
CREATE TABLE logins (
    identity_pool_id TEXT NOT NULL,
    provider_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    identity_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (identity_pool_id, provider_name, subject)
) WITHOUT ROWID;

CREATE INDEX logins_by_identity ON logins (identity_id, position);

CREATE TABLE revocations (
    subject TEXT PRIMARY KEY,
    not_before INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX revocations_by_time ON revocations (not_before);

CREATE TABLE token_keys (
    number INTEGER PRIMARY KEY,
    sealed BLOB NOT NULL,
    creation_date INTEGER NOT NULL
) WITHOUT ROWID;
