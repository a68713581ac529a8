// Command bench measures the built binary: what a request, a page and a search
// cost, as ratios against a peer or an aim in the same run. CPU time is what
// counts; wall-clock figures depend on what else the machine does.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	binary := flag.String("binary", "bin/navidocs", "the binary to measure")
	pages := flag.String("pages", "10000,100000", "sizes of the search benchmark, rising")
	only := flag.String("only", "", "one part: size, start, requests, text, ocr, search")
	flag.Parse()
	path, err := filepath.Abs(*binary)
	if err == nil {
		err = run(context.Background(), path, *pages, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary, pages, only string) error {
	for _, part := range []struct {
		name string
		f    func(context.Context, string) error
	}{
		{"size", size},
		{"start", start},
		{"requests", requests},
		{"text", pdfText},
		{"ocr", ocr},
		{"search", func(ctx context.Context, binary string) error { return search(ctx, binary, pages) }},
	} {
		if only != "" && only != part.name {
			continue
		}
		if err := part.f(ctx, binary); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// report prints one figure with its aim.
func report(what string, value, aim float64, unit string) {
	verdict := "ok"
	if value > aim {
		verdict = "MISSED"
	}
	fmt.Printf("%-58s %9.2f %-5s aim %7.2f  %s\n", what, value, unit, aim, verdict)
}

func note(what string, value float64, unit string) { fmt.Printf("%-58s %9.2f %s\n", what, value, unit) }

func size(_ context.Context, binary string) error {
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	report("binary size", float64(info.Size())/(1<<20), 60, "MiB")
	return nil
}

// server is a running binary.
type server struct {
	cmd   *exec.Cmd
	home  string
	url   string
	token string
	took  time.Duration
}

func serve(ctx context.Context, binary, home string, args ...string) (*server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{home: home, url: "http://127.0.0.1:" + port}
	s.cmd = exec.CommandContext(ctx, binary, append([]string{"serve", "--alone", "--home", home}, args...)...)
	s.cmd.Env = append(os.Environ(), "PORT="+port, "LISTEN=127.0.0.1", "APP_ENV=development", "REGISTRATION=open", "RATE_LIMIT_MAX_REQUESTS=100000000", "LOG_LEVEL=warn")
	s.cmd.Stderr = os.Stderr
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := began.Add(time.Minute); ; {
		res, err := http.Get(s.url + "/livez")
		if err == nil {
			res.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			return nil, err
		}
		time.Sleep(2 * time.Millisecond)
	}
	s.took = time.Since(began)
	return s, nil
}

func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	l.Close()
	return port, err
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
}

// cpu is the processor time of the server itself, without its children.
func (s *server) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

func (s *server) rss() float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kb) / 1024
		}
	}
	return 0
}

// call makes a request and reads the answer.
func (s *server) call(method, path string, body any, out any) error {
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(text)
	}
	return s.send(method, path, "application/json", r, out)
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func (s *server) send(method, path, media string, body io.Reader, out any) error {
	req, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", media)
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d %.300s", method, path, res.StatusCode, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// signUp registers a user and signs them in.
func (s *server) signUp() error {
	who := map[string]string{"email": "bench@example.org", "password": "a long bench passphrase", "name": "Bench"}
	if err := s.call("POST", "/api/auth/register", who, nil); err != nil {
		return err
	}
	var t struct{ Token string }
	err := s.call("POST", "/api/auth/login", map[string]string{"email": who["email"], "password": who["password"]}, &t)
	s.token = t.Token
	return err
}

func (s *server) upload(name string, content []byte) (string, error) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		return "", err
	}
	part.Write(content)
	form.WriteField("type", "MAN-EQ")
	form.Close()
	var d struct{ ID string }
	return d.ID, s.send("POST", "/api/documents", form.FormDataContentType(), &b, &d)
}

// drained waits until no job is left.
func (s *server) drained() error {
	for deadline := time.Now().Add(time.Hour); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var h struct{ Queue int }
		if err := s.call("GET", "/api/health", nil, &h); err != nil {
			return err
		}
		if h.Queue == 0 {
			return nil
		}
	}
	return fmt.Errorf("jobs are left after an hour")
}

func start(ctx context.Context, binary string) error {
	home, err := os.MkdirTemp("", "navidocs-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	var took []float64
	var rss float64
	for i := range 6 {
		s, err := serve(ctx, binary, home)
		if err != nil {
			return err
		}
		if i > 0 { // the first one makes the database
			took = append(took, float64(s.took.Microseconds())/1000)
		}
		time.Sleep(2 * time.Second) // idle: after its first jobs
		rss = s.rss()
		s.stop()
	}
	slices.Sort(took)
	report("start, warm: median of 5 until it answers", took[len(took)/2], 150, "ms")
	report("memory when idle", rss, 60, "MiB")
	return nil
}

// clients is how many connections ask at once.
const clients = 8

func requests(ctx context.Context, binary string) error {
	home, err := os.MkdirTemp("", "navidocs-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	s, err := serve(ctx, binary, home)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.signUp(); err != nil {
		return err
	}
	var boat struct{ ID string }
	for i := range 60 {
		if err := s.call("POST", "/api/boats", map[string]any{"name": fmt.Sprint("Boat ", i), "make": "Example", "year": 2020, "hin": "ABC12345A788"}, &boat); err != nil {
			return err
		}
	}
	equipment := map[string]any{"boat_id": boat.ID, "system_code": "400", "name": "Watermaker", "maker": "Example"}
	for _, m := range []struct {
		name string
		n    int
		aim  float64
		f    func(i int) error
	}{
		{"list of 50 boats", 3000, 1.3, func(int) error { return s.call("GET", "/api/boats?limit=50", nil, nil) }},
		{"get one boat", 8000, 0.3, func(int) error { return s.call("GET", "/api/boats/"+boat.ID, nil, nil) }},
		{"create equipment", 3000, 0.6, func(int) error { return s.call("POST", "/api/equipment", equipment, nil) }},
	} {
		if err := parallel(200, m.f); err != nil { // warm
			return err
		}
		before, began := s.cpu(), time.Now()
		if err := parallel(m.n, m.f); err != nil {
			return err
		}
		wall := time.Since(began)
		report(m.name+": CPU per request at 8 clients", float64((s.cpu()-before).Microseconds())/1000/float64(m.n), m.aim, "ms")
		note(m.name+": per second", float64(m.n)/wall.Seconds(), "/s")
	}
	return nil
}

// parallel calls f n times from all clients.
func parallel(n int, f func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for range clients {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				if err := f(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
