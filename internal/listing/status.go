package listing

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
)

// Standings is how a boat stands at a portal.
type Standings struct {
	ConnectionID ConnectionID `json:"connection_id"`
	Portal       string       `json:"portal"`
	Kind         Kind         `json:"kind" enum:"openmarine,yachtworld,boat_trader,partner"`
	Agreement    string       `json:"agreement"`
	Status       State        `json:"status" enum:"active,stopped" doc:"of the portal as a whole"`
	State        Standing     `json:"state" enum:"waiting,published,failed,withdrawn"`
	Words        string       `json:"words" doc:"the same in a sentence"`
	Reference    string       `json:"reference" doc:"the portal's own number"`
	PublishedAt  *time.Time   `json:"published_at"`
	CheckedAt    *time.Time   `json:"checked_at"`
	NextTryAt    *time.Time   `json:"next_try_at"`
	Attempts     int          `json:"attempts"`
	Error        string       `json:"error"`
	Drift        []Difference `json:"drift" doc:"where the portal says something else"`
}

// Status says how a boat stands at every portal of its organization.
func (s *Service) Status(ctx context.Context, who account.Actor, boat fleet.BoatID) (out []Standings, err error) {
	defer fault.Wrap(&err, "listing.Status %s", boat)
	names, err := s.boats.Names(ctx, s.db, who, []fleet.BoatID{boat}, account.Viewer)
	if err != nil {
		return nil, err
	}
	all, err := db.Collect(ctx, s.db, scanConnection, selectConnection+" WHERE c.org_id = $1 ORDER BY c.created_at, c.id", names[0].OrgID)
	if err != nil {
		return nil, err
	}
	o, err := offerOf(ctx, s.db, boat)
	if err != nil {
		return nil, err
	}
	out = []Standings{}
	for _, c := range all {
		x, err := s.standing(ctx, c, o)
		if err != nil {
			return nil, err
		}
		if o != nil && !o.showsPrice(who) {
			x.hidePrice()
		}
		out = append(out, x)
	}
	return out, nil
}

func (s *Service) standing(ctx context.Context, c Connection, o *offer) (x Standings, err error) {
	x = Standings{ConnectionID: c.ID, Portal: c.Name, Kind: c.Kind, Agreement: c.Agreement, Status: c.Status, State: Gone, Drift: []Difference{}}
	var e entry
	if o != nil {
		e, err = db.One(ctx, s.db, scanEntry, selectEntry+" WHERE e.connection_id = $1 AND e.listing_id = $2", c.ID, o.ID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return x, err
		}
		if err == nil {
			x.State = e.state
		}
		x.Reference, x.PublishedAt, x.CheckedAt, x.NextTryAt, x.Attempts, x.Error = e.reference, e.publishedAt, e.checkedAt, e.nextTry, e.attempts, e.problem
		x.Drift = append(x.Drift, e.drift...)
		if c.Kind == OpenMarine {
			x.State = s.inFeed(o, e)
		} else if c.Kind == PartnerFeed && o.out(s.db.Now()) && e.state == "" {
			x.State = Waiting
		}
	}
	x.Words = words(c, o, x)
	return x, nil
}

// inFeed says of a listing whether the portal has fetched it as it is now.
func (s *Service) inFeed(o *offer, e entry) Standing {
	switch out := o.out(s.db.Now()); {
	case out && e.sent == digest(o.at("")):
		return Published
	case out, e.sent != "":
		return Waiting
	}
	return Gone
}

// words say how a boat stands.
func words(c Connection, o *offer, x Standings) string {
	switch {
	case o == nil:
		return "the boat has no listing"
	case c.Status == Stopped:
		return strings.TrimSuffix("stopped: "+c.Reason, ": ")
	case c.Kind.Read() && x.CheckedAt == nil:
		return c.Name + " was not read yet"
	case c.Kind.Read() && x.State == Published && len(x.Drift) == 0:
		return c.Name + " shows the boat as we do"
	case c.Kind.Read() && x.State == Published:
		return fmt.Sprintf("%s shows the boat otherwise in %d points: correct it there", c.Name, len(x.Drift))
	case c.Kind.Read():
		return c.Name + " does not show the boat"
	case x.State == Waiting && c.Kind == OpenMarine:
		return "it is in the feed as it is now; " + c.Name + " has not fetched that yet"
	case x.State == Waiting && x.Error != "":
		return fmt.Sprintf("%s did not take it: %s; it is tried again", c.Name, x.Error)
	case x.State == Waiting:
		return c.Name + " will be told within five minutes"
	case x.State == Failed:
		return fmt.Sprintf("%s did not take it: %s; the next daily run tries again", c.Name, x.Error)
	case x.State == Published:
		return c.Name + " has it as it is now"
	}
	return c.Name + " does not have it"
}

