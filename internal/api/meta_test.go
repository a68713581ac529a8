package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"navidocs/internal/apptest"
)

func TestContractsAndDocsAreServed(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	c := s.Anonymous()
	for _, name := range []string{"openapi.yaml", "openapi-3.0.yaml"} {
		committed, err := os.ReadFile(filepath.Join("..", "..", "api", name))
		if err != nil {
			t.Fatal(err)
		}
		a := c.Want(http.StatusOK, "GET", "/api/"+name, nil)
		want := strings.Replace(string(committed), "version: \"1\"", "version: test", 1)
		if string(a.Body) != want || a.Header.Get("Content-Type") != "application/yaml" {
			t.Errorf("%s is not the committed contract", name)
		}
	}
	docs := c.Want(http.StatusOK, "GET", "/api/docs", nil)
	for path := range s.API.OpenAPI().Paths {
		if !strings.Contains(string(docs.Body), path) {
			t.Errorf("%s is not in the docs", path)
		}
	}
	if strings.Contains(string(docs.Body), "<script") || !strings.HasPrefix(docs.Header.Get("Content-Type"), "text/html") {
		t.Error("the docs run scripts")
	}
	if home := c.Want(http.StatusFound, "GET", "/", nil); home.Header.Get("Location") != "/api/docs" {
		t.Error(home.Header)
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	c := s.Anonymous()
	if a := c.Want(http.StatusOK, "GET", "/livez", nil); string(a.Body) != "alive\n" {
		t.Errorf("%s", a.Body)
	}
	c.Want(http.StatusServiceUnavailable, "GET", "/readyz", nil) // a test's server is not run by App.Run
	var h map[string]any
	c.Get("/api/health", &h)
	if h["status"] != "degraded" || h["workers"] != "stopped" || h["database"] != "connected" || h["redis"] != "disabled" || h["version"] != "test" {
		t.Error(h)
	}
	if err := s.DB.Close(); err != nil {
		t.Fatal(err)
	}
	if a := c.Want(http.StatusServiceUnavailable, "GET", "/api/health", nil); !strings.Contains(string(a.Body), `"disconnected"`) {
		t.Errorf("%s", a.Body)
	}
}

func TestMetricsAreForThisMachineOrTheToken(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("m", 32)
	s := apptest.New(t, apptest.Options{NoWorker: true, Settings: []string{"METRICS_TOKEN=" + token, "TRUSTED_PROXIES=127.0.0.0/8"}})
	c := s.Anonymous()
	c.Do("GET", "/api/nothing", nil)
	c.Do("BREW", "/api/boats", nil)
	here := c.Want(http.StatusOK, "GET", "/metrics", nil)
	for _, line := range []string{`route="none",status="404"`, `method="other"`, "go_goroutines"} {
		if !strings.Contains(string(here.Body), line) {
			t.Errorf("%s is not measured", line)
		}
	}
	if strings.Contains(string(here.Body), "BREW") {
		t.Error("whoever asks makes new time series")
	}
	from := "X-Forwarded-For: 203.0.113.9"
	problemOf(t, s, c.Want(http.StatusForbidden, "GET", "/metrics", nil, from))
	problemOf(t, s, c.Want(http.StatusForbidden, "GET", "/metrics", nil, from, "Authorization: Bearer "+token+"x"))
	c.Want(http.StatusOK, "GET", "/metrics", nil, from, "Authorization: Bearer "+token)
}
