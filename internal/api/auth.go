package api

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
	"navidocs/internal/fault"
)

// signedInFactor is how many more requests a signed-in user has than an
// anonymous address.
const signedInFactor = 20

// uncounted operations have limits of their own kind: bytes and concurrency.
var uncounted = map[string]bool{"get-health": true, "get-page-image": true, "watch-progress": true, "stream-notifications": true}

// authenticate finds the actor of an operation that is not public.
func (a *API) authenticate(ctx huma.Context, next func(huma.Context)) {
	if Permissions[ctx.Operation().OperationID].Public {
		next(ctx)
		return
	}
	who, err := a.actorOf(ctx)
	if err == nil {
		err = onlyHere(who, requestOf(ctx.Context()))
	}
	if err == nil {
		err = mayByToken(who, ctx.Operation())
	}
	if err != nil { // counted as anyone's, so that tokens cannot be tried without end
		a.limit(ctx, func(ctx huma.Context) { a.refuse(ctx, err) })
		return
	}
	info := requestOf(ctx.Context())
	who.Address, who.RequestID = info.address, info.id
	info.user = string(who.UserID)
	next(huma.WithValue(ctx, actorKey, who))
}

// mayByToken refuses a personal token what its scope, or any token, may not.
func mayByToken(who account.Actor, o *huma.Operation) error {
	perm := Permissions[o.OperationID]
	if perm.Session {
		if err := who.RequireSession(); err != nil {
			return err
		}
	}
	return who.RequireScope(perm.scope(o.Method))
}

func (a *API) actorOf(ctx huma.Context) (account.Actor, error) {
	scheme, token, _ := strings.Cut(ctx.Header("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return account.Actor{}, fault.New(fault.Unauthenticated, "sign in: send Authorization: Bearer with the token from POST /api/auth/login")
	}
	who, err := a.Accounts.Authenticate(ctx.Context(), strings.TrimSpace(token))
	if err != nil {
		return who, err
	}
	narrow := ctx.Header("X-Organization-Id")
	if q := ctx.Query("organization_id"); q != "" {
		narrow = q
	}
	if narrow == "" {
		return who, nil
	}
	who.Narrow = account.OrgID(narrow)
	return who, who.Knows(who.Narrow, "organization")
}

// refuse answers a middleware's error.
func (a *API) refuse(ctx huma.Context, err error) {
	p := problem(ctx.Context(), err)
	requestOf(ctx.Context()).cause = p.cause
	for name, values := range p.headers {
		for _, v := range values {
			ctx.SetHeader(name, v)
		}
	}
	ctx.SetHeader("Content-Type", "application/problem+json")
	ctx.SetStatus(p.Status)
	if err := a.huma.Marshal(ctx.BodyWriter(), "application/json", p); err != nil {
		a.config.Log.Warn("answer", "error", err)
	}
}

// limit counts requests: anonymous ones by address, others by user.
func (a *API) limit(ctx huma.Context, next func(huma.Context)) {
	if id := ctx.Operation().OperationID; uncounted[id] || (id == "get-content" || id == "get-handover-package") && ctx.Header("Range") != "" {
		next(ctx)
		return
	}
	who := actor(ctx.Context())
	if who.Probe() { // it comes from the machine itself
		next(ctx)
		return
	}
	key, limit := "address:"+who.Address, a.config.RateLimit
	switch {
	case who.UserID != "":
		key, limit = "user:"+string(who.UserID), limit*signedInFactor
	case ctx.Operation().Tags[0] == "auth": // signing in neither uses up nor waits for other requests
		key = "auth:" + who.Address
	}
	d, err := a.config.Limit(ctx.Context(), key, limit, a.config.RateWindow)
	if err != nil {
		// The counter is away; serving on is better than refusing everyone.
		a.config.Log.Warn("rate limit unavailable", "error", err)
		next(ctx)
		return
	}
	ctx.SetHeader("RateLimit-Limit", strconv.Itoa(limit))
	ctx.SetHeader("RateLimit-Remaining", strconv.Itoa(d.Remaining))
	if !d.Allowed {
		seconds := int(math.Ceil(d.RetryAfter.Seconds()))
		a.refuse(ctx, fault.New(fault.RateLimited, "too many requests: try again in %d seconds", seconds).With("retry_after", seconds))
		return
	}
	next(ctx)
}

// wantsCookie says whether the browser's UI asks: its refresh token travels in
// a cookie that scripts cannot read.
const (
	refreshCookie = "__Host-nd_refresh"
	webClient     = "web"
)

// ownPage refuses what a browser does by its cookie, unless a page of ours asks
// for it: other sites' pages can neither set the header without a preflight, nor
// hide where they are from (OWASP, CSRF prevention).
func ownPage(ctx context.Context, client string) error {
	switch {
	case client != webClient:
		return fault.New(fault.Forbidden, "send the header X-Client: web with the cookie")
	case requestOf(ctx).foreign:
		return fault.New(fault.Forbidden, "the cookie is taken only from pages of this server: name the other one in CORS_ORIGIN if it is yours")
	}
	return nil
}

func (a *API) refreshCookie(value string, maxAge int) http.Cookie {
	return http.Cookie{Name: refreshCookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode}
}
