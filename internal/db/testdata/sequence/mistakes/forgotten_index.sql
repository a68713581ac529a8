-- class: expand
-- +goose Up
CREATE INDEX IF NOT EXISTS berths_number ON berths (number DESC);
CREATE TABLE moves (id TEXT PRIMARY KEY);
-- +goose Down
DROP TABLE moves;
