-- class: expand
-- +goose Up
CREATE TABLE moves (id TEXT PRIMARY KEY);
-- +goose StatementBegin
CREATE TRIGGER IF NOT EXISTS berths_kept BEFORE DELETE ON harbours BEGIN
    SELECT raise(ABORT, 'a harbour stays');
END;
-- +goose StatementEnd
-- +goose Down
DROP TABLE moves;
