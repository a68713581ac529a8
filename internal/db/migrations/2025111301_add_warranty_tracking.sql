-- class: expand
-- +goose Up
CREATE TABLE warranty_tracking (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    boat_id TEXT NOT NULL REFERENCES boats (id),
    equipment_id TEXT REFERENCES equipment (id),
    engine_id TEXT REFERENCES engines (id),
    item_name TEXT NOT NULL,
    item_name_fold TEXT NOT NULL,
    provider TEXT NOT NULL DEFAULT '',
    provider_fold TEXT NOT NULL DEFAULT '',
    serial_number TEXT NOT NULL DEFAULT '',
    purchase_date TEXT NOT NULL,
    start_date TEXT NOT NULL,
    warranty_period_months BIGINT NOT NULL,
    hours_limit DOUBLE PRECISION,
    hours_at_start DOUBLE PRECISION NOT NULL DEFAULT 0,
    maker_invoice_date TEXT,
    months_after_invoice BIGINT,
    expiration_date TEXT NOT NULL,
    ends_by TEXT NOT NULL DEFAULT 'months',
    coverage_minor BIGINT,
    currency TEXT NOT NULL DEFAULT '',
    registration_number TEXT NOT NULL DEFAULT '',
    transferable BOOLEAN NOT NULL DEFAULT FALSE,
    transfer_window_days BIGINT,
    transfer_cost_minor BIGINT,
    claim_instructions TEXT NOT NULL DEFAULT '',
    terms_source TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'active',
    void_reason TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX warranty_tracking_boat ON warranty_tracking (boat_id, expiration_date);
CREATE INDEX warranty_tracking_expiry ON warranty_tracking (org_id, expiration_date, id);
CREATE INDEX warranty_tracking_equipment ON warranty_tracking (equipment_id);
CREATE INDEX warranty_tracking_engine ON warranty_tracking (engine_id);

-- What is covered for a time of its own: structure, parts, labour, paint.
CREATE TABLE warranty_lines (
    id TEXT PRIMARY KEY,
    warranty_id TEXT NOT NULL REFERENCES warranty_tracking (id),
    position BIGINT NOT NULL,
    coverage TEXT NOT NULL,
    months BIGINT,
    hours_limit DOUBLE PRECISION,
    months_after_invoice BIGINT,
    expiration_date TEXT,
    ends_by TEXT NOT NULL DEFAULT '',
    terms_source TEXT NOT NULL DEFAULT ''
);
CREATE INDEX warranty_lines_warranty ON warranty_lines (warranty_id);

-- The days on which somebody is to be told: 90, 30 and 14 days before an end,
-- and on the first day without cover (0). line_id is '' for the warranty itself.
CREATE TABLE warranty_thresholds (
    warranty_id TEXT NOT NULL REFERENCES warranty_tracking (id),
    line_id TEXT NOT NULL,
    expires_on TEXT NOT NULL,
    days BIGINT NOT NULL,
    due_on TEXT NOT NULL,
    state TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (warranty_id, line_id, expires_on, days)
);
CREATE INDEX warranty_thresholds_due ON warranty_thresholds (state, due_on, warranty_id, line_id, days);

CREATE TABLE warranty_documents (
    warranty_id TEXT NOT NULL REFERENCES warranty_tracking (id),
    document_id TEXT NOT NULL REFERENCES documents (id),
    purpose TEXT NOT NULL,
    caption TEXT NOT NULL DEFAULT '',
    position BIGINT NOT NULL,
    PRIMARY KEY (warranty_id, document_id)
);
CREATE INDEX warranty_documents_document ON warranty_documents (document_id);

CREATE TABLE warranty_claims (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    warranty_id TEXT NOT NULL REFERENCES warranty_tracking (id),
    contact_id TEXT REFERENCES contacts (id),
    state TEXT NOT NULL,
    jurisdiction TEXT NOT NULL DEFAULT '',
    buyer TEXT NOT NULL DEFAULT '',
    seller TEXT NOT NULL DEFAULT '',
    item_condition TEXT NOT NULL DEFAULT '',
    country TEXT NOT NULL DEFAULT '',
    delivered_on TEXT,
    case_number TEXT NOT NULL DEFAULT '',
    failed_on TEXT,
    hours_at_failure DOUBLE PRECISION,
    story TEXT NOT NULL DEFAULT '',
    fault_codes TEXT NOT NULL DEFAULT '',
    measures TEXT NOT NULL DEFAULT '',
    access TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT '',
    answer_by TEXT,
    notice_by TEXT,
    appeal_by TEXT,
    refusal_reason TEXT NOT NULL DEFAULT '',
    parts_minor BIGINT,
    labour_minor BIGINT,
    haul_out_minor BIGINT,
    currency TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX warranty_claims_warranty ON warranty_claims (warranty_id, created_at);
CREATE INDEX warranty_claims_contact ON warranty_claims (contact_id);

CREATE TABLE warranty_claim_states (
    claim_id TEXT NOT NULL REFERENCES warranty_claims (id),
    position BIGINT NOT NULL,
    state TEXT NOT NULL,
    on_date TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    user_id TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (claim_id, position)
);

CREATE TABLE warranty_claim_documents (
    claim_id TEXT NOT NULL REFERENCES warranty_claims (id),
    document_id TEXT NOT NULL REFERENCES documents (id),
    purpose TEXT NOT NULL,
    caption TEXT NOT NULL DEFAULT '',
    position BIGINT NOT NULL,
    PRIMARY KEY (claim_id, document_id)
);
CREATE INDEX warranty_claim_documents_document ON warranty_claim_documents (document_id);

CREATE TABLE warranty_claim_log (
    id TEXT PRIMARY KEY,
    claim_id TEXT NOT NULL REFERENCES warranty_claims (id),
    direction TEXT NOT NULL,
    channel TEXT NOT NULL,
    on_date TEXT NOT NULL,
    contact_id TEXT REFERENCES contacts (id),
    subject TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL DEFAULT '',
    document_id TEXT REFERENCES documents (id),
    package_sha256 TEXT NOT NULL DEFAULT '',
    user_id TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX warranty_claim_log_claim ON warranty_claim_log (claim_id, on_date, id);
CREATE INDEX warranty_claim_log_document ON warranty_claim_log (document_id);

-- +goose Down
DROP TABLE warranty_claim_log;
DROP TABLE warranty_claim_documents;
DROP TABLE warranty_claim_states;
DROP TABLE warranty_claims;
DROP TABLE warranty_documents;
DROP TABLE warranty_thresholds;
DROP TABLE warranty_lines;
DROP TABLE warranty_tracking;
