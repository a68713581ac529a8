package app_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/app"
	"navidocs/internal/apptest"
	"navidocs/internal/config"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// running is an installation that serves and works until it is stopped.
type running struct {
	*app.App
	address string
	stop    context.CancelFunc
	ended   chan error
}

func run(t *testing.T, o apptest.Options, parts app.Parts) *running {
	t.Helper()
	a := apptest.Build(t, o)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{a, l.Addr().String(), stop, make(chan error, 1)}
	go func() {
		r.ended <- a.Run(ctx, parts, []net.Listener{l})
		close(r.ended)
	}()
	t.Cleanup(func() { stop(); <-r.ended })
	testkit.Eventually(t, func() error {
		if status, err := r.get(t, "/readyz"); status != http.StatusOK {
			return fmt.Errorf("not ready: %d, %w", status, err)
		}
		return nil
	})
	return r
}

func (r *running) get(t *testing.T, path string) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.address+path, nil)
	if err != nil {
		return 0, err
	}
	req.Close = true // an idle connection would hold the stop up for a while
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// A request in hand when the server is told to stop is answered as usual.
func TestRunLetsARequestInHandFinish(t *testing.T) {
	t.Parallel()
	r := run(t, apptest.Options{}, app.Parts{API: true, Worker: true})
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"email":"ada@example.org","password":"a long test passphrase","name":"Ada"}`
	fmt.Fprintf(conn, "POST /api/auth/register HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	answer := bufio.NewReader(conn)
	if line, err := answer.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 100") || err != nil {
		t.Fatal(line, err) // now the handler reads the body
	}
	r.stop()
	testkit.Eventually(t, func() error {
		if c, err := d.DialContext(t.Context(), "tcp", r.address); err == nil {
			_ = c.Close()
			return fmt.Errorf("it still takes connections")
		}
		return nil
	})
	fmt.Fprint(conn, body)
	rest, err := io.ReadAll(answer)
	if !strings.Contains(string(rest), "HTTP/1.1 201") || err != nil {
		t.Errorf("%v: %s", err, rest)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}

// An open stream does not hold the server up.
func TestRunEndsOpenStreams(t *testing.T) {
	t.Parallel()
	r := run(t, apptest.Options{}, app.Parts{API: true}) // nobody works: the paper stays unread
	_, err := r.Accounts.CreateUser(t.Context(), account.NewUser{Registering: account.Registering{Email: "ada@example.org", Password: apptest.Password, Name: "Ada"}})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := r.Accounts.Login(t.Context(), account.SigningIn{Email: "ada@example.org", Password: apptest.Password})
	if err != nil {
		t.Fatal(err)
	}
	who, err := r.Accounts.Authenticate(t.Context(), tokens.Token)
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.Documents.Upload(t.Context(), who, document.Upload{FileName: "a.txt"}, strings.NewReader("words"))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.address+"/api/documents/"+string(d.ID)+"/progress", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+tokens.Token)
	req.Close = true
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	stream := bufio.NewReader(res.Body)
	for _, want := range []string{"retry: 3000\n", "\n", "event: progress\n"} {
		if line, err := stream.ReadString('\n'); line != want || err != nil {
			t.Fatal(line, err)
		}
	}
	r.stop()
	rest, err := io.ReadAll(stream)
	if !strings.HasSuffix(string(rest), "\n\nretry: 100\nevent: reconnect\ndata: {}\n\n") || err != nil {
		t.Errorf("its reader is not told to come back: %v, %s", err, rest)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}

func TestListenOnAUsedPort(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	cfg, err := config.Load(config.Source{Environ: []string{"LISTEN=127.0.0.1", "PORT=" + port}, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.Listen(t.Context(), cfg)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "PORT") || !strings.Contains(err.Error(), port) {
		t.Error(err)
	}
}

// listenEnv makes TestListenTakesThePassedSockets the process that was passed one.
const listenEnv = "NAVIDOCS_TEST_LISTEN_CHILD"

func TestListenTakesThePassedSockets(t *testing.T) {
	t.Parallel()
	if os.Getenv(listenEnv) != "" {
		all, err := app.Listen(t.Context(), config.Config{})
		if err != nil {
			t.Fatal("heard: " + err.Error())
		}
		var heard []string
		for _, l := range all {
			heard = append(heard, l.Addr().String())
		}
		t.Logf("heard: %s, environment left: %q", heard, os.Getenv("LISTEN_FDS")+os.Getenv("LISTEN_PID"))
		return
	}
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("SKIPPED: no shell to pass a socket by")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	second, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	other, err := second.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		passed []*os.File
		want   string
	}{
		{[]*os.File{socket, other}, "heard: [" + l.Addr().String() + " " + second.Addr().String() + `], environment left: ""`},
		{[]*os.File{socket, file}, "is no listening socket: use ListenStream="},
	} {
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" -test.v -test.run '^TestListenTakesThePassedSockets$'`, os.Args[0])
		cmd.Env = append(os.Environ(), listenEnv+"=1", fmt.Sprintf("LISTEN_FDS=%d", len(c.passed)))
		cmd.ExtraFiles = c.passed
		out, _ := cmd.CombinedOutput() // what it says counts
		if !strings.Contains(string(out), c.want) {
			t.Errorf("want %q: %s", c.want, out)
		}
	}
}

func TestDescribeNamesTheAddressAndTheSetupCode(t *testing.T) {
	t.Parallel()
	a := apptest.Build(t, apptest.Options{Settings: []string{"REGISTRATION=invite"}})
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	text := a.Describe(l.Addr())
	if !strings.Contains(text, "http://localhost:"+port+"\n") || a.SetupCode == "" || !strings.Contains(text, a.SetupCode) {
		t.Error(text)
	}
	if err := a.LoadDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := a.Describe(l.Addr()); strings.Contains(text, "setup code") {
		t.Error(text)
	}
}
