-- class: expand
-- +goose Up
-- Archives that arrived in an organization. manifest is the SHA-256 of
-- manifest.json: it arrives once. archive names the bytes in storage while they
-- are needed.
CREATE TABLE imports (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    user_id TEXT,
    job_id TEXT NOT NULL,
    manifest TEXT NOT NULL,
    archive TEXT NOT NULL,
    title TEXT NOT NULL,
    schema_name TEXT NOT NULL,
    fingerprint TEXT NOT NULL, -- of the key that signed it
    state TEXT NOT NULL, -- queued, running, completed, failed
    boats TEXT NOT NULL DEFAULT '[]',
    counts TEXT NOT NULL DEFAULT '{}',
    error TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE UNIQUE INDEX imports_once ON imports (org_id, manifest) WHERE state <> 'failed';

-- Which row became which.
CREATE TABLE imported_ids (
    import_id TEXT NOT NULL REFERENCES imports (id),
    kind TEXT NOT NULL, -- the table
    old_id TEXT NOT NULL,
    new_id TEXT NOT NULL,
    PRIMARY KEY (import_id, kind, old_id)
);

-- Archives of a whole organization. digest names the bytes in storage, which go
-- after seven days.
CREATE TABLE exports (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    user_id TEXT,
    job_id TEXT NOT NULL,
    state TEXT NOT NULL, -- queued, running, completed, failed, expired
    title TEXT NOT NULL DEFAULT '',
    digest TEXT NOT NULL DEFAULT '',
    bytes BIGINT NOT NULL DEFAULT 0,
    files BIGINT NOT NULL DEFAULT 0,
    fingerprint TEXT NOT NULL DEFAULT '',
    counts TEXT NOT NULL DEFAULT '{}',
    error TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    expires_at BIGINT
);
CREATE INDEX exports_org ON exports (org_id, created_at);
CREATE INDEX exports_expiry ON exports (state, expires_at);

-- +goose Down
DROP TABLE exports;
DROP TABLE imported_ids;
DROP TABLE imports;
