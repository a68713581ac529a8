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

CREATE TABLE notification_preferences (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    time_zone TEXT NOT NULL DEFAULT '',
    quiet_from TEXT NOT NULL DEFAULT '',
    quiet_to TEXT NOT NULL DEFAULT '',
    digest TEXT NOT NULL DEFAULT 'off',
    phone TEXT NOT NULL DEFAULT '',
    phone_confirmed BOOLEAN NOT NULL DEFAULT FALSE,
    phone_code TEXT NOT NULL DEFAULT '',
    phone_code_until BIGINT NOT NULL DEFAULT 0,
    phone_code_tries BIGINT NOT NULL DEFAULT 0,
    ntfy TEXT NOT NULL DEFAULT '',
    updated_at BIGINT NOT NULL
);

CREATE TABLE notification_choices (
    user_id TEXT NOT NULL REFERENCES users (id),
    event_type TEXT NOT NULL,
    channel TEXT NOT NULL,
    wanted BOOLEAN NOT NULL,
    PRIMARY KEY (user_id, event_type, channel)
);

CREATE TABLE push_subscriptions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    endpoint_hash TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX push_subscriptions_endpoint ON push_subscriptions (endpoint_hash);
CREATE INDEX push_subscriptions_user ON push_subscriptions (user_id);

CREATE TABLE mail_suppressions (
    address TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE notification_messages (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    channel TEXT NOT NULL,
    recipient TEXT NOT NULL,
    urgent BOOLEAN NOT NULL DEFAULT FALSE,
    reminds BOOLEAN NOT NULL DEFAULT FALSE,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    reference TEXT NOT NULL DEFAULT '',
    attempts BIGINT NOT NULL DEFAULT 0,
    send_at BIGINT NOT NULL,
    sent_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX notification_messages_open ON notification_messages (user_id, channel, status, send_at);

CREATE TABLE notifications (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    org_id TEXT REFERENCES organizations (id),
    boat_id TEXT,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    due TEXT NOT NULL,
    channel TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    action_url TEXT NOT NULL DEFAULT '',
    message_id TEXT REFERENCES notification_messages (id),
    retry_count BIGINT NOT NULL DEFAULT 0,
    read_at BIGINT,
    deleted_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX notifications_once ON notifications (event_type, subject, due, channel, user_id);
CREATE INDEX notifications_user ON notifications (user_id, id);
CREATE INDEX notifications_message ON notifications (message_id);
CREATE INDEX notifications_created ON notifications (created_at);

CREATE TABLE secret_mails (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    language TEXT NOT NULL,
    subject TEXT NOT NULL DEFAULT '', -- what it is about, for whoever had it sent
    sealed TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    attempts BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX secret_mails_created ON secret_mails (created_at);

-- +goose Down
DROP TABLE secret_mails;
DROP TABLE notifications;
DROP TABLE notification_messages;
DROP TABLE mail_suppressions;
DROP TABLE push_subscriptions;
DROP TABLE notification_choices;
DROP TABLE notification_preferences;
DROP TABLE notification_templates;
