package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/config"
	"navidocs/internal/deploy"
	"navidocs/internal/fault"
	"navidocs/internal/ops"
)

// smokeTarget is the server that is to be tried.
type smokeTarget struct{ url, socket string }

func (c *cli) smoke() *cobra.Command {
	var at smokeTarget
	var run string
	var clears bool
	var o ops.SmokeOptions
	cmd := &cobra.Command{
		Use: "smoke", Short: "Try a running server, and leave no row in it", Args: args(cobra.NoArgs),
		Long: `Try a running server: health, boats, warranties, papers, search, webhooks,
notifications and jobs, in a hidden organization that is removed afterwards. Run in
the server's home, it signs in with its keys; elsewhere what writes is skipped.
Exit code 1 when something did not hold.`,
		Example: "  navidocs smoke\n  navidocs smoke --no-jobs --json\n  navidocs smoke --target https://boat.example.org",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			base, client, own, err := at.reach(cfg)
			if err != nil {
				return err
			}
			if own {
				o.Token = app.ProbeToken(cfg, run, time.Now())
			}
			if clears {
				o.Only = []string{"none"}
			}
			r, err := ops.Smoke(cmd.Context(), client, base, o)
			if err != nil {
				return err
			}
			return c.printSmoke(r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&at.url, "target", "", "address of the server (the one on this machine unless given)")
	flags.StringVar(&at.socket, "socket", "", "path of a unix socket on which the server listens")
	flags.StringVar(&run, "run", "", "name of this trial: it takes the place of one of the same name that was killed, and waits two minutes for any other")
	flags.BoolVar(&clears, "clear", false, "try nothing but health, and remove what a trial that was killed has left")
	flags.BoolVar(&o.NoJobs, "no-jobs", false, "leave out what needs a worker")
	return cmd
}

// reach says how the server is asked; own is set for one on this machine, which
// alone is shown a token.
func (t smokeTarget) reach(cfg config.Config) (base string, client *http.Client, own bool, err error) {
	var d net.Dialer
	transport := &http.Transport{}
	client = &http.Client{
		Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	switch {
	case t.socket != "" && t.url != "":
		return "", nil, false, usageError{errors.New("name the server by --target or by --socket")}
	case t.socket != "":
		if _, err := os.Stat(t.socket); err != nil {
			return "", nil, false, fault.Because(err, fault.Invalid, "there is no socket at %s", t.socket)
		}
		client.Transport = deploy.SocketClient(t.socket).Transport
		return "http://navidocs", client, true, nil
	case t.url != "":
		u, err := url.Parse(t.url)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "", nil, false, usageError{errors.New("--target is an address such as https://boat.example.org")}
		}
		return u.Scheme + "://" + u.Host, client, isLoopback(u.Hostname()), nil
	}
	address := net.JoinHostPort(localHost(cfg), strconv.Itoa(cfg.Port()))
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, address)
	}
	if !cfg.HTTPS() {
		return "http://" + address, client, true, nil
	}
	base = "https://" + net.JoinHostPort("localhost", strconv.Itoa(cfg.Port()))
	if u, err := url.Parse(cfg.App.URL); err == nil && u.Scheme == "https" { // whom the certificate is for
		base = "https://" + u.Host
	}
	return base, client, true, nil
}

// localHost is where a server with this configuration is reached from its machine.
func localHost(cfg config.Config) string {
	addr, err := netip.ParseAddr(cfg.Server.Listen)
	switch {
	case cfg.Server.Listen == "" || err == nil && addr.IsUnspecified():
		return "127.0.0.1"
	default:
		return cfg.Server.Listen
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (c *cli) printSmoke(r ops.SmokeReport) (err error) {
	if c.json {
		err = c.printJSON(r)
	} else {
		err = c.printSuites(r)
	}
	if err == nil && !r.OK {
		err = fault.New(fault.Internal, "the server does not do what it should")
	}
	return err
}

func (c *cli) printSuites(r ops.SmokeReport) error {
	w := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', 0)
	var total int64
	for _, s := range r.Suites {
		verdict, text := "PASS", ""
		switch {
		case s.Error != "":
			verdict, text = "FAIL", s.Error
		case s.Skipped != "":
			verdict, text = "SKIP", s.Skipped
		}
		total += s.Millis
		fmt.Fprintf(w, "%s\t%s\t%d ms\t%s\n", verdict, s.Name, s.Millis, text)
	}
	fmt.Fprintf(w, "\tin all\t%d ms\t\n", total)
	return w.Flush()
}
