package document

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/demo"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/job"
	"navidocs/internal/testkit"
)

func TestManualIsReadPageByPage(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "good")
		b.run()
		content, err := demo.Bytes("pre-purchase-survey.pdf")
		if err != nil {
			t.Fatal(err)
		}
		boat := b.boat(b.ada, "Calypso")
		up, err := b.Upload(t.Context(), b.ada, Upload{FileName: "survey.pdf", Type: "SUR-PRE", BoatIDs: []fleet.BoatID{boat}}, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		got := b.wait(b.ada, up.ID)
		if got.Status != Ready || got.PagesReady != 12 || got.PageCount != 12 || got.Language != "en" || got.Title != "survey" {
			t.Errorf("%+v", got)
		}
		outline, err := b.Outline(t.Context(), b.ada, up.ID)
		if err != nil || len(outline) == 0 {
			t.Error("no outline", err)
		}
		pages, total, err := b.Pages(t.Context(), b.ada, up.ID, fleet.Page{Limit: 100})
		if err != nil || total != 12 || len(pages) != 12 || pages[3].Source != "native" || pages[3].Width == 0 {
			t.Error(total, err)
		}
		for _, size := range []Size{Thumb, Screen} {
			f, digest, err := b.PageImage(t.Context(), b.ada, up.ID, 1, size)
			if err != nil || len(digest) != 64 {
				t.Fatal(err)
			}
			head := make([]byte, 3)
			if _, err := io.ReadFull(f, head); err != nil || !bytes.Equal(head, []byte{0xff, 0xd8, 0xff}) {
				t.Errorf("%s is no JPEG: %x %v", size, head, err)
			}
			f.Close()
		}
		status, err := b.queue.Status(t.Context(), up.JobID)
		if err != nil || status.State != job.Completed || status.Progress != 100 {
			t.Errorf("%+v %v", status, err)
		}
		if diff := cmp.Diff([]string{"document.uploaded 1", "document.processed 1"}, eventsOf(t, d, "document.")); diff != "" {
			t.Error(diff)
		}
	})
}

// eventsOf counts the events of a kind by type.
func eventsOf(t *testing.T, d *db.DB, prefix string) []string {
	t.Helper()
	out, err := db.Collect(t.Context(), d, db.Scalar[string],
		"SELECT type || ' ' || count(*) FROM events WHERE type LIKE $1 GROUP BY type ORDER BY min(id)", prefix+"%")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDyingReaderMarksTheDocument(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "dies")
		b.run()
		got := b.text(b.ada, Upload{Title: "Deadly"}, "kills its reader")
		if got.Status != Failed || !strings.HasPrefix(got.Error, "crashed:") {
			t.Errorf("%s: %s", got.Status, got.Error)
		}
		if diff := cmp.Diff([]string{"document.uploaded 1", "document.failed 1"}, eventsOf(t, d, "document.")); diff != "" {
			t.Error(diff)
		}
		status, err := b.queue.Status(t.Context(), got.JobID)
		if err != nil || status.State != job.Failed || status.Error == "" {
			t.Errorf("%+v %v", status, err)
		}
	})
}

func TestReprocessReadsAgainAndStaleJobsDoNothing(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "good")
		up, err := b.Upload(t.Context(), b.ada, Upload{FileName: "a.txt"}, strings.NewReader("halyard"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.Reprocess(t.Context(), b.ada, up.ID)
		if err != nil || again.JobID == up.JobID {
			t.Fatal(err)
		}
		b.run()
		if got := b.wait(b.ada, up.ID); got.PagesReady != 1 {
			t.Errorf("%+v", got)
		}
		if diff := cmp.Diff([]string{"document.uploaded 1", "document.processed 1"}, eventsOf(t, d, "document.")); diff != "" {
			t.Error("the first run did something:", diff)
		}
	})
}

func TestUploadRefusals(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "good")
		mine, hers := b.boat(b.ada, "Mine"), b.boat(b.eve, "Hers")
		viewer := b.user("v@example.org", b.org(b.ada), account.Viewer)
		for _, tc := range []struct {
			name    string
			who     account.Actor
			u       Upload
			content string
			want    fault.Kind
		}{
			{"larger than the limit", b.ada, Upload{}, strings.Repeat("x", 1<<20+1), fault.TooLarge},
			{"empty", b.ada, Upload{}, "", fault.Invalid},
			{"a program", b.ada, Upload{FileName: "manual.pdf"}, "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60), fault.Unsupported},
			{"another's boat", b.ada, Upload{BoatIDs: []fleet.BoatID{hers}}, "x", fault.NotFound},
			{"an unknown boat", b.ada, Upload{BoatIDs: []fleet.BoatID{"none"}}, "x", fault.NotFound},
			{"a viewer", viewer, Upload{BoatIDs: []fleet.BoatID{mine}}, "x", fault.Forbidden},
			{"an unknown type", b.ada, Upload{Type: "NOPE"}, "x", fault.Invalid},
			{"a day that is none", b.ada, Upload{IssuedOn: "2026-02-30"}, "x", fault.Invalid},
			{"a title of 301 letters", b.ada, Upload{Title: strings.Repeat("x", 301)}, "x", fault.Invalid},
		} {
			_, err := b.Upload(t.Context(), tc.who, tc.u, strings.NewReader(tc.content))
			if fault.KindOf(err) != tc.want || err == nil {
				t.Errorf("%s: %v", tc.name, err)
			}
		}
		if n, err := db.One(t.Context(), d, db.Scalar[int], "SELECT count(*) FROM documents"); err != nil || n != 0 {
			t.Errorf("%d documents were made (%v)", n, err)
		}
	})
}

