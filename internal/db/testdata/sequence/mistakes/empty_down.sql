-- class: expand
-- +goose Up
CREATE TABLE IF NOT EXISTS moves (id TEXT PRIMARY KEY);
-- +goose Down
SELECT 1;
