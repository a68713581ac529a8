package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"navidocs/internal/egress"
	"navidocs/internal/fault"
)

// Announcement is what operators and their chat rooms are told.
type Announcement struct {
	Title string
	Lines []string
}

// Text is the announcement as one text.
func (a Announcement) Text() string { return strings.Join(append([]string{a.Title}, a.Lines...), "\n") }

// Post tells a chat room: a JSON object with "text", which the incoming webhooks
// of Slack and of Teams both take. Errors are Invalid when the address is
// refused, Unavailable when it does not answer or answers with an error.
func Post(ctx context.Context, client *egress.Client, url string, a Announcement) (err error) {
	defer fault.Wrap(&err, "deploy.Post")
	body, err := json.Marshal(map[string]string{"text": a.Text()})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fault.Because(err, fault.Invalid, "DEPLOY_WEBHOOK_URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16))
	if res.StatusCode/100 != 2 {
		return fault.New(fault.Unavailable, "DEPLOY_WEBHOOK_URL answers %s", res.Status)
	}
	return err
}
