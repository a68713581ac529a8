package listing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

const (
	// retries is how often a portal that is away is asked again before the next
	// daily run: after 1, 2 and 4 minutes.
	retries = 3
	// leaseFor is how long what a process sends is left alone by the others.
	leaseFor = 5 * time.Minute
	// away is after how many boats in a row a portal that does not answer is left
	// for a minute: it keeps no worker busy.
	away = 3
	// longestWait is the longest that a portal may ask us to wait.
	longestWait = 6 * time.Hour
)

// dailyDue is when the last daily run was due: 02:00 UTC.
func dailyDue(now time.Time) time.Time {
	due := time.Date(now.Year(), now.Month(), now.Day(), 2, 0, 0, 0, time.UTC)
	if now.Before(due) {
		due = due.AddDate(0, 0, -1)
	}
	return due
}

// Watch finds what has changed for the portals that are sent it, whatever changed
// it: the listing, the boat, an engine, a picture, a day that has passed; and the
// daily runs that are due and were not done yet. It runs every minute.
func (s *Service) Watch(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "listing.Watch")
	due := db.Micros(dailyDue(s.db.Now()))
	all, err := db.Collect(ctx, s.db, scanConnection, selectConnection+" WHERE c.status = $1 AND (c.daily_at < $2 OR c.kind = $3) AND "+account.Existing("c.org_id")+" ORDER BY c.id",
		Working, due, PartnerFeed)
	if err != nil {
		return err
	}
	for _, c := range all {
		err := s.db.Transact(ctx, func(tx *db.Tx) error {
			n, err := tx.Exec(ctx, "UPDATE mls_connections SET daily_at = $1 WHERE id = $2 AND daily_at < $1", due, c.ID)
			if err != nil {
				return err
			}
			if n > 0 {
				return s.jobs.Enqueue(ctx, tx, RunArgs{ConnectionID: c.ID, Cause: Daily}, Queue)
			}
			if c.Kind != PartnerFeed {
				return nil
			}
			waiting, err := s.compare(ctx, tx, c, false)
			if err != nil || !waiting {
				return err
			}
			return s.jobs.Enqueue(ctx, tx, RunArgs{ConnectionID: c.ID, Cause: Changed}, Queue)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// compare notes of each listing what a portal is to be told, and says whether
// something is due. What failed waits for a change, unless it is to be tried again.
func (s *Service) compare(ctx context.Context, tx *db.Tx, c Connection, again bool) (due bool, err error) {
	x, err := s.unseal(c)
	if err != nil {
		return false, err
	}
	all, rows, err := listed(ctx, tx, c)
	if err != nil {
		return false, err
	}
	now := tx.Now()
	want := map[ID]string{}
	for _, o := range all {
		if o.out(now) {
			want[o.ID] = digest(o.at(s.pictures(x.Pictures)))
		}
	}
	for id := range want {
		if _, known := rows[id]; !known {
			rows[id] = entry{connection: c.ID, listing: id, state: Gone}
		}
	}
	for id, e := range rows {
		if e.change(want[id], again, now) {
			if err := e.store(ctx, tx); err != nil {
				return false, err
			}
		}
		due = due || e.due(now)
	}
	return due, nil
}

// change fits an entry to what the portal is to be told; false when it fits.
func (e *entry) change(wanted string, again bool, now time.Time) bool {
	switch {
	case e.wanted == wanted && !(again && e.state == Failed) && (e.state != Gone || wanted == e.sent):
		return false
	case wanted == e.sent && e.state != Failed:
		e.wanted, e.problem, e.attempts, e.nextTry = wanted, "", 0, nil
		if e.state = Published; wanted == "" {
			e.state = Gone
		}
	default:
		e.wanted, e.state, e.problem, e.attempts, e.nextTry = wanted, Waiting, "", 0, &now
	}
	return true
}

func (e *entry) due(now time.Time) bool {
	return e.state == Waiting && e.nextTry != nil && !e.nextTry.After(now)
}

// Run works a portal: sends what waits for it, or reads what it shows. What a
// portal does wrong ends in the log and the listings' states; an error is ours.
func (s *Service) Run(ctx context.Context, id ConnectionID, cause Cause) (err error) {
	defer fault.Wrap(&err, "listing.Run %s", id)
	c, err := s.working(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r := run{Cause: cause}
	switch {
	case c.Kind.Read():
		err = s.readBack(ctx, c, &r)
	case c.Kind == PartnerFeed:
		err = s.sendAll(ctx, c, &r)
	default:
		err = s.countFeed(ctx, c, &r)
	}
	if err != nil {
		return err
	}
	return s.logged(ctx, c, r)
}

// working is a connection that was neither ended nor stopped meanwhile.
func (s *Service) working(ctx context.Context, id ConnectionID) (Connection, error) {
	return db.One(ctx, s.db, scanConnection, selectConnection+" WHERE c.id = $1 AND c.status = $2 AND "+account.Existing("c.org_id"), id, Working)
}

// countFeed says of a feed what is in it: a portal fetches it by itself.
func (s *Service) countFeed(ctx context.Context, c Connection, r *run) error {
	all, err := offersOf(ctx, s.db, c.OrgID)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.out(s.db.Now()) {
			r.Sent++
		}
	}
	r.Message = fmt.Sprintf("%d boats are in the feed; the portal has not fetched it yet", r.Sent)
	if c.FetchedAt != nil {
		r.Message = fmt.Sprintf("%d boats are in the feed; the portal last fetched it at %s", r.Sent, c.FetchedAt.Format(time.RFC3339))
	}
	return nil
}

// sendAll sends a portal all that is due, boat by boat.
func (s *Service) sendAll(ctx context.Context, c Connection, r *run) error {
	vendor, x, err := s.vendor(c)
	if err != nil {
		return err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := s.compare(ctx, tx, c, r.Cause == Daily || r.Cause == Registered)
		return err
	})
	if err != nil {
		return err
	}
	for silent := 0; silent < away; {
		e, ok, err := s.claim(ctx, c.ID, "")
		if err != nil || !ok {
			return err
		}
		outcome, err := s.send(ctx, c, vendor, x, e, r)
		if err != nil {
			return err
		}
		switch outcome {
		case fault.Unauthenticated, fault.RateLimited:
			return nil
		case fault.Unavailable:
			silent++
		default:
			silent = 0
		}
	}
	r.note("it does not answer: the other boats wait for the next try")
	return nil
}

func (s *Service) vendor(c Connection) (Vendor, secret, error) {
	x, err := s.unseal(c)
	if err != nil {
		return nil, x, err
	}
	v, err := s.formats.Partner(s.client, Partner{URL: c.URL, User: x.User, Password: x.Password, Token: x.Token})
	return v, x, err
}

// claim takes the next entry that is due, or that of a listing; no other process
// has it until the lease ends.
func (s *Service) claim(ctx context.Context, id ConnectionID, only ID) (e entry, ok bool, err error) {
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		var w db.Where
		w.Add("e.connection_id = ? AND e.state = ? AND e.next_try_at <= ?", id, Waiting, db.Micros(tx.Now()))
		if only != "" {
			w.Add("e.listing_id = ?", only)
		}
		e, err = db.One(ctx, tx, scanEntry, selectEntry+" WHERE "+w.SQL()+" ORDER BY e.next_try_at, e.listing_id LIMIT 1", w.Args()...)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "UPDATE mls_listings SET next_try_at = $1 WHERE connection_id = $2 AND listing_id = $3 AND state = $4 AND next_try_at = $5",
			db.Micros(tx.Now().Add(leaseFor)), e.connection, e.listing, Waiting, db.MicrosPtr(e.nextTry))
		ok = n > 0
		return err
	})
	return e, ok, err
}

