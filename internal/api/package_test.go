package api_test

import (
	"bytes"
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"
	"time"

	"navidocs/internal/apptest"
	"navidocs/internal/archive"
	"navidocs/internal/bundle"
)

// signedPackage is a small package and its signer's fingerprint.
func signedPackage(t *testing.T) (content, fingerprint string) {
	t.Helper()
	var b bytes.Buffer
	m := bundle.Manifest{Schema: "navidocs.package.v1", Title: "Calypso", CreatedAt: time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)}
	files := []archive.File{archive.Content("01_Identity/Registration.txt", "text/plain", []byte("registered"))}
	out, err := archive.Write(t.Context(), &b, m, files, ed25519.NewKeyFromSeed(make([]byte, 32)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), out.Fingerprint
}

func TestAnybodyMayVerifyAPackage(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true, Settings: []string{"MAX_PACKAGE_MB=1", "RATE_LIMIT_MAX_REQUESTS=14"}})
	content, fingerprint := signedPackage(t)
	altered := strings.Replace(content, "registered", "registexed", 1)
	other := strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		parts  []string
		status int
		says   []string
	}{
		"whole":               {[]string{"@p.zip=" + content}, 200, []string{`"valid":true`, `"signer":"not checked"`, `"title":"Calypso"`, `"files":1`, fingerprint}},
		"of its signer":       {[]string{"fingerprint=" + strings.ToUpper(fingerprint), "@p.zip=" + content}, 200, []string{`"valid":true`, `"signer":"matches"`}},
		"of another":          {[]string{"@p.zip=" + content, "fingerprint=" + other}, 200, []string{`"valid":false`, `"signer":"differs"`, "another key"}},
		"altered":             {[]string{"@p.zip=" + altered, "fingerprint= "}, 200, []string{`"valid":false`, `"file":"01_Identity/Registration.txt"`, "was altered"}},
		"no package":          {[]string{"@p.zip=hello"}, 200, []string{`"valid":false`, `"problem":"the archive is cut off`}},
		"nothing":             {[]string{"@p.zip="}, 200, []string{`"valid":false`}},
		"no file":             {[]string{"fingerprint=" + other}, 400, []string{"form.file"}},
		"a wrong fingerprint": {[]string{"fingerprint=abc", "@p.zip=" + content}, 400, []string{"form.fingerprint", "64 hexadecimal digits"}},
		"another field":       {[]string{"@p.zip=" + content, "boat_id=1"}, 400, []string{"form.boat_id"}},
		"two files":           {[]string{"@p.zip=" + content, "@p.zip=" + content}, 400, []string{"there twice"}},
		"too large":           {[]string{"@p.zip=" + strings.Repeat("x", 1<<20+1)}, 413, []string{"MAX_PACKAGE_MB"}},
	} {
		body, media := form(t, c.parts...)
		a := s.Anonymous().Send("POST", "/api/packages/verify", body, "Content-Type: "+media)
		if a.Status != c.status {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		for _, text := range c.says {
			if !strings.Contains(string(a.Body), text) {
				t.Errorf("%s: %s, want %s", name, a.Body, text)
			}
		}
	}
	if a := s.Anonymous().Send("POST", "/api/packages/verify", strings.NewReader("{}"), "Content-Type: application/json"); a.Status != http.StatusUnsupportedMediaType {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	body, media := form(t, "@p.zip="+content)
	if a := s.Anonymous().Send("POST", "/api/packages/verify", strings.NewReader(body.String()[:600]), "Content-Type: "+media); a.Status != http.StatusBadRequest || !strings.Contains(string(a.Body), "broke off") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	s.Anonymous().Send("POST", "/api/packages/verify", nil)
	if a := s.Anonymous().Send("POST", "/api/packages/verify", nil); a.Status != http.StatusTooManyRequests {
		t.Errorf("%d: strangers have no limit", a.Status)
	}
}
