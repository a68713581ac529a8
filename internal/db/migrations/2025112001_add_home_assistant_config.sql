-- class: expand
-- +goose Up
CREATE TABLE home_assistant_config (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    lane TEXT NOT NULL,
    url TEXT NOT NULL,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id), -- which carries the events, and keeps the secrets
    nonce_hash TEXT NOT NULL DEFAULT '', -- of the test that waits for its confirmation
    nonce_until BIGINT,
    confirmed_at BIGINT,
    probed_at BIGINT,
    probe_outcome TEXT NOT NULL DEFAULT '',
    probe_status BIGINT NOT NULL DEFAULT 0,
    probe_message TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX home_assistant_config_org ON home_assistant_config (org_id, created_at);
CREATE INDEX home_assistant_config_nonce ON home_assistant_config (nonce_hash);
CREATE INDEX home_assistant_config_webhook ON home_assistant_config (webhook_id);

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
DROP TABLE home_assistant_config;
