-- class: expand
-- +goose Up
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL DEFAULT 'standard',
    url TEXT NOT NULL,
    event_types TEXT NOT NULL, -- a JSON array
    description TEXT NOT NULL DEFAULT '',
    secret_sealed TEXT NOT NULL,
    old_secret_sealed TEXT NOT NULL DEFAULT '',
    old_secret_until BIGINT,
    header_sealed TEXT NOT NULL DEFAULT '', -- what else says who sends
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL DEFAULT '',
    failure_count BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT,
    warned_at BIGINT,
    last_delivery_at BIGINT,
    last_delivery_status TEXT,
    created_by TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX webhooks_org ON webhooks (org_id);

-- What is sent, once per event: every endpoint and every attempt get these bytes.
CREATE TABLE webhook_messages (
    id TEXT PRIMARY KEY, -- of the event
    org_id TEXT NOT NULL REFERENCES organizations (id),
    event_type TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX webhook_messages_created ON webhook_messages (created_at);

-- One row per attempt, the one to come included.
CREATE TABLE webhook_deliveries (
    id TEXT PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE, -- also what is added at this moment
    message_id TEXT NOT NULL REFERENCES webhook_messages (id),
    cause TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    status TEXT NOT NULL,
    parked BOOLEAN NOT NULL DEFAULT FALSE,
    response_status BIGINT,
    response_body TEXT NOT NULL DEFAULT '',
    response_truncated BOOLEAN NOT NULL DEFAULT FALSE,
    error TEXT NOT NULL DEFAULT '',
    duration_ms BIGINT,
    next_attempt_at BIGINT,
    attempted_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (webhook_id, status, message_id);
CREATE INDEX webhook_deliveries_parked ON webhook_deliveries (webhook_id, parked, message_id);
CREATE INDEX webhook_deliveries_message ON webhook_deliveries (message_id);
CREATE INDEX webhook_deliveries_created ON webhook_deliveries (created_at);

-- +goose Down
DROP TABLE webhook_deliveries;
DROP TABLE webhook_messages;
DROP TABLE webhooks;
