-- class: expand
-- +goose Up
CREATE TABLE sale_workflows (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    boat_id TEXT NOT NULL REFERENCES boats (id),
    buyer_email TEXT NOT NULL,
    status TEXT NOT NULL,
    transfer_date TEXT,
    transferred_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX sale_workflows_org ON sale_workflows (org_id, created_at);
CREATE INDEX sale_workflows_boat ON sale_workflows (boat_id);

-- +goose Down
DROP TABLE sale_workflows;
