-- class: expand
-- +goose Up
CREATE TABLE warranty_tracking (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    boat_id TEXT NOT NULL REFERENCES boats (id),
    equipment_id TEXT REFERENCES equipment (id),
    item_name TEXT NOT NULL,
    item_name_fold TEXT NOT NULL,
    provider TEXT NOT NULL DEFAULT '',
    serial_number TEXT NOT NULL DEFAULT '',
    purchase_date TEXT NOT NULL,
    start_date TEXT NOT NULL,
    warranty_period_months BIGINT NOT NULL,
    expiration_date TEXT NOT NULL,
    hours_limit DOUBLE PRECISION,
    coverage_minor BIGINT,
    currency TEXT NOT NULL DEFAULT '',
    registration_number TEXT NOT NULL DEFAULT '',
    transferable BOOLEAN NOT NULL DEFAULT FALSE,
    transfer_days BIGINT,
    transfer_cost_minor BIGINT,
    claim_instructions TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'active',
    void_reason TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX warranty_tracking_boat ON warranty_tracking (boat_id, expiration_date);
CREATE INDEX warranty_tracking_expiry ON warranty_tracking (org_id, expiration_date, id);

CREATE TABLE warranty_documents (
    warranty_id TEXT NOT NULL REFERENCES warranty_tracking (id),
    document_id TEXT NOT NULL REFERENCES documents (id),
    purpose TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (warranty_id, document_id)
);
CREATE INDEX warranty_documents_document ON warranty_documents (document_id);

-- +goose Down
DROP TABLE warranty_documents;
DROP TABLE warranty_tracking;
