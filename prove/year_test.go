//go:build prove

package prove_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fleet"
	"navidocs/internal/notify"
	"navidocs/internal/testkit"
	"navidocs/internal/warranty"
)

// farZones are where the day begins first and last, and where the clocks change
// at odd times or by half an hour.
func farZones() []string {
	return []string{"Pacific/Kiritimati", "Australia/Lord_Howe", "Europe/Berlin", "America/St_Johns", "Pacific/Pago_Pago"}
}

// leapYear is the next one that lies in the machine's future: a job of a time
// that has passed there would be done at once.
func leapYear() time.Time {
	year := 2028
	for ; year <= time.Now().Year(); year += 4 {
	}
	return time.Date(year, 1, 1, 0, 17, 0, 0, time.UTC)
}

// Over a leap year, of warranties in five zones that are added, changed, deleted
// and restored, on a server that is off thirty times: what ought to be told is
// told, at the first look of the boat's day, to each person once by each channel.
//
// Events are handed to package notify as the dispatcher does, in the order in
// which they came; its messages arrive as soon as they are due. The queue has no
// part in it: it goes by the machine's clock, and looks once a second. On
// PostgreSQL, where a statement takes several times as long, there are fewer.
func TestASimulatedYear(t *testing.T) {
	testkit.EachAt(t, leapYear(), func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		n := manyWarranties
		if d.Engine == db.Postgres {
			n /= 5
		}
		y := newYear(t, d, clock, n)
		began := time.Now()
		y.year(outages(clock.Now(), 30, seeded(30)), time.Hour)
		y.count()
		y.prove(n, time.Since(began))
	})
}

// year is a simulated one.
type year struct {
	*office
	virtual

	notifications *notify.Service
	ada           account.Actor
	boats         []fleet.BoatID
	random        *rand.Rand

	model   map[warranty.ID]*covered
	ids     []warranty.ID
	looks   []time.Time
	changes int
	day     int
	handed  string // the last event
	// rows counts what was told by kind, subject, due date, channel and person.
	rows   map[[5]string]int
	newest string
	groups map[string][]time.Time // by person and channel, of what is not urgent
}

func newYear(t *testing.T, d *db.DB, clock *testkit.Clock, n int) *year {
	t.Helper()
	o := newOffice(t, d)
	y := &year{
		office: o, virtual: virtual{t: t, db: d, clock: clock}, random: seeded(2028), day: -1,
		model: map[warranty.ID]*covered{}, rows: map[[5]string]int{}, groups: map[string][]time.Time{},
	}
	y.look, y.deliver = y.hour, y.handOver
	y.notifications = notify.New(d, o.queue, o.accounts, o.events, notify.Config{BaseURL: "https://navidocs.example", Senders: []notify.Sender{nowhere(notify.Email), nowhere(notify.Push)}})
	y.ada = o.user(t, "ada@example.org", "", "")
	bob := o.user(t, "bob@example.org", y.ada.Orgs(account.Admin)[0], account.Member)
	_, err := y.notifications.SetPreferences(t.Context(), bob, notify.Wishes{TimeZone: "Australia/Lord_Howe", QuietFrom: "22:00", QuietTo: "09:30"})
	_, subscribing := y.notifications.Subscribe(t.Context(), bob, notify.Subscription{Endpoint: "https://push.example/bob", Keys: notify.SubscriptionKeys{P256dh: "p", Auth: "a"}})
	if err := errors.Join(err, subscribing); err != nil {
		t.Fatal(err)
	}
	y.boats = o.fleet(t, y.ada, farZones()...)
	y.record(n)
	return y
}

// nowhere is a channel that is there; what it sends is marked as sent.
type nowhere notify.Channel

func (n nowhere) Channel() notify.Channel { return notify.Channel(n) }

func (nowhere) Send(context.Context, notify.Message) notify.Receipt {
	return notify.Receipt{Outcome: notify.Accepted}
}

// zone is where the boat is that was added as one of several.
func (y *year) zone(boat int) *time.Location {
	loc, err := time.LoadLocation(farZones()[boat%len(farZones())])
	if err != nil {
		y.t.Fatal(err)
	}
	return loc
}

// bought is a day such that 24 months later lies in the year, or four months
// after it.
func (y *year) bought() fleet.Date {
	return fleet.Date(y.clock.Now().AddDate(-2, 0, y.random.IntN(366+120)-10).Format(time.DateOnly))
}

