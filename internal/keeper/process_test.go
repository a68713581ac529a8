package keeper_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"navidocs/internal/keeper"
)

// inner is a listener without a network, for tests whose time is not real.
type inner struct {
	calls chan net.Conn
	once  sync.Once
	shut  chan struct{}
	fails chan error
}

func within() *inner {
	return &inner{calls: make(chan net.Conn), shut: make(chan struct{}), fails: make(chan error, 1)}
}

func (l *inner) Accept() (net.Conn, error) {
	select {
	case c := <-l.calls:
		return c, nil
	case err := <-l.fails:
		return nil, err
	case <-l.shut:
		return nil, net.ErrClosed
	}
}

func (l *inner) Close() error {
	l.once.Do(func() { close(l.shut) })
	return nil
}

func (l *inner) Addr() net.Addr { return &net.TCPAddr{} }

func (l *inner) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.calls <- there:
		return here, nil
	case <-l.shut:
		return nil, net.ErrClosed
	}
}

// process is one under test: what happens to it is written down.
type process struct {
	keeper.Process
	*inner
	stop  context.CancelFunc
	ended chan error
	mu    sync.Mutex
	diary []string
}

func (p *process) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.diary = append(p.diary, what)
}

func begin(t *testing.T, h http.HandlerFunc, change func(p *process)) *process {
	t.Helper()
	p := &process{inner: within(), ended: make(chan error, 1)}
	p.Process = keeper.Process{
		Listener: p.inner, Server: answering(h), Log: slog.New(slog.DiscardHandler),
		Ready: func(yes bool) { p.note(map[bool]string{true: "ready", false: "not ready"}[yes]) },
		Close: func() error { p.note("closed"); return nil },
	}
	if change != nil {
		change(p)
	}
	ctx, stop := context.WithCancel(t.Context())
	p.stop = stop
	go func() { p.ended <- p.Run(ctx) }()
	synctest.Wait()
	return p
}

// took stops a process and says how long that took, in the test's own time.
func (p *process) took() (time.Duration, error) {
	begun := time.Now()
	p.stop()
	err := <-p.ended
	return time.Since(begun), err
}

// line is a connection on which a test speaks HTTP/1.1 by hand.
type line struct {
	net.Conn
	*bufio.Reader
}

func (p *process) line(t *testing.T) line {
	t.Helper()
	c, err := p.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return line{c, bufio.NewReader(c)}
}

func (l line) Read(b []byte) (int, error) { return l.Reader.Read(b) }

// get asks, reads the answer, and says whether it is the connection's last.
func (l line) get(t *testing.T) (last bool) {
	t.Helper()
	if _, err := io.WriteString(l.Conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(l.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.Close
}

// over demands that the server has ended the connection.
func (l line) over(t *testing.T) {
	t.Helper()
	if rest, err := io.ReadAll(l.Reader); err != nil || len(rest) > 0 {
		t.Errorf("the connection is not at its end: %q %v", rest, err)
	}
}

func TestNothingOpenIsStoppedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, echo, nil)
		if took, err := p.took(); took != 0 || err != nil {
			t.Error(took, err)
		}
	})
}

// What is open when the server stops ends in its own time: an answer tells the
// client that it is the last one, and an idle connection has five seconds.
func TestConnectionsEndByThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, echo, nil)
		asks, silent, fresh := p.line(t), p.line(t), p.line(t)
		for _, l := range []line{asks, silent} {
			if l.get(t) {
				t.Error("an answer before the stop ends its connection")
			}
		}
		ended := make(chan time.Duration, 1)
		go func() {
			took, err := p.took()
			if err != nil {
				t.Error(err)
			}
			ended <- took
		}()
		time.Sleep(4 * time.Second)
		if !asks.get(t) {
			t.Error("an answer in the drain does not say that it is the last")
		}
		asks.over(t)
		silent.over(t)
		fresh.over(t)
		if took := <-ended; took != 5*time.Second {
			t.Errorf("the idle ones held the stop up for %s", took)
		}
	})
}

// A request that goes on and on is cut off at the limit, and its handler told.
func TestHangingRequestIsCutOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		heeds bool
		took  time.Duration
	}{
		"that heeds its context":       {true, 33 * time.Second},
		"that does not and never ends": {false, 36 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				never := make(chan struct{})
				defer close(never)
				p := begin(t, func(_ http.ResponseWriter, r *http.Request) {
					if c.heeds {
						<-r.Context().Done()
					} else {
						<-never
					}
				}, nil)
				l := p.line(t)
				if _, err := io.WriteString(l.Conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				took, err := p.took()
				if took != c.took || err != nil {
					t.Errorf("the stop took %s, %v", took, err)
				}
				l.over(t)
				if last := p.diary[len(p.diary)-1]; last != "closed" {
					t.Error(p.diary)
				}
			})
		})
	}
}

func TestLimitsAreTheCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(p *process) {
			p.Limits = keeper.Limits{Drain: 2 * time.Second, Idle: time.Second, Cut: time.Second / 2}
		})
		hangs, silent := p.line(t), p.line(t)
		if _, err := io.WriteString(hangs.Conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		go func() { silent.over(t) }()
		if took, err := p.took(); took != 2500*time.Millisecond || err != nil {
			t.Error(took, err)
		}
	})
}

// An HTTP/2 connection that is idle is told to go; it is not cut.
func TestIdleHTTP2IsSentAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := askedToLeave(t)
		begun := time.Now() // no time has passed since: it is not real
		c.wants("GOAWAY 1", "EOF")
		if err := <-p.ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took < 5*time.Second || took > 8*time.Second {
			t.Error(took)
		}
	})
}

