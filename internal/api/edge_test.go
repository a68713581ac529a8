package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/db"
)

func TestCORSIsForTheNamedOriginsOnly(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true, Settings: []string{"CORS_ORIGIN=https://one.example,https://two.example"}})
	c := s.Anonymous()
	for origin, allowed := range map[string]bool{
		"https://one.example": true, "https://two.example": true, "https://evil.example": false, "http://one.example": false, "null": false,
		"https://one.example.evil.example": false,
	} {
		get := c.Do("GET", "/api/health", nil, "Origin: "+origin)
		if got := get.Header.Get("Access-Control-Allow-Origin"); (got == origin) != allowed || !allowed && got != "" {
			t.Errorf("%s: %q", origin, got)
		}
		if get.Header.Get("Vary") != "Origin" {
			t.Errorf("%s: Vary is %q", origin, get.Header.Get("Vary"))
		}
		asked := c.Do("OPTIONS", "/api/boats", nil, "Origin: "+origin, "Access-Control-Request-Method: PATCH")
		if (asked.Status == http.StatusNoContent) != allowed || strings.Contains(asked.Header.Get("Access-Control-Allow-Methods"), "PATCH") != allowed {
			t.Errorf("preflight of %s: %d", origin, asked.Status)
		}
	}
	closed := apptest.New(t, apptest.Options{NoWorker: true}).Anonymous()
	if a := closed.Do("GET", "/api/health", nil, "Origin: https://one.example"); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("an origin is allowed without CORS_ORIGIN")
	}
}

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	for _, path := range []string{"/api/health", "/api/nothing", "/api/boats", "/livez", "/api/docs", "/"} {
		a := s.Anonymous().Do("GET", path, nil)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Strict-Transport-Security": "",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		for name, part := range map[string]string{"Content-Security-Policy": "default-src 'none'", "Permissions-Policy": "camera=()"} {
			if got := a.Header.Get(name); !strings.Contains(got, part) {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if api := strings.HasPrefix(path, "/api/"); (a.Header.Get("Cache-Control") == "no-store") != api {
			t.Errorf("%s: Cache-Control is %q", path, a.Header.Get("Cache-Control"))
		}
	}
}

// A server that people reach by https is not reached otherwise any more.
func TestHTTPSStays(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true, Settings: []string{"APP_BASE_URL=https://boat.example.org"}})
	if got := s.Anonymous().Do("GET", "/livez", nil).Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Error(got)
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	c := apptest.New(t, apptest.Options{NoWorker: true}).Anonymous()
	for given, kept := range map[string]bool{"abcd-1234_XYZ": true, "short": false, strings.Repeat("a", 65): false, "abc def ghi": false, "abcdefgh<script>": false} {
		got := c.Do("GET", "/livez", nil, "X-Request-Id: "+given).Header.Get("X-Request-Id")
		if (got == given) != kept || got == "" {
			t.Errorf("%q: %q", given, got)
		}
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true, Settings: []string{"RATE_LIMIT_MAX_REQUESTS=5", "RATE_LIMIT_WINDOW_MS=600000"}}, func(t *testing.T, s *apptest.Server) {
		known := s.User("ada@example.org", "", "") // one sign-in is counted
		c, refused := s.Anonymous(), apptest.Answer{}
		login := map[string]string{"email": "ada@example.org", "password": apptest.Password}
		for i := range 5 {
			refused = c.Do("POST", "/api/auth/login", login)
			if refused.Header.Get("RateLimit-Limit") != "5" || refused.Header.Get("RateLimit-Remaining") != strconv.Itoa(max(3-i, 0)) {
				t.Errorf("request %d: %v", i, refused.Header)
			}
		}
		p := problemOf(t, s, refused)
		wait, err := strconv.Atoi(refused.Header.Get("Retry-After"))
		if p.Status != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 120 {
			t.Error(p, refused.Header.Get("Retry-After"))
		}
		for _, path := range []string{"/api/health", "/livez"} { // which nobody counts
			if a := c.Do("GET", path, nil); a.Status != http.StatusOK || a.Header.Get("RateLimit-Limit") != "" {
				t.Error(path, a.Status)
			}
		}
		if a := known.Do("GET", "/api/boats", nil); a.Status != http.StatusOK || a.Header.Get("RateLimit-Limit") != "100" {
			t.Error(a.Status, a.Header.Get("RateLimit-Limit"))
		}
	})
}

func TestForwardedAddresses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ proxies, forwarded, want string }{
		"nobody is trusted":         {"", "203.0.113.9", "127.0.0.1"},
		"a trusted proxy":           {"127.0.0.0/8", "203.0.113.9", "203.0.113.9"},
		"what the client pretended": {"127.0.0.0/8", "198.51.100.1, 203.0.113.9", "203.0.113.9"},
		"two trusted proxies":       {"127.0.0.0/8,10.0.0.0/8", "198.51.100.1, 203.0.113.9, 10.1.2.3", "203.0.113.9"},
		"proxies alone":             {"127.0.0.0/8,10.0.0.0/8", "10.9.9.9, 10.1.2.3", "10.9.9.9"},
		"no address":                {"127.0.0.0/8", "unknown", "127.0.0.1"},
		"no header":                 {"127.0.0.0/8", "", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := apptest.New(t, apptest.Options{NoWorker: true, Settings: []string{"TRUSTED_PROXIES=" + test.proxies}})
			s.User("ada@example.org", "", "")
			s.Anonymous().Want(http.StatusOK, "POST", "/api/auth/login", map[string]string{"email": "ada@example.org", "password": apptest.Password}, "X-Forwarded-For: "+test.forwarded)
			got, err := db.One(t.Context(), s.DB, db.Scalar[string], "SELECT address FROM sessions ORDER BY id DESC")
			if got != test.want || err != nil {
				t.Errorf("%s, want %s: %v", got, test.want, err)
			}
		})
	}
}

