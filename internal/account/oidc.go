package account

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// OIDC is another service at which people sign in: an OpenID Connect provider.
// Without an issuer there is none.
type OIDC struct {
	Issuer, ClientID, ClientSecret string
	Scopes                         []string
	// Name is the text on the button.
	Name string
	// Callback is our address to which the provider sends people back.
	Callback string
}

const (
	// oidcTTL is how long somebody has to sign in at the provider.
	oidcTTL = 10 * time.Minute
	// oidcTimeout bounds each request to the provider.
	oidcTimeout = 10 * time.Second
	// maxReturn is the longest path to return to, in bytes.
	maxReturn = 1000
)

var (
	errNoOIDC = fault.New(fault.Forbidden, "single sign-on is not set up on this server: sign in with your password")
	errReturn = fault.New(fault.Forbidden, "this sign-in was finished, took longer than ten minutes, or began in another browser: begin again")
)

// provider is the configured one. It is looked for when it is first needed, and
// again until it answers: it may be away while the server starts.
type provider struct {
	client *http.Client
	found  atomic.Pointer[oidc.Provider]
}

func newProvider() *provider { return &provider{client: &http.Client{Timeout: oidcTimeout}} }

// discover finds the provider's addresses and keys (OpenID Connect Discovery 1.0).
func (s *Service) discover(ctx context.Context) (*oidc.Provider, error) {
	if s.config.OIDC.Issuer == "" {
		return nil, errNoOIDC
	}
	if p := s.provider.found.Load(); p != nil {
		return p, nil
	}
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, s.provider.client), s.config.OIDC.Issuer)
	if err != nil {
		return nil, s.away(err)
	}
	s.provider.found.Store(p)
	return p, nil
}

func (s *Service) away(err error) error {
	return fault.Because(err, fault.Unavailable, "%s cannot be reached: try again in a moment, or sign in with your password", s.config.OIDC.Name)
}

func (s *Service) oauth(p *oidc.Provider) oauth2.Config {
	c := s.config.OIDC
	return oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: c.Callback, Scopes: c.Scopes}
}

// SingleSignOn is the name of the configured provider, and whether there is one.
func (s *Service) SingleSignOn() (name string, configured bool) {
	if s.config.OIDC.Issuer == "" {
		return "", false
	}
	return s.config.OIDC.Name, true
}

// Going is a sign-in that begins at the provider.
type Going struct {
	// URL is where the browser goes.
	URL string
	// Browser is a secret that the browser keeps and shows when it comes back, so
	// that nobody finishes another's sign-in (RFC 6819, 4.4.1.8).
	Browser string
	TTL     time.Duration
}

// GoOIDC begins a sign-in at the provider, which ends at returnTo, a path of this
// server. Nonce and PKCE's verifier follow from the browser's secret, so that
// nothing that is stored helps to finish it.
func (s *Service) GoOIDC(ctx context.Context, returnTo string, remember bool) (out Going, err error) {
	defer fault.Wrap(&err, "account.GoOIDC")
	if !localPath(returnTo) {
		return out, fault.Fields(fault.Field{Location: "query.return_to", Message: "must be a path on this server, such as /boats", Value: fault.Echo(returnTo)})
	}
	p, err := s.discover(ctx)
	if err != nil {
		return out, err
	}
	state, stateHash := vault.Token("")
	browser, browserHash := vault.Token("")
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO oidc_requests (state, browser, return_to, remembered, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
			stateHash, browserHash, returnTo, remember, db.Micros(tx.Now()), db.Micros(tx.Now().Add(oidcTTL)))
		return err
	})
	c := s.oauth(p)
	to := c.AuthCodeURL(state, oidc.Nonce(nonceOf(browser)), oauth2.S256ChallengeOption(verifierOf(browser)))
	return Going{URL: to, Browser: browser, TTL: oidcTTL}, err
}

func nonceOf(browser string) string    { return vault.Hash("nonce " + browser) }
func verifierOf(browser string) string { return vault.Hash("verifier " + browser) }

