package testkit

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// far is a road to a server on which everything takes its time: what is sent,
// and that a connection is opened, ended or reset.
type far struct {
	net.Listener
	to     string
	oneWay func() time.Duration
	roads  sync.WaitGroup
}

// Distant puts a server of this machine at a round trip of 40 to 80 ms, and
// returns the address there. Requests then spend most of their time on the way,
// which is where a server that stops loses them.
func Distant(t testing.TB, address string) string {
	t.Helper()
	return distant(t, address, func() time.Duration { return 20*time.Millisecond + rand.N(20*time.Millisecond) })
}

// DistantBy is Distant at one round trip.
func DistantBy(t testing.TB, address string, roundTrip time.Duration) string {
	t.Helper()
	return distant(t, address, func() time.Duration { return roundTrip / 2 })
}

func distant(t testing.TB, address string, oneWay func() time.Duration) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &far{Listener: l, to: address, oneWay: oneWay}
	f.roads.Go(func() {
		for {
			c, err := f.Accept()
			if err != nil {
				return
			}
			f.roads.Go(func() { f.carry(t.Context(), c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() { f.Close(); f.roads.Wait() })
	return l.Addr().String()
}

func (f *far) carry(ctx context.Context, near *net.TCPConn) {
	defer near.Close()
	oneWay := f.oneWay()
	time.Sleep(oneWay)
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", f.to)
	if err != nil {
		_ = near.SetLinger(0) // refused
		return
	}
	distant := c.(*net.TCPConn)
	defer distant.Close()
	end := context.AfterFunc(ctx, func() { near.Close(); distant.Close() }) // with the test, at the latest
	defer end()
	var both sync.WaitGroup
	both.Go(func() { lane(near, distant, oneWay) })
	both.Go(func() { lane(distant, near, oneWay) })
	both.Wait()
}

// parcel is what arrives at a time: bytes, or the end.
type parcel struct {
	at    time.Time
	bytes []byte
	err   error
}

// lane carries one direction. An end arrives as an end, a reset as a reset.
func lane(from, to *net.TCPConn, oneWay time.Duration) {
	road := make(chan parcel, 1024)
	go func() {
		defer close(road)
		for {
			b := make([]byte, 16<<10)
			n, err := from.Read(b)
			road <- parcel{time.Now().Add(oneWay), b[:n], err}
			if err != nil {
				return
			}
		}
	}()
	for p := range road {
		time.Sleep(time.Until(p.at))
		if _, err := to.Write(p.bytes); err != nil {
			_ = from.SetLinger(0)
			from.Close() // who sends to a closed door is told so
		}
		switch {
		case errors.Is(p.err, io.EOF):
			_ = to.CloseWrite()
		case p.err != nil:
			_ = to.SetLinger(0)
			to.Close()
		}
	}
}
