package listing

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// Document is what an address of a feed answers.
type Document struct {
	Body []byte
	// Digest is of Body, hexadecimal; Modified is when it last changed.
	Digest   string
	Modified time.Time
}

// noFeed is what an address answers that leads nowhere, or nowhere any more.
func noFeed() error {
	return fault.New(fault.NotFound, "there is no feed at this address: it was ended, or the address is not complete")
}

// byToken finds the working connection that a secret address belongs to.
func (s *Service) byToken(ctx context.Context, token string) (c Connection, err error) {
	hash := vault.Hash(token)
	type row struct {
		Connection
		hash string
	}
	found, err := db.One(ctx, s.db, func(r db.Row) (x row, err error) {
		return x, r.Scan(&x.ID, &x.hash)
	}, "SELECT c.id, c.token_hash FROM mls_connections c WHERE c.token_hash = $1 AND c.status = $2 AND "+account.Existing("c.org_id"), hash, Working)
	if fault.Is(err, fault.NotFound) {
		return c, noFeed()
	}
	if err != nil {
		return c, err
	}
	if subtle.ConstantTimeCompare([]byte(found.hash), []byte(hash)) != 1 {
		return c, noFeed()
	}
	return db.One(ctx, s.db, scanConnection, selectConnection+" WHERE c.id = $1", found.ID)
}

// pictures is where a token's pictures are.
func (s *Service) pictures(token string) string {
	return s.config.BaseURL + "/feeds/" + token + "/photos/"
}

// Feed is the OpenMarine feed at a secret address: what the organization offers
// now. NotFound when the address leads nowhere, or nowhere any more.
func (s *Service) Feed(ctx context.Context, token string) (d Document, err error) {
	defer fault.Wrap(&err, "listing.Feed")
	c, err := s.byToken(ctx, token)
	if err != nil {
		return d, err
	}
	if c.Kind != OpenMarine {
		return d, noFeed()
	}
	all, err := offersOf(ctx, s.db, c.OrgID)
	if err != nil {
		return d, err
	}
	f, err := s.feed(ctx, c, all, s.pictures(token))
	if err != nil {
		return d, err
	}
	var b bytes.Buffer
	if err := s.formats.OpenMarine(&b, f); err != nil {
		return d, err
	}
	sum := sha256.Sum256(b.Bytes())
	d = Document{Body: b.Bytes(), Digest: hex.EncodeToString(sum[:])}
	d.Modified, err = s.fetched(ctx, c, d.Digest, f.Adverts, all)
	return d, err
}

// feed is what a portal is told. Equal records give an equal feed: its date is
// that of the last change.
func (s *Service) feed(ctx context.Context, c Connection, all []*offer, pictures string) (f Feed, err error) {
	company := c.Office.Company
	if company == "" {
		company, err = db.One(ctx, s.db, db.Scalar[string], "SELECT name FROM organizations WHERE id = $1", c.OrgID)
		if err != nil {
			return f, err
		}
	}
	f = Feed{Code: cmp.Or(c.Office.Code, "1"), Company: company, Office: c.Office, Date: c.UpdatedAt, Language: "en"}
	for _, o := range all {
		if !o.out(s.db.Now()) {
			continue
		}
		a := o.at(pictures)
		if len(f.Adverts) == 0 {
			f.Language = o.Language
		}
		if a.Modified.After(f.Date) {
			f.Date = a.Modified
		}
		f.Adverts = append(f.Adverts, a)
	}
	f.Date = f.Date.Truncate(time.Second)
	return f, nil
}

// fetchedEvery is how exactly the last fetch is known.
const fetchedEvery = time.Minute

// fetched notes what a portal has taken, and says since when the feed is as it
// is. A full disk keeps no portal from reading.
func (s *Service) fetched(ctx context.Context, c Connection, sum string, adverts []Advert, all []*offer) (modified time.Time, err error) {
	now := s.db.Now()
	if c.changedAt != nil && c.digest == sum {
		modified = *c.changedAt
		if c.FetchedAt != nil && now.Sub(*c.FetchedAt) < fetchedEvery {
			return modified, nil
		}
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		now := tx.Now()
		if modified.IsZero() {
			modified = now
		}
		n, err := tx.Exec(ctx, `UPDATE mls_connections SET feed_digest = $1, feed_changed_at = $2, last_fetched_at = $3 WHERE id = $4`,
			sum, db.Micros(modified), db.Micros(now), c.ID)
		if err != nil || n == 0 {
			return err
		}
		return s.taken(ctx, tx, c, adverts, all)
	})
	if fault.Is(err, fault.Full) {
		return now, nil
	}
	return modified, err
}

// taken notes of each listing that the portal has it as it is now, or no longer.
func (s *Service) taken(ctx context.Context, tx *db.Tx, c Connection, adverts []Advert, all []*offer) error {
	rows, err := entriesOf(ctx, tx, c.ID)
	if err != nil {
		return err
	}
	now := map[string]Advert{}
	for _, a := range adverts {
		now[a.Ref] = a
	}
	for _, o := range all {
		e, known := rows[o.ID]
		a, in := now[o.Ref]
		switch sum := digest(o.at("")); {
		case in && e.sent != sum:
			e = entry{connection: c.ID, listing: o.ID, state: Published, reference: a.Ref, sent: sum, wanted: sum, publishedAt: new(tx.Now())}
			if err := e.store(ctx, tx); err != nil {
				return err
			}
			if err := s.tell(ctx, tx, c, o, "listing.published", e.reference, ""); err != nil {
				return err
			}
		case !in && known && e.state != Gone:
			e.state, e.sent, e.wanted = Gone, "", ""
			if err := e.store(ctx, tx); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell appends an event of a listing at a portal.
func (s *Service) tell(ctx context.Context, tx *db.Tx, c Connection, o *offer, kind, reference, reason string) error {
	return s.events.Append(ctx, tx, event.Event{
		Type: kind, OrgID: string(o.OrgID), Boat: &event.Boat{ID: string(o.BoatID), Name: o.boatName},
		Data: event.ListingData{ListingID: string(o.ID), Portal: c.Name, Reference: clip(reference, 200), Reason: clip(reason, 2000)},
	})
}

// clip is a text of at most so many characters.
func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit])
	}
	return s
}

// Picture opens a picture of a listing that portals are told of, a JPEG without
// what a camera wrote into it. name is that of its address. NotFound when the
// address leads nowhere, the listing is not public any more, or the picture is
// another one now.
func (s *Service) Picture(ctx context.Context, token, name string) (_ *blob.Reader, err error) {
	defer fault.Wrap(&err, "listing.Picture")
	missing := fault.New(fault.NotFound, "there is no picture at this address")
	stem, ok := strings.CutSuffix(name, ".jpg")
	at := strings.LastIndexByte(stem, '-')
	if !ok || at < 0 {
		return nil, missing
	}
	id, hash := stem[:at], stem[at+1:]
	c, err := s.byToken(ctx, token)
	if err != nil {
		return nil, err
	}
	all, err := offers(ctx, s.db, "l.boat_id IN (SELECT boat_id FROM boat_photos WHERE id = $1)", id)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.OrgID != c.OrgID || !o.out(s.db.Now()) {
			continue
		}
		for _, p := range o.pictures {
			if p.id == id && p.hash() == hash {
				return s.store.Open(ctx, blob.Digest(p.digest))
			}
		}
	}
	return nil, missing
}
