package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
	"navidocs/internal/fault"
)

// kept is an answer as it is stored for repeating.
type kept struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
}

// repeat gives a POST that carries an Idempotency-Key the answer of the first
// request with that key: a client that lost the answer may ask again without
// doing the thing twice.
func (a *API) repeat(ctx huma.Context, next func(huma.Context)) {
	key := ctx.Header("Idempotency-Key")
	if key == "" || ctx.Method() != http.MethodPost || Permissions[ctx.Operation().OperationID].Fresh {
		next(ctx)
		return
	}
	if len(key) > 200 {
		a.refuse(ctx, fault.Fields(fault.Field{Location: "header.Idempotency-Key", Message: "must have at most 200 characters"}))
		return
	}
	sent, err := io.ReadAll(io.LimitReader(ctx.BodyReader(), ctx.Operation().MaxBodyBytes+1))
	if err != nil {
		a.refuse(ctx, fault.Because(err, fault.Invalid, "the body could not be read"))
		return
	}
	who, url := actor(ctx.Context()), ctx.URL()
	// The organization decides what is made as much as the body does.
	sum := sha256.Sum256(append([]byte(ctx.Method()+" "+url.RequestURI()+"\n"+string(who.Narrow)+"\n"), sent...))
	first, err := a.Accounts.FirstAnswer(ctx.Context(), who, key, hex.EncodeToString(sum[:]))
	if err != nil {
		a.refuse(ctx, err)
		return
	}
	if first != nil {
		a.replay(ctx, first)
		return
	}
	rec := &recorder{humaContext: ctx, body: bytes.NewReader(sent), kept: kept{Headers: map[string]string{}}}
	next(rec)
	a.keep(ctx, who.UserID, key, rec)
}

func (a *API) replay(ctx huma.Context, stored []byte) {
	var k kept
	if err := json.Unmarshal(stored, &k); err != nil {
		a.refuse(ctx, err)
		return
	}
	for name, value := range k.Headers {
		ctx.SetHeader(name, value)
	}
	ctx.SetHeader("Idempotent-Replayed", "true")
	ctx.SetStatus(k.Status)
	ctx.BodyWriter().Write(k.Body) //nolint:errcheck // the reader is gone
}

// humaContext has another name than its method Context, so that it can be embedded.
type humaContext = huma.Context

// recorder passes an answer on and remembers it.
type recorder struct {
	humaContext
	body io.Reader
	kept kept
}

func (r *recorder) BodyReader() io.Reader { return r.body }

func (r *recorder) SetStatus(status int) {
	r.kept.Status = status
	r.humaContext.SetStatus(status)
}

func (r *recorder) SetHeader(name, value string) {
	switch http.CanonicalHeaderKey(name) {
	case "Content-Type", "Location", "Etag":
		r.kept.Headers[name] = value
	}
	r.humaContext.SetHeader(name, value)
}

func (r *recorder) BodyWriter() io.Writer {
	return io.MultiWriter(r.humaContext.BodyWriter(), keptWriter{&r.kept})
}

type keptWriter struct{ kept *kept }

func (w keptWriter) Write(b []byte) (int, error) {
	w.kept.Body = append(w.kept.Body, b...)
	return len(b), nil
}

// keep stores the answer; a failure on our side is forgotten, so that the
// client may try again.
func (a *API) keep(ctx huma.Context, user account.UserID, key string, rec *recorder) {
	var stored []byte
	if rec.kept.Status < http.StatusInternalServerError {
		var err error
		if stored, err = json.Marshal(rec.kept); err != nil {
			stored = nil
		}
	}
	if err := a.Accounts.KeepAnswer(context.WithoutCancel(ctx.Context()), user, key, stored); err != nil {
		a.config.Log.Warn("idempotency key", "request_id", requestID(ctx.Context()), "error", err)
	}
}
