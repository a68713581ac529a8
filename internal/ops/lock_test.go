package ops_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/ops"
)

func TestOneAtATimeWorksOnAnInstallation(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state")
	unlock, err := ops.Lock(t.Context(), state, ops.Holder{PID: 42, By: "anna", Why: "deploy 1.4.0", Since: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = ops.Lock(t.Context(), state, ops.Holder{PID: 43, By: "ben"})
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "anna (process 42) since 2026-05-01T12:00:00Z: deploy 1.4.0") {
		t.Errorf("the second one hears: %v", err)
	}
	if !ops.Locked(state) {
		t.Error("the lock is not seen")
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if ops.Locked(state) {
		t.Error("the lock is seen after it was given back")
	}
	again, err := ops.Lock(t.Context(), state, ops.Holder{PID: 43, By: "ben"})
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
}
