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

-- +goose Down
DROP TABLE home_assistant_config;
