//go:build unix

package keeper

import (
	"encoding/json"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"navidocs/internal/fault"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`{"do":"status"}`:                           "",
		`{"do":"start","release":"/r/1"}`:           "",
		`{"do":"promote","requests_only":true}`:     "",
		`{"do":"back","reason":"because"}`:          "",
		`{"do":"commit","release":"/r/1"}`:          "no meaning",
		`{"do":"start","requests_only":true}`:       "no meaning",
		`{"do":"start","reason":"x"}`:               "no meaning",
		`{"do":"start","release":"a\u0000b"}`:       "no path",
		`{"do":"status","new":1}`:                   "not understood",
		`{"do":"status"}{"do":"stop"}`:              "one JSON object",
		`{"do":""}`:                                 "no operation",
		`[]`:                                        "not understood",
		``:                                          "not understood",
		strings.Repeat(" ", 5000) + `{"do":"stop"}`: "at most",
	} {
		_, err := parseRequest([]byte(line))
		switch {
		case want == "" && err != nil, want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want)):
			t.Errorf("%.50s: %v, want %q", line, err, want)
		}
	}
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{`{"do":"start","release":"x"}`, `{"do":"status"} `, `{"do":"back","reason":"é"}`, `{"do":1}`, "\xff", `{"do":"promote","requests_only":true}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRequest(line)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("%v is no fault of the client", err)
			}
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseRequest(text); len(text) <= longestRequest && (err != nil || again != r) {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

func validState() *state {
	return &state{
		Version: stateVersion, Started: time.Unix(1, 0).UTC(), Listeners: []int{3}, Lock: 4, Door: 5, Asker: 6,
		Children: []childState{
			{PID: 10, Role: Leader, Control: 7, Pipes: [2]int{8, 9}},
			{PID: 11, Role: Warm, Control: 10, Pipes: [2]int{11, 12}},
		},
	}
}

func TestStateIsChecked(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(s *state){
		"another version":     func(s *state) { s.Version++ },
		"no leader":           func(s *state) { s.Children = nil },
		"two leaders":         func(s *state) { s.Children[1].Role = Leader },
		"a warm one alone":    func(s *state) { s.Children = s.Children[1:] },
		"three":               func(s *state) { s.Children = append(s.Children, s.Children[1]) },
		"a number twice":      func(s *state) { s.Lock = s.Door },
		"standard output":     func(s *state) { s.Children[0].Pipes[1] = 1 },
		"no control":          func(s *state) { s.Children[1].Control = 0 },
		"process 1":           func(s *state) { s.Children[0].PID = 1 },
		"a role of its own":   func(s *state) { s.Children[1].Role = "king" },
		"a number beyond all": func(s *state) { s.Listeners[0] = 1 << 30 },
	} {
		s := validState()
		spoil(s)
		text, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseState(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	text, err := validState().encode()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := parseState(text); err != nil || !reflect.DeepEqual(s, validState()) {
		t.Error(s, err)
	}
}

// What is too long for the pipe loses what a release printed, and nothing else.
func TestLongStateFitsThePipe(t *testing.T) {
	t.Parallel()
	s := validState()
	s.RolledBack = &RolledBack{From: "a", Reason: "it died", Lines: strings.Split(strings.Repeat(strings.Repeat("x", 1000)+"\n", 50), "\n")}
	text, err := s.encode()
	if err != nil || len(text) > longestState {
		t.Fatal(len(text), err)
	}
	again, err := parseState(text)
	if err != nil || again.RolledBack.Reason != "it died" || again.RolledBack.Lines != nil {
		t.Error(again, err)
	}
	s.Children[0].Release = strings.Repeat("x", longestState)
	if _, err := s.encode(); !fault.Is(err, fault.Unsupported) {
		t.Error(err)
	}
}

func FuzzState(f *testing.F) {
	text, err := validState().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"paused":true,"lock":3,"door":4,"asker":5}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseState(text)
		if err == nil && (s.Version != stateVersion || len(s.Children) > 2 || s.Lock < 3) {
			t.Fatalf("%+v", s)
		}
	})
}

func TestRingKeepsTheLastLines(t *testing.T) {
	t.Parallel()
	var r ring
	for range 100 {
		r.write([]byte("old\nol"))
		r.write([]byte("d\n"))
	}
	r.write([]byte(strings.Repeat("x", 5000) + "\nlast\n\xff and no end"))
	got := r.last()
	if n := len(got); n != ringLines || got[n-1] != "? and no end" || got[n-2] != "last" || got[n-3] != strings.Repeat("x", ringLength) || got[0] != "old" {
		t.Errorf("%d: %q", n, got)
	}
}

// A manager that does not read does not hold the keeper up.
func TestNotifyNeverWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "n")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	begun, full := time.Now(), false
	for range 100_000 {
		if err := tell(path, "WATCHDOG=1"); err != nil {
			full = true
			break
		}
	}
	if took := time.Since(begun); !full || took > time.Minute {
		t.Errorf("full: %v, after %s", full, took)
	}
	text := make([]byte, 100)
	if n, err := l.Read(text); err != nil || string(text[:n]) != "WATCHDOG=1" {
		t.Error(string(text[:n]), err)
	}
	if err := tell("", "READY=1"); err != nil {
		t.Error(err)
	}
}
