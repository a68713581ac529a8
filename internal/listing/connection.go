package listing

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/vault"
)

// ConnectionID identifies a connection.
type ConnectionID string

// Kind is what is done with a portal.
type Kind string

// The kinds.
const (
	// OpenMarine is a feed that a portal fetches by a secret address.
	OpenMarine Kind = "openmarine"
	// YachtWorld and BoatTrader can only be read: with the broker's own key.
	YachtWorld Kind = "yachtworld"
	BoatTrader Kind = "boat_trader"
	// PartnerFeed is sent each boat, and needs an agreement with the portal.
	PartnerFeed Kind = "partner"
)

// Read says whether the portal is asked what it shows.
func (k Kind) Read() bool { return k == YachtWorld || k == BoatTrader }

// label is what people call a portal of the kind.
func (k Kind) label() string {
	return map[Kind]string{OpenMarine: "OpenMarine", YachtWorld: "YachtWorld", BoatTrader: "Boat Trader", PartnerFeed: "Partner feed"}[k]
}

// agreement is said of what no software can bring about.
const agreement = "needs an agreement with the portal"

// State is whether a connection is worked.
type State string

// The states of a connection.
const (
	Working State = "active"
	Stopped State = "stopped" // by a person, or because the portal does not know us
)

// MaxConnections is how many an organization may have.
const MaxConnections = 20

// sealPurpose is what credentials are sealed for.
const sealPurpose = "mls credentials"

// Vaults are where the package's sealed values lie.
func Vaults() []vault.Column {
	return []vault.Column{{Kind: "portals' credentials", Table: "mls_connections", Key: []string{"id"}, Column: "secret_sealed", Purpose: sealPurpose}}
}

// Connection is a portal.
type Connection struct {
	ID        ConnectionID  `json:"id"`
	OrgID     account.OrgID `json:"organization_id"`
	Kind      Kind          `json:"kind" enum:"openmarine,yachtworld,boat_trader,partner"`
	Name      string        `json:"name"`
	URL       string        `json:"url" doc:"where the portal is; of a feed: its address, only in the answer to create"`
	Agreement string        `json:"agreement" doc:"what this kind needs beside credentials; empty when it needs nothing"`
	Office    Office        `json:"office"`
	Status    State         `json:"status" enum:"active,stopped"`
	Reason    string        `json:"status_reason" doc:"why it is stopped"`
	FetchedAt *time.Time    `json:"last_fetched_at" doc:"of a feed: when the portal last came, to the minute"`
	LastRunAt *time.Time    `json:"last_run_at"`
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at"`

	sealed    string
	digest    string
	changedAt *time.Time
}

