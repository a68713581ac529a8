package keeper_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// second is a client that speaks HTTP/2 by hand.
type second struct {
	*tls.Conn
	*http2.Framer
	t *testing.T
}

func (p *process) second(t *testing.T) *second {
	t.Helper()
	raw, err := p.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // nobody has signed it
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	s := &second{c, http2.NewFramer(c, c), t}
	if err := s.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return s
}

// askedToLeave is a process that drains, with a client that has asked on its first
// stream and then read the GOAWAY that refuses nothing.
func askedToLeave(t *testing.T) (*process, *second) {
	t.Helper()
	p := begin(t, echo, func(p *process) { p.Server = secured(echo) })
	c := p.second(t)
	c.answered(1)
	p.stop()
	c.wants("GOAWAY 2147483647")
	return p, c
}

// answered asks on a stream and demands the answer.
func (s *second) answered(stream uint32) {
	s.t.Helper()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "x"}, {":path", "/"}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	if err := s.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}); err != nil {
		s.t.Fatal(err)
	}
	s.wants(fmt.Sprintf("answer %d", stream))
}

// wants demands that the next frames that matter are these.
func (s *second) wants(all ...string) {
	s.t.Helper()
	for _, want := range all {
		if got := s.next(); got != want {
			s.t.Fatalf("%q, want %q", got, want)
		}
	}
}

func (s *second) next() string {
	_ = s.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		frame, err := s.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch f := frame.(type) {
		case *http2.GoAwayFrame:
			return fmt.Sprintf("GOAWAY %d", f.LastStreamID)
		case *http2.HeadersFrame:
			return fmt.Sprintf("answer %d", f.StreamID)
		}
	}
}
