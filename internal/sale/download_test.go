package sale

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/testkit"
)

func reasonOf(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		reason, _ := e.Details["reason"].(string)
		return reason
	}
	return ""
}

// fetch is a complete download.
func (b *bench) fetch(h Handover, bytes int64) {
	b.t.Helper()
	slot, err := b.Take(b.t.Context(), h, account.Actor{Address: "192.0.2.7"})
	if err == nil {
		err = slot.End(b.t.Context(), true, bytes)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// beside is the service as another process has it: on its own connections.
func (b *bench) beside() *Service {
	b.t.Helper()
	d, err := db.Open(b.t.Context(), db.Options{URL: testkit.URL(b.db), Now: b.clock.Now})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return New(d, b.store, b.accounts, b.boats, b.documents, b.warranties, b.records, b.events, b.Service.jobs, b.config)
}

// Fifty ask at once, of two processes: five get a slot, and five downloads are
// complete in the end.
func TestFiftyTakersGetFive(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		h, token := b.transferred(Transfer{})
		p, err := b.Handover(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		services := []*Service{b.Service, b.beside()}
		rush := func() (got []*Slot, refused []error) {
			var mu sync.Mutex // guards both
			var all sync.WaitGroup
			for i := range 50 {
				all.Go(func() {
					slot, err := services[i%2].Take(t.Context(), p, account.Actor{})
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						refused = append(refused, err)
						return
					}
					got = append(got, slot)
				})
			}
			all.Wait()
			return got, refused
		}
		got, refused := rush()
		if len(got) != 5 {
			t.Fatalf("%d got a slot", len(got))
		}
		for _, err := range refused {
			wantKind(t, err, fault.Conflict)
		}
		var all sync.WaitGroup
		ended := make(chan error, len(got))
		for i, slot := range got {
			all.Go(func() { ended <- slot.End(t.Context(), i > 1, 500) }) // two break off
		}
		all.Wait()
		close(ended)
		for err := range ended {
			if err != nil {
				t.Fatal(err)
			}
		}
		got, _ = rush()
		if len(got) != 2 {
			t.Fatalf("%d got one of the two that broke off", len(got))
		}
		for _, slot := range got {
			if err := slot.End(t.Context(), true, 1000); err != nil {
				t.Fatal(err)
			}
		}
		b.ends(token, endedByUse)
		x, err := b.Sale(t.Context(), b.ada, h.Sale.ID)
		if err != nil || x.Link.Finished != 5 || len(b.data("sale.downloaded")) != 5 || len(x.Timeline) != 7 {
			t.Errorf("%+v %+v, %v", x, x.Link, err)
		}
	})
}

func TestASlotWithoutProgressIsFree(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		h, token := b.transferred(Transfer{})
		p, err := b.Handover(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			b.fetch(p, 1000)
		}
		who := account.Actor{Address: "2001:db8:1:2::3"}
		slot, err := b.Take(t.Context(), p, who)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 { // bytes flow for five minutes
			b.clock.Add(time.Minute)
			if err := slot.Alive(t.Context(), 700); err != nil {
				t.Fatal(err)
			}
			_, err = b.Take(t.Context(), p, who)
			wantKind(t, err, fault.Conflict)
		}
		b.clock.Add(slotLife) // its process was killed
		next, err := b.Take(t.Context(), p, who)
		if err != nil {
			t.Fatal(err)
		}
		if err := slot.Alive(t.Context(), 800); !fault.Is(err, fault.Gone) {
			t.Errorf("who lost the slot goes on: %v", err)
		}
		if err := slot.End(t.Context(), false, 800); err != nil {
			t.Fatal(err)
		}
		_, err = b.Take(t.Context(), p, who)
		wantKind(t, err, fault.Conflict) // it was given back once
		if err := next.End(t.Context(), true, 1000); err != nil {
			t.Fatal(err)
		}
		b.ends(token, endedByUse)
		all, total, err := b.Downloads(t.Context(), b.ada, h.Sale.ID, fleet.Page{Limit: 2})
		if err != nil || total != 6 || len(all) != 2 || all[0].State != Complete || all[1].State != Cut || all[1].Bytes != 700 || all[0].Address != "2001:db8:1::/48" {
			t.Errorf("%d: %+v, %v", total, all, err)
		}
		_, _, err = b.Downloads(t.Context(), b.eve, h.Sale.ID, fleet.Page{Limit: 2})
		wantKind(t, err, fault.NotFound)
	})
}

func TestPiecesAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		h, token := b.transferred(Transfer{})
		p, err := b.Handover(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if err := b.Reserve(t.Context(), p, 999); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Reserve(t.Context(), p, 11); reasonOf(err) != string(endedByTraffic) {
			t.Errorf("more than ten times the size went out: %v", err)
		}
		if err := b.GiveBack(t.Context(), p, 999); err != nil {
			t.Fatal(err)
		}
		slot, err := b.Take(t.Context(), p, account.Actor{})
		if err != nil {
			t.Fatal(err)
		}
		if err := slot.End(t.Context(), false, 999+10); err != nil { // all but the last bytes, for nothing
			t.Fatal(err)
		}
		if _, err := b.Take(t.Context(), p, account.Actor{}); reasonOf(err) != string(endedByTraffic) {
			t.Errorf("whoever always breaks off has it for nothing: %v", err)
		}
		if _, err := b.Extend(t.Context(), b.ada, h.Sale.ID, Extension{Downloads: 1}); err != nil {
			t.Fatal(err)
		}
		b.fetch(p, 1000)
	})
}

func TestRevokingCutsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		h, token := b.transferred(Transfer{})
		p, err := b.Handover(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		slot, err := b.Take(t.Context(), p, account.Actor{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Revoke(t.Context(), b.ada, h.Sale.ID); err != nil {
			t.Fatal(err)
		}
		b.clock.Add(slotEvery)
		wantKind(t, slot.Alive(t.Context(), 10), fault.Gone)
	})
}

// model is what counting means: slots with the instant of their last progress.
type model struct {
	allowed, finished int
	taken             map[*Slot]time.Time
}

func (m *model) free(now time.Time) int {
	for slot, at := range m.taken {
		if now.Sub(at) >= slotLife {
			delete(m.taken, slot)
		}
	}
	return m.allowed - m.finished - len(m.taken)
}

// Whatever takers, cuts, kills and raises follow each other, what is counted is
// what a simple model counts.
func TestCountingIsThatOfTheModel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		rapid.Check(t, func(r *rapid.T) {
			x := b.start(b.newBoat("Model", "FR"))
			b.packaged(x, 1_000_000) // cuts never use the pieces up
			h, err := b.Transfer(t.Context(), b.ada, x.ID, Transfer{}, "")
			if err != nil {
				r.Fatal(err)
			}
			p, err := b.Handover(t.Context(), b.secret(h.DownloadURL))
			if err != nil {
				r.Fatal(err)
			}
			m := &model{allowed: 5, taken: map[*Slot]time.Time{}}
			var slots []*Slot // that were given out and did not end
			pick := func() *Slot { return rapid.SampledFrom(slots).Draw(r, "slot") }
			drop := func(s *Slot) { slots = slices.DeleteFunc(slots, func(o *Slot) bool { return o == s }) }
			end := func(complete bool) {
				s := pick()
				if err := s.End(t.Context(), complete, 10); err != nil {
					r.Fatal(err)
				}
				if delete(m.taken, s); complete {
					m.finished++
				}
				drop(s)
			}
			for range rapid.IntRange(1, 25).Draw(r, "steps") {
				step := rapid.SampledFrom([]string{"take", "take", "finish", "cut", "kill", "wait", "progress", "raise"}).Draw(r, "step")
				if len(slots) == 0 && step != "wait" && step != "raise" {
					step = "take"
				}
				switch step {
				case "take":
					slot, err := b.Take(t.Context(), p, account.Actor{})
					switch free := m.free(b.clock.Now()); {
					case err == nil && free > 0:
						m.taken[slot], slots = b.clock.Now(), append(slots, slot)
					case err == nil:
						r.Fatalf("a slot too many: %+v", m)
					case m.finished >= m.allowed && reasonOf(err) == string(endedByUse), m.finished < m.allowed && free <= 0 && fault.Is(err, fault.Conflict):
					default:
						r.Fatalf("%d are free, and the answer is %v", free, err)
					}
				case "finish":
					end(true)
				case "cut":
					end(false)
				case "kill":
					drop(pick())
				case "wait":
					b.clock.Add(time.Duration(rapid.IntRange(10, 150).Draw(r, "seconds")) * time.Second)
				case "progress":
					s := pick()
					b.clock.Add(slotEvery)
					m.free(b.clock.Now())
					err := s.Alive(t.Context(), 5)
					if _, held := m.taken[s]; err == nil {
						m.taken[s] = b.clock.Now() // also when it had lost it, and nobody had taken it yet
					} else if held {
						r.Fatalf("a slot with progress is lost: %v", err)
					}
				case "raise":
					m.allowed++
					if _, err := b.Extend(t.Context(), b.ada, x.ID, Extension{Downloads: 1}); err != nil {
						r.Fatal(err)
					}
				}
			}
			got, err := b.Sale(t.Context(), b.ada, x.ID)
			if err != nil || got.Link.Finished != m.finished || got.Link.Allowed != m.allowed {
				r.Fatalf("%+v, model %+v, %v", got.Link, m, err)
			}
		})
	})
}

func TestMaskedAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "2001:db8:1:2::3": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48", "@": "", "": "",
	} {
		if got := masked(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}