func TestBinIsEmptiedAfterThirtyDays(t *testing.T) {
	t.Parallel()
	testkit.EachAt(t, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), func(t *testing.T, d *db.DB, clock *testkit.Clock) {
		b := setup(t, d, "good")
		b.run()
		boat := b.boat(b.ada, "Calypso")
		gone := b.text(b.ada, Upload{Title: "Gone", BoatIDs: []fleet.BoatID{boat}}, "old halyard")
		kept := b.text(b.ada, Upload{Title: "Kept"}, "new halyard")
		if _, err := b.Delete(t.Context(), b.ada, gone.ID, ""); err != nil {
			t.Fatal(err)
		}
		clock.Add(29 * 24 * time.Hour)
		if n, err := b.Purge(t.Context()); err != nil || n != 0 {
			t.Errorf("after 29 days %d are purged (%v)", n, err)
		}
		if _, err := b.Restore(t.Context(), b.ada, gone.ID); err != nil {
			t.Error("it cannot be restored:", err)
		}
		if _, err := b.Delete(t.Context(), b.ada, gone.ID, ""); err != nil {
			t.Fatal(err)
		}
		clock.Add(31 * 24 * time.Hour)
		if n, err := b.Purge(t.Context()); err != nil || n != 1 {
			t.Errorf("after 31 days %d are purged (%v)", n, err)
		}
		if _, err := b.Document(t.Context(), b.ada, gone.ID); !fault.Is(err, fault.NotFound) {
			t.Error("it is still there:", err)
		}
		rows, err := db.Collect(t.Context(), d, db.Scalar[string], "SELECT digest FROM blobs WHERE unreferenced_at IS NOT NULL")
		if diff := cmp.Diff([]string{gone.SHA256}, rows); err != nil || diff != "" {
			t.Error(diff, err)
		}
		if _, err := b.store.Stat(t.Context(), blob.Digest(kept.SHA256)); err != nil {
			t.Error(err)
		}
	})
}

func TestChangesAreGuarded(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "good")
		up, err := b.Upload(t.Context(), b.ada, Upload{FileName: "a.txt", Tags: []string{" blue ", "blue", ""}}, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"blue"}, up.Tags); diff != "" {
			t.Error(diff)
		}
		version := fleet.VersionOf(up.UpdatedAt)
		title := "First"
		if _, err := b.Update(t.Context(), b.ada, up.ID, Patch{Title: &title}, version); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"update": second(b.Update(t.Context(), b.ada, up.ID, Patch{Title: &title}, version)),
			"delete": second(b.Delete(t.Context(), b.ada, up.ID, version)),
		} {
			if !fault.Is(err, fault.Stale) {
				t.Errorf("%s at an old version: %v", name, err)
			}
		}
		hers := []fleet.BoatID{b.boat(b.eve, "Hers")}
		if err := second(b.Update(t.Context(), b.ada, up.ID, Patch{BoatIDs: &hers}, "")); !fault.Is(err, fault.NotFound) {
			t.Error("linked to another's boat:", err)
		}
		if err := second(b.Update(t.Context(), b.eve, up.ID, Patch{Title: &title}, "")); !fault.Is(err, fault.NotFound) {
			t.Error("changed by a stranger:", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// failing breaks at the end of what it has.
type failing struct{ r io.Reader }

var errLine = errors.New("the line broke")

func (f failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if errors.Is(err, io.EOF) {
		err = errLine
	}
	return n, err
}

func TestBrokenUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, d *db.DB) {
		b := setup(t, d, "good")
		_, err := b.Upload(t.Context(), b.ada, Upload{FileName: "a.txt"}, failing{strings.NewReader("half a fi")})
		if !errors.Is(err, errLine) {
			t.Fatal(err)
		}
		for info, err := range b.store.Walk(t.Context()) {
			t.Error("kept:", info, err)
		}
	})
}
