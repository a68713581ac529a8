-- class: expand
-- +goose Up
ALTER TABLE berths ADD COLUMN remark TEXT NOT NULL DEFAULT '';
UPDATE berths SET remark = note, number = number + 100;
-- +goose Down
ALTER TABLE berths DROP COLUMN remark;
