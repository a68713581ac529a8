-- class: expand
-- +goose Up
-- What is said of a boat to those who may buy it, beside its own record: one per boat.
CREATE TABLE listings (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    boat_id TEXT NOT NULL REFERENCES boats (id),
    ref TEXT NOT NULL, -- by which portals know it, for good
    status TEXT NOT NULL,
    language TEXT NOT NULL,
    new_used TEXT NOT NULL,
    price_minor BIGINT,
    currency TEXT NOT NULL,
    price_hidden BOOLEAN NOT NULL,
    tax TEXT NOT NULL,
    cobrokerage BOOLEAN NOT NULL,
    city TEXT NOT NULL,
    region TEXT NOT NULL,
    country TEXT NOT NULL,
    company TEXT NOT NULL,
    party_id TEXT NOT NULL,
    rep TEXT NOT NULL,
    email TEXT NOT NULL,
    phone TEXT NOT NULL,
    descriptions TEXT NOT NULL, -- JSON
    sections TEXT NOT NULL, -- JSON
    specification TEXT NOT NULL, -- JSON
    postings TEXT NOT NULL, -- JSON: where people typed it in, and under which number
    first_listed_at BIGINT,
    sold_on TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX listings_boat ON listings (boat_id);
CREATE UNIQUE INDEX listings_ref ON listings (ref);
CREATE INDEX listings_org ON listings (org_id, status);

-- What is known of an engine beside its own record. One that is gone is passed over.
CREATE TABLE listing_engines (
    listing_id TEXT NOT NULL REFERENCES listings (id),
    engine_id TEXT NOT NULL,
    type TEXT NOT NULL,
    drive TEXT NOT NULL,
    PRIMARY KEY (listing_id, engine_id)
);

-- The chosen pictures in their order; none means all of the boat's. One that is
-- gone is passed over.
CREATE TABLE listing_photos (
    listing_id TEXT NOT NULL REFERENCES listings (id),
    photo_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    caption TEXT NOT NULL,
    PRIMARY KEY (listing_id, photo_id)
);

-- Portals: those that fetch a feed, those that are asked, those that are sent.
CREATE TABLE mls_connections (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL DEFAULT '',
    secret_sealed TEXT NOT NULL DEFAULT '',
    token_hash TEXT, -- of the address of a feed, or of the pictures that a partner is sent
    office TEXT NOT NULL DEFAULT '{}', -- JSON
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL DEFAULT '',
    feed_digest TEXT NOT NULL DEFAULT '', -- of what was last fetched
    feed_changed_at BIGINT,
    last_fetched_at BIGINT,
    daily_at BIGINT NOT NULL, -- when its last daily run was due
    last_run_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX mls_connections_org ON mls_connections (org_id, created_at);
CREATE UNIQUE INDEX mls_connections_token ON mls_connections (token_hash);

-- How a listing stands at a portal.
CREATE TABLE mls_listings (
    connection_id TEXT NOT NULL REFERENCES mls_connections (id),
    listing_id TEXT NOT NULL REFERENCES listings (id),
    state TEXT NOT NULL,
    reference TEXT NOT NULL DEFAULT '', -- the portal's own
    sent TEXT NOT NULL DEFAULT '', -- digest of what the portal was told last
    wanted TEXT NOT NULL DEFAULT '', -- digest of what it is to be told; '' to take it away
    error TEXT NOT NULL DEFAULT '',
    attempts BIGINT NOT NULL DEFAULT 0,
    next_try_at BIGINT,
    published_at BIGINT,
    drift TEXT NOT NULL DEFAULT '[]', -- JSON
    checked_at BIGINT,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (connection_id, listing_id)
);
CREATE INDEX mls_listings_listing ON mls_listings (listing_id);
CREATE INDEX mls_listings_due ON mls_listings (state, next_try_at);

-- What was done with portals, for 90 days.
CREATE TABLE mls_sync (
    id TEXT PRIMARY KEY,
    connection_id TEXT NOT NULL REFERENCES mls_connections (id) ON DELETE CASCADE, -- also what is added at this moment
    listing_id TEXT, -- NULL: the whole connection
    cause TEXT NOT NULL,
    outcome TEXT NOT NULL,
    sent BIGINT NOT NULL DEFAULT 0,
    removed BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    matched BIGINT NOT NULL DEFAULT 0,
    unmatched BIGINT NOT NULL DEFAULT 0,
    imported BIGINT NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    at BIGINT NOT NULL
);
CREATE INDEX mls_sync_connection ON mls_sync (connection_id, at);
CREATE INDEX mls_sync_at ON mls_sync (at);

-- +goose Down
DROP TABLE mls_sync;
DROP TABLE mls_listings;
DROP TABLE mls_connections;
DROP TABLE listing_photos;
DROP TABLE listing_engines;
DROP TABLE listings;
