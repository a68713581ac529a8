package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/db"
)

// idp is an OpenID Connect provider on this machine, in which every user has the
// password "secret".
type idp struct {
	*httptest.Server
	t       *testing.T
	storage *storage.Storage
	users   idpUsers
	// away answers everything with 503, tokenAway the exchange of codes.
	away, tokenAway atomic.Bool
	// forge, when set, changes an ID token's claims, or signs them with another key.
	forge func(claims jwt.MapClaims) (key *rsa.PrivateKey)
}

type idpUsers map[string]*storage.User

func (u idpUsers) GetUserByID(id string) *storage.User         { return u[id] }
func (u idpUsers) GetUserByUsername(name string) *storage.User { return u[name] }
func (idpUsers) ExampleClientID() string                       { return "none" }

func newIDP(t *testing.T, emails ...string) *idp {
	t.Helper()
	p := &idp{t: t, users: idpUsers{}}
	for _, email := range emails {
		p.users[email] = &storage.User{ID: email, Username: email, Password: "secret", FirstName: "Ada", LastName: "Example", Email: email, EmailVerified: true}
	}
	client := storage.WebClient("navidocs", "of the client", "https://boat.example.org/api/auth/oidc/callback")
	p.storage = storage.NewStorageWithClients(p.users, map[string]*storage.Client{"navidocs": client})
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.away.Load() || p.tokenAway.Load() && r.URL.Path == "/oauth/token" {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	provider, err := op.NewProvider(&op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true, AuthMethodPost: true}, p.storage, op.StaticIssuer(p.URL), op.WithAllowInsecure())
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/", provider)
	mux.HandleFunc("/oauth/token", func(w http.ResponseWriter, r *http.Request) { p.exchange(w, r, provider) })
	mux.HandleFunc("/login/username", func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("authRequestID")
		if err := p.storage.CheckUsernamePassword(r.FormValue("username"), "secret", id); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, op.AuthCallbackURL(provider)(op.ContextWithIssuer(r.Context(), p.URL), id), http.StatusFound)
	})
	return p
}

// exchange is the provider's, whose ID token is replaced when that is forged.
func (p *idp) exchange(w http.ResponseWriter, r *http.Request, provider http.Handler) {
	rec := httptest.NewRecorder()
	provider.ServeHTTP(rec, r)
	text := rec.Body.Bytes()
	if p.forge != nil && rec.Code == http.StatusOK {
		var answer map[string]any
		if err := json.Unmarshal(text, &answer); err != nil {
			p.t.Error(err)
		}
		raw, _ := answer["id_token"].(string)
		answer["id_token"] = p.forged(r.Context(), raw)
		var err error
		if text, err = json.Marshal(answer); err != nil {
			p.t.Error(err)
		}
	}
	header := rec.Result().Header
	header.Del("Content-Length")
	maps.Copy(w.Header(), header)
	w.WriteHeader(rec.Code)
	_, _ = io.Copy(w, bytes.NewReader(text))
}

