-- class: expand
-- +goose Up
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE search_entries (
    id BIGSERIAL PRIMARY KEY,
    kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    page BIGINT NOT NULL DEFAULT 0,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    scope TEXT NOT NULL,
    body TEXT NOT NULL,
    terms TSVECTOR GENERATED ALWAYS AS (
        to_tsvector('simple'::regconfig, scope) || to_tsvector('simple'::regconfig, body)
    ) STORED
);
CREATE UNIQUE INDEX search_entries_subject ON search_entries (kind, subject_id, page);
CREATE INDEX search_index ON search_entries USING gin (terms) WITH (fastupdate = off);

CREATE TABLE search_words (
    id BIGSERIAL PRIMARY KEY,
    word TEXT NOT NULL
);
CREATE UNIQUE INDEX search_words_word ON search_words (word);
CREATE INDEX search_word_grams ON search_words USING gin (word gin_trgm_ops);

-- +goose Down
DROP TABLE search_words;
DROP TABLE search_entries;