// record adds warranties that were there before the year. They are written
// directly, for the service takes its time; what is past is passed.
func (y *year) record(n int) {
	y.t.Helper()
	now, ctx := y.clock.Now(), y.t.Context()
	err := y.db.Transact(ctx, func(tx *db.Tx) error {
		for i := range n {
			id, boat, bought := warranty.ID(db.NewID()), i%len(y.boats), y.bought()
			end := warranty.AddMonths(bought, 24)
			c := &covered{zone: y.zone(boat)}
			c.begins(end, now)
			y.model[id], y.ids = c, append(y.ids, id)
			_, err := tx.Exec(ctx, `INSERT INTO warranty_tracking (id, org_id, boat_id, item_name, item_name_fold, provider, provider_fold, purchase_date,
				start_date, warranty_period_months, expiration_date, created_at, updated_at) VALUES ($1, $2, $3, $4, $4, 'Maker', 'maker', $5, $5, 24, $6, $7, $7)`,
				id, y.ada.Orgs(account.Admin)[0], y.boats[boat], fmt.Sprintf("item %d", i), bought, end, db.Micros(now))
			if err == nil {
				err = arm(ctx, tx, string(id), string(end), now.In(c.zone).Format(time.DateOnly), "passed")
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		y.t.Fatal(err)
	}
}

// hour changes a warranty now and then, and looks; once a day what was told is
// counted, and what is old is tidied up.
func (y *year) hour() {
	y.t.Helper()
	ctx := y.t.Context()
	if y.random.IntN(4) == 0 {
		y.change()
	}
	y.looks = append(y.looks, y.clock.Now())
	if err := y.warranties.Remind(ctx); err != nil {
		y.t.Fatal(err)
	}
	if today := y.clock.Now().YearDay(); today != y.day {
		y.day = today
		y.count()
		if err := y.notifications.Tidy(ctx); err != nil {
			y.t.Fatal(err)
		}
	}
}

// handOver gives the events that are new to package notify, and has arrived what
// is due.
func (y *year) handOver() {
	y.t.Helper()
	ctx := y.t.Context()
	fresh, err := db.Collect(ctx, y.db, func(r db.Row) (e event.Envelope, err error) {
		e.Boat = &event.Boat{}
		var data string
		err = r.Scan(&e.ID, &e.Type, &e.OrgID, &e.Boat.ID, &e.Boat.Name, &e.ActorID, &data)
		e.Data = json.RawMessage(data)
		return e, err
	}, "SELECT id, type, org_id, boat_id, boat_name, actor_id, data FROM events WHERE id > $1 AND boat_id IS NOT NULL ORDER BY id", y.handed)
	for few := range slices.Chunk(fresh, 20) { // a transaction each would wait for the disk most of the time
		err = errors.Join(err, y.db.Transact(ctx, func(tx *db.Tx) (err error) {
			for _, e := range few {
				y.handed = e.ID
				err = errors.Join(err, y.notifications.Consume(ctx, tx, e))
			}
			return err
		}))
	}
	const due = " WHERE status = 'queued' AND send_at <= $1"
	n, counting := db.One(ctx, y.db, db.Scalar[int], "SELECT count(*) FROM notification_messages"+due, db.Micros(y.clock.Now()))
	if n > 0 {
		err = errors.Join(err, y.db.Transact(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE notification_messages SET status = 'accepted', attempts = 1, sent_at = $1"+due, db.Micros(tx.Now()))
			return err
		}))
	}
	if err = errors.Join(err, counting); err != nil {
		y.t.Fatal(err)
	}
}

// change adds a warranty, or moves the end of one, deletes one or brings one back.
func (y *year) change() {
	y.t.Helper()
	ctx, now := y.t.Context(), y.clock.Now()
	id := y.ids[y.random.IntN(len(y.ids))]
	c := y.model[id]
	var w warranty.Warranty
	var err error
	switch kind := y.random.IntN(10); {
	case kind < 3:
		boat := y.random.IntN(len(y.boats))
		w, err = y.warranties.Create(ctx, y.ada, warranty.Input{BoatID: y.boats[boat], ItemName: "Added", PurchaseDate: y.bought(), Months: 24})
		c = &covered{zone: y.zone(boat)}
		y.model[w.ID], y.ids = c, append(y.ids, w.ID)
		c.begins(w.ExpirationDate, now)
	case !c.lasts():
		w, err = y.warranties.Restore(ctx, y.ada, id)
		c.begins(w.ExpirationDate, now)
	case kind < 8:
		months := 22 + y.random.IntN(5)
		w, err = y.warranties.Update(ctx, y.ada, id, warranty.Patch{Months: &months}, "")
		c.moves(w.ExpirationDate, now)
	default:
		_, err = y.warranties.Delete(ctx, y.ada, id, "")
		c.stops(now)
	}
	if err != nil {
		y.t.Fatal(err)
	}
	y.changes++
}

// count reads the notifications that are new, and the messages that were sent.
func (y *year) count() {
	y.t.Helper()
	type row struct {
		id  string
		key [5]string
	}
	rows, err := db.Collect(y.t.Context(), y.db, func(r db.Row) (x row, err error) {
		err = r.Scan(&x.id, &x.key[0], &x.key[1], &x.key[2], &x.key[3], &x.key[4])
		return x, err
	}, "SELECT id, event_type, subject, due, channel, user_id FROM notifications WHERE id > $1 ORDER BY id", y.newest)
	if err != nil {
		y.t.Fatal(err)
	}
	for _, x := range rows {
		y.rows[x.key]++
		y.newest = x.id
	}
	type group struct {
		whose string
		at    int64
	}
	groups, err := db.Collect(y.t.Context(), y.db, func(r db.Row) (g group, err error) { return g, r.Scan(&g.whose, &g.at) },
		"SELECT user_id || ' ' || channel, sent_at FROM notification_messages WHERE urgent = FALSE AND status = 'accepted' ORDER BY sent_at")
	if err != nil {
		y.t.Fatal(err)
	}
	for _, g := range groups {
		at := db.Time(g.at)
		if all := y.groups[g.whose]; len(all) == 0 || at.After(all[len(all)-1]) {
			y.groups[g.whose] = append(all, at)
		}
	}
}

// verdict compares what was told with the model.
type verdict struct{ expected, told, doubled, missed, wrong, leap int }

func (y *year) judge() (v verdict) {
	y.t.Helper()
	expected := map[telling]time.Time{}
	for id, c := range y.model {
		maps.Copy(expected, c.expect(id, y.looks))
	}
	v.expected = len(expected)
	type happened struct {
		data string
		at   int64
	}
	all, err := db.Collect(y.t.Context(), y.db, func(r db.Row) (h happened, err error) { return h, r.Scan(&h.data, &h.at) },
		"SELECT data, at FROM events WHERE type IN ('warranty.expiring', 'warranty.expired')")
	if err != nil {
		y.t.Fatal(err)
	}
	told := map[telling]int{}
	for _, h := range all {
		var data warranty.ReminderData
		if err := json.Unmarshal([]byte(h.data), &data); err != nil {
			y.t.Fatal(err)
		}
		x, at := telling{data.WarrantyID, data.ExpirationDate, data.Threshold}, db.Time(h.at)
		c := y.model[x.id]
		if told[x]++; told[x] > 1 {
			v.doubled++
		}
		if want, ok := expected[x]; !ok || !want.Equal(at) || data.DaysLeft != c.left(x.end, at) {
			if v.wrong++; v.wrong <= 5 {
				y.t.Errorf("%+v in %s at %s, %d days left; want %s", x, c.zone, at, data.DaysLeft, want)
			}
		}
		if leap := at.In(c.zone); leap.Month() == time.February && leap.Day() == 29 {
			v.leap++
		}
	}
	v.told = len(all)
	for x, want := range expected {
		if told[x] == 0 {
			if v.missed++; v.missed <= 5 {
				y.t.Errorf("%+v in %s is not told, want %s", x, y.model[x.id].zone, want)
			}
		}
	}
	return v
}

func (y *year) prove(n int, took time.Duration) {
	y.t.Helper()
	v := y.judge()
	repeated, most, messages := 0, 0, 0
	for _, times := range y.rows {
		repeated += times - 1
	}
	for _, all := range y.groups {
		most, messages = max(most, week(all)), messages+len(all)
	}
	y.t.Logf("PROVED: %s: a year with a leap day, %d warranties in 5 zones, %d changes, 30 outages, %d looks: %d reminders (%d on the leap day), doubled %d, missed %d, wrong %d; "+
		"handed over without the queue: %d notifications of 2 people, doubled %d; what is not urgent in %d messages, at most %d in seven days by a channel (<= 2); %s",
		y.db.Engine, n, y.changes, len(y.looks), v.told, v.leap, v.doubled, v.missed, v.wrong, len(y.rows), repeated, messages, most, took.Round(time.Second))
	// Ada has each in the application and by mail, Bob by push too.
	if v.doubled+v.missed+v.wrong+repeated > 0 || most > 2 || v.told != v.expected || v.leap == 0 || len(y.rows) != 5*v.told {
		y.t.Error("MISSED: see the figures above")
	}
	if y.looks[len(y.looks)-1].Sub(y.looks[0]) < 360*24*time.Hour {
		y.t.Error("MISSED: the year is short")
	}
}
