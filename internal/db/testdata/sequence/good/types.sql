-- class: expand
-- +goose Up
CREATE TABLE readings (
    a BIGINT NOT NULL,
    b DOUBLE PRECISION NOT NULL,
    c VARCHAR(20) NOT NULL,
    d DATE NOT NULL,
    e BOOLEAN,
    f NUMERIC(10, 2),
    g TEXT GENERATED ALWAYS AS (c || '!') STORED,
    PRIMARY KEY (b, a)
);
CREATE UNIQUE INDEX readings_half ON readings (lower(c)) WHERE a > 1;
CREATE TABLE calibrations (
    b DOUBLE PRECISION NOT NULL,
    a BIGINT NOT NULL,
    FOREIGN KEY (b, a) REFERENCES readings (b, a) ON UPDATE CASCADE ON DELETE RESTRICT
);
CREATE TABLE watches (
    id TEXT PRIMARY KEY,
    before TEXT REFERENCES watches (id)
);
-- +goose Down
DROP TABLE watches;
DROP TABLE calibrations;
DROP TABLE readings;
