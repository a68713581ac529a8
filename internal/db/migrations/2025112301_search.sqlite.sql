-- class: expand
-- +goose Up
CREATE TABLE search_entries (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    page BIGINT NOT NULL DEFAULT 0,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    scope TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX search_entries_subject ON search_entries (kind, subject_id, page);

CREATE VIRTUAL TABLE search_index USING fts5(
    scope, body, content='search_entries', content_rowid='id', tokenize='unicode61 remove_diacritics 0'
);
-- +goose StatementBegin
CREATE TRIGGER search_entries_insert AFTER INSERT ON search_entries BEGIN
    INSERT INTO search_index (rowid, scope, body) VALUES (new.id, new.scope, new.body);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER search_entries_delete AFTER DELETE ON search_entries BEGIN
    INSERT INTO search_index (search_index, rowid, scope, body) VALUES ('delete', old.id, old.scope, old.body);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER search_entries_update AFTER UPDATE ON search_entries BEGIN
    INSERT INTO search_index (search_index, rowid, scope, body) VALUES ('delete', old.id, old.scope, old.body);
    INSERT INTO search_index (rowid, scope, body) VALUES (new.id, new.scope, new.body);
END;
-- +goose StatementEnd

-- The words that pages hold, for finding what a mistyped one may have meant.
CREATE TABLE search_words (
    id INTEGER PRIMARY KEY,
    word TEXT NOT NULL
);
CREATE UNIQUE INDEX search_words_word ON search_words (word);
CREATE VIRTUAL TABLE search_word_grams USING fts5(
    word, content='search_words', content_rowid='id', tokenize='trigram', detail='none'
);
-- +goose StatementBegin
CREATE TRIGGER search_words_insert AFTER INSERT ON search_words BEGIN
    INSERT INTO search_word_grams (rowid, word) VALUES (new.id, new.word);
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER search_words_insert;
DROP TABLE search_word_grams;
DROP TABLE search_words;
DROP TRIGGER search_entries_update;
DROP TRIGGER search_entries_delete;
DROP TRIGGER search_entries_insert;
DROP TABLE search_index;
DROP TABLE search_entries;
