package notify_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"navidocs/internal/egress"
	"navidocs/internal/notify"
	"navidocs/internal/notify/notifytest"
)

// webServer is an HTTP server that answers as it is told.
type webServer struct {
	*httptest.Server
	over chan struct{} // closed at the end of the test

	mu     sync.Mutex // guards what follows
	status int
	header http.Header
	body   string
	hang   bool
	got    []request
	taken  []request // of got: those that were accepted
}

// request is one as the server read it.
type request struct {
	*http.Request
	body string
}

// serveWeb answers with the status until told otherwise.
func serveWeb(t *testing.T, status int) *webServer {
	t.Helper()
	w := &webServer{over: make(chan struct{}), status: status}
	w.Server = httptest.NewServer(http.HandlerFunc(w.handle))
	t.Cleanup(func() {
		close(w.over)
		w.Close()
	})
	return w
}

func (w *webServer) handle(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	got := request{r, string(body)}
	w.got = append(w.got, got)
	if w.status < 300 {
		w.taken = append(w.taken, got)
	}
	status, header, text, hang := w.status, w.header, w.body, w.hang
	w.mu.Unlock()
	if hang {
		<-w.over
	}
	if status == 0 { // break the connection
		panic(http.ErrAbortHandler)
	}
	maps.Copy(rw.Header(), header)
	rw.WriteHeader(status)
	_, _ = io.WriteString(rw, text)
}

func (w *webServer) set(status int, body string, header http.Header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status, w.body, w.header = status, body, header
}

func (w *webServer) requests() []request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got)
}

// answer plays the answers of the suite; accepted is the status of Accept, and
// body what every answer says.
func (w *webServer) answer(a notifytest.Answer, accepted int, body string) bool {
	w.set(map[notifytest.Answer]int{
		notifytest.Accept: accepted, notifytest.Refuse: 403, notifytest.Defer: 429, notifytest.Hang: accepted,
	}[a], body, nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hang = a == notifytest.Hang
	return true
}

func (w *webServer) arrivals(read func(request) notifytest.Arrival) []notifytest.Arrival {
	w.mu.Lock()
	taken := slices.Clone(w.taken)
	w.mu.Unlock()
	all := make([]notifytest.Arrival, 0, len(taken))
	for _, r := range taken {
		a := read(r)
		a.Names = append(a.Names, slices.Collect(maps.Keys(r.Header))...)
		all = append(all, a)
	}
	return all
}

// guarded is the client of the product, allowed to reach this machine.
func guarded(t *testing.T, allow ...string) *egress.Client {
	t.Helper()
	c, err := egress.New(egress.Options{Allow: allow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.HTTP().CloseIdleConnections)
	return c
}

const loopback = "127.0.0.1"

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const date = "Mon, 04 May 2026 03:00:00 GMT"
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"120":                           2 * time.Minute,
		" 7 ":                           7 * time.Second,
		"-5":                            0,
		"1.5":                           0,
		"99999999999999999999":          0,
		"4294967295":                    24 * time.Hour,
		"Mon, 04 May 2026 03:01:30 GMT": 90 * time.Second,
		"Mon, 04 May 2026 02:00:00 GMT": 0,
		"soon":                          0,
	} {
		h := http.Header{"Retry-After": {value}, "Date": {date}}
		if got := notify.RetryAfter(h); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	if got := notify.RetryAfter(http.Header{"Retry-After": {date}}); got != 0 {
		t.Errorf("without the server's date: %v", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "Mon, 04 May 2026 03:00:00 GMT")
	f.Add("Mon, 04 May 2026 03:01:30 GMT", "Mon, 04 May 2026 03:00:00 GMT")
	f.Fuzz(func(t *testing.T, value, date string) {
		got := notify.RetryAfter(http.Header{"Retry-After": {value}, "Date": {date}})
		if got < 0 || got > 24*time.Hour {
			t.Error(got)
		}
	})
}

// outcomes sends to a server that answers with each status in turn.
func outcomes(t *testing.T, w *webServer, s notify.Sender, m notify.Message, want map[int]notify.Outcome) {
	t.Helper()
	for status, outcome := range want {
		w.set(status, fmt.Sprint("the answer is ", status), http.Header{"Retry-After": {"60"}})
		before := len(w.requests())
		r := s.Send(t.Context(), m)
		if r.Outcome != outcome {
			t.Errorf("%d: %+v", status, r)
		}
		if wait := r.After == time.Minute; wait != (outcome == notify.Deferred && status != 0) {
			t.Errorf("%d: to wait %v", status, r.After)
		}
		if n := len(w.requests()) - before; n != 1 {
			t.Errorf("%d: %d requests", status, n)
		}
	}
}