// send brings one listing to a portal and records how it went.
func (s *Service) send(ctx context.Context, c Connection, v Vendor, x secret, e entry, r *run) (fault.Kind, error) {
	boat, err := db.One(ctx, s.db, db.Scalar[account.BoatID], "SELECT boat_id FROM listings WHERE id = $1", e.listing)
	if err != nil {
		return fault.Internal, err
	}
	o, err := offerOf(ctx, s.db, boat)
	if err != nil {
		return fault.Internal, err
	}
	told := ""
	var cause error
	reference := e.reference
	if o != nil && o.out(s.db.Now()) {
		a := o.at(s.pictures(x.Pictures))
		told = digest(a)
		reference, cause = put(ctx, v, e, a)
	} else if e.sent != "" || e.reference != "" || e.attempts > 0 { // a create may have arrived whose answer did not
		cause = v.Delete(ctx, s.named(ctx, e))
	}
	if ctx.Err() != nil {
		return fault.Internal, ctx.Err() // we were told to stop: no fault of the portal
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error { return s.sent(ctx, tx, c, e, o, told, reference, cause, r) })
	if cause == nil {
		return -1, err
	}
	return kindOf(cause), err
}

// put creates or updates a listing at a portal.
func put(ctx context.Context, v Vendor, e entry, a Advert) (reference string, err error) {
	if e.sent == "" {
		return v.Create(ctx, a)
	}
	reference = cmp.Or(e.reference, a.Ref)
	if err = v.Update(ctx, reference, a); fault.Is(err, fault.NotFound) {
		return v.Create(ctx, a)
	}
	return reference, err
}

