package api

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/fault"
)

// probePath is where a smoke test ends. It is no operation of the contract: it is
// for the installation's own machine.
const probePath = "/internal/probe/reset"

// onMachine reports whether a request comes from the server's own machine, over
// loopback or a unix socket, and was not passed on by a proxy there.
func onMachine(r *http.Request, address string) bool {
	return !forwarded(r) && (private(r) || local(r, address))
}

// forwarded reports whether a proxy says that it passed a request on.
func forwarded(r *http.Request) bool {
	for _, h := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Forwarded", "Via"} {
		if r.Header.Get(h) != "" {
			return true
		}
	}
	return false
}

// local reports whether an address is the server's own machine: loopback, or that
// on which the request came in, as when a machine calls itself by its address.
func local(r *http.Request, address string) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	here, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return addr.Unmap().IsLoopback() || ok && here.AddrPort().Addr().Unmap() == addr.Unmap() && !forwarded(r)
}

// errElsewhere is the answer to the probe from another machine, whatever its token.
var errElsewhere = fault.New(fault.Unauthenticated, "a smoke test signs in on the server's own machine only")

// resetProbe removes what a smoke test wrote, and says what is left of it.
func (a *API) resetProbe(w http.ResponseWriter, r *http.Request) {
	if !requestOf(r.Context()).onMachine {
		writeProblem(w, r, newProblem(http.StatusForbidden, "this is done from the server's own machine: run navidocs smoke there"))
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	left, err := a.config.Probes.ResetProbe(r.Context(), token)
	if err != nil {
		p := problem(r.Context(), err)
		requestOf(r.Context()).cause = p.cause
		writeProblem(w, r, p)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]int{"left": left}) //nolint:errcheck // the reader is gone
}

// onlyHere refuses the probe from other machines.
func onlyHere(who account.Actor, info *request) error {
	if who.Probe() && !info.onMachine {
		return errElsewhere
	}
	return nil
}
