-- class: contract
-- +goose Up
ALTER TABLE berths DROP COLUMN note;
-- +goose Down
ALTER TABLE berths ADD COLUMN note TEXT NOT NULL DEFAULT '';
