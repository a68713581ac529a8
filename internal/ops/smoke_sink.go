package ops

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// updated is the event that the endpoint of a trial is told of.
const updated = "boat.updated"

// sink takes what a webhook sends, on this machine, and checks its signature by
// itself (Standard Webhooks 1.0.0), as a receiver would.
type sink struct {
	url    string
	server *http.Server
	ended  chan error
	got    chan delivered
}

// delivered is a request that came to the sink.
type delivered struct {
	id, at, signature string
	body              []byte
}

func newSink(ctx context.Context) (*sink, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &sink{url: "http://" + l.Addr().String() + "/smoke", ended: make(chan error, 1), got: make(chan delivered, 64)}
	k.server = &http.Server{ReadTimeout: 10 * time.Second, Handler: k}
	go func() { k.ended <- k.server.Serve(l) }()
	return k, nil
}

// ServeHTTP implements http.Handler.
func (k *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	select {
	case k.got <- delivered{r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), r.Header.Get("Webhook-Signature"), body}:
	default: // more than anybody waits for
	}
	w.WriteHeader(http.StatusNoContent)
}

func (k *sink) close() error {
	err := k.server.Close()
	if ended := <-k.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// wait is until a delivery of a type has come; each that comes must be signed.
func (k *sink) wait(ctx context.Context, secret, eventType string) error {
	ctx, cancel := context.WithTimeout(ctx, jobWait)
	defer cancel()
	for {
		select {
		case d := <-k.got:
			kind, err := d.check(secret)
			if err != nil || kind == eventType {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("%s was not delivered within %s: does a worker run?", eventType, jobWait)
		}
	}
}

// check verifies a delivery and says of what type it is.
func (d delivered) check(secret string) (eventType string, err error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return "", errors.New("the webhook's secret is none")
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", d.id, d.at, d.body)
	if !slices.Contains(strings.Fields(d.signature), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))) {
		return "", errors.New("what was delivered is not signed with the webhook's secret")
	}
	var e struct {
		Type string `json:"type"`
	}
	err = json.Unmarshal(d.body, &e)
	return e.Type, err
}

// webhook has an endpoint of this machine told of a test and, by a worker, of an
// event.
func (s *smoke) webhook(ctx context.Context) (err error) {
	if err := s.needBoat(ctx); err != nil {
		return err
	}
	k, err := newSink(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	var made struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	in := map[string]any{"url": k.url, "event_types": []string{updated}}
	if err := s.send(ctx, http.MethodPost, "/api/webhooks", in, http.StatusCreated, &made); err != nil {
		return err
	}
	var test struct {
		Status string `json:"status"`
		Error  string `json:"error"`
	}
	if err := s.send(ctx, http.MethodPost, "/api/webhooks/"+made.ID+"/test", nil, http.StatusOK, &test); err != nil {
		return err
	}
	if test.Status != "succeeded" {
		return fmt.Errorf("the webhook's test %s: %s", test.Status, test.Error)
	}
	if err := k.wait(ctx, made.Secret, "webhook.test"); err != nil {
		return err
	}
	if err := s.send(ctx, http.MethodPatch, "/api/boats/"+s.boat, map[string]string{"model": "Smoke"}, http.StatusOK, nil); err != nil || s.NoJobs {
		return err
	}
	if err := k.wait(ctx, made.Secret, updated); err != nil {
		return err
	}
	return s.pause(ctx, made.ID)
}

// pause has nothing more sent to an endpoint that is about to close.
func (s *smoke) pause(ctx context.Context, id string) error {
	return s.send(ctx, http.MethodPatch, "/api/webhooks/"+id, map[string]string{"status": "paused"}, http.StatusOK, nil)
}
