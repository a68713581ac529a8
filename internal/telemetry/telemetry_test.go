package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/telemetry"
)

// receiver stands for Sentry: it keeps all that it is sent.
type receiver struct {
	*httptest.Server

	mu   sync.Mutex
	text strings.Builder
	hold chan struct{} // when set, answers wait for its end
}

func listen(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		if r.hold != nil {
			<-r.hold
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		fmt.Fprintf(&r.text, "%s %s %v\n%s\n", req.Method, req.URL, req.Header, body)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) dsn() string { return strings.Replace(r.URL, "//", "//public@", 1) + "/42" }

func (r *receiver) got() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// events are the reports that came.
func (r *receiver) events(t *testing.T) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(r.got()) {
		var e map[string]any
		if json.Unmarshal([]byte(line), &e) == nil && e["level"] != nil {
			all = append(all, e)
		}
	}
	return all
}

func report(t *testing.T, r *receiver, failures ...telemetry.Failure) {
	t.Helper()
	reporter, err := telemetry.Open(telemetry.Options{DSN: r.dsn(), Release: "1.4.0", Environment: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		reporter.Report(f)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reporter.Close(ctx)
}

const secret = "hunter2-ada@example.org-Calypso"

// boom panics with a secret in it.
func boom(value any) (err error) {
	defer func() { err = fault.Panicked(recover()) }()
	panic(value)
}

func fetch(title string) (err error) {
	defer fault.Wrap(&err, "document.Page %s", title)
	return fault.Because(errors.New("no row for "+title), fault.Unavailable, "%s is not there", title).With("id", title)
}

// What a report carries, and nothing else: not a word of an error's text, in
// whatever shape it comes.
func TestReportsNameThePlaceAndNobody(t *testing.T) {
	t.Parallel()
	r := listen(t)
	var index []int
	report(
		t, r,
		telemetry.Failure{What: "request", Err: fetch(secret), Tags: map[string]string{"route": "GET /api/boats/{id}", "status": "503", "request_id": "0192-abcd", "user": secret, "title": secret}},
		telemetry.Failure{What: "job", Warning: true, Err: errors.Join(fmt.Errorf("a %s b: %w", secret, &os.PathError{Op: "open", Path: secret, Err: errors.New(secret)}), fetch(secret)), Tags: map[string]string{"job": "document.inspect"}},
		telemetry.Failure{What: "panic", Err: boom(secret)},
		telemetry.Failure{What: "panic", Err: boom(fetch(secret))},
		telemetry.Failure{What: "panic", Err: func() (err error) {
			defer func() { err = fault.Panicked(recover()) }()
			_ = index[7]
			return nil
		}()},
		telemetry.Failure{What: "rollback", Tags: map[string]string{"from": "1.4.0", "to": "1.3.2"}},
	)
	text := r.got()
	for _, word := range []string{secret, "hunter2", "ada@", "Calypso", "no row", "is not there", "breadcrumb", `"user":{"`, "boom.func1", `"request":`, "server_name", "/root/", "/work/"} {
		if strings.Contains(text, word) {
			t.Errorf("%q was sent:\n%s", word, text)
		}
	}
	if name, err := os.Hostname(); err == nil && strings.Contains(text, name) {
		t.Error("the name of the machine was sent")
	}
	for _, word := range []string{
		"POST /api/42/envelope/", `"route":"GET /api/boats/{id}"`, `"status":"503"`, `"request_id":"0192-abcd"`, `"kind":"unavailable"`, `"release":"1.4.0"`,
		`"environment":"test"`, `"function":"fetch"`, `"filename":"telemetry/telemetry_test.go"`, `"type":"*errors.errorString"`, `"job":"document.inspect"`,
		`"level":"warning"`, `"kind":"panic"`, `"function":"boom"`, `"index out of range [7] with length 0"`, `"to":"1.3.2"`,
	} {
		if !strings.Contains(text, word) {
			t.Errorf("%q was not sent:\n%s", word, text)
		}
	}
	if n := len(r.events(t)); n != 6 {
		t.Errorf("%d reports came", n)
	}
}

// Without an address nothing is begun, and whoever reports does not notice.
func TestNothingIsSentWithoutAnAddress(t *testing.T) {
	t.Setenv("SENTRY_DSN", "http://public@127.0.0.1:1/42") // the library would take it from there
	r, err := telemetry.Open(telemetry.Options{})
	if r != nil || err != nil {
		t.Error(r, err)
	}
	r.Report(telemetry.Failure{What: "job"})
	r.Close(t.Context())
	for _, wrong := range []string{"https://sentry.example.org/42", "x", "https://other@host/"} {
		if _, err := telemetry.Open(telemetry.Options{DSN: wrong}); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), wrong) {
			t.Error(wrong, err)
		}
	}
}

// A service that does not answer holds nobody up: not who reports, and not the
// end beyond its limit.
func TestSlowServiceHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	r := listen(t)
	r.hold = make(chan struct{})
	defer close(r.hold)
	reporter, err := telemetry.Open(telemetry.Options{DSN: r.dsn()})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for range 10_000 {
		reporter.Report(telemetry.Failure{What: "job", Err: fetch(secret)})
	}
	took := time.Since(begun)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	reporter.Close(ctx)
	reporter.Report(telemetry.Failure{What: "job"}) // after the end it is left out
	reporter.Close(ctx)
	if all := time.Since(begun); all > 8*time.Second {
		t.Errorf("10000 reports took %s, with the end %s", took, all)
	}
}
