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

-- +goose Down
DROP TABLE sale_ticks;
DROP TABLE sale_steps;
DROP TABLE sale_workflows;
