-- class: expand
-- +goose Up
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    email_verified BOOLEAN NOT NULL DEFAULT FALSE,
    operator BOOLEAN NOT NULL DEFAULT FALSE,
    language TEXT NOT NULL DEFAULT 'en',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT, -- when its person asked for it
    erased_at BIGINT   -- when only the id was left
);
CREATE UNIQUE INDEX users_email ON users (email);

CREATE TABLE organizations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    name_fold TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE TABLE organization_settings (
    org_id TEXT PRIMARY KEY REFERENCES organizations (id),
    time_zone TEXT NOT NULL DEFAULT 'UTC',
    languages TEXT NOT NULL DEFAULT 'eng,deu,fra,ita,spa',
    audit_years BIGINT NOT NULL DEFAULT 7,
    updated_at BIGINT NOT NULL
);

CREATE TABLE memberships (
    org_id TEXT NOT NULL REFERENCES organizations (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    address TEXT NOT NULL DEFAULT '',
    agent TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    remembered BOOLEAN NOT NULL DEFAULT FALSE,
    ended_at BIGINT,
    ended_why TEXT NOT NULL DEFAULT ''
);
CREATE INDEX sessions_user ON sessions (user_id);

-- A refresh token is used once; using it again ends its session (RFC 9700, 4.14.2).
CREATE TABLE refresh_tokens (
    hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- The address '*' counts an account's failures from everywhere.
CREATE TABLE login_failures (
    email TEXT NOT NULL,
    address TEXT NOT NULL,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    locked_until BIGINT,
    PRIMARY KEY (email, address)
);

-- One-use links: email is the address that a link was mailed to, and empty when
-- an operator printed it.
CREATE TABLE account_tokens (
    hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL,
    email TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX account_tokens_user ON account_tokens (user_id, kind);

-- The second factor of a sign-in: pending until it is confirmed. last_step is the
-- step of the last code that was taken (RFC 6238, 5.2), failures counts the wrong
-- codes since.
CREATE TABLE totp_secrets (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    secret_sealed TEXT NOT NULL,
    last_step BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    locked_until BIGINT,
    created_at BIGINT NOT NULL,
    confirmed_at BIGINT
);

CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES users (id),
    hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (user_id, hash)
);

-- Whom another sign-in service knows by which subject.
CREATE TABLE user_identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX user_identities_user ON user_identities (user_id);

-- Sign-ins that are under way at another service: state and browser are hashes.
CREATE TABLE oidc_requests (
    state TEXT PRIMARY KEY,
    browser TEXT NOT NULL,
    return_to TEXT NOT NULL,
    remembered BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- What programs sign in with in a user's name; scope is the widest it was given.
CREATE TABLE personal_tokens (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX personal_tokens_hash ON personal_tokens (hash);
CREATE INDEX personal_tokens_user ON personal_tokens (user_id);

-- One open invitation per organization and address.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    grants TEXT NOT NULL DEFAULT '[]',
    invited_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX invitations_hash ON invitations (hash);
CREATE UNIQUE INDEX invitations_address ON invitations (org_id, email);

-- When a mail of a kind last went to an address, or would have gone if anybody
-- had it.
CREATE TABLE account_mails (
    email TEXT NOT NULL,
    kind TEXT NOT NULL,
    sent_at BIGINT NOT NULL,
    PRIMARY KEY (email, kind)
);

CREATE TABLE audit_log (
    id TEXT PRIMARY KEY,
    org_id TEXT REFERENCES organizations (id),
    user_id TEXT,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    boat_id TEXT,
    detail TEXT NOT NULL DEFAULT '{}',
    address TEXT NOT NULL DEFAULT '',
    request_id TEXT NOT NULL DEFAULT '',
    at BIGINT NOT NULL
);
CREATE INDEX audit_log_org ON audit_log (org_id, at);
CREATE INDEX audit_log_boat ON audit_log (boat_id, at);
CREATE INDEX audit_log_address ON audit_log (at) WHERE address <> '';

-- What was erased, without a name: address_hash is keyed. Nothing refers to
-- anything, for this outlives what it is about.
CREATE TABLE erasures (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id TEXT,
    address_hash TEXT NOT NULL DEFAULT '',
    org_id TEXT,
    at BIGINT NOT NULL,
    applied_at BIGINT
);

CREATE TABLE idempotency_keys (
    user_id TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL DEFAULT 0,
    answer TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, key_hash)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE TABLE boats (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    name_fold TEXT NOT NULL,
    search_fold TEXT NOT NULL DEFAULT '',
    make TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    year BIGINT,
    build_year BIGINT,
    launch_year BIGINT,
    refit_year BIGINT,
    hin TEXT NOT NULL DEFAULT '',
    mmsi TEXT NOT NULL DEFAULT '',
    imo TEXT NOT NULL DEFAULT '',
    call_sign TEXT NOT NULL DEFAULT '',
    official_number TEXT NOT NULL DEFAULT '',
    sail_number TEXT NOT NULL DEFAULT '',
    hull_number TEXT NOT NULL DEFAULT '',
    flag TEXT NOT NULL DEFAULT '',
    home_port TEXT NOT NULL DEFAULT '',
    hull_material TEXT NOT NULL DEFAULT '',
    builder TEXT NOT NULL DEFAULT '',
    designer TEXT NOT NULL DEFAULT '',
    class TEXT NOT NULL DEFAULT '',
    length_m DOUBLE PRECISION,
    loa_m DOUBLE PRECISION,
    lwl_m DOUBLE PRECISION,
    beam_m DOUBLE PRECISION,
    draft_m DOUBLE PRECISION,
    air_draft_m DOUBLE PRECISION,
    displacement_kg DOUBLE PRECISION,
    time_zone TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    frozen_at BIGINT, -- when it was sold: the record stays as it was
    deleted_at BIGINT
);
CREATE UNIQUE INDEX boats_slug ON boats (org_id, slug);
CREATE INDEX boats_order ON boats (org_id, name_fold, id);
CREATE INDEX boats_hin ON boats (org_id, hin);
CREATE INDEX boats_mmsi ON boats (org_id, mmsi);

CREATE TABLE boat_owners (
    id TEXT PRIMARY KEY,
    boat_id TEXT NOT NULL REFERENCES boats (id),
    name TEXT NOT NULL,
    share_percent DOUBLE PRECISION,
    contact TEXT NOT NULL DEFAULT '',
    signs BOOLEAN NOT NULL DEFAULT TRUE
);
CREATE INDEX boat_owners_boat ON boat_owners (boat_id);

CREATE TABLE boat_uses (
    id TEXT PRIMARY KEY,
    boat_id TEXT NOT NULL REFERENCES boats (id),
    use TEXT NOT NULL,
    starts_on TEXT,
    ends_on TEXT
);
CREATE INDEX boat_uses_boat ON boat_uses (boat_id);

-- What a person may on one boat, besides what their role allows. Rows whose time
-- is over open nothing.
CREATE TABLE boat_grants (
    boat_id TEXT NOT NULL REFERENCES boats (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    org_id TEXT NOT NULL REFERENCES organizations (id),
    level TEXT NOT NULL,
    money BOOLEAN NOT NULL DEFAULT FALSE,
    granted_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (boat_id, user_id)
);
CREATE INDEX boat_grants_user ON boat_grants (user_id);
CREATE INDEX boat_grants_org ON boat_grants (org_id);

CREATE TABLE engines (
    id TEXT PRIMARY KEY,
    boat_id TEXT NOT NULL REFERENCES boats (id),
    position TEXT NOT NULL DEFAULT '',
    maker TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    serial_number TEXT NOT NULL DEFAULT '',
    power_kw DOUBLE PRECISION,
    fuel TEXT NOT NULL DEFAULT '',
    year BIGINT,
    hours DOUBLE PRECISION,
    hours_on TEXT,
    hours_source TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX engines_boat ON engines (boat_id);

CREATE TABLE equipment (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    boat_id TEXT NOT NULL REFERENCES boats (id),
    system_code TEXT NOT NULL,
    name TEXT NOT NULL,
    name_fold TEXT NOT NULL,
    maker TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    serial_number TEXT NOT NULL DEFAULT '',
    place TEXT NOT NULL DEFAULT '',
    installed_on TEXT,
    hours DOUBLE PRECISION,
    hours_on TEXT,
    notes TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX equipment_boat ON equipment (boat_id, name_fold, id);
CREATE INDEX equipment_org ON equipment (org_id);

CREATE TABLE contacts (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    name_fold TEXT NOT NULL,
    person TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL DEFAULT '',
    phone TEXT NOT NULL DEFAULT '',
    address TEXT NOT NULL DEFAULT '',
    country TEXT NOT NULL DEFAULT '',
    website TEXT NOT NULL DEFAULT '',
    account_number TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX contacts_order ON contacts (org_id, name_fold, id);

CREATE TABLE hour_readings (
    id TEXT PRIMARY KEY,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    hours DOUBLE PRECISION NOT NULL,
    read_on TEXT NOT NULL,
    source TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL
);
CREATE INDEX hour_readings_subject ON hour_readings (subject_kind, subject_id, read_on);

CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    unreferenced_at BIGINT
);
CREATE TABLE blob_refs (
    digest TEXT NOT NULL REFERENCES blobs (digest),
    owner_kind TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    PRIMARY KEY (digest, owner_kind, owner_id)
);
CREATE INDEX blob_refs_owner ON blob_refs (owner_kind, owner_id);

CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    title TEXT NOT NULL,
    title_fold TEXT NOT NULL,
    type TEXT NOT NULL DEFAULT '',
    class TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    file_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    digest TEXT NOT NULL,
    page_count BIGINT NOT NULL DEFAULT 0,
    pages_ready BIGINT NOT NULL DEFAULT 0,
    pages_failed BIGINT NOT NULL DEFAULT 0,
    language TEXT NOT NULL DEFAULT '',
    issued_on TEXT,
    expires_on TEXT,
    tags TEXT NOT NULL DEFAULT '[]',
    outline TEXT NOT NULL DEFAULT '[]',
    run BIGINT NOT NULL DEFAULT 0,
    job_id TEXT,
    created_by TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE UNIQUE INDEX documents_digest ON documents (org_id, digest);
CREATE INDEX documents_order ON documents (org_id, created_at, id);
CREATE INDEX documents_bin ON documents (deleted_at);

CREATE TABLE document_boats (
    document_id TEXT NOT NULL REFERENCES documents (id),
    boat_id TEXT NOT NULL REFERENCES boats (id),
    position BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (document_id, boat_id)
);
CREATE INDEX document_boats_boat ON document_boats (boat_id);

CREATE TABLE document_equipment (
    document_id TEXT NOT NULL REFERENCES documents (id),
    equipment_id TEXT NOT NULL REFERENCES equipment (id),
    PRIMARY KEY (document_id, equipment_id)
);
CREATE INDEX document_equipment_equipment ON document_equipment (equipment_id);

CREATE TABLE pages (
    document_id TEXT NOT NULL REFERENCES documents (id),
    number BIGINT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    source TEXT NOT NULL DEFAULT '',
    language TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL DEFAULT '',
    width BIGINT NOT NULL DEFAULT 0,
    height BIGINT NOT NULL DEFAULT 0,
    thumb_digest TEXT NOT NULL DEFAULT '',
    screen_digest TEXT NOT NULL DEFAULT '',
    attempts BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (document_id, number)
);

CREATE TABLE boat_photos (
    id TEXT PRIMARY KEY,
    boat_id TEXT NOT NULL REFERENCES boats (id),
    document_id TEXT NOT NULL REFERENCES documents (id),
    caption TEXT NOT NULL DEFAULT '',
    position BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX boat_photos_once ON boat_photos (boat_id, document_id);
CREATE INDEX boat_photos_document ON boat_photos (document_id);

-- The transactional outbox. stream is the boat, the organization where an
-- event has no boat, or 'operators'.
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    org_id TEXT REFERENCES organizations (id),
    boat_id TEXT,
    boat_name TEXT NOT NULL DEFAULT '',
    stream TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    actor_id TEXT,
    data TEXT NOT NULL,
    at BIGINT NOT NULL,
    dispatched_at BIGINT
);
CREATE UNIQUE INDEX events_stream ON events (stream, sequence);
CREATE INDEX events_boat ON events (boat_id, at);

CREATE TABLE event_streams (
    stream TEXT PRIMARY KEY,
    last_sequence BIGINT NOT NULL
);

CREATE TABLE job_status (
    id TEXT PRIMARY KEY,
    org_id TEXT REFERENCES organizations (id),
    user_id TEXT,
    kind TEXT NOT NULL,
    subject_id TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    progress BIGINT NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX job_status_org ON job_status (org_id, created_at);

-- +goose Down
DROP TABLE job_status;
DROP TABLE event_streams;
DROP TABLE events;
DROP TABLE boat_photos;
DROP TABLE pages;
DROP TABLE document_equipment;
DROP TABLE document_boats;
DROP TABLE documents;
DROP TABLE blob_refs;
DROP TABLE blobs;
DROP TABLE hour_readings;
DROP TABLE contacts;
DROP TABLE equipment;
DROP TABLE engines;
DROP TABLE boat_grants;
DROP TABLE boat_uses;
DROP TABLE boat_owners;
DROP TABLE boats;
DROP TABLE idempotency_keys;
DROP TABLE erasures;
DROP TABLE audit_log;
DROP TABLE invitations;
DROP TABLE personal_tokens;
DROP TABLE oidc_requests;
DROP TABLE user_identities;
DROP TABLE recovery_codes;
DROP TABLE totp_secrets;
DROP TABLE account_mails;
DROP TABLE account_tokens;
DROP TABLE login_failures;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE memberships;
DROP TABLE organization_settings;
DROP TABLE organizations;
DROP TABLE users;
