-- class: expand
-- +goose Up
ALTER TABLE berths ADD COLUMN pole BIGINT;
-- +goose Down
ALTER TABLE berths DROP COLUMN pole;
