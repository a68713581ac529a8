package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/fault"
)

// Doer sends requests and follows no redirects: *egress.Client, whose refusals
// are of kind Invalid.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

const (
	httpTimeout = 30 * time.Second
	maxAnswer   = 16 << 10
	maxAfter    = 24 * time.Hour
)

// answer is what a server said.
type answer struct {
	status int
	after  time.Duration // from Retry-After
	body   []byte
}

// read takes the answer off the wire; a cut body is as good as none.
func read(resp *http.Response) answer {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	_ = resp.Body.Close()
	return answer{status: resp.StatusCode, after: retryAfter(resp.Header), body: body}
}

// reason is the answer for people: the status and what the server wrote.
func (a answer) reason(secrets ...string) string {
	text := string(a.body)
	var said struct{ Message, Error, Reason string }
	if json.Unmarshal(a.body, &said) == nil {
		text = said.Message + said.Error + said.Reason
	} else if strings.HasPrefix(strings.TrimSpace(text), "<") {
		text = "" // a page
	}
	return hidden(strconv.Itoa(a.status)+" "+http.StatusText(a.status)+" "+text, secrets...)
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// receipt is the usual meaning of an answer: later for 429 and class 5,
// never for the rest.
func (a answer) receipt(secrets ...string) Receipt {
	r := Receipt{Outcome: Refused, Reason: a.reason(secrets...)}
	switch {
	case a.ok():
		r.Outcome, r.Reason = Accepted, ""
	case a.status == http.StatusTooManyRequests, a.status >= 500:
		r.Outcome, r.After = Deferred, a.after
	}
	return r
}

// noAnswer is the receipt of a request without one: a refusal of the guard is
// final, everything else may be tried again.
func noAnswer(ctx context.Context, server string, err error, secrets ...string) Receipt {
	switch refusal, ok := errors.AsType[*fault.Error](err); {
	case ok && refusal.Kind == fault.Invalid:
		return Receipt{Outcome: Refused, Reason: hidden(refusal.Message, secrets...)}
	case ctx.Err() != nil:
		return Receipt{Outcome: Deferred, Reason: hidden(server+" did not answer in time", secrets...)}
	}
	return Receipt{Outcome: Deferred, Reason: hidden(server+" did not answer", secrets...)}
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3), 0 without one
// that makes sense. A date counts from the server's own, whatever our clock says.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxAfter)
}
