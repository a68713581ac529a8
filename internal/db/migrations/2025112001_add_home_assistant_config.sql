-- class: expand
-- +goose Up
CREATE TABLE home_assistant_config (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    lane TEXT NOT NULL,
    url TEXT NOT NULL,
    secret_sealed TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX home_assistant_config_org ON home_assistant_config (org_id);

-- +goose Down
DROP TABLE home_assistant_config;