// named is how a portal knows a listing: by its own reference, else by ours.
func (s *Service) named(ctx context.Context, e entry) string {
	if e.reference != "" {
		return e.reference
	}
	ref, err := db.One(ctx, s.db, db.Scalar[string], "SELECT ref FROM listings WHERE id = $1", e.listing)
	if err != nil {
		return string(e.listing)
	}
	return ref
}

// kindOf is what to make of a portal's error: what it does not say is that it is away.
func kindOf(err error) fault.Kind {
	switch k := fault.KindOf(err); k {
	case fault.Forbidden:
		return fault.Unauthenticated
	case fault.Unauthenticated, fault.RateLimited, fault.Invalid, fault.Unsupported, fault.TooLarge:
		return k
	default:
		return fault.Unavailable
	}
}

// sent records how telling a portal went.
func (s *Service) sent(ctx context.Context, tx *db.Tx, c Connection, before entry, o *offer, told, reference string, cause error, r *run) error {
	e, err := db.One(ctx, tx, scanEntry, selectEntry+" WHERE e.connection_id = $1 AND e.listing_id = $2", before.connection, before.listing)
	if fault.Is(err, fault.NotFound) {
		return nil // the connection was ended meanwhile
	}
	if err != nil {
		return err
	}
	if cause != nil {
		return s.refused(ctx, tx, c, e, o, cause, r)
	}
	now := tx.Now()
	news := told != "" && told != e.sent
	e.reference, e.sent, e.problem, e.attempts, e.nextTry = reference, told, "", 0, nil
	switch {
	case told == "":
		e.state, e.reference = Gone, ""
		r.Removed++
	default:
		e.state, e.publishedAt = Published, &now
		r.Sent++
	}
	if e.wanted != told { // it has changed while it was sent
		e.state, e.nextTry = Waiting, &now
	}
	if err := e.store(ctx, tx); err != nil {
		return err
	}
	if err := s.log(ctx, tx, c, run{Cause: r.Cause, ListingID: &e.listing, Outcome: Succeeded, Sent: b2i(told != ""), Removed: b2i(told == "")}); err != nil || !news {
		return err
	}
	return s.tell(ctx, tx, c, o, "listing.published", e.reference, "")
}

// refused records that a portal did not take a listing.
func (s *Service) refused(ctx context.Context, tx *db.Tx, c Connection, e entry, o *offer, cause error, r *run) error {
	now, kind := tx.Now(), kindOf(cause)
	e.problem = fault.Message(cause)
	if fault.KindOf(cause) == fault.Internal {
		e.problem = c.Name + " could not be told"
		s.config.Log.Warn("a portal could not be told", "connection_id", c.ID, "listing_id", e.listing, "error", cause)
	}
	r.Failed++
	e.attempts++
	wait := time.Minute << (min(e.attempts, retries) - 1)
	wait += time.Duration(s.config.Jitter() * float64(wait) / 5)
	asked := min(askedFor(cause), longestWait)
	switch {
	case kind == fault.Unauthenticated:
		e.attempts, e.nextTry = 0, &now // as soon as somebody has looked
		reason := c.Name + " does not know our credentials any more: give new ones"
		r.note(reason)
		if err := s.stop(ctx, tx, c, reason); err != nil {
			return err
		}
	case kind == fault.Unavailable && e.attempts <= retries, kind == fault.RateLimited && e.attempts <= retries:
		e.nextTry = new(now.Add(max(wait, asked)))
	default: // refused, or away for too long
		e.state, e.nextTry = Failed, nil
	}
	if err := e.store(ctx, tx); err != nil {
		return err
	}
	if kind == fault.RateLimited { // the others wait as long
		until := db.Micros(now.Add(max(wait, asked)))
		_, err := tx.Exec(ctx, "UPDATE mls_listings SET next_try_at = $1 WHERE connection_id = $2 AND state = $3 AND next_try_at < $1", until, c.ID, Waiting)
		if err != nil {
			return err
		}
	}
	if err := s.log(ctx, tx, c, run{Cause: r.Cause, ListingID: &e.listing, Outcome: Broken, Failed: 1, Message: e.problem}); err != nil {
		return err
	}
	if e.state != Failed || o == nil {
		return nil
	}
	return s.tell(ctx, tx, c, o, "listing.failed", e.reference, e.problem)
}

// askedFor is how long a portal asked us to wait.
func askedFor(err error) time.Duration {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		seconds, _ := e.Details["retry_after"].(int)
		return time.Duration(seconds) * time.Second
	}
	return 0
}
