-- class: expand
-- +goose Up
CREATE TABLE home_assistant_config (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    lane TEXT NOT NULL,
    url TEXT NOT NULL,
    webhook_id TEXT REFERENCES webhooks (id), -- which carries the events, and keeps the secrets; NULL for the lane mqtt
    nonce_hash TEXT NOT NULL DEFAULT '', -- of the test that waits for its confirmation
    nonce_until BIGINT,
    confirmed_at BIGINT,
    probed_at BIGINT,
    probe_outcome TEXT NOT NULL DEFAULT '',
    probe_status BIGINT NOT NULL DEFAULT 0,
    probe_message TEXT NOT NULL DEFAULT '',
    -- of the lane mqtt alone
    username TEXT NOT NULL DEFAULT '',
    password_sealed TEXT NOT NULL DEFAULT '',
    discovery_prefix TEXT NOT NULL DEFAULT '',
    device_key TEXT NOT NULL DEFAULT '', -- in the names of its topics: its own id, or that of the connection that left this broker
    connected_at BIGINT, -- NULL while it is not
    last_error TEXT NOT NULL DEFAULT '',
    ended_at BIGINT, -- deleted: its devices are still to be taken off the broker
    cleared_at BIGINT, -- nothing of it is on the broker
    held_by TEXT NOT NULL DEFAULT '', -- the process that talks to the broker
    held_until BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX home_assistant_config_org ON home_assistant_config (org_id, created_at);
CREATE INDEX home_assistant_config_nonce ON home_assistant_config (nonce_hash);
CREATE INDEX home_assistant_config_webhook ON home_assistant_config (webhook_id);

-- The boats that a broker shows.
CREATE TABLE home_assistant_devices (
    connection_id TEXT NOT NULL REFERENCES home_assistant_config (id),
    boat_id TEXT NOT NULL REFERENCES boats (id),
    sequence BIGINT NOT NULL, -- of the last event of the boat that was published, or is not to be
    seen TEXT NOT NULL DEFAULT '', -- digest of what was acknowledged
    PRIMARY KEY (connection_id, boat_id)
);
CREATE INDEX home_assistant_devices_boat ON home_assistant_devices (boat_id);

-- Addresses of calendars, each in a person's name and with their rights.
CREATE TABLE feeds (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    boat_id TEXT REFERENCES boats (id), -- NULL for all that they may see
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    alarm_days BIGINT NOT NULL,
    last_fetched_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX feeds_hash ON feeds (hash);
CREATE INDEX feeds_user ON feeds (user_id, created_at);
CREATE INDEX feeds_boat ON feeds (boat_id);

-- +goose Down
DROP TABLE feeds;
DROP TABLE home_assistant_devices;
DROP TABLE home_assistant_config;
