package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"navidocs/internal/fault"
)

// SmokeOptions say how a server is tried.
type SmokeOptions struct {
	// Token signs in to the hidden probe organization; without one, what writes is
	// skipped.
	Token string
	// NoJobs leaves out what needs a worker.
	NoJobs bool
	// Only names the suites that run; nil means all.
	Only []string
}

// SmokeReport says how a server did. OK: nothing that was tried failed.
type SmokeReport struct {
	OK     bool         `json:"ok"`
	Suites []SmokeSuite `json:"suites"`
}

// SmokeSuite is one part of a trial. It is OK, or Error says what did not hold, or
// Skipped why it was not tried.
type SmokeSuite struct {
	Name    string `json:"name"`
	Millis  int64  `json:"took_ms"`
	OK      bool   `json:"ok"`
	Skipped string `json:"skipped,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Err names what failed; nil when nothing did.
func (r SmokeReport) Err() error {
	var errs []error
	for _, s := range r.Suites {
		if s.Error != "" {
			errs = append(errs, fmt.Errorf("%s: %s", s.Name, s.Error))
		}
	}
	return errors.Join(errs...)
}

// The suites that the runbook names.
const (
	SuiteDatabase      = "database-operations"
	SuiteWarranty      = "warranty-creation"
	SuiteWebhook       = "webhook-delivery"
	SuiteNotifications = "notification-sending"

	// SuiteJobs is the one that a server leaves out which does not work.
	SuiteJobs = "job-round-trip"
)

// FourSuites are those alone; they read no papers, so that they can be run every
// minute on a small machine.
func FourSuites() []string {
	return []string{SuiteDatabase, SuiteWarranty, SuiteWebhook, SuiteNotifications}
}

const (
	// beginWait is how long another trial of the same server is waited for: one that
	// was killed keeps it for two minutes.
	beginWait = 130 * time.Second
	// jobWait bounds the wait for what a worker does.
	jobWait = 2 * time.Minute
	// readWait is how long a paper is to be read at least; where more than ownJobs
	// jobs wait by then, it need not be.
	readWait = 4 * time.Second
	ownJobs  = 2
	// endWait bounds the clean-up, which happens though the trial was cut off, and
	// waits for a paper that is being read: the first one since the installation
	// takes a slow machine some time.
	endWait   = time.Minute
	smokeTick = 50 * time.Millisecond
)

// smoke is one trial in hand.
type smoke struct {
	client *http.Client
	base   string
	SmokeOptions

	word string // one that nothing else has
	boat string
	// paper is the one that was uploaded, and what stands in it.
	paper  string
	report SmokeReport
}

// suite is one part of a trial; jobs says that it is about the worker alone.
type suite struct {
	name string
	jobs bool
	run  func(ctx context.Context) error
}

// Smoke tries a server over HTTP, in its hidden probe organization, and leaves no
// row. Its four suites are the ones that the runbook names, and there are others.
// What did not hold is in the report; an error means that the context ended.
func Smoke(ctx context.Context, client *http.Client, base string, o SmokeOptions) (r SmokeReport, err error) {
	defer fault.Wrap(&err, "smoke")
	s := &smoke{client: client, base: base, SmokeOptions: o, word: newWord(), report: SmokeReport{OK: true, Suites: []SmokeSuite{}}}
	s.try(ctx, suite{name: "health", run: s.alive})
	s.writes(ctx)
	return s.report, ctx.Err()
}

// writes tries all that leaves rows, and removes them.
func (s *smoke) writes(ctx context.Context) {
	why := ""
	switch err := s.begin(ctx); {
	case s.Token == "":
		why = "the keys of this server are not at hand: run it in the server's home"
	case err != nil:
		s.fail("sign-in", err)
		why = "nobody could be signed in"
	}
	for _, x := range s.suites() {
		switch {
		case len(s.Only) > 0 && !slices.Contains(s.Only, x.name):
		case why != "":
			s.report.Suites = append(s.report.Suites, SmokeSuite{Name: x.name, Skipped: why})
		case x.jobs && s.NoJobs:
			s.report.Suites = append(s.report.Suites, SmokeSuite{Name: x.name, Skipped: "it needs a worker"})
		default:
			s.try(ctx, x)
		}
	}
	if why != "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWait)
	defer cancel()
	s.try(ctx, suite{name: "clean-up", run: s.end})
}

func (s *smoke) suites() []suite {
	return []suite{
		{name: SuiteDatabase, run: s.database},
		{name: "boats", run: s.boats},
		{name: SuiteWarranty, run: s.warranty},
		{name: "expiring", run: s.expiring},
		{name: "upload-download", run: s.upload},
		{name: "search", run: s.search},
		{name: SuiteWebhook, run: s.webhook},
		{name: SuiteNotifications, run: s.notifications},
		{name: SuiteJobs, jobs: true, run: s.roundTrip}, // last: the paper is read meanwhile
	}
}

func (s *smoke) try(ctx context.Context, x suite) {
	began := time.Now() //nolint:forbidigo // for a duration, which is no instant of ours
	err := x.run(ctx)
	took := time.Since(began) //nolint:forbidigo // as above
	if err != nil {
		s.fail(x.name, err)
	} else {
		s.report.Suites = append(s.report.Suites, SmokeSuite{Name: x.name, OK: true})
	}
	s.report.Suites[len(s.report.Suites)-1].Millis = took.Milliseconds()
}

func (s *smoke) fail(name string, err error) {
	s.report.OK = false
	s.report.Suites = append(s.report.Suites, SmokeSuite{Name: name, Error: err.Error()})
}

// begin has removed what an earlier trial left that was cut off, and waits for one
// that runs.
func (s *smoke) begin(ctx context.Context) error {
	if s.Token == "" {
		return nil
	}
	return s.until(ctx, beginWait, func() error {
		err := s.reset(ctx)
		if e, ok := errors.AsType[answerError](err); err == nil || errors.Is(err, errLeft) || ok && e.status == http.StatusConflict {
			return err
		}
		return final{err}
	})
}

func (s *smoke) end(ctx context.Context) error {
	return s.until(ctx, endWait, func() error { return s.reset(ctx) })
}

// reset has the probe's rows removed; that all are is the server's answer.
func (s *smoke) reset(ctx context.Context) error {
	var done struct {
		Left *int `json:"left"`
	}
	err := s.send(ctx, http.MethodPost, "/internal/probe/reset", nil, http.StatusOK, &done)
	if e, ok := errors.AsType[answerError](err); ok && e.status != http.StatusConflict && e.status < http.StatusInternalServerError {
		return final{err}
	}
	if err == nil && done.Left == nil {
		return final{errors.New("the server does not say what is left of the trial")}
	}
	if err == nil && *done.Left > 0 {
		err = fmt.Errorf("%w: %d rows or jobs", errLeft, *done.Left)
	}
	return err
}

var errLeft = errors.New("something of the trial is left")

// final is an error that no waiting changes.
type final struct{ error }

// until asks again and again until the answer is no error, or a final one.
func (s *smoke) until(ctx context.Context, wait time.Duration, ask func() error) error {
	over := time.NewTimer(wait)
	defer over.Stop()
	tick := time.NewTicker(smokeTick)
	defer tick.Stop()
	for {
		err := ask()
		if end, ok := errors.AsType[final](err); ok || err == nil {
			return errors.Join(end.error)
		}
		select {
		case <-tick.C:
		case <-over.C:
			return fmt.Errorf("not within %s: %w", wait, err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// answerError is an answer with another status than the one that was due.
type answerError struct {
	status int
	text   string
}

func (e answerError) Error() string { return e.text }

// send sends JSON, demands a status and reads JSON.
func (s *smoke) send(ctx context.Context, method, path string, in any, status int, out any) error {
	var body io.Reader
	kind := ""
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body, kind = bytes.NewReader(text), "application/json"
	}
	text, _, err := s.do(ctx, method, path, kind, body, status)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(text, out)
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 8 << 20

// do sends a request; header holds pairs of names and values.
func (s *smoke) do(ctx context.Context, method, path, kind string, body io.Reader, status int, header ...string) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return nil, nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil && res.StatusCode != status {
		err = answerError{res.StatusCode, fmt.Sprintf("%s %s answers %d instead of %d: %.200s", method, path, res.StatusCode, status, text)}
	}
	return text, res.Header, err
}
