package keeper

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"navidocs/internal/fault"
)

// The operations of the control socket.
const (
	doStatus  = "status"
	doStart   = "start"
	doPromote = "promote"
	doBack    = "back"
	doCommit  = "commit"
	doDiscard = "discard"
	doRestart = "restart"
	doPause   = "pause"
	doResume  = "resume"
	doReplace = "replace"
	doStop    = "stop"
)

// longestRequest and longestAnswer bound a line on the control socket.
const (
	longestRequest = 4 << 10
	longestAnswer  = 1 << 20
)

// request is one line to the keeper.
type request struct {
	Do string `json:"do"`
	// Release is what to start; "" is the current one.
	Release string `json:"release,omitempty"`
	// RequestsOnly leaves the work where it is when a candidate is promoted.
	RequestsOnly bool `json:"requests_only,omitempty"`
	// Reason is why a release is taken back.
	Reason string `json:"reason,omitempty"`
}

// answer is one line from the keeper.
type answer struct {
	Status *Status  `json:"status,omitempty"`
	Fault  *refusal `json:"fault,omitempty"`
}

// refusal is an error on its way to another process.
type refusal struct {
	Kind    string   `json:"kind"`
	Message string   `json:"message"`
	Lines   []string `json:"lines,omitempty"`
}

// kinds are the faults that keep their kind on the way; any other is internal.
var kinds = map[string]fault.Kind{"invalid": fault.Invalid, "conflict": fault.Conflict, "not_found": fault.NotFound, "unavailable": fault.Unavailable, "unsupported": fault.Unsupported}

func refuse(err error) *refusal {
	r := &refusal{Kind: "internal", Message: err.Error()}
	for name, kind := range kinds {
		if fault.Is(err, kind) {
			r.Kind, r.Message = name, fault.Message(err)
		}
	}
	r.Lines = Lines(err)
	return r
}

func (r *refusal) err() error {
	if r == nil {
		return nil
	}
	kind, known := kinds[r.Kind]
	if !known {
		kind = fault.Internal
	}
	e := fault.New(kind, "%s", r.Message)
	if len(r.Lines) > 0 {
		e = e.With("lines", r.Lines)
	}
	return e
}

// parseRequest reads a line. What it does not know it refuses: a newer client's
// wish that is half understood would do something else.
func parseRequest(line []byte) (r request, err error) {
	if len(line) > longestRequest {
		return r, fault.New(fault.Invalid, "a request has at most %d bytes", longestRequest)
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fault.Because(err, fault.Invalid, "the request is not understood: is the client of another release than the keeper? See navidocs status")
	}
	if d.More() || !utf8.Valid(line) {
		return r, fault.New(fault.Invalid, "a request is one JSON object on one line")
	}
	return r, r.check()
}

func (r request) check() error {
	switch r.Do {
	case doStatus, doStart, doPromote, doBack, doCommit, doDiscard, doRestart, doPause, doResume, doReplace, doStop:
	default:
		return fault.New(fault.Invalid, "the keeper knows no operation of that name: is the client of a newer release? Run its navidocs restart --keeper")
	}
	for name, stray := range map[string]bool{
		"release": r.Release != "" && r.Do != doStart, "requests_only": r.RequestsOnly && r.Do != doPromote, "reason": r.Reason != "" && r.Do != doBack,
	} {
		if stray {
			return fault.New(fault.Invalid, "%s has no meaning for %s", name, r.Do)
		}
	}
	if strings.ContainsRune(r.Release, 0) {
		return fault.New(fault.Invalid, "the release is no path")
	}
	return nil
}
