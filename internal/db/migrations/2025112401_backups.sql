-- class: expand
-- +goose Up
-- Each backup that was begun. The row is written before the copy is taken, so
-- that a backup can be told to hold what was acknowledged before it.
CREATE TABLE backups (
    id TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    release TEXT NOT NULL,
    state TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    bytes BIGINT NOT NULL DEFAULT 0,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    drilled_at BIGINT
);
CREATE INDEX backups_started ON backups (started_at);

-- While a lease lasts no blob is collected: somebody is copying them.
CREATE TABLE blob_leases (
    id TEXT PRIMARY KEY,
    ends_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE blob_leases;
DROP TABLE backups;