// secret is what is sealed of a connection.
type secret struct {
	Key      string `json:"key,omitempty"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
	// Pictures is the token under which a partner fetches pictures.
	Pictures string `json:"pictures,omitempty"`
}

// NewConnection is what a connection is made with.
type NewConnection struct {
	Kind     Kind   `json:"kind" enum:"openmarine,yachtworld,boat_trader,partner"`
	Name     string `json:"name,omitempty" doc:"the portal's unless given"`
	URL      string `json:"url,omitempty" doc:"partner: where boats are posted to, https; yachtworld and boat_trader: the base of the API, the server's setting unless given; not of a feed, which gets one"`
	APIKey   string `json:"api_key,omitempty" doc:"yachtworld and boat_trader: the broker's key, the server's setting unless given. Never read back"`
	User     string `json:"user,omitempty" doc:"partner"`
	Password string `json:"password,omitempty" doc:"partner. Never read back"`
	Token    string `json:"token,omitempty" doc:"partner: in place of user and password. Never read back"`
	Office   Office `json:"office,omitempty" doc:"what a feed says of the broker"`
}

// ConnectionPatch is what may be changed; absent members stay as they are.
type ConnectionPatch struct {
	Name   *string `json:"name,omitempty"`
	Status *State  `json:"status,omitempty" enum:"active,stopped" doc:"active works it again, and checks its credentials"`
	Office *Office `json:"office,omitempty"`
	// New credentials take the place of the old ones.
	APIKey   *string `json:"api_key,omitempty"`
	User     *string `json:"user,omitempty"`
	Password *string `json:"password,omitempty"`
	Token    *string `json:"token,omitempty"`
}

const selectConnection = `SELECT c.id, c.org_id, c.kind, c.name, c.url, c.secret_sealed, c.office, c.status, c.status_reason, c.feed_digest,
	c.feed_changed_at, c.last_fetched_at, c.last_run_at, c.created_at, c.updated_at FROM mls_connections c`

func scanConnection(r db.Row) (c Connection, err error) {
	var office string
	var changed, fetched, run *int64
	var created, updated int64
	err = r.Scan(&c.ID, &c.OrgID, &c.Kind, &c.Name, &c.URL, &c.sealed, &office, &c.Status, &c.Reason, &c.digest, &changed, &fetched, &run, &created, &updated)
	if err != nil {
		return c, err
	}
	if c.Kind == PartnerFeed {
		c.Agreement = agreement
	}
	c.changedAt = db.TimePtr(changed)
	c.FetchedAt, c.LastRunAt, c.CreatedAt, c.UpdatedAt = db.TimePtr(fetched), db.TimePtr(run), db.Time(created), db.Time(updated)
	return c, json.Unmarshal([]byte(office), &c.Office)
}

// Connections lists the portals of the organizations of which the actor is an
// admin, oldest first.
func (s *Service) Connections(ctx context.Context, who account.Actor) (_ []Connection, err error) {
	defer fault.Wrap(&err, "listing.Connections")
	orgs := who.Orgs(account.Admin)
	if len(orgs) == 0 {
		return nil, fault.New(fault.Forbidden, "this needs the role admin")
	}
	var w db.Where
	db.In(&w, "c.org_id", orgs)
	return db.Collect(ctx, s.db, scanConnection, selectConnection+" WHERE "+w.SQL()+" ORDER BY c.created_at, c.id", w.Args()...)
}

// Connection reads one; admins may.
func (s *Service) Connection(ctx context.Context, who account.Actor, id ConnectionID) (c Connection, err error) {
	defer fault.Wrap(&err, "listing.Connection %s", id)
	return administered(ctx, s.db, who, id)
}

func administered(ctx context.Context, q db.Querier, who account.Actor, id ConnectionID) (Connection, error) {
	c, err := db.One(ctx, q, scanConnection, selectConnection+" WHERE c.id = $1", id)
	if fault.Is(err, fault.NotFound) {
		return c, fault.New(fault.NotFound, "connection not found")
	}
	if err != nil {
		return c, err
	}
	if err := who.Require(c.OrgID, account.Admin, "connection"); err != nil {
		return Connection{}, err
	}
	return c, nil
}

// Connect adds a portal; admins may. Credentials are checked: Invalid when the
// portal does not know them, Unavailable when it did not say, and then nothing is
// kept. The answer shows the address of a feed, for the only time.
func (s *Service) Connect(ctx context.Context, who account.Actor, org account.OrgID, n NewConnection) (c Connection, err error) {
	defer fault.Wrap(&err, "listing.Connect")
	if err := who.Require(org, account.Admin, "organization"); err != nil {
		return c, err
	}
	x, err := s.checkConnection(ctx, &n)
	if err != nil {
		return c, err
	}
	c = Connection{ID: ConnectionID(db.NewID()), OrgID: org, Kind: n.Kind, Name: cmp.Or(n.Name, n.Kind.label()), URL: n.URL, Office: n.Office, Status: Working}
	token := ""
	if n.Kind == OpenMarine || n.Kind == PartnerFeed {
		token, _ = vault.Token("")
	}
	if n.Kind == PartnerFeed {
		x.Pictures, c.Agreement = token, agreement
	}
	if err := s.validate(ctx, c, x); err != nil {
		return Connection{}, err
	}
	if c.sealed, err = s.seal(x); err != nil {
		return Connection{}, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := account.LockOrganization(ctx, tx, org); err != nil {
			return err
		}
		have, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM mls_connections WHERE org_id = $1", org)
		if err != nil {
			return err
		}
		if have >= MaxConnections {
			return fault.New(fault.Conflict, "an organization has at most %d portals: delete one", MaxConnections)
		}
		c.CreatedAt, c.UpdatedAt = tx.Now(), tx.Now()
		if err := insertConnection(ctx, tx, c, token); err != nil {
			return err
		}
		if c.Kind != OpenMarine { // what a portal shows already is compared at once
			if err := s.jobs.Enqueue(ctx, tx, RunArgs{ConnectionID: c.ID, Cause: Registered}, Queue); err != nil {
				return err
			}
		}
		return s.auditConnection(ctx, tx, who, "connected", c)
	})
	if c.Kind == OpenMarine {
		c.URL = s.config.BaseURL + "/feeds/" + token + "/openmarine.xml"
	}
	return c, err
}

func insertConnection(ctx context.Context, tx *db.Tx, c Connection, token string) error {
	hash := ""
	if token != "" {
		hash = vault.Hash(token)
	}
	_, err := tx.Exec(ctx, `INSERT INTO mls_connections (id, org_id, kind, name, url, secret_sealed, token_hash, office, status, daily_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $10)`, c.ID, c.OrgID, c.Kind, c.Name, c.URL, c.sealed, db.OrNull(hash), asJSON(c.Office), c.Status, db.Micros(c.CreatedAt))
	return err
}

// seal seals credentials; "" when there are none.
func (s *Service) seal(x secret) (string, error) {
	if x == (secret{}) {
		return "", nil
	}
	return s.accounts.Keys().Seal(sealPurpose, []byte(asJSON(x)))
}

func (s *Service) unseal(c Connection) (x secret, err error) {
	if c.sealed == "" {
		return x, nil
	}
	plain, err := s.accounts.Keys().Unseal(sealPurpose, c.sealed)
	if err != nil {
		return x, err
	}
	return x, json.Unmarshal(plain, &x)
}

// checkConnection finds every fault of an input and fills in what the operator
// has configured.
func (s *Service) checkConnection(ctx context.Context, n *NewConnection) (x secret, err error) {
	var c faults
	c.word(string(n.Kind), "kind", string(OpenMarine), string(YachtWorld), string(BoatTrader), string(PartnerFeed))
	c.Text(&n.Name, "name", 100)
	n.Office.check(&c)
	n.URL = strings.TrimSpace(n.URL)
	for at, text := range map[string]string{"url": n.URL, "api_key": n.APIKey, "user": n.User, "password": n.Password, "token": n.Token} {
		if len(text) > 1000 {
			c.Add(at, "must have at most 1000 bytes", nil)
		}
	}
	switch {
	case n.Kind == OpenMarine:
		if n.URL != "" || n.APIKey != "" || n.User != "" || n.Password != "" || n.Token != "" {
			c.Add("kind", "a feed has no address and no credentials of the portal: it gets an address that you give to the portal", nil)
		}
	case n.Kind.Read():
		// The operator's key goes to the operator's address alone.
		if k := s.config.Keys[n.Kind]; n.APIKey == "" && (n.URL == "" || n.URL == k.Base) {
			n.APIKey, n.URL = k.Key, k.Base
		} else if n.URL == "" {
			n.URL = k.Base
		}
		x = secret{Key: n.APIKey}
		if x.Key == "" {
			c.Add("api_key", "give the broker's key; this server has none in its settings", nil)
		}
		s.checkURL(ctx, &c, n.URL)
	case n.Kind == PartnerFeed:
		x = secret{User: n.User, Password: n.Password, Token: n.Token}
		if x.Token == "" && (x.User == "" || x.Password == "") {
			c.Add("token", "give a token, or a user and a password", nil)
		}
		s.checkURL(ctx, &c, n.URL)
	}
	if err := c.Err(); err != nil {
		return x, err
	}
	return x, nil
}

func (s *Service) checkURL(ctx context.Context, c *faults, text string) {
	if text == "" {
		c.Add("url", "say where the portal is, https://...", nil)
	} else if err := s.client.Check(ctx, text); err != nil {
		c.Add("url", fault.Message(err), nil)
	} else if u, err := url.Parse(text); err != nil || u.User != nil || u.RawQuery != "" {
		c.Add("url", "must have no user, password or query in it", nil)
	}
}

func (o *Office) check(c *faults) {
	for _, f := range []struct {
		text  *string
		at    string
		limit int
	}{
		{&o.Name, "name", 200},
		{&o.Phone, "phone", 50},
		{&o.Address, "address", 200},
		{&o.Town, "town", 200},
		{&o.County, "county", 200},
		{&o.Country, "country", 200},
		{&o.Postcode, "postcode", 20},
		{&o.Website, "website", 500},
		{&o.Company, "company", 200},
		{&o.Code, "code", 100},
	} {
		c.Text(f.text, "office."+f.at, f.limit)
	}
	c.email(&o.Email, "office.email")
}

// validate asks the portal whether it knows us.
func (s *Service) validate(ctx context.Context, c Connection, x secret) (err error) {
	switch {
	case c.Kind.Read():
		inventory, err := s.formats.Inventory(s.client, c.Kind, c.URL, x.Key)
		if err != nil {
			return err
		}
		err = inventory.Check(ctx)
		return unknown(c, err)
	case c.Kind == PartnerFeed:
		vendor, err := s.formats.Partner(s.client, Partner{URL: c.URL, User: x.User, Password: x.Password, Token: x.Token})
		if err != nil {
			return err
		}
		return unknown(c, vendor.Validate(ctx))
	}
	return nil
}

// unknown says what a refusal of credentials is for who typed them: 400, or 503
// when the portal did not say.
func unknown(c Connection, err error) error {
	switch {
	case err == nil:
		return nil
	case fault.Is(err, fault.Unauthenticated), fault.Is(err, fault.Forbidden):
		return fault.Because(err, fault.Invalid, "%s does not know these credentials", c.Name)
	case !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Unavailable):
		return fault.Because(err, fault.Unavailable, "%s did not say whether it knows these credentials: try again later", c.Name)
	}
	return err
}

// auditConnection writes the trail, without what may be secret of an address.
func (s *Service) auditConnection(ctx context.Context, tx *db.Tx, who account.Actor, verb string, c Connection) error {
	return s.accounts.Audit(ctx, tx, who, account.Entry{
		OrgID: c.OrgID, Action: "mls." + verb, Kind: "mls_connection", SubjectID: string(c.ID), Detail: map[string]any{"name": c.Name, "kind": c.Kind},
	})
}

// Change changes what is given of a portal; admins may. New credentials are
// checked as by Connect, and so are the present ones of one that is to work again.
func (s *Service) Change(ctx context.Context, who account.Actor, id ConnectionID, p ConnectionPatch, at fleet.Version) (c Connection, err error) {
	defer fault.Wrap(&err, "listing.Change %s", id)
	old, err := administered(ctx, s.db, who, id)
	if err != nil {
		return c, err
	}
	fresh, err := s.patched(ctx, old, p)
	if err != nil {
		return c, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if c, err = administered(ctx, tx, who, id); err != nil {
			return err
		}
		if err := at.Check(c.UpdatedAt); err != nil {
			return err
		}
		if !c.UpdatedAt.Equal(old.UpdatedAt) {
			return fault.New(fault.Stale, "this has changed while its credentials were checked: repeat your change")
		}
		fresh.UpdatedAt = fleet.Touched(tx, c.UpdatedAt)
		c = fresh
		_, err := tx.Exec(ctx, `UPDATE mls_connections SET name = $1, office = $2, status = $3, status_reason = $4, secret_sealed = $5, updated_at = $6 WHERE id = $7`,
			c.Name, asJSON(c.Office), c.Status, c.Reason, c.sealed, db.Micros(c.UpdatedAt), c.ID)
		if err != nil {
			return err
		}
		return s.auditConnection(ctx, tx, who, "changed", c)
	})
	return c, err
}

// patched is a connection with what is given, checked.
func (s *Service) patched(ctx context.Context, c Connection, p ConnectionPatch) (Connection, error) {
	var f faults
	if p.Name != nil {
		c.Name = *p.Name
		if f.Text(&c.Name, "name", 100); c.Name == "" {
			f.Add("name", "must not be empty", nil)
		}
	}
	if p.Office != nil {
		c.Office = *p.Office
		c.Office.check(&f)
	}
	if p.Status != nil {
		f.word(string(*p.Status), "status", string(Working), string(Stopped))
	}
	if err := f.Err(); err != nil {
		return c, err
	}
	x, err := s.unseal(c)
	if err != nil {
		return c, err
	}
	before := x
	for from, to := range map[*string]*string{p.APIKey: &x.Key, p.User: &x.User, p.Password: &x.Password, p.Token: &x.Token} {
		if from != nil {
			*to = *from
		}
	}
	again := p.Status != nil && *p.Status == Working && c.Status == Stopped
	if p.Status != nil {
		c.Status, c.Reason = *p.Status, ""
	}
	if x == before && !again {
		return c, nil
	}
	if err := s.validate(ctx, c, x); err != nil {
		return c, err
	}
	c.sealed, err = s.seal(x)
	return c, err
}

// Disconnect ends a portal: the address of a feed is unknown at once, and nothing
// more is sent; what it was sent stays with the portal. Admins may.
func (s *Service) Disconnect(ctx context.Context, who account.Actor, id ConnectionID, at fleet.Version) (c Connection, err error) {
	defer fault.Wrap(&err, "listing.Disconnect %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if c, err = administered(ctx, tx, who, id); err != nil {
			return err
		}
		if err := at.Check(c.UpdatedAt); err != nil {
			return err
		}
		for _, text := range []string{
			"DELETE FROM mls_sync WHERE connection_id = $1", "DELETE FROM mls_listings WHERE connection_id = $1", "DELETE FROM mls_connections WHERE id = $1",
		} {
			if _, err := tx.Exec(ctx, text, id); err != nil {
				return err
			}
		}
		return s.auditConnection(ctx, tx, who, "disconnected", c)
	})
	return c, err
}

// stop ends a connection's work because the portal does not know us any more, and
// tells the organization.
func (s *Service) stop(ctx context.Context, tx *db.Tx, c Connection, reason string) error {
	n, err := tx.Exec(ctx, "UPDATE mls_connections SET status = $1, status_reason = $2, updated_at = $3 WHERE id = $4 AND status = $5",
		Stopped, reason, db.Micros(fleet.Touched(tx, c.UpdatedAt)), c.ID, Working)
	if err != nil || n == 0 {
		return err
	}
	return s.events.Append(ctx, tx, event.Event{
		Type: "listing.stopped", OrgID: string(c.OrgID), Data: event.PortalData{ConnectionID: string(c.ID), Portal: c.Name, Reason: reason},
	})
}
