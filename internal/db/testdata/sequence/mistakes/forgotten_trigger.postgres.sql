-- class: expand
-- +goose Up
CREATE TABLE moves (id TEXT PRIMARY KEY);
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION stay() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a harbour stays';
END $$;
-- +goose StatementEnd
CREATE OR REPLACE TRIGGER berths_kept BEFORE DELETE ON harbours FOR EACH ROW EXECUTE FUNCTION stay();
-- +goose Down
DROP TABLE moves;
