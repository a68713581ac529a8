package deploy_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"navidocs/internal/deploy"
	"navidocs/internal/fault"
	"navidocs/internal/keeper"
	"navidocs/internal/ops"
)

func TestARollbackWithoutAKeeperIsWrittenDown(t *testing.T) {
	t.Parallel()
	home, state := t.TempDir(), t.TempDir()
	b := &deploy.Rollback{
		Home: home, State: state, By: "ada", Now: func() time.Time { return noon },
		Keeper: func(ctx context.Context) (*keeper.Client, error) { return keeper.Dial(ctx, home) },
	}
	if _, err := b.Run(t.Context(), ""); !fault.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	all, err := deploy.JournalOf(state).Runs()
	if err != nil || len(all) != 1 || all[0].Outcome != deploy.Stopped || all[0].Reason == "" || all[0].EndedAt == nil {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestTheStatusNamesAKilledRun(t *testing.T) {
	t.Parallel()
	home, state := t.TempDir(), t.TempDir()
	run := deploy.Run{ID: "a", Kind: "deploy", Outcome: deploy.Begun, Step: "watch", Release: "1.4.0-00000000", At: noon}
	unlock, err := ops.Lock(t.Context(), state, ops.Holder{By: "ada", Since: noon})
	if err = errors.Join(err, deploy.JournalOf(state).Add(run)); err != nil {
		t.Fatal(err)
	}
	standing := func() string {
		t.Helper()
		s, err := deploy.Look(t.Context(), home, state, "http://127.0.0.1:1", http.DefaultClient, noon)
		if err != nil {
			t.Fatal(err)
		}
		return s.Standing + "; " + s.Last.Reason
	}
	if got := standing(); got != "begun; " {
		t.Errorf("while it runs: %s", got)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	const want = "cut off; it was cut off in the step watch: deploy again; what it left is cleared away first"
	if got := standing(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
