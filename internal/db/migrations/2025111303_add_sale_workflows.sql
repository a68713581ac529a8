-- class: expand
-- +goose Up
CREATE TABLE sale_workflows (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    boat_id TEXT NOT NULL REFERENCES boats (id),
    buyer_email TEXT NOT NULL,
    buyer_name TEXT NOT NULL DEFAULT '',
    buyer_fold TEXT NOT NULL DEFAULT '',
    buyer_language TEXT NOT NULL DEFAULT 'en',
    unreached TEXT NOT NULL DEFAULT '', -- why the buyer's mail did not arrive
    status TEXT NOT NULL,
    region TEXT NOT NULL DEFAULT 'EU',
    transfer_date TEXT,
    approval TEXT NOT NULL DEFAULT 'all', -- which owners approve before a transfer: all, any, off
    tasks_told BIGINT NOT NULL DEFAULT 0, -- so many days after completion open tasks were last told of
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
    gaps TEXT NOT NULL DEFAULT '{}', -- what the manifest says is missing and withheld
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

-- What a buyer fetches a package by. allowed is how many complete downloads there
-- may be; finished are those that were, taken the slots of those under way.
-- piece_bytes is what went out besides complete downloads.
CREATE TABLE sale_links (
    id TEXT PRIMARY KEY,
    sale_id TEXT NOT NULL REFERENCES sale_workflows (id),
    package_id TEXT NOT NULL REFERENCES sale_packages (id),
    email TEXT NOT NULL,
    language TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    user_id TEXT, -- who transferred
    allowed BIGINT NOT NULL,
    finished BIGINT NOT NULL DEFAULT 0,
    taken BIGINT NOT NULL DEFAULT 0,
    piece_bytes BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    reminded_at BIGINT,
    ended_at BIGINT,
    ended TEXT NOT NULL DEFAULT '' -- replaced, revoked, cancelled
);
CREATE INDEX sale_links_sale ON sale_links (sale_id, created_at);
CREATE INDEX sale_links_expiry ON sale_links (expires_at);
-- A package has one link that works; supplements have theirs beside the package's.
CREATE UNIQUE INDEX sale_links_live ON sale_links (package_id) WHERE ended_at IS NULL;

-- The secrets that open a link, as SHA-256: that of the mail, and that of the
-- reminder; a replaced one still tells that it was.
CREATE TABLE sale_tokens (
    hash TEXT PRIMARY KEY,
    link_id TEXT NOT NULL REFERENCES sale_links (id),
    created_at BIGINT NOT NULL,
    replaced_at BIGINT
);
CREATE INDEX sale_tokens_link ON sale_tokens (link_id, created_at);

-- Answers that reach a package's last byte. One that is under way is renewed while
-- bytes flow; without progress for two minutes its slot is free again.
CREATE TABLE sale_downloads (
    id TEXT PRIMARY KEY,
    link_id TEXT NOT NULL REFERENCES sale_links (id),
    state TEXT NOT NULL, -- taken, complete, cut
    address TEXT NOT NULL DEFAULT '', -- masked
    bytes BIGINT NOT NULL DEFAULT 0,
    started_at BIGINT NOT NULL,
    renewed_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX sale_downloads_link ON sale_downloads (link_id, started_at);

-- The days before a planned transfer on which somebody is told.
CREATE TABLE sale_reminders (
    sale_id TEXT NOT NULL REFERENCES sale_workflows (id),
    transfer_date TEXT NOT NULL,
    days BIGINT NOT NULL,
    due_on TEXT NOT NULL,
    state TEXT NOT NULL, -- due, passed, sent
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (sale_id, transfer_date, days)
);
CREATE INDEX sale_reminders_due ON sale_reminders (state, due_on);

-- Owners who were asked to approve what goes to the buyer, and who did: by the link
-- of a mail, of which the secret's SHA-256 is kept, or told to the seller otherwise.
CREATE TABLE sale_approvals (
    id TEXT PRIMARY KEY,
    sale_id TEXT NOT NULL REFERENCES sale_workflows (id),
    package_id TEXT NOT NULL REFERENCES sale_packages (id),
    list_hash TEXT NOT NULL, -- what the package holds: another list is approved anew
    owner TEXT NOT NULL,
    email TEXT NOT NULL DEFAULT '',
    language TEXT NOT NULL DEFAULT 'en',
    token_hash TEXT UNIQUE,
    asked_at BIGINT,
    expires_at BIGINT,
    approved_at BIGINT,
    how TEXT NOT NULL DEFAULT '', -- link, hand
    note TEXT NOT NULL DEFAULT '',
    user_id TEXT -- who asked, or recorded it by hand
);
CREATE INDEX sale_approvals_sale ON sale_approvals (sale_id, list_hash);

-- What a buyer confirmed to have received, as it is printed; kept 7 years.
CREATE TABLE sale_receipts (
    id TEXT PRIMARY KEY,
    sale_id TEXT NOT NULL REFERENCES sale_workflows (id),
    link_id TEXT NOT NULL REFERENCES sale_links (id),
    package_id TEXT NOT NULL REFERENCES sale_packages (id),
    boat TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    language TEXT NOT NULL,
    address TEXT NOT NULL DEFAULT '', -- masked
    at BIGINT NOT NULL
);
CREATE INDEX sale_receipts_sale ON sale_receipts (sale_id, at);
CREATE INDEX sale_receipts_link ON sale_receipts (link_id);

-- What is left to do when a boat has changed hands.
CREATE TABLE sale_tasks (
    sale_id TEXT NOT NULL REFERENCES sale_workflows (id),
    item TEXT NOT NULL,
    position BIGINT NOT NULL,
    kind TEXT NOT NULL, -- register, release
    title TEXT NOT NULL,
    warranty_id TEXT,
    due_on TEXT NOT NULL,
    assumed BOOLEAN NOT NULL,
    done BOOLEAN NOT NULL DEFAULT FALSE,
    note TEXT NOT NULL DEFAULT '',
    user_id TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (sale_id, item)
);

-- +goose Down
DROP TABLE sale_tasks;
DROP TABLE sale_receipts;
DROP TABLE sale_approvals;
DROP TABLE sale_reminders;
DROP TABLE sale_downloads;
DROP TABLE sale_tokens;
DROP TABLE sale_links;
DROP TABLE signing_keys;
DROP TABLE sale_packages;
DROP TABLE sale_choices;
DROP TABLE sale_ticks;
DROP TABLE sale_steps;
DROP TABLE sale_workflows;
