-- class: expand
-- +goose Up
ALTER TABLE berths ADD COLUMN depth_m DOUBLE PRECISION;
ALTER TABLE berths ADD COLUMN shore_power BOOLEAN NOT NULL DEFAULT FALSE;
-- +goose Down
ALTER TABLE berths DROP COLUMN shore_power;
