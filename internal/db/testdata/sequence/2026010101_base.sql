-- class: expand
-- +goose Up
CREATE TABLE harbours (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE UNIQUE INDEX harbours_name ON harbours (name);

CREATE TABLE berths (
    id TEXT PRIMARY KEY,
    harbour_id TEXT NOT NULL REFERENCES harbours (id) ON DELETE CASCADE,
    number BIGINT NOT NULL CHECK (number > 0),
    kind TEXT NOT NULL DEFAULT 'box' CHECK (kind IN ('box', 'buoy')),
    note TEXT NOT NULL DEFAULT '',
    UNIQUE (harbour_id, number)
);
CREATE INDEX berths_harbour ON berths (harbour_id);

-- +goose Down
DROP TABLE berths;
DROP TABLE harbours;
