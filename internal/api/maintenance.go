package api

import (
	"html/template"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// turnedAway is after how long somebody may ask again who is turned away, when
// nobody knows when the maintenance ends.
const turnedAway = time.Minute

// maintained turns people away while the installation is maintained; who watches
// or tries the server is let in, and so is everything over the private socket.
func (a *API) maintained(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		why, until := a.config.Maintenance()
		if why == "" || private(r) || watching(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		wait := turnedAway
		if left := until.Sub(a.config.Now()); left > 0 {
			wait = left
		}
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			turnAway(w, why)
			return
		}
		writeProblem(w, r, newProblem(http.StatusServiceUnavailable, "NaviDocs is being maintained: "+why))
	})
}

// private tells what comes over the unix socket of this process from what comes
// from the network.
func private(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && addr.Network() == "unix"
}

func watching(path string) bool {
	switch path {
	case "/livez", "/readyz", "/metrics", "/internal/status", "/status", "/api/health":
		return true
	}
	return false
}

var maintenancePage = template.Must(template.New("maintenance").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>NaviDocs is being maintained</title>
<body style="font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem">
<h1>NaviDocs is being maintained</h1><p>{{.}}</p><p>Nothing is lost. Please try again in a little while. <a href="/status">How NaviDocs does</a></p>
`))

func turnAway(w http.ResponseWriter, why string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusServiceUnavailable)
	maintenancePage.Execute(w, why) //nolint:errcheck // the reader is gone
}
