-- class: expand
-- +goose Up
ALTER TABLE berths DROP CONSTRAINT IF EXISTS berths_number_check;
ALTER TABLE berths ADD CONSTRAINT berths_number_small CHECK (number > 0 AND number < 1000);
-- +goose Down
ALTER TABLE berths DROP CONSTRAINT berths_number_small;
