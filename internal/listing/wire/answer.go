package wire

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/fault"
)

// Doer sends a request. egress.Client is one.
type Doer interface {
	Do(req *http.Request) (*http.Response, error)
}

// Answer is a whole answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Ask sends a request to whom messages call name and reads at most max bytes. Errors
// are Unavailable, or what the client refused; none repeats the address, which may be
// a secret.
func Ask(client Doer, req *http.Request, name string, max int64) (Answer, error) {
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, unanswered(err, name, "%s did not answer")
	}
	defer resp.Body.Close() //nolint:errcheck // it has been read
	body, err := io.ReadAll(io.LimitReader(resp.Body, max+1))
	if err != nil {
		return Answer{}, unanswered(err, name, "the answer of %s broke off")
	}
	if int64(len(body)) > max {
		return Answer{}, fault.New(fault.Unavailable, "the answer of %s is longer than allowed", name)
	}
	return Answer{resp.StatusCode, resp.Header, body}, nil
}

func unanswered(err error, name, format string) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		if f.Kind == fault.TooLarge {
			return fault.Because(err, fault.Unavailable, "the answer of %s is longer than allowed", name)
		}
		return f
	}
	if sent, ok := errors.AsType[*url.Error](err); ok {
		err = sent.Err
	}
	return fault.Because(err, fault.Unavailable, format, name)
}

// OK says whether the status is one of success.
func (a Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// IsPage says whether it is a page for people, which no interface answers with: a
// network's sign-in, a notice of maintenance.
func (a Answer) IsPage() bool {
	if strings.Contains(strings.ToLower(a.Header.Get("Content-Type")), "html") {
		return true
	}
	start := bytes.ToLower(bytes.TrimSpace(a.Body[:min(len(a.Body), 512)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// RetryAfter is how long the server asks to be left alone, 0 when it does not, at
// most a day. A zero now is when the answer says it was made.
func (a Answer) RetryAfter(now time.Time) time.Duration {
	value := strings.TrimSpace(a.Header.Get("Retry-After"))
	var wait time.Duration
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		if now.IsZero() {
			now, _ = http.ParseTime(a.Header.Get("Date")) // without it, a day
		}
		wait = at.Sub(now)
	}
	return min(max(0, wait), 24*time.Hour)
}
