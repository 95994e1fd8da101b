-- The outbox, leases, devices, subscriptions and bulk publishes.

-- What is set aside is kept out of the index by which messages are delivered, so that nothing
-- that delivers ever passes over it.
CREATE TABLE outbox (
    identity_id TEXT COLLATE "C" NOT NULL,
    identity_pool_id TEXT COLLATE "C" NOT NULL,
    dataset_name TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    sync_count BIGINT NOT NULL,
    creation_date BIGINT NOT NULL,
    partition BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_attempt_date BIGINT NOT NULL DEFAULT 0,
    set_aside BOOLEAN NOT NULL DEFAULT false,
    failure BYTEA,
    body BYTEA NOT NULL,
    PRIMARY KEY (identity_id, identity_pool_id, dataset_name, channel, sync_count)
);

CREATE INDEX outbox_waiting
    ON outbox (identity_id, identity_pool_id, dataset_name, channel, sync_count)
    WHERE NOT set_aside;

CREATE INDEX outbox_set_aside
    ON outbox (identity_id, identity_pool_id, dataset_name, channel, sync_count)
    WHERE set_aside;

-- What was tried and is tried again: new messages are not in it.
CREATE INDEX outbox_by_next_attempt
    ON outbox (identity_id, identity_pool_id, dataset_name, channel, next_attempt_date)
    WHERE NOT set_aside AND next_attempt_date > 0;

-- One small row for each lane in which messages wait, and the latest of their next attempts:
-- the whole lane waits for that, and is passed over in one step, however long it is. Whoever
-- adds to a lane, or takes from it, locks its row first.
CREATE TABLE outbox_lanes (
    identity_id TEXT COLLATE "C" NOT NULL,
    identity_pool_id TEXT COLLATE "C" NOT NULL,
    dataset_name TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    partition BIGINT NOT NULL,
    next_attempt_date BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (identity_id, identity_pool_id, dataset_name, channel)
) WITH (fillfactor = 80);

CREATE TABLE leases (
    name TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL
) WITH (fillfactor = 50);

-- A device's id is text of which a client may say anything.
CREATE TABLE devices (
    identity_id TEXT COLLATE "C" NOT NULL,
    identity_pool_id TEXT COLLATE "C" NOT NULL,
    device_id BYTEA NOT NULL,
    platform TEXT COLLATE "C" NOT NULL,
    token BYTEA NOT NULL,
    token_digest BYTEA NOT NULL,
    creation_date BIGINT NOT NULL,
    endpoint BYTEA,
    PRIMARY KEY (identity_id, identity_pool_id, device_id)
);

CREATE UNIQUE INDEX devices_by_token
    ON devices (identity_id, identity_pool_id, platform, token_digest);

CREATE TABLE subscriptions (
    identity_id TEXT COLLATE "C" NOT NULL,
    identity_pool_id TEXT COLLATE "C" NOT NULL,
    dataset_name TEXT COLLATE "C" NOT NULL,
    device_id BYTEA NOT NULL,
    PRIMARY KEY (identity_id, identity_pool_id, dataset_name, device_id)
);

-- All datasets up to the position were sent.
CREATE TABLE bulk_publishes (
    identity_pool_id TEXT COLLATE "C" PRIMARY KEY,
    status TEXT COLLATE "C" NOT NULL,
    start_date BIGINT NOT NULL,
    complete_date BIGINT,
    failure_message BYTEA,
    position_identity_id TEXT COLLATE "C" NOT NULL,
    position_dataset_name BYTEA NOT NULL,
    version BIGINT NOT NULL
);
