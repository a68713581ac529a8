package webhook

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// notices lists what was told of endpoints, oldest first.
func (b *bench) notices() []string {
	b.t.Helper()
	all, err := db.Collect(b.t.Context(), b.db, db.Scalar[string], "SELECT data FROM events WHERE type = 'webhook.disabled' ORDER BY id")
	if err != nil {
		b.t.Fatal(err)
	}
	for i, data := range all {
		_, rest, _ := strings.Cut(data, `"status":"`)
		all[i], _, _ = strings.Cut(rest, `"`)
	}
	return all
}

// TestADeadEndpointIsHeldThenReplayedWhole: twelve hours pass at each attempt.
func TestADeadEndpointIsHeldThenReplayedWhole(t *testing.T) {
	t.Parallel()
	each(t, Config{MaxRetries: 0}, func(t *testing.T, b *bench) { // nine attempts are all there are
		r := listen(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			b.clock.Add(12 * time.Hour)
			w.WriteHeader(http.StatusInternalServerError)
		})
		w := b.create(r.URL, "boat.created", "boat.updated", "boat.deleted")
		b.run()
		b.happens("boat.created")
		b.settled(w.ID, 9) // 4 days: spent, and nothing follows
		if got := b.read(w.ID); got.Status != Active || got.Failures != 9 || !slices.Equal(b.notices(), []string{"failing"}) {
			t.Errorf("%+v, %v", got, b.notices())
		}
		b.happens("boat.updated")
		b.settled(w.ID, 9+2+2) // two more attempts, and two held
		if got := b.read(w.ID); got.Status != Held || !strings.Contains(got.Reason, "5 days") || !slices.Equal(b.notices(), []string{"failing", "held"}) {
			t.Errorf("%+v, %v", got, b.notices())
		}
		b.happens("boat.deleted")
		if got := states(b.settled(w.ID, 14)); strings.Count(got, "held") != 3 {
			t.Error(got)
		}
		before := len(r.got())
		r.becomes(answering(http.StatusOK))
		if _, err := b.Resume(t.Context(), b.ada, w.ID); err != nil {
			t.Fatal(err)
		}
		if got := states(b.settled(w.ID, 14)); strings.Count(got, "succeeded") != 3 {
			t.Error(got)
		}
		var kinds []string
		for _, g := range r.got()[before:] {
			for _, kind := range []string{"boat.created", "boat.updated", "boat.deleted"} {
				if strings.Contains(g.body, `"type":"`+kind+`"`) {
					kinds = append(kinds, kind)
				}
			}
		}
		slices.Sort(kinds) // they are sent side by side
		if !slices.Equal(kinds, []string{"boat.created", "boat.deleted", "boat.updated"}) {
			t.Error(kinds)
		}
		if got := b.read(w.ID); got.Status != Active || got.Failures != 0 || got.FailingSince != nil {
			t.Errorf("%+v", got)
		}
	})
}

func TestGoneDisablesAtOnce(t *testing.T) {
	t.Parallel()
	each(t, Config{MaxRetries: 3}, func(t *testing.T, b *bench) {
		r := listen(t, answering(http.StatusGone))
		w := b.create(r.URL, "boat.created")
		b.run()
		b.happens("boat.created")
		all := b.settled(w.ID, 2)
		if got := b.read(w.ID); got.Status != Disabled || states(all) != "failed held" || !slices.Equal(b.notices(), []string{"disabled"}) {
			t.Errorf("%+v, %v", got, b.notices())
		}
		_, err := b.Replay(t.Context(), b.ada, all[0].ID)
		wantKind(t, err, fault.Conflict)
		_, err = b.ReplayRange(t.Context(), b.ada, w.ID, Range{Since: start.Add(-time.Hour)})
		wantKind(t, err, fault.Conflict)
	})
}

