-- class: data
-- +goose Up
UPDATE harbours SET name = 'port ' || name;
-- +goose Down
SELECT 1;