// localPath says whether an address is a path of this server and leads nowhere
// else, however browsers read it (CWE-601).
func localPath(s string) bool {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || len(s) > maxReturn {
		return false
	}
	for _, c := range s {
		if c <= ' ' || c == '\\' || c == 0x7f {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.Host == "" && u.Scheme == ""
}

// Returning is what the browser brings back from the provider.
type Returning struct {
	State, Code, Browser string
	// Error is the provider's word for why nobody signed in.
	Error          string
	Address, Agent string
}

// ReturnOIDC finishes a sign-in that began with GoOIDC, once, and says where the
// browser goes. Whom the provider names is found by their identity there, else by
// a confirmed address; where registration is open an account is made. A second
// factor is the provider's to ask for.
func (s *Service) ReturnOIDC(ctx context.Context, in Returning) (t Tokens, returnTo string, err error) {
	defer fault.Wrap(&err, "account.ReturnOIDC")
	signing := SigningIn{Address: in.Address, Agent: in.Agent}
	if returnTo, signing.Remember, err = s.takeRequest(ctx, in); err != nil {
		return t, "", err
	}
	if in.Error != "" {
		return t, "", fault.New(fault.Forbidden, "%s signed nobody in (%s): begin again, or sign in with your password", s.config.OIDC.Name, plainWord(in.Error))
	}
	c, err := s.claimsOf(ctx, in)
	if err != nil {
		return t, "", err
	}
	var user User
	var session SessionID
	var refresh string
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if user, err = s.identify(ctx, tx, c, in.Address); err != nil {
			return err
		}
		session, refresh, err = s.begin(ctx, tx, user.ID, signing, map[string]any{"by": "oidc"})
		return err
	})
	if err != nil {
		return t, "", err
	}
	t, err = s.tokens(user, session, refresh)
	return t, returnTo, err
}

// takeRequest uses up what was kept when the sign-in began, in the browser in
// which it did.
func (s *Service) takeRequest(ctx context.Context, in Returning) (returnTo string, remember bool, err error) {
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		returnTo, err = db.One(ctx, tx, func(r db.Row) (to string, err error) {
			err = r.Scan(&to, &remember)
			return to, err
		}, "DELETE FROM oidc_requests WHERE state = $1 AND browser = $2 AND expires_at > $3 RETURNING return_to, remembered",
			vault.Hash(in.State), vault.Hash(in.Browser), db.Micros(tx.Now()))
		return orNoLink(err, errReturn)
	})
	return returnTo, remember, err
}

// plainWord is an error code of RFC 6749, and nothing else that somebody may have
// written into an address.
func plainWord(s string) string {
	if len(s) > 40 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "error"
	}
	return s
}

// oidcClaims are what the provider says of a person.
type oidcClaims struct {
	Subject  string
	Email    string `json:"email"`
	Verified any    `json:"email_verified"` // some providers write it as a string
	Name     string `json:"name"`
}

func (c oidcClaims) verified() bool { return c.Verified == true || c.Verified == "true" }

// claimsOf exchanges the code and checks the ID token: signature, issuer,
// audience, expiry and nonce (OpenID Connect Core 1.0, 3.1.3.7).
func (s *Service) claimsOf(ctx context.Context, in Returning) (c oidcClaims, err error) {
	p, err := s.discover(ctx)
	if err != nil {
		return c, err
	}
	ctx = oidc.ClientContext(ctx, s.provider.client)
	config := s.oauth(p)
	token, err := config.Exchange(ctx, in.Code, oauth2.VerifierOption(verifierOf(in.Browser)))
	if err != nil {
		return c, s.refused(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: config.ClientID, Now: s.db.Now}).Verify(ctx, raw)
	if err != nil {
		return c, s.refused(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonceOf(in.Browser))) != 1 {
		return c, s.refused(errors.New("the nonce is another sign-in's"))
	}
	if err := id.Claims(&c); err != nil {
		return c, s.refused(err)
	}
	if c.Subject = id.Subject; c.Email != "" {
		return c, nil
	}
	return s.moreClaims(ctx, p, oauth2.StaticTokenSource(token), c)
}

// moreClaims asks the UserInfo endpoint, where many providers keep the address
// (OpenID Connect Core 1.0, 5.3). Its answer counts for the same subject only.
func (s *Service) moreClaims(ctx context.Context, p *oidc.Provider, token oauth2.TokenSource, c oidcClaims) (oidcClaims, error) {
	if p.UserInfoEndpoint() == "" {
		return c, nil
	}
	info, err := p.UserInfo(ctx, token)
	if err != nil {
		return c, s.away(err)
	}
	subject := c.Subject
	if err := info.Claims(&c); err != nil || info.Subject != subject {
		return c, s.refused(errors.Join(err, errors.New("the user info is somebody else's")))
	}
	c.Subject = subject
	return c, nil
}

// refused tells a provider that said no from one that could not be asked.
func (s *Service) refused(err error) error {
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok && answer.Response != nil && answer.Response.StatusCode >= http.StatusInternalServerError {
		return s.away(err)
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return s.away(err)
	}
	return fault.Because(err, fault.Unauthenticated, "what %s answered cannot be trusted: begin again", s.config.OIDC.Name)
}
