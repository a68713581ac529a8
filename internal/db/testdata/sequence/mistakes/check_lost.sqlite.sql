-- class: expand
-- +goose Up
ALTER TABLE berths ADD COLUMN pole BIGINT;
-- +goose Down
CREATE TABLE berths_new (
    id TEXT PRIMARY KEY,
    harbour_id TEXT NOT NULL REFERENCES harbours (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    kind TEXT NOT NULL DEFAULT 'box' CHECK (kind IN ('box', 'buoy')),
    note TEXT NOT NULL DEFAULT '',
    UNIQUE (harbour_id, number)
);
INSERT INTO berths_new SELECT id, harbour_id, number, kind, note FROM berths;
PRAGMA defer_foreign_keys = ON;
DROP TABLE berths;
ALTER TABLE berths_new RENAME TO berths;
CREATE INDEX berths_harbour ON berths (harbour_id);