func TestAPausedEndpointGetsAllWhenItIsActiveAgain(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		r := listen(t, nil)
		w := b.create(r.URL, "*")
		paused, active := Paused, Active
		if _, err := b.Update(t.Context(), b.ada, w.ID, Patch{Status: &paused}, ""); err != nil {
			t.Fatal(err)
		}
		b.run()
		const n = 25
		for range n {
			b.happens("boat.updated")
		}
		if got := states(b.settled(w.ID, n)); strings.Count(got, "held") != n {
			t.Error(got)
		}
		if _, err := b.Update(t.Context(), b.ada, w.ID, Patch{Status: &active}, ""); err != nil {
			t.Fatal(err)
		}
		if got := states(b.settled(w.ID, n)); strings.Count(got, "succeeded") != n || len(r.got()) != n {
			t.Error(got, len(r.got()))
		}
	})
}

func TestReplay(t *testing.T) {
	t.Parallel()
	each(t, Config{MaxRetries: 0}, func(t *testing.T, b *bench) {
		r := listen(t, nil)
		w := b.create(r.URL, "*")
		b.run()
		b.happens("boat.created", "boat.updated")
		first := b.settled(w.ID, 2)
		again, err := b.Replay(t.Context(), b.ada, first[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		last := b.settled(w.ID, 3)[2]
		if last.ID != again.ID || last.EventID != first[0].EventID || last.Cause != ByReplay || last.Status != Succeeded {
			t.Errorf("%+v", last)
		}
		b.clock.Add(time.Hour)
		for types, want := range map[string]int{"": 2, "boat.updated": 1, "boat.deleted": 0} {
			got, err := b.ReplayRange(t.Context(), b.ada, w.ID, Range{Since: start, Types: []string{types}})
			if err != nil || got.Replayed != want {
				t.Errorf("%q: %v, %v", types, got, err)
			}
		}
		b.settled(w.ID, 6)
		r.becomes(answering(http.StatusInternalServerError))
		if _, err := b.Replay(t.Context(), b.ada, first[0].ID); err != nil {
			t.Fatal(err)
		}
		b.settled(w.ID, 15)
		if got := b.read(w.ID); got.Failures != 0 || got.FailingSince != nil {
			t.Errorf("a failed replay counts: %+v", got)
		}
		_, err = b.ReplayRange(t.Context(), b.ada, w.ID, Range{Since: b.clock.Now()})
		wantKind(t, err, fault.Invalid)
	})
}

func TestTheTestButtonTellsTheTruth(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		r := listen(t, func(w http.ResponseWriter, _ *http.Request, n int) {
			if n > 1 {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, "no such key")
			}
		})
		w := b.create(r.URL, "boat.created")
		good, err := b.Test(t.Context(), b.ada, w.ID)
		if err != nil || good.Status != Succeeded || good.EventType != "webhook.test" || *good.ResponseStatus != 200 {
			t.Errorf("%+v, %v", good, err)
		}
		bad, err := b.Test(t.Context(), b.ada, w.ID)
		if err != nil || bad.Status != Failed || *bad.ResponseStatus != 401 || bad.ResponseBody != "no such key" || !strings.Contains(bad.Error, "401") {
			t.Errorf("%+v, %v", bad, err)
		}
		if got := b.read(w.ID); got.Failures != 0 || len(b.log(w.ID)) != 2 {
			t.Errorf("%+v", got)
		}
	})
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		ctx := t.Context()
		member := b.user("member@example.org", b.org, account.Member)
		w := b.create("https://9.9.9.9/hook", "boat.updated", "boat.created", "boat.created")
		if !slices.Equal(w.EventTypes, []string{"boat.created", "boat.updated"}) || !strings.HasPrefix(w.Secret, "whsec_") || w.Status != Active {
			t.Errorf("%+v", w)
		}
		for _, url := range []string{"http://9.9.9.9/", "https://192.168.1.5/", "ftp://example.org", "https://10.0.0.1/", ""} {
			_, err := b.Create(ctx, b.ada, b.org, Input{URL: url, EventTypes: []string{"*"}})
			wantKind(t, err, fault.Invalid)
		}
		for _, types := range [][]string{nil, {"everything"}, {"Boat.Created"}, {"boat.*"}} {
			_, err := b.Create(ctx, b.ada, b.org, Input{URL: w.URL, EventTypes: types})
			wantKind(t, err, fault.Invalid)
		}
		_, err := b.Create(ctx, member, b.org, Input{URL: w.URL, EventTypes: []string{"*"}})
		wantKind(t, err, fault.Forbidden)
		_, err = b.Webhook(ctx, b.eve, w.ID)
		wantKind(t, err, fault.NotFound)
		_, _, err = b.Webhooks(ctx, member, Filter{Limit: 10})
		wantKind(t, err, fault.Forbidden)
		_, err = b.Replace(ctx, b.ada, w.ID, Input{URL: w.URL, EventTypes: []string{"*"}}, "stale")
		wantKind(t, err, fault.Stale)
		for range Limit - 1 {
			b.create(w.URL, "*")
		}
		_, err = b.Create(ctx, b.ada, b.org, Input{URL: w.URL, EventTypes: []string{"*"}})
		wantKind(t, err, fault.Conflict)
		if _, err := b.Delete(ctx, b.ada, w.ID, ""); err != nil {
			t.Error(err)
		}
		if _, n, err := b.Webhooks(ctx, b.ada, Filter{Limit: 10}); n != Limit-1 || err != nil {
			t.Error(n, err)
		}
	})
}

