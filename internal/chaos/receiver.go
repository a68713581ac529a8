package chaos

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"navidocs/internal/webhook"
)

// receiver is the endpoint of another program: it checks every signature and
// remembers what it was sent.
type receiver struct {
	server   *http.Server
	listener net.Listener

	mu      sync.Mutex // guards what follows
	key     []byte
	got     map[string]parcel // by webhook-id
	foreign int               // unsigned, or not what was asked for
}

// parcel is what came under one id.
type parcel struct {
	change int
	times  int
	sum    [sha256.Size]byte
	varied bool // another body came under the same id
}

func newReceiver(ctx context.Context) (*receiver, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{listener: l, got: map[string]parcel{}}
	r.server = &http.Server{Handler: http.HandlerFunc(r.serve), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = r.server.Serve(l) }() // until close
	return r, nil
}

func (r *receiver) close() error { return r.server.Close() }
func (r *receiver) host() string { return r.listener.Addr().String() }
func (r *receiver) url() string  { return "http://" + r.host() + "/hook" }

// trust takes the secret as an endpoint's owner is shown it.
func (r *receiver) trust(secret string) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.key, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	return err
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		return // the sender was killed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id := req.Header.Get("Webhook-Id")
	var told struct {
		Type string
		Data data
	}
	if !r.signed(id, req.Header, body) || json.Unmarshal(body, &told) != nil || told.Type != changeType {
		r.foreign++
		w.WriteHeader(http.StatusForbidden)
		return
	}
	sum := sha256.Sum256(body)
	p, again := r.got[id]
	p.varied = p.varied || again && p.sum != sum
	p.times, p.sum, p.change = p.times+1, sum, told.Data.Change
	r.got[id] = p
}

func (r *receiver) signed(id string, h http.Header, body []byte) bool {
	seconds, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	return err == nil && h.Get("Webhook-Signature") == webhook.Sign(id, time.Unix(seconds, 0), body, r.key)
}
