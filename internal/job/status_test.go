package job_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

var start = time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)

func TestAStatusIsSeenFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, c *testkit.Clock) {
		t.Helper()
		addOrganization(t, d, "org")
		q := newQueue(t, d, config(t))
		var id string
		step := func(f func(tx *db.Tx) error) job.Status {
			t.Helper()
			c.Add(time.Minute)
			if err := d.Transact(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			s, err := q.Status(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		want := job.Status{OrgID: "org", UserID: "user", Kind: "document.ocr", SubjectID: "doc", State: job.Queued, CreatedAt: start.Add(time.Minute)}
		check := func(got job.Status) {
			t.Helper()
			want.ID = id
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		check(step(func(tx *db.Tx) (err error) {
			id, err = job.Open(t.Context(), tx, job.Status{OrgID: "org", UserID: "user", Kind: "document.ocr", SubjectID: "doc"})
			return err
		}))
		for in, out := range map[int]int{-5: 0, 40: 40, 400: 100} {
			want.State, want.Progress = job.Running, out
			check(step(func(tx *db.Tx) error { return job.Progress(t.Context(), tx, id, in) }))
		}
		end := start.Add(5 * time.Minute)
		want.State, want.Progress, want.Finished = job.Completed, 100, &end
		check(step(func(tx *db.Tx) error { return job.Close(t.Context(), tx, id, "") }))
		check(step(func(tx *db.Tx) error { return job.Close(t.Context(), tx, id, "too late") }))
		check(step(func(tx *db.Tx) error { return job.Progress(t.Context(), tx, id, 1) }))
	})
}

func addOrganization(t *testing.T, d *db.DB, id string) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO organizations (id, name, name_fold, created_at, updated_at)
			VALUES ($1, $1, $1, $2, $2)`, id, db.Micros(tx.Now()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStatusesAreListedNewestFirstForTheirOrganizations(t *testing.T) {
	t.Parallel()
	testkit.EachAt(t, start, func(t *testing.T, d *db.DB, c *testkit.Clock) {
		t.Helper()
		q := newQueue(t, d, config(t))
		for _, org := range []string{"a", "b", "c"} {
			addOrganization(t, d, org)
			for _, kind := range []string{"first", "second"} {
				c.Add(time.Minute)
				err := d.Transact(t.Context(), func(tx *db.Tx) error {
					id, err := job.Open(t.Context(), tx, job.Status{OrgID: org, Kind: kind})
					if err != nil || kind == "first" {
						return err
					}
					return job.Close(t.Context(), tx, id, "no paper")
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		for name, test := range map[string]struct{ orgs, want []string }{
			"two":               {[]string{"a", "c"}, []string{"c second failed no paper", "c first queued ", "a second failed no paper", "a first queued "}},
			"none":              {nil, []string{}},
			"what is not there": {[]string{"x"}, []string{}},
		} {
			all, err := q.List(t.Context(), test.orgs)
			got := []string{}
			for _, s := range all {
				got = append(got, s.OrgID+" "+s.Kind+" "+s.State+" "+s.Error)
			}
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Error(name, err, diff)
			}
		}
		if _, err := q.Status(t.Context(), "nothing"); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

// Work of the server itself belongs to no organization.
func TestAStatusNeedsNoOrganization(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		t.Helper()
		err := d.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := job.Open(t.Context(), tx, job.Status{Kind: "backup.create"})
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
