-- class: expand
-- +goose Up
CREATE TABLE notification_templates (
    id TEXT PRIMARY KEY,
    org_id TEXT REFERENCES organizations (id),
    event_type TEXT NOT NULL,
    channel TEXT NOT NULL,
    language TEXT NOT NULL,
    subject TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX notification_templates_key ON notification_templates (org_id, event_type, channel, language);

-- +goose Down
DROP TABLE notification_templates;
