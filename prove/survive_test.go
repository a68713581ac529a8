package prove_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/document"
)

// carnage kills a server again and again while it takes in papers.
type carnage struct {
	t      testing.TB
	server *server
	client *client
	dice   *rand.Rand
	open   chan paper // papers that may be sent
	acked  chan document.ID
	tries  chan int
	// hit counts the kills that struck while papers were being read, cut the
	// requests that broke off.
	hit, cut int
}

// survive has n papers uploaded and read while the server is killed, and
// returns it running, with the papers that it acknowledged.
func survive(t *testing.T, papers []paper, kills int, longest time.Duration) (*server, *client, []document.ID) {
	t.Helper()
	s := serve(t)
	c := carnage{
		t: t, server: s, client: register(t, s.url), dice: seeded(uint64(kills)),
		open: make(chan paper, len(papers)), acked: make(chan document.ID, len(papers)), tries: make(chan int, len(papers)),
	}
	var uploads sync.WaitGroup
	for range 3 {
		uploads.Go(c.send)
	}
	for i := range kills {
		// Each life brings new papers, so that every kill finds work.
		for _, p := range papers[i*len(papers)/kills : (i+1)*len(papers)/kills] {
			c.open <- p
		}
		c.kill(longest)
	}
	close(c.open)
	uploads.Wait()
	close(c.acked)
	close(c.tries)
	for n := range c.tries {
		c.cut += n
	}
	var ids []document.ID
	for id := range c.acked {
		ids = append(ids, id)
	}
	t.Logf("PROVED: %d kills, %d of them while papers were being read, %d uploads broke off and were sent again", kills, c.hit, c.cut)
	if c.hit == 0 {
		t.Error("no kill struck while papers were being read")
	}
	return s, c.client, ids
}

// kill lets the server live for a moment, kills it and starts it again.
func (c *carnage) kill(longest time.Duration) {
	c.t.Helper()
	life := time.NewTimer(time.Duration(c.dice.Int64N(int64(longest))))
	<-life.C
	c.server.end(syscall.SIGKILL)
	c.server.start()
	if c.client.unfinished() > 0 {
		c.hit++
	}
}

// send uploads papers until there are no more; one that was not acknowledged is
// sent again.
func (c *carnage) send() {
	for p := range c.open {
		tries := 0
		wait(c.t, 2*patience, func() error {
			a, err := c.client.upload(c.t.Context(), p.name, &drip{r: bytes.NewReader(p.content), piece: len(p.content)/8 + 1})
			if err != nil {
				tries++
				return err
			}
			id, err := acknowledged(a)
			if err == nil {
				c.acked <- id
			}
			return err
		})
		c.tries <- tries
	}
}

// drip gives its content piece by piece, so that kills strike uploads too.
type drip struct {
	r     *bytes.Reader
	piece int
}

func (d *drip) Read(b []byte) (int, error) {
	<-time.NewTimer(30 * time.Millisecond).C
	return d.r.Read(b[:min(len(b), d.piece)])
}

// acknowledged gives the document that an answer to an upload names: a new one,
// or the one that an attempt whose answer was lost had made.
func acknowledged(a answer) (document.ID, error) {
	switch a.status {
	case http.StatusCreated:
		var d document.Document
		err := json.Unmarshal(a.body, &d)
		return d.ID, err
	case http.StatusConflict:
		if p, ok := a.problem(); ok && p.ID != "" {
			return document.ID(p.ID), nil
		}
	}
	return "", fmt.Errorf("an upload was answered with %s", a)
}

// proveSurvival demands that nothing was lost, doubled or torn.
func proveSurvival(t *testing.T, s *server, c *client, ids []document.ID, papers int) {
	t.Helper()
	slices.Sort(ids)
	if n := len(slices.Compact(slices.Clone(ids))); n != papers || len(ids) != papers {
		t.Errorf("%d papers were acknowledged as %d documents, %d of them different", papers, len(ids), n)
	}
	count, pages := map[document.Status]int{}, 0
	for _, id := range ids {
		d := c.read(id, 5*time.Minute)
		if d.Status == document.Failed && d.Error == "" {
			t.Errorf("%s failed without a reason", d.FileName)
		}
		if d.PagesReady+d.PagesFailed != d.PageCount {
			t.Errorf("%s ended with %d + %d of %d pages", d.FileName, d.PagesReady, d.PagesFailed, d.PageCount)
		}
		count[d.Status]++
		pages += d.PageCount
	}
	wait(t, patience, func() error { return c.idle() })
	left := s.restart()
	s.end(syscall.SIGTERM)
	i := inspect(t, s)
	i.all(papers)
	t.Logf("PROVED: %d half-written files were left by the kills, and gone after a start one hour later", left)
	t.Logf("PROVED: %d papers acknowledged, 0 lost, 0 doubled; %d ready, %d failed, %d pages; %d events without a gap, %d blobs verified, integrity_check ok",
		papers, count[document.Ready], count[document.Failed], pages, i.events, i.blobs)
}

// restart starts the server as if an hour had passed, and demands that nothing
// half-written is left. It returns how many files there were.
func (s *server) restart() (left int) {
	s.t.Helper()
	s.end(syscall.SIGTERM)
	hour := time.Now().Add(-61 * time.Minute)
	for _, name := range s.halfWritten() {
		if err := os.Chtimes(name, hour, hour); err != nil {
			s.t.Fatal(err)
		}
		left++
	}
	s.start()
	if names := s.halfWritten(); len(names) > 0 {
		s.t.Errorf("left half-written: %v", names)
	}
	return left
}

// halfWritten lists the files in the folders for what is being written.
func (s *server) halfWritten() (names []string) {
	s.t.Helper()
	for _, dir := range []string{"tmp", "blobs/tmp"} {
		found, err := filepath.Glob(filepath.Join(s.home, "data", dir, "*"))
		if err != nil {
			s.t.Fatal(err)
		}
		names = append(names, found...)
	}
	return names
}

// idle says whether no job waits or runs.
func (c *client) idle() error {
	var h struct{ Queue int }
	c.get("/api/health", &h)
	if h.Queue > 0 {
		return fmt.Errorf("%d jobs wait or run", h.Queue)
	}
	return nil
}
