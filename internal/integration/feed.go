package integration

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/vault"
)

// FeedID identifies a calendar's address.
type FeedID string

// MaxFeeds is how many calendars a person may have.
const MaxFeeds = 50

// defaultAlarm is how many days before an end a calendar reminds.
const defaultAlarm = 14

// Feed is a calendar that a person fetches by a secret address, in their name.
type Feed struct {
	ID     FeedID        `json:"id"`
	Name   string        `json:"name"`
	BoatID *fleet.BoatID `json:"boat_id" doc:"null: all boats that you may see"`
	// AlarmDays is how many days before an end programs remind; 0 means never.
	AlarmDays int `json:"alarm_days" doc:"how many days before an end programs remind; 0: never"`
	// URL and Token are shown by CreateFeed alone.
	URL           string     `json:"url,omitempty" doc:"only in the answer to create: whoever knows it reads the calendar"`
	Token         string     `json:"token,omitempty" doc:"only in the answer to create"`
	LastFetchedAt *time.Time `json:"last_fetched_at" doc:"to the hour"`
	CreatedAt     time.Time  `json:"created_at"`

	user account.UserID
}

// NewFeed is what a calendar is made with.
type NewFeed struct {
	Name      string       `json:"name,omitempty"`
	BoatID    fleet.BoatID `json:"boat_id,omitempty" doc:"one boat alone"`
	AlarmDays *int         `json:"alarm_days,omitempty" doc:"0 to 365; 14 unless given"`
}

const selectFeed = "SELECT id, user_id, name, boat_id, alarm_days, last_fetched_at, created_at FROM feeds"

func scanFeed(r db.Row) (f Feed, err error) {
	var fetched *int64
	var created int64
	err = r.Scan(&f.ID, &f.user, &f.Name, &f.BoatID, &f.AlarmDays, &fetched, &created)
	f.LastFetchedAt, f.CreatedAt = db.TimePtr(fetched), db.Time(created)
	return f, err
}

// Feeds lists the actor's own calendars, oldest first.
func (s *Service) Feeds(ctx context.Context, who account.Actor) (_ []Feed, err error) {
	defer fault.Wrap(&err, "integration.Feeds")
	return db.Collect(ctx, s.db, scanFeed, selectFeed+" WHERE user_id = $1 ORDER BY created_at, id", who.UserID)
}

// CreateFeed makes an address of a calendar in the actor's name. The answer
// shows it, for the only time.
func (s *Service) CreateFeed(ctx context.Context, who account.Actor, n NewFeed) (f Feed, err error) {
	defer fault.Wrap(&err, "integration.CreateFeed")
	if f, err = n.feed(); err != nil {
		return f, err
	}
	token, hash := vault.Token("")
	f.ID, f.user, f.Token = FeedID(db.NewID()), who.UserID, token
	if n.BoatID != "" {
		if _, err := s.boats.Boat(ctx, who, n.BoatID); err != nil {
			return Feed{}, err
		}
		f.BoatID = &n.BoatID
	}
	f.URL = s.config.BaseURL + "/feeds/" + f.Token + "/calendar.ics"
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := account.LockUser(ctx, tx, who.UserID); err != nil {
			return err
		}
		have, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM feeds WHERE user_id = $1", who.UserID)
		if err != nil {
			return err
		}
		if have >= MaxFeeds {
			return fault.New(fault.Conflict, "a person has at most %d calendars: delete one", MaxFeeds)
		}
		f.CreatedAt = tx.Now()
		_, err = tx.Exec(ctx, "INSERT INTO feeds (id, user_id, boat_id, name, hash, alarm_days, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			f.ID, who.UserID, db.OrNull(n.BoatID), f.Name, hash, f.AlarmDays, db.Micros(f.CreatedAt))
		if err != nil {
			return err
		}
		return s.auditFeed(ctx, tx, who, "created", f)
	})
	return f, err
}

// feed checks what a calendar is made with.
func (n NewFeed) feed() (f Feed, err error) {
	f = Feed{Name: strings.TrimSpace(db.Text(n.Name)), AlarmDays: defaultAlarm}
	var faults []fault.Field
	if utf8.RuneCountInString(f.Name) > 100 {
		faults = append(faults, fault.Field{Location: "body.name", Message: "must have at most 100 characters"})
	}
	if n.AlarmDays != nil {
		if f.AlarmDays = *n.AlarmDays; f.AlarmDays < 0 || f.AlarmDays > 365 {
			faults = append(faults, fault.Field{Location: "body.alarm_days", Message: "must be 0 to 365", Value: f.AlarmDays})
		}
	}
	if faults != nil {
		return Feed{}, fault.Fields(faults...)
	}
	return f, nil
}

func (s *Service) auditFeed(ctx context.Context, tx *db.Tx, who account.Actor, verb string, f Feed) error {
	e := account.Entry{Action: "feed." + verb, Kind: "feed", SubjectID: string(f.ID)}
	if f.BoatID != nil {
		e.BoatID = *f.BoatID
	}
	return s.accounts.Audit(ctx, tx, who, e)
}

// DeleteFeed ends a calendar of the actor: its address is unknown from now on.
func (s *Service) DeleteFeed(ctx context.Context, who account.Actor, id FeedID) (f Feed, err error) {
	defer fault.Wrap(&err, "integration.DeleteFeed %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		f, err = db.One(ctx, tx, scanFeed, selectFeed+" WHERE id = $1 AND user_id = $2", id, who.UserID)
		if fault.Is(err, fault.NotFound) {
			return fault.New(fault.NotFound, "calendar not found")
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM feeds WHERE id = $1", id); err != nil {
			return err
		}
		return s.auditFeed(ctx, tx, who, "deleted", f)
	})
	return f, err
}

// fetchedEvery is how exactly the last fetch is known.
const fetchedEvery = time.Hour

// Calendar is what a calendar's address answers now (RFC 5545): it reads the
// rights of its owner anew. NotFound when the address is not known or its owner
// may not see the boat any more.
func (s *Service) Calendar(ctx context.Context, secret string) (_ []byte, err error) {
	defer fault.Wrap(&err, "integration.Calendar")
	unknown := fault.New(fault.NotFound, "there is no calendar at this address: it was deleted, or its owner may not see the boat any more")
	f, err := db.One(ctx, s.db, scanFeed, selectFeed+" WHERE hash = $1", vault.Hash(secret))
	if fault.Is(err, fault.NotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	who, err := s.accounts.ActorOf(ctx, f.user)
	if fault.Is(err, fault.NotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	out, err := s.calendar(ctx, who, f)
	if fault.Is(err, fault.NotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	return out, s.fetched(ctx, f)
}

// fetched notes that a calendar is in use. A full disk keeps nobody from reading.
func (s *Service) fetched(ctx context.Context, f Feed) error {
	if f.LastFetchedAt != nil && s.db.Now().Sub(*f.LastFetchedAt) < fetchedEvery {
		return nil
	}
	err := s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE feeds SET last_fetched_at = $1 WHERE id = $2", db.Micros(tx.Now()), f.ID)
		return err
	})
	if fault.Is(err, fault.Full) {
		return nil
	}
	return err
}
