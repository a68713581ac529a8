package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
)

// oidcCookie binds a sign-in at the provider to the browser in which it began.
// Lax, for the provider's page sends the browser back.
const oidcCookie = "__Host-nd_oidc"

func oidcCookieOf(value string, maxAge int) http.Cookie {
	return http.Cookie{Name: oidcCookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode}
}

type singleSignOn struct {
	Configured bool   `json:"configured"`
	Name       string `json:"name" doc:"text for the button"`
}

type startInput struct {
	ReturnTo string `query:"return_to" maxLength:"1000" default:"/" doc:"a path on this server"`
	Remember bool   `query:"remember" doc:"the user's own device: the session has no idle limit"`
}

type finishInput struct {
	Agent  string      `header:"User-Agent"`
	Cookie http.Cookie `cookie:"__Host-nd_oidc"`
	State  string      `query:"state" maxLength:"200"`
	Code   string      `query:"code" maxLength:"4000"`
	Error  string      `query:"error" maxLength:"200"`
}

type redirected struct {
	Location  string        `header:"Location"`
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

// oidcOperations sign people in at another service.
func (a *API) oidcOperations() {
	add(a, op{id: "get-oidc", method: http.MethodGet, path: "/api/auth/oidc", tag: "auth", summary: "Whether single sign-on is set up, and what it is called"},
		func(context.Context, account.Actor, *struct{}) (*body[singleSignOn], error) {
			name, configured := a.Accounts.SingleSignOn()
			return answer(singleSignOn{configured, name}, nil)
		})
	add(a, op{
		id: "start-oidc", method: http.MethodGet, path: "/api/auth/oidc/start", tag: "auth", status: http.StatusFound,
		summary: "Send the browser to the sign-in service",
	}, a.startOIDC)
	add(a, op{
		id: "finish-oidc", method: http.MethodGet, path: "/api/auth/oidc/callback", tag: "auth", status: http.StatusFound,
		summary: "Where the sign-in service sends the browser back; it gets its refresh cookie and goes on to return_to",
	}, a.finishOIDC)
}

func (a *API) startOIDC(ctx context.Context, _ account.Actor, in *startInput) (*redirected, error) {
	going, err := a.Accounts.GoOIDC(ctx, in.ReturnTo, in.Remember)
	if err != nil {
		return nil, err
	}
	return &redirected{going.URL, []http.Cookie{oidcCookieOf(going.Browser, int(going.TTL.Seconds()))}}, nil
}

func (a *API) finishOIDC(ctx context.Context, who account.Actor, in *finishInput) (*redirected, error) {
	t, to, err := a.Accounts.ReturnOIDC(ctx, account.Returning{
		State: in.State, Code: in.Code, Error: in.Error, Browser: in.Cookie.Value, Address: who.Address, Agent: in.Agent,
	})
	if err != nil {
		return nil, err
	}
	cookies := []http.Cookie{a.refreshCookie(t.RefreshToken, int(a.config.RefreshTTL.Seconds())), oidcCookieOf("", -1)}
	return &redirected{to, cookies}, nil
}
