package notify

import (
	"context"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
)

// person is someone to be told, with what they chose.
type person struct {
	id             account.UserID
	email, name    string
	language       string
	verified       bool // the e-mail address is theirs
	zone           string
	quietFrom      string
	quietTo        string
	digest         Digest
	phone          string
	phoneConfirmed bool
	ntfy           string
	subscriptions  int
	suppressed     bool
	choices        map[choice]bool
}

type choice struct {
	eventType string
	channel   Channel
}

const personColumns = `u.id, u.email, u.name, u.language, u.email_verified, coalesce(p.time_zone, ''), coalesce(p.quiet_from, ''), coalesce(p.quiet_to, ''),
	coalesce(p.digest, 'off'), coalesce(p.phone, ''), coalesce(p.phone_confirmed, FALSE), coalesce(p.ntfy, ''),
	(SELECT count(*) FROM push_subscriptions x WHERE x.user_id = u.id), EXISTS (SELECT 1 FROM mail_suppressions x WHERE x.address = u.email)`

const fromPeople = ` FROM users u LEFT JOIN notification_preferences p ON p.user_id = u.id`

func scanPerson(r db.Row) (p *person, err error) {
	p = &person{choices: map[choice]bool{}}
	err = r.Scan(&p.id, &p.email, &p.name, &p.language, &p.verified, &p.zone, &p.quietFrom, &p.quietTo, &p.digest, &p.phone, &p.phoneConfirmed, &p.ntfy,
		&p.subscriptions, &p.suppressed)
	return p, err
}

// audience is who is told of an occasion.
func (s *Service) audience(ctx context.Context, q db.Querier, o occasion) ([]person, error) {
	var w db.Where
	w.Add("u.deleted_at IS NULL")
	switch {
	case o.event.OrgID == nil:
		w.Add("u.operator = ?", true)
	case o.kind.audience == "" && o.event.ActorID == nil:
		return nil, nil // nobody's hand caused it
	default:
		role, class := o.kind.audience, account.Class(o.event.Audience())
		if role == "" { // whoever did it knows of it
			w.Add("u.id = ?", *o.event.ActorID)
			role, class = account.Viewer, account.Open
		}
		within, args := account.Within(account.OrgID(*o.event.OrgID), boatOf(o.event), role, class, s.db.Now())
		w.Add("u.id IN ("+within+")", args...)
	}
	return s.people(ctx, q, fromPeople, w)
}

func boatOf(e event.Envelope) account.BoatID {
	if e.Boat == nil {
		return ""
	}
	return account.BoatID(e.Boat.ID)
}

// person reads one; false when there is none, or they deleted their account.
func (s *Service) person(ctx context.Context, q db.Querier, id account.UserID) (p person, found bool, err error) {
	var w db.Where
	w.Add("u.id = ?", id)
	w.Add("u.deleted_at IS NULL")
	all, err := s.people(ctx, q, fromPeople, w)
	if err != nil || len(all) == 0 {
		return p, false, err
	}
	return all[0], true, nil
}

func (s *Service) people(ctx context.Context, q db.Querier, from string, w db.Where) ([]person, error) {
	all, err := db.Collect(ctx, q, scanPerson, "SELECT "+personColumns+from+" WHERE "+w.SQL()+" ORDER BY u.id", w.Args()...)
	if err != nil {
		return nil, err
	}
	return s.withChoices(ctx, q, all)
}

func (s *Service) withChoices(ctx context.Context, q db.Querier, all []*person) ([]person, error) {
	byID := map[account.UserID]*person{}
	ids := []account.UserID{}
	for _, p := range all {
		byID[p.id], ids = p, append(ids, p.id)
	}
	for part := range slices.Chunk(ids, 500) {
		var w db.Where
		db.In(&w, "user_id", part)
		_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
			var user account.UserID
			var c choice
			var wanted bool
			err = r.Scan(&user, &c.eventType, &c.channel, &wanted)
			if err == nil {
				byID[user].choices[c] = wanted
			}
			return struct{}{}, err
		}, "SELECT user_id, event_type, channel, wanted FROM notification_choices WHERE "+w.SQL(), w.Args()...)
		if err != nil {
			return nil, err
		}
	}
	out := make([]person, len(all))
	for i, p := range all {
		out[i] = *p
	}
	return out, nil
}

// channels are by what a person is told of an event. Whoever cannot be reached
// by mail is told in the application, though they chose otherwise.
func (p person) channels(eventType string, k kind) (out []Channel) {
	missed := false
	for _, c := range allChannels {
		wanted, chosen := p.choices[choice{eventType, c}]
		if !chosen {
			wanted = slices.Contains(k.channels, c)
		}
		if !wanted {
			continue
		}
		if !p.reachable(c) {
			missed = missed || c == Email
			continue
		}
		out = append(out, c)
	}
	if missed && !slices.Contains(out, InApp) {
		out = append(out, InApp)
	}
	return out
}

// reachable reports whether a channel leads to the person at all.
func (p person) reachable(c Channel) bool {
	switch c {
	case Email:
		return p.verified && !p.suppressed
	case SMS:
		return p.phone != "" && p.phoneConfirmed
	case Push:
		return p.subscriptions > 0
	case Ntfy:
		return p.ntfy != ""
	case InApp:
	}
	return true
}

// address is where a channel reaches the person, as it is shown to them.
func (p person) address(c Channel) string {
	switch c {
	case Email:
		return p.email
	case SMS:
		return p.phone
	case Ntfy:
		return p.ntfy
	case Push, InApp:
	}
	return ""
}

// called is how the person is addressed.
func (p person) called() string {
	if p.name != "" {
		return p.name
	}
	local, _, _ := strings.Cut(p.email, "@")
	return local
}

// rhythm is when the person may be sent something; theirs is the organization's
// time zone until they choose one.
func (p person) rhythm(zone string) rhythm {
	if p.zone != "" {
		zone = p.zone
	}
	return rhythm{zone: account.Location(zone), from: minutes(p.quietFrom), to: minutes(p.quietTo), digest: p.digest}
}

// minutes reads HH:MM; "" is 0.
func minutes(s string) int {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0
	}
	return t.Hour()*60 + t.Minute()
}