func (p *idp) forged(ctx context.Context, raw string) string {
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(raw, claims); err != nil {
		p.t.Error(err)
	}
	signing, err := p.storage.SigningKey(ctx)
	if err != nil {
		p.t.Error(err)
	}
	key, _ := signing.Key().(*rsa.PrivateKey)
	if other := p.forge(claims); other != nil {
		key = other
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = signing.ID()
	out, err := token.SignedString(key)
	if err != nil {
		p.t.Error(err)
	}
	return out
}

func (p *idp) settings(more ...string) apptest.Options {
	return apptest.Options{NoWorker: true, Settings: append([]string{
		"OIDC_ISSUER=" + p.URL, "OIDC_CLIENT_ID=navidocs", "OIDC_CLIENT_SECRET=of the client", "OIDC_NAME=The yard's sign-in", "APP_BASE_URL=https://boat.example.org",
		"SMTP_HOST=mail.example.org", "SMTP_FROM=boat@example.org",
	}, more...)}
}

// browser goes through a sign-in.
type browser struct {
	s      *apptest.Server
	p      *idp
	cookie string
}

// start is where the server sends the browser.
func (b *browser) start(query string) string {
	b.p.t.Helper()
	a := b.s.Anonymous().Want(http.StatusFound, "GET", "/api/auth/oidc/start"+query, nil)
	set := a.Header.Get("Set-Cookie")
	for _, part := range []string{"__Host-nd_oidc=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax", "; Max-Age=600"} {
		if !strings.Contains(set, part) {
			b.p.t.Errorf("no %q in %s", part, set)
		}
	}
	b.cookie, _, _ = strings.Cut(set, ";")
	return a.Header.Get("Location")
}

// signIn signs a user in at the provider and returns the path, with its query, by
// which the browser comes back.
func (b *browser) signIn(at, user string) string {
	b.p.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for range 5 {
		u, err := url.Parse(at)
		if err != nil {
			b.p.t.Fatal(err)
		}
		if u.Host == "boat.example.org" {
			return u.RequestURI()
		}
		if u.Host == "" {
			at = b.p.URL + at
		}
		if u.Path == "/login/username" {
			at += "&username=" + url.QueryEscape(user)
		}
		req, err := http.NewRequestWithContext(b.p.t.Context(), http.MethodGet, at, nil)
		if err != nil {
			b.p.t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			b.p.t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if at = res.Header.Get("Location"); at == "" {
			b.p.t.Fatalf("the provider answers %d: %s", res.StatusCode, text)
		}
	}
	b.p.t.Fatal("too many redirects")
	return ""
}

func (b *browser) back(status int, path string) apptest.Answer {
	b.p.t.Helper()
	return b.s.Anonymous().Want(status, "GET", path, nil, "Cookie: "+b.cookie)
}

// through is a whole sign-in.
func (b *browser) through(status int, user string) apptest.Answer {
	b.p.t.Helper()
	return b.back(status, b.signIn(b.start("?return_to=/boats"), user))
}

// me is who the browser's refresh cookie signs in.
func (b *browser) me(a apptest.Answer) account.User {
	b.p.t.Helper()
	cookie, _, _ := strings.Cut(a.Header.Values("Set-Cookie")[0], ";")
	var t account.Tokens
	b.s.Anonymous().Want(http.StatusOK, "POST", "/api/auth/refresh", nil, "X-Client: web", "Cookie: "+cookie).Into(b.s, &t)
	return t.User
}

func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	p := newIDP(t, "ada@example.org", "bo@example.org")
	apptest.Each(t, p.settings(), func(t *testing.T, s *apptest.Server) {
		var known struct {
			Configured bool
			Name       string
		}
		if s.Anonymous().Get("/api/auth/oidc", &known); !known.Configured || known.Name != "The yard's sign-in" {
			t.Errorf("%+v", known)
		}
		s.User("ada@example.org", "", "")
		b := &browser{s: s, p: p}
		first := b.through(http.StatusFound, "ada@example.org")
		cookies := strings.Join(first.Header.Values("Set-Cookie"), "\n")
		if first.Header.Get("Location") != "/boats" || !strings.Contains(cookies, "__Host-nd_refresh=ndr_") || !strings.Contains(cookies, "__Host-nd_oidc=; Path=/; Max-Age=0") {
			t.Error(first.Header)
		}
		if me := b.me(first); me.Email != "ada@example.org" {
			t.Errorf("%+v", me)
		}
		// Known there, she is found by that, whatever her address is by now.
		moveTo(t, s, "ada@example.org", "ada@example.com")
		if me := b.me(b.through(http.StatusFound, "ada@example.org")); me.Email != "ada@example.com" {
			t.Errorf("%+v", me)
		}
		// Registration is open: somebody new gets an account, of which they are sole admin.
		if me := b.me(b.through(http.StatusFound, "bo@example.org")); me.Email != "bo@example.org" || me.Name != "Ada Example" || !me.EmailVerified {
			t.Errorf("%+v", me)
		}
		s.Anonymous().Want(http.StatusUnauthorized, "POST", "/api/auth/login", map[string]string{"email": "bo@example.org", "password": ""})
		n, err := db.One(t.Context(), s.DB, db.Scalar[int], "SELECT count(*) FROM audit_log WHERE action = 'identity.linked'")
		if err != nil || n != 2 {
			t.Error(n, err)
		}
	})
}

func moveTo(t *testing.T, s *apptest.Server, from, to string) {
	t.Helper()
	err := s.DB.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE users SET email = $1 WHERE email = $2", to, from)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestASignInElsewhereIsOneBrowsersAndGoodOnce(t *testing.T) {
	t.Parallel()
	p := newIDP(t, "ada@example.org")
	apptest.Each(t, p.settings(), func(t *testing.T, s *apptest.Server) {
		s.User("ada@example.org", "", "")
		b, other := &browser{s: s, p: p}, &browser{s: s, p: p}
		path := b.signIn(b.start(""), "ada@example.org")
		foreign := other.signIn(other.start(""), "ada@example.org")
		for name, cookie := range map[string]string{"none": "", "another's": other.cookie} {
			if got := s.Anonymous().Do("GET", path, nil, "Cookie: "+cookie); got.Status != http.StatusForbidden {
				t.Errorf("cookie %s: %d", name, got.Status)
			}
		}
		// Another's code with one's own state and cookie: PKCE refuses it.
		mixed, _ := url.Parse(path)
		q, code := mixed.Query(), foreign
		fu, _ := url.Parse(code)
		q.Set("code", fu.Query().Get("code"))
		b.back(http.StatusUnauthorized, mixed.Path+"?"+q.Encode())
		b.back(http.StatusForbidden, path) // that used it up
		if to := other.back(http.StatusFound, foreign).Header.Get("Location"); to != "/" {
			t.Error(to)
		}
		other.back(http.StatusForbidden, foreign)
		b.start("")
		b.back(http.StatusForbidden, "/api/auth/oidc/callback?state=x&code=y")
	})
}

func TestTheProvidersRefusalIsTold(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	s := apptest.New(t, p.settings())
	b := &browser{s: s, p: p}
	for given, told := range map[string]string{"access_denied": "access_denied", "<b>pay here</b>": "error"} {
		u, err := url.Parse(b.start(""))
		if err != nil {
			t.Fatal(err)
		}
		q := url.Values{"state": {u.Query().Get("state")}, "error": {given}}
		got := b.back(http.StatusForbidden, "/api/auth/oidc/callback?"+q.Encode()).Problem()
		if want := "The yard's sign-in signed nobody in (" + told + "): begin again, or sign in with your password"; got != want {
			t.Error(got)
		}
	}
}

func TestWhoHasNoAccountHere(t *testing.T) {
	t.Parallel()
	p := newIDP(t, "ada@example.org", "unproven@example.org", "waiting@example.org")
	p.users["unproven@example.org"].EmailVerified = false
	s := apptest.New(t, p.settings("REGISTRATION=invite"))
	s.User("unproven@example.org", "", "")
	s.User("waiting@example.org", "", "")
	err := s.DB.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE users SET email_verified = FALSE WHERE email = 'waiting@example.org'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{s: s, p: p}
	for user, part := range map[string]string{
		"ada@example.org": "ask an admin", "unproven@example.org": "has not confirmed your e-mail address", "waiting@example.org": "nobody has shown yet",
	} {
		if got := b.through(http.StatusForbidden, user).Problem(); !strings.Contains(got, part) {
			t.Errorf("%s: %s", user, got)
		}
	}
	n, err := db.One(t.Context(), s.DB, db.Scalar[int], "SELECT count(*) FROM user_identities")
	if err != nil || n != 0 {
		t.Error(n, err)
	}
}

// Where no mail can be sent anybody may register with any address: that a
// stranger did must not give them the account of whoever signs in by it.
func TestAnAddressThatNobodyShowedIsNotLinked(t *testing.T) {
	t.Parallel()
	p := newIDP(t, "ada@example.org")
	o := p.settings()
	o.Settings = append(o.Settings, "SMTP_HOST=", "SMTP_FROM=")
	s := apptest.New(t, o)
	s.User("ada@example.org", "", "")
	b := &browser{s: s, p: p}
	b.through(http.StatusForbidden, "ada@example.org")
}

func TestNobodyIsSentToAnotherSite(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	s := apptest.New(t, p.settings())
	for _, to := range []string{
		"https://evil.example", "//evil.example", "/\\evil.example", "\\/evil.example", "boats", "/\t/evil.example", "/\n/evil.example", "javascript:alert(1)",
		"/a\\b", "/%zz", "http:/evil.example", " /boats",
	} {
		problemOf(t, s, s.Anonymous().Want(http.StatusBadRequest, "GET", "/api/auth/oidc/start?return_to="+url.QueryEscape(to), nil))
	}
	for _, to := range []string{"/", "/boats", "/boats?sort=name&x=//y#top", "/documents/%C3%A9"} {
		s.Anonymous().Want(http.StatusFound, "GET", "/api/auth/oidc/start?return_to="+url.QueryEscape(to), nil)
	}
}

func TestAProviderThatIsAway(t *testing.T) {
	t.Parallel()
	p := newIDP(t, "ada@example.org")
	p.away.Store(true)
	s := apptest.New(t, p.settings())
	s.User("ada@example.org", "", "")
	b := &browser{s: s, p: p}
	got := s.Anonymous().Want(http.StatusServiceUnavailable, "GET", "/api/auth/oidc/start", nil)
	if want := "The yard's sign-in cannot be reached: try again in a moment, or sign in with your password"; got.Problem() != want {
		t.Error(got.Problem())
	}
	p.away.Store(false)
	b.through(http.StatusFound, "ada@example.org")
	path := b.signIn(b.start(""), "ada@example.org")
	p.tokenAway.Store(true)
	b.back(http.StatusServiceUnavailable, path)
	p.tokenAway.Store(false)
	path = b.signIn(b.start(""), "ada@example.org")
	p.Close()
	b.back(http.StatusServiceUnavailable, path)
	none := apptest.New(t, apptest.Options{NoWorker: true})
	problemOf(t, none, none.Anonymous().Want(http.StatusForbidden, "GET", "/api/auth/oidc/start", nil))
}

func TestForgedIDTokensSignNobodyIn(t *testing.T) {
	t.Parallel()
	p := newIDP(t, "ada@example.org")
	s := apptest.New(t, p.settings())
	s.User("ada@example.org", "", "")
	b := &browser{s: s, p: p}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set := func(claim string, value any) func(jwt.MapClaims) *rsa.PrivateKey {
		return func(c jwt.MapClaims) *rsa.PrivateKey { c[claim] = value; return nil }
	}
	for name, forge := range map[string]func(jwt.MapClaims) *rsa.PrivateKey{
		"another key":      func(jwt.MapClaims) *rsa.PrivateKey { return stranger },
		"another nonce":    set("nonce", "x"),
		"no nonce":         func(c jwt.MapClaims) *rsa.PrivateKey { delete(c, "nonce"); return nil },
		"another audience": set("aud", []string{"another"}),
		"another issuer":   set("iss", "https://evil.example"),
		"expired":          set("exp", time.Now().Add(-time.Minute).Unix()),
		"somebody else":    set("sub", "bo@example.org"), // than the user info's
	} {
		p.forge = forge
		if got := b.back(http.StatusUnauthorized, b.signIn(b.start(""), "ada@example.org")); got.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", name, got.Header)
		}
	}
	p.forge = func(jwt.MapClaims) *rsa.PrivateKey { return nil }
	b.through(http.StatusFound, "ada@example.org")
	p.forge = set("email", "eve@example.org") // not verified as a claim of the token's own
	if me := b.me(b.through(http.StatusFound, "ada@example.org")); me.Email != "ada@example.org" {
		t.Errorf("%+v", me)
	}
}
