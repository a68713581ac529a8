-- class: expand
-- +goose Up
CREATE TABLE moves (id TEXT PRIMARY KEY, berth_id TEXT NOT NULL REFERENCES berths (id));
-- +goose Down
DROP TABLE moves;
DELETE FROM berths;
