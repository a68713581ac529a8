package kv_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"navidocs/internal/fault"
	"navidocs/internal/kv"
	"navidocs/internal/kv/kvtest"
	"navidocs/internal/testkit"
)

func openRedis(t *testing.T, address string, now func() time.Time) *kv.Redis {
	t.Helper()
	r, err := kv.NewRedis(address, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestMemory(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(_ *testing.T, now func() time.Time) kv.Store { return kv.NewMemory(now) })
}

func TestMiniredis(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	kvtest.Run(t, func(t *testing.T, now func() time.Time) kv.Store {
		return openRedis(t, "redis://"+server.Addr(), now)
	})
}

func TestRealRedis(t *testing.T) {
	t.Parallel()
	address := testkit.Redis(t)
	kvtest.Run(t, func(t *testing.T, now func() time.Time) kv.Store { return openRedis(t, address, now) })
}

func TestProcessesShareRedis(t *testing.T) {
	t.Parallel()
	address, clock := "redis://"+miniredis.RunT(t).Addr(), kvtest.NewClock()
	here, there := openRedis(t, address, clock.Now), openRedis(t, address, clock.Now)
	limit := kv.Limit{Requests: 2, Window: time.Hour}
	for i, s := range []kv.Store{here, there, here} {
		d, err := s.Allow(t.Context(), "k", limit)
		if err != nil || d.Allowed != (i < 2) {
			t.Errorf("request %d: %+v, %v", i, d, err)
		}
	}
	news := there.Subscribe(t.Context(), "topic")
	kvtest.Woken(t, news)
	for range 3 { // one wake-up may be for the connection, the others are not
		if err := here.Publish(t.Context(), "topic"); err != nil {
			t.Fatal(err)
		}
		kvtest.Woken(t, news)
	}
}

func TestRedisGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	server, clock := miniredis.RunT(t), kvtest.NewClock()
	r := openRedis(t, "redis://"+server.Addr(), clock.Now)
	limit := kv.Limit{Requests: 2, Window: 2 * time.Hour}
	allowed := func() bool {
		t.Helper()
		d, err := r.Allow(t.Context(), "k", limit)
		if err != nil {
			t.Fatal(err)
		}
		return d.Allowed
	}
	if !allowed() {
		t.Fatal("the first request was refused")
	}
	server.Close()
	for i := range 3 {
		if allowed() != (i < 2) {
			t.Error("without a server the process does not count for itself")
		}
	}
	if err := r.Ping(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("ping without a server: %v", err)
	}
	news := r.Subscribe(t.Context(), "topic")
	kvtest.Woken(t, news)
	if err := r.Publish(t.Context(), "topic"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("publish without a server: %v", err)
	}
	kvtest.Woken(t, news) // inside the process it is heard all the same
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	kvtest.Woken(t, news) // something may have been missed
	if allowed() {
		t.Error("a server that did not answer is asked again at once")
	}
	clock.Advance(2 * time.Second)
	if !allowed() || allowed() {
		t.Error("the server's count was not taken up again")
	}
}

func TestRedisAddressesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "localhost:6379", "redis://u:hidden@h:x/0"} {
		_, err := kv.NewRedis(address, kvtest.NewClock().Now)
		if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestMemoryForgetsCallersWhoWentAway(t *testing.T) {
	t.Parallel()
	clock := kvtest.NewClock()
	m := kv.NewMemory(clock.Now)
	limit := kv.Limit{Requests: 10, Window: 10 * time.Second}
	for i := range 100_000 {
		if _, err := m.Allow(t.Context(), strconv.Itoa(i), limit); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Millisecond)
	}
	if n := kv.Keys(m); n > 2*1024 {
		t.Errorf("%d keys are kept of about 1,000 that matter", n)
	}
}

func BenchmarkMemoryAllow(b *testing.B) {
	m, ctx := kv.NewMemory(kvtest.NewClock().Now), b.Context()
	limit := kv.Limit{Requests: 100, Window: 15 * time.Minute}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Allow(ctx, "203.0.113.7", limit); err != nil {
			b.Fatal(err)
		}
	}
}
