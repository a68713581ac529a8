//go:build unix

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"navidocs/internal/testkit"
)

// parts is an installation whose API and worker are processes of their own.
type parts struct {
	t       *testing.T
	home    string
	url     string
	environ []string
	token   string
}

// process is a running part.
type process struct {
	*exec.Cmd
	said *bytes.Buffer
}

func (p *parts) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), "navidocs", append([]string{"--home", p.home}, args...)...)
	cmd.Env = p.environ
	return cmd
}

func (p *parts) start(args ...string) *process {
	p.t.Helper()
	c := &process{p.command(args...), &bytes.Buffer{}}
	c.Stdout, c.Stderr = c.said, c.said
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if c.ProcessState == nil {
			_ = errors.Join(c.Process.Kill(), c.Wait()) // the test has failed
		}
	})
	return c
}

// stop sends SIGTERM and demands an end in order.
func (p *parts) stop(c *process) {
	p.t.Helper()
	begun := time.Now()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		p.t.Errorf("%v ended with %v\n%s", c.Args, err, c.said)
	}
	if took := time.Since(begun); took > 45*time.Second {
		p.t.Errorf("%v took %s to end", c.Args, took)
	}
}

func (p *parts) operator(args ...string) string {
	p.t.Helper()
	out, err := p.command(args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (p *parts) send(client *http.Client, method, path, kind string, body []byte) (status int, text []byte, err error) {
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.GetBody = nil // so that the transport repeats nothing
	r.Header.Set("Content-Type", kind)
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	res, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err = io.ReadAll(res.Body)
	return res.StatusCode, text, err
}

func (p *parts) must(want int, method, path, kind string, body []byte, into any) {
	p.t.Helper()
	status, text, err := p.send(http.DefaultClient, method, path, kind, body)
	if err != nil || status != want {
		p.t.Fatal(method, path, status, string(text), err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *parts) upload(boat string, n int) {
	p.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	w, err := form.CreateFormFile("file", fmt.Sprintf("paper-%d.txt", n))
	if err == nil {
		_, err = fmt.Fprintf(w, "The paper number %d of this boat.", n)
	}
	if err = errors.Join(err, form.WriteField("boat_id", boat), form.Close()); err != nil {
		p.t.Fatal(err)
	}
	p.must(http.StatusCreated, "POST", "/api/documents", form.FormDataContentType(), body.Bytes(), nil)
}

// serveParts starts an API and makes an account on it.
func serveParts(t *testing.T, database string) (p *parts, api *process, boat string) {
	t.Helper()
	port, err := freePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p = &parts{t: t, home: t.TempDir(), url: "http://127.0.0.1:" + port, environ: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "APP_ENV=test", "REGISTRATION=open", "RATE_LIMIT_MAX_REQUESTS=1000000",
		"LISTEN=127.0.0.1", "PORT=" + port, "DATABASE_URL=" + database,
	}}
	if dir := os.Getenv("GOCOVERDIR"); dir != "" {
		p.environ = append(p.environ, "GOCOVERDIR="+dir)
	}
	api = p.start("api")
	testkit.Eventually(t, func() error {
		status, text, err := p.send(http.DefaultClient, "GET", "/readyz", "", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, text)
		}
		return err
	})
	const who = `"email":"ada@example.org","password":"a long enough word"`
	p.must(http.StatusCreated, "POST", "/api/auth/register", "application/json", []byte(`{`+who+`,"name":"Ada","organization_name":"Ada"}`), nil)
	var session struct{ Token string }
	p.must(http.StatusOK, "POST", "/api/auth/login", "application/json", []byte(`{`+who+`}`), &session)
	p.token = session.Token
	var made struct{ ID string }
	p.must(http.StatusCreated, "POST", "/api/boats", "application/json", []byte(`{"name":"Calypso"}`), &made)
	return p, api, made.ID
}

// API and worker as two processes of one installation do all that one process
// does; a worker that is stopped in the middle loses no job, an API no request
// that it took.
func TestPartsAsProcesses(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("SKIPPED: runs servers (-short)")
	}
	for name, database := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "navidocs.db") },
		"postgres": func(t *testing.T) string { t.Helper(); return testkit.URL(testkit.Postgres(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, api, boat := serveParts(t, database(t))
			worker := p.start("worker")
			testkit.Eventually(t, func() error {
				out := p.operator("smoke", "--json")
				if strings.Contains(out, `"skipped"`) {
					return errors.New("the worker does not work yet: " + out)
				}
				return nil
			})
			p.stopWorker(worker, boat)
			p.stopAPI(api)
		})
	}
}

// stopWorker stops the worker while it has work, and another one goes on.
func (p *parts) stopWorker(worker *process, boat string) {
	p.t.Helper()
	const papers = 30
	for n := range papers {
		p.upload(boat, n)
		if n == papers/2 {
			p.stop(worker)
		}
	}
	worker = p.start("worker")
	var ready []json.RawMessage
	testkit.Eventually(p.t, func() error {
		p.must(http.StatusOK, "GET", "/api/documents?limit=100&status=ready", "", nil, &ready)
		if len(ready) != papers {
			return fmt.Errorf("%d of %d papers are read", len(ready), papers)
		}
		return nil
	})
	if dead := strings.TrimSpace(p.operator("queue", "dead", "--json")); dead != "[]" {
		p.t.Error("jobs were given up:", dead)
	}
	p.stop(worker)
}

// stopAPI stops the API while people use it: who was let in is answered.
func (p *parts) stopAPI(api *process) {
	p.t.Helper()
	var people sync.WaitGroup
	var asked atomic.Int64
	lost := make(chan error, 8)
	for i := range 8 {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 1}}
		people.Go(func() {
			defer client.CloseIdleConnections()
			for n := 0; ; n++ {
				status, text, err := p.send(client, "POST", "/api/boats", "application/json", fmt.Appendf(nil, `{"name":"Nemo %d %d"}`, i, n))
				switch {
				case errors.Is(err, syscall.ECONNREFUSED):
					return // it has ended: nothing was taken
				case err != nil || status != http.StatusCreated:
					lost <- fmt.Errorf("%d %s %v", status, text, err)
					return
				}
				asked.Add(1)
			}
		})
	}
	testkit.Eventually(p.t, func() error {
		if n := asked.Load(); n < 100 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
	p.stop(api)
	people.Wait()
	close(lost)
	for err := range lost {
		p.t.Error("a request that was taken was not answered:", err)
	}
	if !p.t.Failed() {
		p.t.Logf("PROVED: api and worker stopped in the middle: %d requests answered, none lost, no job lost", asked.Load())
	}
}
