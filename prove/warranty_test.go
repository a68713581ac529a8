//go:build prove

package prove_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/warranty"
)

func newWarranty(c *client, boat, item string) (w warranty.Warranty) {
	c.t.Helper()
	c.must(http.StatusCreated, "POST", "/api/warranties", map[string]any{
		"boat_id": boat, "item_name": item, "purchase_date": "2026-01-15", "warranty_period_months": 12,
	}, &w)
	return w
}

// weighty are papers of 5 MB each that cannot be made smaller, in turn PDF and
// JPEG; they lie in a folder too, for zip.
func weighty(t *testing.T, c *client, w warranty.ID, n int) (folder string) {
	t.Helper()
	folder = t.TempDir()
	for i := range n {
		const size = 5 << 20
		name, content := fmt.Sprintf("paper-%02d.pdf", i), heavyPDF(size-int64(i), "halyard")
		if i%2 == 1 {
			name, content = fmt.Sprintf("photo-%02d.jpg", i), io.MultiReader(strings.NewReader("\xff\xd8\xff\xe0\x00\x10JFIF\x00"), noise(uint64(i), size))
		}
		bytes, err := io.ReadAll(content)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), bytes, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		id := c.add(name, bytes)
		c.must(http.StatusCreated, "POST", "/api/warranties/"+string(w)+"/documents", map[string]any{"document_id": id, "purpose": "photo"}, nil)
	}
	return folder
}

// download takes a claim package to a file and tells how long it took.
func (c *client) download(w warranty.ID, file string) (size int64, took time.Duration) {
	c.t.Helper()
	out, err := os.Create(file)
	if err != nil {
		c.t.Fatal(err)
	}
	defer out.Close()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url+"/api/warranties/"+string(w)+"/claim-package", http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	began := time.Now()
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	size, err = io.Copy(out, res.Body)
	took = time.Since(began)
	if err != nil || res.StatusCode != http.StatusOK {
		c.t.Fatal(res.Status, size, err)
	}
	return size, took
}

// A claim package of 100 MB is made and sent in less than 3 s, and the server's
// memory grows by less than 100 MB. zip, which only copies, does the same files
// beside it. The median of five counts.
func TestAClaimPackageOf100MB(t *testing.T) {
	s := serve(t)
	c := register(t, s.url)
	w := newWarranty(c, c.boat, "Engine")
	folder := weighty(t, c, w.ID, 20)
	wait(t, 5*time.Minute, func() error { // reading them is over
		if n := c.unfinished(); n > 0 {
			return fmt.Errorf("%d papers are not read yet", n)
		}
		return nil
	})
	s.end(syscall.SIGTERM)
	s.start() // its peak of memory is not that of the uploads
	before := s.peak()
	file := filepath.Join(t.TempDir(), "package.zip")
	var ours, theirs []time.Duration
	var size int64
	for range 5 {
		var took time.Duration
		size, took = c.download(w.ID, file)
		ours, theirs = append(ours, took), append(theirs, zipped(t, folder))
	}
	grown := (s.peak() - before) >> 10
	if out, err := exec.CommandContext(t.Context(), "unzip", "-tq", file).CombinedOutput(); err != nil {
		t.Errorf("unzip: %v\n%s", err, out)
	}
	took, copied := median(ours), median(theirs)
	t.Logf("PROVED: a claim package of %d MB in %.2f s (< 3; in turn %v), zip -0 of the same files in %.2f s (ratio %.2f); the server's memory was %d MB and grew by %d MB (< 100)",
		size>>20, took.Seconds(), ours, copied.Seconds(), took.Seconds()/copied.Seconds(), before>>10, grown)
	if took > 3*time.Second || grown >= 100 {
		t.Error("MISSED: see the figures above")
	}
}

// zipped is how long zip takes to store a folder's files.
func zipped(t *testing.T, folder string) time.Duration {
	t.Helper()
	if _, err := exec.LookPath("zip"); err != nil {
		t.Skip("SKIPPED: zip is not installed; scripts/setup does it")
	}
	began := time.Now()
	out, err := exec.CommandContext(t.Context(), "zip", "-0qr", filepath.Join(t.TempDir(), "their.zip"), folder).CombinedOutput()
	if err != nil {
		t.Fatalf("zip: %v\n%s", err, out)
	}
	return time.Since(began)
}

const (
	manyWarranties = 10_000
	overDays       = 5 * 365
)