func (x *Standings) hidePrice() {
	for i := range x.Drift {
		if strings.Contains(x.Drift[i].Field, "price") || strings.Contains(x.Drift[i].Field, "currency") {
			x.Drift[i].Ours, x.Drift[i].Theirs = "", ""
		}
	}
}

// Sync brings a boat to every portal now, in the background; managers may. It
// answers the id of the job.
func (s *Service) Sync(ctx context.Context, who account.Actor, boat fleet.BoatID) (x job.Status, err error) {
	defer fault.Wrap(&err, "listing.Sync %s", boat)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		names, err := s.boats.NamesEvenSold(ctx, tx, who, []fleet.BoatID{boat}, account.Manager)
		if err != nil {
			return err
		}
		l, err := load(ctx, tx, boat)
		if err != nil {
			return err
		}
		x, err = begin(ctx, tx, job.Status{OrgID: string(names[0].OrgID), UserID: string(who.UserID), Kind: SyncArgs{}.Kind(), SubjectID: string(boat)})
		if err != nil {
			return err
		}
		if err := s.jobs.Enqueue(ctx, tx, SyncArgs{ListingID: l.ID, JobID: x.ID}, Queue); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "synced", l)
	})
	return x, err
}

// begin opens a job that a person waits for.
func begin(ctx context.Context, tx *db.Tx, x job.Status) (job.Status, error) {
	id, err := job.Open(ctx, tx, x)
	if err != nil {
		return x, err
	}
	return job.Load(ctx, tx, id)
}

// syncBoat works a Sync.
func (s *Service) syncBoat(ctx context.Context, j *job.Job[SyncArgs]) error {
	l, err := db.One(ctx, s.db, scanListing, "SELECT "+listingColumns+" FROM listings l WHERE l.id = $1", j.Args.ListingID)
	if err != nil {
		return job.CancelOn(err, fault.NotFound)
	}
	all, err := db.Collect(ctx, s.db, scanConnection, selectConnection+" WHERE c.org_id = $1 AND c.status = $2 ORDER BY c.created_at, c.id", l.OrgID, Working)
	if err != nil {
		return err
	}
	var failed []string
	for i, c := range all {
		r := run{Cause: Asked}
		if err := s.syncWith(ctx, c, l.ID, &r); err != nil {
			return err
		}
		if r.Failed > 0 {
			failed = append(failed, c.Name)
		}
		err := s.db.Transact(ctx, func(tx *db.Tx) error { return job.Progress(ctx, tx, j.Args.JobID, 100*(i+1)/(len(all)+1)) })
		if err != nil {
			return err
		}
	}
	reason := ""
	if failed != nil {
		reason = "not taken by " + strings.Join(failed, ", ") + ": the status of the boat says why"
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := job.Close(ctx, tx, j.Args.JobID, reason); err != nil {
			return err
		}
		return j.Complete(ctx, tx)
	})
}

func (s *Service) syncWith(ctx context.Context, c Connection, id ID, r *run) error {
	switch {
	case c.Kind.Read():
		if err := s.readBack(ctx, c, r); err != nil {
			return err
		}
		return s.logged(ctx, c, *r)
	case c.Kind != PartnerFeed:
		return nil // a portal fetches its feed by itself
	}
	vendor, x, err := s.vendor(c)
	if err != nil {
		return err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := s.compare(ctx, tx, c, false); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE mls_listings SET state = $1, attempts = 0, next_try_at = $2 WHERE connection_id = $3 AND listing_id = $4
			AND (state = 'published' OR state = 'failed' OR state = 'waiting' AND attempts > 0)`, Waiting, db.Micros(tx.Now()), c.ID, id)
		return err
	})
	if err != nil {
		return err
	}
	e, ok, err := s.claim(ctx, c.ID, id)
	if err != nil || !ok {
		return err
	}
	_, err = s.send(ctx, c, vendor, x, e, r)
	return err
}

// syncDied records that a Sync was given up.
func (s *Service) syncDied(ctx context.Context, j *job.Job[SyncArgs], cause error) error {
	return s.died(ctx, j.Args.JobID, cause)
}

func (s *Service) died(ctx context.Context, id string, cause error) error {
	if cause == nil {
		cause = errors.New("given up")
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error { return job.Close(ctx, tx, id, fault.Message(cause)) })
}
