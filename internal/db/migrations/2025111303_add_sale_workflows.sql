-- class: expand
-- +goose Up
CREATE TABLE sale_workflows (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    boat_id TEXT NOT NULL REFERENCES boats (id),
    buyer_email TEXT NOT NULL,
    buyer_name TEXT NOT NULL DEFAULT '',
    buyer_fold TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL,
    region TEXT NOT NULL DEFAULT 'EU',
    transfer_date TEXT,
    cancel_reason TEXT NOT NULL DEFAULT '',
    transferred_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX sale_workflows_org ON sale_workflows (org_id, created_at);
CREATE INDEX sale_workflows_boat ON sale_workflows (boat_id);
-- A boat is sold to one buyer at a time.
CREATE UNIQUE INDEX sale_workflows_open ON sale_workflows (boat_id) WHERE status NOT IN ('completed', 'cancelled');

CREATE TABLE sale_steps (
    sale_id TEXT NOT NULL REFERENCES sale_workflows (id),
    position BIGINT NOT NULL,
    event TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (sale_id, position)
);

-- What somebody said of an item of the checklist; without a row, papers decide.
CREATE TABLE sale_ticks (
    sale_id TEXT NOT NULL REFERENCES sale_workflows (id),
    item TEXT NOT NULL,
    done BOOLEAN NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    user_id TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (sale_id, item)
);

-- What somebody decided of a paper or a piece of equipment of the boat; without a
-- row, the type of the paper decides, and equipment goes with the boat.
CREATE TABLE sale_choices (
    sale_id TEXT NOT NULL REFERENCES sale_workflows (id),
    kind TEXT NOT NULL, -- document, equipment
    subject_id TEXT NOT NULL,
    choice TEXT NOT NULL, -- in, out, hidden, use
    use_id TEXT NOT NULL DEFAULT '', -- the document that goes in instead
    note TEXT NOT NULL DEFAULT '',
    user_id TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (sale_id, kind, subject_id)
);

-- Signed archives that were made for a sale: the package, and what came after.
-- digest names the bytes in storage, and their SHA-256; they go 90 days after the
-- sale is completed (released_at), the manifest stays.
CREATE TABLE sale_packages (
    id TEXT PRIMARY KEY,
    sale_id TEXT NOT NULL REFERENCES sale_workflows (id),
    kind TEXT NOT NULL, -- package, supplement
    job_id TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL, -- building, ready, failed
    options TEXT NOT NULL DEFAULT '{}',
    phase TEXT NOT NULL DEFAULT '',
    files_done BIGINT NOT NULL DEFAULT 0,
    files_total BIGINT NOT NULL DEFAULT 0,
    bytes_done BIGINT NOT NULL DEFAULT 0,
    bytes_total BIGINT NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    file_name TEXT NOT NULL DEFAULT '',
    digest TEXT NOT NULL DEFAULT '',
    bytes BIGINT NOT NULL DEFAULT 0,
    files BIGINT NOT NULL DEFAULT 0,
    fingerprint TEXT NOT NULL DEFAULT '', -- of the key that signed it
    manifest TEXT NOT NULL DEFAULT '',
    list_hash TEXT NOT NULL DEFAULT '', -- of what goes in: what owners approve
    user_id TEXT,
    created_at BIGINT NOT NULL,
    ready_at BIGINT,
    released_at BIGINT
);
CREATE INDEX sale_packages_sale ON sale_packages (sale_id, created_at);

-- The keys (Ed25519) that organizations sign with; a retired one signs no more and
-- stays for those who check.
CREATE TABLE signing_keys (
    fingerprint TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    public_key TEXT NOT NULL,
    seed_sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE INDEX signing_keys_org ON signing_keys (org_id, created_at);

-- +goose Down
DROP TABLE signing_keys;
DROP TABLE sale_packages;
DROP TABLE sale_choices;
DROP TABLE sale_ticks;
DROP TABLE sale_steps;
DROP TABLE sale_workflows;
