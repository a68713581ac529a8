package https

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"navidocs/internal/https/httpstest"
)

// dirEnv makes the test binary the process that holds the sockets of a site; it
// is the folder that both share.
const dirEnv = "NAVIDOCS_TEST_CERTIFICATES"

// other serves on sockets of its own and never runs: it knows what it is asked
// for from the folder alone.
func other(dir string) int {
	err := func() error {
		var l [2]net.Listener
		for i := range l {
			var err error
			if l[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil { //nolint:noctx // it ends with the process
				return err
			}
			fmt.Println(l[i].Addr())
		}
		var directory, name string
		if _, err := fmt.Scanln(&directory, &name); err != nil {
			return err
		}
		c, err := New(context.Background(), Config{Domain: name, Dir: dir, Directory: directory, Secure: l[0].Addr(), Plain: l[1].Addr(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		secure := &http.Server{TLSConfig: c.TLS(), ReadHeaderTimeout: time.Minute}
		plain := &http.Server{Handler: c.Plain(&url.URL{Host: name}), ReadHeaderTimeout: time.Minute}
		go secure.ServeTLS(l[0], "", "") //nolint:errcheck // it ends with the process
		go plain.Serve(l[1])             //nolint:errcheck // it ends with the process
		fmt.Println("serves")
		_, _ = fmt.Scanln(&directory) // until whoever started it is gone
		return nil
	}()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// While two releases drain and serve, either may be asked what the other is to
// answer.
func TestAnotherProcessAnswersTheAuthority(t *testing.T) {
	t.Parallel()
	for name, close := range map[string]func(*httpstest.Options){
		"over TLS":        func(o *httpstest.Options) { o.HTTPPort = 1 },
		"over plain HTTP": func(o *httpstest.Options) { o.TLSPort = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), dirEnv+"="+dir)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				in.Close()
				_ = cmd.Wait() // it has served what it was for
			})
			said := bufio.NewScanner(out)
			line := func() string {
				if !said.Scan() {
					t.Fatal("the other process has ended")
				}
				return said.Text()
			}
			var at [2]*net.TCPAddr
			for i := range at {
				if at[i], err = net.ResolveTCPAddr("tcp", line()); err != nil {
					t.Fatal(err)
				}
			}
			o := httpstest.Options{TLSPort: at[0].Port, HTTPPort: at[1].Port, Validity: time.Hour}
			close(&o)
			s := &site{ca: httpstest.New(t, o)}
			s.config = Config{
				Domain: newDomain(), Dir: dir, Directory: s.ca.Directory, Roots: s.ca.Roots, Secure: at[0], Plain: at[1], Log: slog.New(slog.DiscardHandler),
			}
			fmt.Fprintln(in, s.ca.Directory, s.config.Domain)
			if got := line(); got != "serves" {
				t.Fatal(got)
			}
			s.Certificates = s.again(t)
			s.run(t)
			s.eventuallyHas(t)
		})
	}
}
