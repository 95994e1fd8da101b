-- The outbox, leases, devices, subscriptions and bulk publishes.

-- Messages are appended: bodies are long, and rows in the order of their lanes would cost a
-- change twice as much. What is set aside is kept apart in the index, so that nothing that
-- delivers ever passes over it.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY,
    set_aside INTEGER NOT NULL DEFAULT 0,
    identity_id TEXT NOT NULL,
    identity_pool_id TEXT NOT NULL,
    dataset_name TEXT NOT NULL,
    channel TEXT NOT NULL,
    sync_count INTEGER NOT NULL,
    creation_date INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_date INTEGER NOT NULL DEFAULT 0,
    failure TEXT,
    body BLOB NOT NULL
);

CREATE UNIQUE INDEX outbox_by_lane
    ON outbox (set_aside, identity_id, identity_pool_id, dataset_name, channel, sync_count);

-- What was tried and is tried again: new messages are not in it.
CREATE INDEX outbox_by_next_attempt
    ON outbox (identity_id, identity_pool_id, dataset_name, channel, next_attempt_date)
    WHERE set_aside = 0 AND next_attempt_date > 0;

-- One small row for each lane in which messages wait, and the latest of their next attempts:
-- the whole lane waits for that, and is passed over in one step, however long it is.
CREATE TABLE outbox_lanes (
    identity_id TEXT NOT NULL,
    identity_pool_id TEXT NOT NULL,
    dataset_name TEXT NOT NULL,
    channel TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_attempt_date INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (identity_id, identity_pool_id, dataset_name, channel)
) WITHOUT ROWID;

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE devices (
    identity_id TEXT NOT NULL,
    identity_pool_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    token TEXT NOT NULL,
    creation_date INTEGER NOT NULL,
    endpoint TEXT,
    PRIMARY KEY (identity_id, identity_pool_id, device_id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX devices_by_token ON devices (identity_id, identity_pool_id, platform, token);

CREATE TABLE subscriptions (
    identity_id TEXT NOT NULL,
    identity_pool_id TEXT NOT NULL,
    dataset_name TEXT NOT NULL,
    device_id TEXT NOT NULL,
    PRIMARY KEY (identity_id, identity_pool_id, dataset_name, device_id)
) WITHOUT ROWID;

-- All datasets up to the position were sent.
CREATE TABLE bulk_publishes (
    identity_pool_id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    start_date INTEGER NOT NULL,
    complete_date INTEGER,
    failure_message TEXT,
    position_identity_id TEXT NOT NULL,
    position_dataset_name TEXT NOT NULL,
    version INTEGER NOT NULL
) WITHOUT ROWID;
