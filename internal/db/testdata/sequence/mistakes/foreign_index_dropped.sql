-- class: expand
-- +goose Up
CREATE TABLE moves (id TEXT PRIMARY KEY);
-- +goose Down
DROP INDEX IF EXISTS berths_harbour;
DROP TABLE moves;