// insure fills boats with warranties that end spread over five years, from two
// and a half before today on.
func insure(ctx context.Context, tx *db.Tx, boats []string) error {
	org, err := db.One(ctx, tx, db.Scalar[string], "SELECT org_id FROM boats WHERE id = $1", boats[0])
	if err != nil {
		return err
	}
	for i := range manyWarranties {
		id, now := db.NewID(), db.Micros(tx.Now())
		end := tx.Now().AddDate(0, 0, i*overDays/manyWarranties-overDays/2)
		bought, name := end.AddDate(-2, 0, 0).Format(time.DateOnly), fmt.Sprintf("item %d", i)
		_, err := tx.Exec(ctx, `INSERT INTO warranty_tracking (id, org_id, boat_id, item_name, item_name_fold, provider, provider_fold, serial_number, purchase_date,
			start_date, warranty_period_months, expiration_date, coverage_minor, currency, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $4, 'Maker', 'maker', $5, $6, $6, 24, $7, 100000, 'EUR', $8, $8)`,
			id, org, boats[i%len(boats)], name, fmt.Sprintf("SN-%08d", i), bought, end.Format(time.DateOnly), now)
		if err != nil {
			return err
		}
		if i%10 > 0 {
			continue
		}
		_, err = tx.Exec(ctx, `INSERT INTO warranty_lines (id, warranty_id, position, coverage, months, expiration_date, ends_by) VALUES ($1, $2, 0, 'parts', 36, $3, 'months')`,
			db.NewID(), id, end.AddDate(1, 0, 0).Format(time.DateOnly))
		if err != nil {
			return err
		}
	}
	return nil
}

// What of ten thousand warranties ends in thirty days is listed in less than
// 20 ms for 95 of 100 requests, while eight clients ask without a pause.
func TestExpiringOfTenThousandWarranties(t *testing.T) {
	s := serve(t)
	c := register(t, s.url)
	boats := []string{c.boat}
	for i := range 19 {
		var boat struct{ ID string }
		c.must(http.StatusCreated, "POST", "/api/boats", map[string]any{"name": fmt.Sprint("Boat ", i), "time_zone": []string{"", "Pacific/Auckland", "America/New_York"}[i%3]}, &boat)
		boats = append(boats, boat.ID)
	}
	s.end(syscall.SIGTERM)
	d := s.database()
	err := d.Transact(t.Context(), func(tx *db.Tx) error { return insure(t.Context(), tx, boats) })
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	s.start()
	for _, days := range []int{30, 90} {
		path := fmt.Sprintf("/api/warranties/expiring?days=%d", days)
		var all []warranty.Warranty
		c.get(path, &all)
		if want := days * manyWarranties / overDays; len(all) < want || len(all) > want+15 {
			t.Fatalf("%d end in %d days, want %d", len(all), days, want)
		}
		asked(c, path, 8, 200) // warm
		var p95s []time.Duration
		for range 3 { // the median counts: other processes share these processors
			times := asked(c, path, 8, 2000)
			p95, total := times[len(times)*95/100], time.Duration(0)
			for _, took := range times {
				total += took
			}
			t.Logf("%s, %d of %d warranties, 8 clients, %d requests: p50 %.1f ms, p95 %.1f ms, longest %.1f ms, %.0f a second",
				path, len(all), manyWarranties, len(times), ms(times[len(times)/2]), ms(p95), ms(times[len(times)-1]), 8*float64(len(times))/total.Seconds())
			p95s = append(p95s, p95)
		}
		slices.Sort(p95s)
		t.Logf("PROVED: %s: median p95 %.1f ms (< 20 for 30 days)", path, ms(p95s[1]))
		if days == 30 && p95s[1] >= 20*time.Millisecond {
			t.Error("MISSED: see the figures above")
		}
	}
}

// skim reads an answer and keeps none of it, for the asking shares the
// processors with the answering.
func (c *client) skim(path string) error {
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.url+path, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// asked asks n times by several clients at once and gives how long each took,
// in order.
func asked(c *client, path string, clients, n int) (times []time.Duration) {
	c.t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	one := &client{t: c.t, url: c.url, token: c.token, http: &http.Client{Transport: transport, Timeout: time.Minute}}
	var mu sync.Mutex // guards times
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range n / clients {
				began := time.Now()
				err := one.skim(path)
				took := time.Since(began)
				if err != nil {
					c.t.Error(err)
					return
				}
				mu.Lock()
				times = append(times, took)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
	slices.Sort(times)
	return times
}
