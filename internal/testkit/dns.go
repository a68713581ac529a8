package testkit

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// Outcome is how a name server answers one question: with addresses, or with a
// code of RFC 1035, 4.1.1.
type Outcome struct {
	Addrs []netip.Addr // IPv4
	Code  byte
}

// The codes of answers without addresses.
const (
	ServerFailure = 2
	NoSuchName    = 3
)

// Names is a resolver that asks a name server on this machine alone. It answers
// as f says for a name, without a dot at its end, and its n-th question for an
// IPv4 address, from 1.
func Names(t testing.TB, f func(name string, n int) Outcome) *net.Resolver {
	t.Helper()
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(t.Context(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		answerAll(conn, f)
	}()
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
}

// answerAll answers until the connection is closed.
func answerAll(conn net.PacketConn, f func(name string, n int) Outcome) {
	asked, question := map[string]int{}, make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(question)
		if err != nil {
			return
		}
		name, kind, end := parseQuestion(question[:n])
		var o Outcome
		if kind == typeA || kind == typeAAAA {
			if kind == typeA {
				asked[name]++
			}
			if o = f(name, max(1, asked[name])); kind == typeAAAA {
				o.Addrs = nil
			}
		}
		if _, err := conn.WriteTo(reply(question[:end], o), from); err != nil {
			return
		}
	}
}

const (
	headerBytes = 12
	typeA       = 1
	typeAAAA    = 28
)

// parseQuestion reads the one question of a message, and says where it ends.
func parseQuestion(m []byte) (name string, kind uint16, end int) {
	var labels []string
	at := headerBytes
	for m[at] != 0 {
		n := int(m[at])
		labels = append(labels, string(m[at+1:at+1+n]))
		at += 1 + n
	}
	return strings.ToLower(strings.Join(labels, ".")), binary.BigEndian.Uint16(m[at+1:]), at + 5
}

func reply(question []byte, o Outcome) []byte {
	m := append([]byte(nil), question...)
	m[2] |= 0x80                                            // a response
	m[3] = 0x80 | o.Code                                    // recursion is available
	binary.BigEndian.PutUint16(m[8:], 0)                    // no authority
	binary.BigEndian.PutUint16(m[10:], 0)                   // nothing additional
	binary.BigEndian.PutUint16(m[6:], uint16(len(o.Addrs))) //nolint:gosec // a handful
	for _, addr := range o.Addrs {
		m = append(m, 0xc0, headerBytes, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4) // of the name in the question, for 0 s
		m = append(m, addr.AsSlice()...)
	}
	return m
}