// TestTheLimitHoldsForManyAtOnce: counting alone would let in all that count
// before the first one is there.
func TestTheLimitHoldsForManyAtOnce(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		const more = 8
		for range Limit - 2 {
			b.create("https://9.9.9.9/", "*")
		}
		for range 10 { // one round alone is often won by the luck of the order
			begin, ends := make(chan struct{}), make(chan error, more)
			var made [more]Webhook
			for i := range more {
				go func() {
					<-begin
					var err error
					made[i], err = b.Create(t.Context(), b.ada, b.org, Input{URL: "https://9.9.9.9/", EventTypes: []string{"*"}})
					ends <- err
				}()
			}
			close(begin)
			n := 0
			for range more {
				if err := <-ends; err == nil {
					n++
				} else {
					wantKind(t, err, fault.Conflict)
				}
			}
			if _, there, err := b.Webhooks(t.Context(), b.ada, Filter{Limit: 1}); n != 2 || there != Limit || err != nil {
				t.Fatalf("%d were made, %d are there, %v", n, there, err)
			}
			for _, w := range made {
				if _, err := b.Delete(t.Context(), b.ada, w.ID, ""); err != nil && !fault.Is(err, fault.NotFound) {
					t.Fatal(err)
				}
			}
		}
	})
}

// No secret lies in the database as it is.
func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		w := b.create("https://9.9.9.9/", "*")
		sealed, err := db.One(t.Context(), b.db, db.Scalar[string], "SELECT secret_sealed FROM webhooks")
		if err != nil || strings.Contains(sealed, strings.TrimPrefix(w.Secret, secretPrefix)) {
			t.Error(sealed, err)
		}
	})
}

func TestPrune(t *testing.T) {
	t.Parallel()
	each(t, Config{}, func(t *testing.T, b *bench) {
		r := listen(t, nil)
		sent, paused := b.create(r.URL, "boat.created"), b.create(r.URL, "boat.updated")
		state := Paused
		if _, err := b.Update(t.Context(), b.ada, paused.ID, Patch{Status: &state}, ""); err != nil {
			t.Fatal(err)
		}
		stop := b.run()
		b.happens("boat.created", "boat.updated")
		b.settled(sent.ID, 1)
		b.settled(paused.ID, 1)
		stop()
		for _, c := range []struct {
			days                   int
			sent, paused, messages int
		}{{30, 1, 1, 2}, {1, 0, 1, 1}, {60, 0, 0, 0}} {
			b.clock.Add(time.Duration(c.days) * 24 * time.Hour)
			if err := b.Prune(t.Context()); err != nil {
				t.Fatal(err)
			}
			messages, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT count(*) FROM webhook_messages")
			if err != nil || len(b.log(sent.ID)) != c.sent || len(b.log(paused.ID)) != c.paused || messages != c.messages {
				t.Errorf("after %d days more: %d, %d, %d, %v", c.days, len(b.log(sent.ID)), len(b.log(paused.ID)), messages, err)
			}
		}
	})
}
