package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
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

// SmokeReport says how a server did.
type SmokeReport struct {
	OK     bool         `json:"ok"`
	Suites []SmokeSuite `json:"suites"`
}

// SmokeSuite is one part of a trial. Error says what did not hold, Skipped why
// it was not tried; at most one of them is set.
type SmokeSuite struct {
	Name    string `json:"name"`
	Millis  int64  `json:"took_ms"`
	OK      bool   `json:"ok"`
	Skipped string `json:"skipped,omitempty"`
	Error   string `json:"error,omitempty"`
}

// smoke is one trial in hand.
type smoke struct {
	client *http.Client
	base   string
	token  string
}

// Smoke tries a server over HTTP, in its hidden probe organization, and leaves
// no row. What did not hold is in the report; an error means that it could not
// be tried to its end.
func Smoke(ctx context.Context, client *http.Client, base string, o SmokeOptions) (r SmokeReport, err error) {
	defer fault.Wrap(&err, "smoke")
	s := &smoke{client: client, base: base, token: o.Token}
	if err := s.alive(ctx); err != nil {
		return r, err
	}
	return SmokeReport{OK: true, Suites: []SmokeSuite{{Name: "health", OK: true}}}, nil
}

func (s *smoke) alive(ctx context.Context) error {
	var health struct {
		Status   string `json:"status"`
		Database string `json:"database"`
	}
	if err := s.send(ctx, http.MethodGet, "/api/health", nil, http.StatusOK, &health); err != nil {
		return err
	}
	if health.Database != "connected" {
		return fmt.Errorf("the health page says the database is %s", health.Database)
	}
	// Nobody in particular is let in nowhere.
	return s.send(ctx, http.MethodGet, "/api/boats", nil, http.StatusUnauthorized, nil)
}

// warranty checks a date that everyone can count: 24 months from 2023-01-15.
func (s *smoke) warranty(ctx context.Context, boat string) error {
	var w struct {
		Expires string `json:"expiration_date"`
	}
	in := map[string]any{"boat_id": boat, "item_name": "Smoke", "purchase_date": "2023-01-15", "warranty_period_months": 24}
	if err := s.send(ctx, http.MethodPost, "/api/warranties", in, http.StatusCreated, &w); err != nil {
		return err
	}
	if w.Expires != "2025-01-15" {
		return fmt.Errorf("24 months from 2023-01-15 end on %q", w.Expires)
	}
	var soon []any
	return s.send(ctx, http.MethodGet, "/api/warranties/expiring?days=30", nil, http.StatusOK, &soon)
}

func (s *smoke) paper(ctx context.Context, boat string) error {
	content := []byte("A page that only the smoke test writes.\n")
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("boat_id", boat); err != nil {
		return err
	}
	part, err := form.CreateFormFile("file", "smoke.txt")
	if err != nil {
		return err
	}
	if _, err := part.Write(content); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	text, err := s.do(ctx, http.MethodPost, "/api/documents", form.FormDataContentType(), &body, http.StatusCreated)
	if err != nil {
		return err
	}
	var paper struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(text, &paper); err != nil {
		return err
	}
	back, err := s.do(ctx, http.MethodGet, "/api/documents/"+paper.ID+"/content", "", nil, http.StatusOK)
	if err == nil && !bytes.Equal(back, content) {
		err = fmt.Errorf("the paper that was written is read as %d other bytes", len(back))
	}
	return err
}

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
	text, err := s.do(ctx, method, path, kind, body, status)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(text, out)
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 8 << 20

func (s *smoke) do(ctx context.Context, method, path, kind string, body io.Reader, status int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil && res.StatusCode != status {
		err = fmt.Errorf("%s %s answers %d instead of %d: %.200s", method, path, res.StatusCode, status, text)
	}
	return text, err
}
