// Command faulty is navidocs with a fault, for the tests of deploys. What is
// appended to the binary says which: "\nfault: " and exits, hangs, smoke, errors
// or slow; without it there is none. The faults begin when it serves.
package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"navidocs/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx))
}

func run(ctx context.Context) int {
	kind := fault()
	env := cli.Env{Args: os.Args[1:], Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if slices.Contains(env.Args, "server") {
		switch kind {
		case "exits":
			return 1
		case "hangs":
			<-ctx.Done()
			return 0
		}
		env.Wrap = faults[kind]
	}
	return cli.Run(ctx, env)
}

// mark comes before the fault's name in the last bytes of the binary.
const mark = "\nfault: "

// fault is what was appended to this binary.
func fault() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(self)
	if err != nil {
		return ""
	}
	defer f.Close()
	end := make([]byte, 64)
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	if _, err := f.ReadAt(end, info.Size()-int64(len(end))); err != nil {
		return ""
	}
	_, text, _ := strings.Cut(string(end), mark)
	kind, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return kind
}

// slowness is how much longer each answer of a slow release takes.
const slowness = 600 * time.Millisecond

var faults = map[string]func(http.Handler) http.Handler{
	"smoke": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && r.URL.Path == "/api/warranties" {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			next.ServeHTTP(w, r)
		})
	},
	// Three of ten users meet an error; who tries it before them does not.
	"errors": func(next http.Handler) http.Handler {
		var n atomic.Int64
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if public(r) && n.Add(1)%10 < 3 {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			next.ServeHTTP(w, r)
		})
	},
	"slow": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if public(r) {
				select {
				case <-time.After(slowness):
				case <-r.Context().Done():
				}
			}
			next.ServeHTTP(w, r)
		})
	},
}

// public tells a user's request from one over the private socket.
func public(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && addr.Network() != "unix"
}
