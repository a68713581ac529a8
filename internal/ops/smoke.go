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

// SmokeUser is who tries a server: somebody with an organization of their own,
// on an installation that may be thrown away.
type SmokeUser struct{ Email, Password string }

// smoke is one trial in hand.
type smoke struct {
	client *http.Client
	base   string
	token  string
}

// Smoke tries a server over HTTP: it answers, it is healthy, one can sign in,
// write and read a boat, a warranty and a paper. The rows stay.
func Smoke(ctx context.Context, client *http.Client, base string, who SmokeUser) (err error) {
	defer fault.Wrap(&err, "smoke")
	s := &smoke{client: client, base: base}
	if err := s.alive(ctx); err != nil {
		return err
	}
	var session struct {
		Token string `json:"token"`
	}
	if err := s.send(ctx, http.MethodPost, "/api/auth/login", map[string]string{"email": who.Email, "password": who.Password}, http.StatusOK, &session); err != nil {
		return err
	}
	s.token = session.Token
	var boat, read struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	if err := s.send(ctx, http.MethodPost, "/api/boats", map[string]string{"name": "Smoke"}, http.StatusCreated, &boat); err != nil {
		return err
	}
	if err := s.send(ctx, http.MethodGet, "/api/boats/"+boat.ID, nil, http.StatusOK, &read); err != nil {
		return err
	}
	if read.Name != "Smoke" {
		return fmt.Errorf("the boat that was written is read as %q", read.Name)
	}
	if err := s.warranty(ctx, boat.ID); err != nil {
		return err
	}
	return s.paper(ctx, boat.ID)
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