// A browser's refresh token never meets a script.
func TestBrowsersRefreshByCookie(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		s.User("ada@example.org", "", "")
		c, login := s.Anonymous(), map[string]string{"email": "ada@example.org", "password": apptest.Password}
		plain := c.Want(http.StatusOK, "POST", "/api/auth/login", login)
		if plain.Header.Get("Set-Cookie") != "" {
			t.Error("a cookie that nobody asked for: ", plain.Header.Get("Set-Cookie"))
		}
		web := c.Want(http.StatusOK, "POST", "/api/auth/login", login, "X-Client: web")
		first := cookieOf(t, s, web)
		renewed := c.Want(http.StatusOK, "POST", "/api/auth/refresh", nil, "X-Client: web", "Cookie: "+first)
		second := cookieOf(t, s, renewed)
		c.Want(http.StatusUnauthorized, "POST", "/api/auth/refresh", nil, "X-Client: web", "Cookie: "+first)
		c.Want(http.StatusUnauthorized, "POST", "/api/auth/refresh", nil, "X-Client: web", "Cookie: "+second) // the family has ended
		c.Want(http.StatusBadRequest, "POST", "/api/auth/refresh", nil)
		c.Want(http.StatusBadRequest, "POST", "/api/auth/refresh", map[string]string{})
		app := s.SignIn("ada@example.org", apptest.Password)
		var tokens account.Tokens
		app.Want(http.StatusOK, "POST", "/api/auth/refresh", map[string]string{"refresh_token": app.Refresh}).Into(s, &tokens)
		if tokens.RefreshToken == "" || tokens.RefreshToken == app.Refresh {
			t.Errorf("%+v", tokens)
		}
		out := app.Want(http.StatusNoContent, "POST", "/api/auth/logout", nil)
		if got := out.Header.Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") || !strings.HasPrefix(got, "__Host-nd_refresh=;") {
			t.Error(got)
		}
		app.Want(http.StatusUnauthorized, "GET", "/api/auth/me", nil)
	})
}

// No page of another site makes a browser use its cookie.
func TestTheCookieIsForOurPages(t *testing.T) {
	t.Parallel()
	settings := []string{"APP_BASE_URL=https://boat.example.org", "CORS_ORIGIN=https://ui.example.org"}
	s := apptest.New(t, apptest.Options{NoWorker: true, Settings: settings})
	s.User("ada@example.org", "", "")
	login := map[string]string{"email": "ada@example.org", "password": apptest.Password}
	web := s.Anonymous().Want(http.StatusOK, "POST", "/api/auth/login", login, "X-Client: web")
	cookie := "Cookie: " + cookieOf(t, s, web)
	var tokens account.Tokens
	web.Into(s, &tokens)
	c := s.Anonymous()
	c.Token = tokens.Token
	for name, headers := range map[string][]string{
		"no header":         {},
		"another header":    {"X-Client: app"},
		"a foreign origin":  {"X-Client: web", "Origin: https://evil.example"},
		"an origin that is": {"X-Client: web", "Origin: null"},
		"a foreign site":    {"X-Client: web", "Sec-Fetch-Site: cross-site"},
		"a sister site":     {"X-Client: web", "Sec-Fetch-Site: same-site", "Origin: https://evil.example.org"},
		"another scheme":    {"X-Client: web", "Origin: http://boat.example.org"},
	} {
		for _, path := range []string{"refresh", "logout", "logout-all"} {
			if got := c.Do("POST", "/api/auth/"+path, nil, append(headers, cookie)...); got.Status != http.StatusForbidden {
				t.Errorf("%s, %s: %d", path, name, got.Status)
			}
		}
	}
	for name, headers := range map[string][]string{
		"a program":            {},
		"the page itself":      {"Origin: " + s.URL},
		"what a browser tells": {"Sec-Fetch-Site: same-origin", "Origin: " + s.URL},
		"behind a proxy":       {"Origin: https://boat.example.org"},
		"an allowed origin":    {"Origin: https://ui.example.org", "Sec-Fetch-Site: cross-site"},
	} {
		got := c.Do("POST", "/api/auth/refresh", nil, append(headers, "X-Client: web", cookie)...)
		if got.Status != http.StatusOK {
			t.Fatalf("%s: %d: %s", name, got.Status, got.Body)
		}
		cookie = "Cookie: " + cookieOf(t, s, got)
	}
	c.Want(http.StatusNoContent, "POST", "/api/auth/logout", nil, "X-Client: web", cookie)
}

// cookieOf reads the refresh cookie of a web client's answer.
func cookieOf(t *testing.T, s *apptest.Server, a apptest.Answer) string {
	t.Helper()
	set := a.Header.Get("Set-Cookie")
	for _, part := range []string{"__Host-nd_refresh=ndr_", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Strict", "; Max-Age=604800"} {
		if !strings.Contains(set, part) {
			t.Errorf("no %q in %s", part, set)
		}
	}
	var tokens account.Tokens
	if a.Into(s, &tokens); tokens.RefreshToken != "" || tokens.Token == "" || strings.Contains(string(a.Body), "ndr_") {
		t.Errorf("%s", a.Body)
	}
	cookie, _, _ := strings.Cut(set, ";")
	return cookie
}