// A client that is asked to leave still gets the answer to what it had sent
// before it read that.
func TestWhatIsOnItsWayIsAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, c := askedToLeave(t)
		time.Sleep(time.Second)
		c.answered(3)
		time.Sleep(4 * time.Second)
		c.answered(5)
		c.Close()
		if err := <-p.ended; err != nil {
			t.Error(err)
		}
	})
}

// The steps, each after the one before it.
func TestOrderOfTheDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		streams := make(chan struct{})
		var p *process
		p = begin(t, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-streams
			time.Sleep(time.Second)
			p.note("the stream ends")
			_, _ = io.WriteString(w, "event: reconnect\n")
		}, func(p *process) {
			p.Streams = func() {
				select {
				case <-p.shut:
					p.note("streams are told to end, nobody is accepted")
				default:
				}
				close(streams)
			}
			p.Work = func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(10 * time.Second)
				p.note("the job in hand is done")
				return nil
			}
		})
		l := p.line(t)
		if _, err := io.WriteString(l.Conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 1)
		go func() {
			text, _ := io.ReadAll(l.Reader)
			got <- string(text)
		}()
		synctest.Wait() // the stream is open
		if took, err := p.took(); took != 10*time.Second || err != nil {
			t.Error(took, err)
		}
		if text := <-got; !strings.Contains(text, "event: reconnect\n") {
			t.Errorf("the stream ended with %q", text)
		}
		want := []string{"ready", "not ready", "streams are told to end, nobody is accepted", "the stream ends", "the job in hand is done", "closed"}
		if !slices.Equal(p.diary, want) {
			t.Errorf("%q", p.diary)
		}
	})
}

func TestWorkerAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, nil, func(p *process) {
			p.Listener, p.Server, p.Ready = nil, nil, nil
			p.Work = func(ctx context.Context) error {
				p.note("works")
				<-ctx.Done()
				p.note("done")
				return nil
			}
		})
		if took, err := p.took(); took != 0 || err != nil {
			t.Error(took, err)
		}
		if want := []string{"works", "done", "closed"}; !slices.Equal(p.diary, want) {
			t.Errorf("%q", p.diary)
		}
	})
}

// One part that fails takes the other with it, in order, and says why. That no
// goroutine stays behind is what the bubble demands at its end.
func TestPartsFailTogether(t *testing.T) {
	t.Parallel()
	broken := errors.New("it is broken")
	waits := func(p *process) {
		p.Work = func(ctx context.Context) error {
			<-ctx.Done()
			p.note("work ends")
			return nil
		}
	}
	for name, c := range map[string]struct {
		change func(p *process)
		breaks func(p *process)
		want   string
	}{
		"the server": {waits, func(p *process) { p.fails <- broken }, "ready, not ready, work ends, closed"},
		"the work": {func(p *process) {
			p.Work = func(context.Context) error { return broken }
		}, func(*process) {}, "ready, not ready, closed"},
		"closing": {func(p *process) {
			waits(p)
			p.Process.Close = func() error { return broken }
		}, func(p *process) { p.stop() }, "ready, not ready, work ends"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := begin(t, echo, c.change)
				defer p.stop()
				c.breaks(p)
				if err := <-p.ended; !errors.Is(err, broken) {
					t.Error(err)
				}
				want := strings.Split(c.want, ", ")
				if slices.Contains(want, "closed") && p.diary[len(p.diary)-1] != "closed" {
					t.Errorf("it was not closed last: %q", p.diary)
				}
				slices.Sort(p.diary) // server and work stop side by side
				slices.Sort(want)
				if !slices.Equal(p.diary, want) {
					t.Errorf("%q, want %q", p.diary, want)
				}
			})
		})
	}
}

// A server that fails by itself still answers what it has in hand.
func TestServerThatFailsDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			_, _ = io.WriteString(w, "done")
		}, nil)
		defer p.stop()
		l := p.line(t)
		if _, err := io.WriteString(l.Conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		p.fails <- errors.New("no more file descriptors")
		answer, err := io.ReadAll(l.Reader)
		if !strings.HasSuffix(string(answer), "done") || err != nil {
			t.Errorf("%v %q", err, answer)
		}
		if err := <-p.ended; err == nil || !strings.Contains(err.Error(), "no more file descriptors") {
			t.Error(err)
		}
	})
}

// With a TLSConfig the server speaks HTTPS, and HTTP/2 where clients can.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := secured(echo)
	l := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p := keeper.Process{Listener: l, Server: s, Log: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	for _, protocol := range []string{"h2", "h1"} {
		tr := overTLS(protocol, nil)()
		if err := ask(t.Context(), tr, "https://"+l.Addr().String()); err != nil {
			t.Error(protocol, err)
		}
		tr.CloseIdleConnections()
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The server's own hooks are called as before.
func TestHooksAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var states []http.ConnState
		p := begin(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Context().Value(key{}) != "mine" {
				t.Error("the context of the connection is lost")
			}
		}, func(p *process) {
			p.Server.ConnState = func(_ net.Conn, to http.ConnState) { states = append(states, to) }
			p.Server.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return context.WithValue(ctx, key{}, "mine") }
		})
		l := p.line(t)
		l.get(t)
		if _, err := p.took(); err != nil {
			t.Error(err)
		}
		if want := []http.ConnState{http.StateNew, http.StateActive, http.StateIdle, http.StateClosed}; !slices.Equal(states, want) {
			t.Error(states)
		}
	})
}
