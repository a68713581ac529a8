//go:build unix

package keeper

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"navidocs/internal/fault"
)

// most is how many clients the control socket has at once; others wait.
const most = 16

// answerAll answers on the control socket until ctx ends. asker is the client
// who had the keeper replaced, and waits for this one's answer.
func (k *Keeper) answerAll(ctx context.Context, asker *net.UnixConn) {
	end := context.AfterFunc(ctx, func() { _ = k.door.SetDeadline(time.Unix(1, 0)) })
	defer end()
	var clients sync.WaitGroup
	defer clients.Wait()
	room := make(chan struct{}, most)
	take := func(c *net.UnixConn, replaced bool) {
		room <- struct{}{}
		clients.Go(func() {
			defer func() { <-room }()
			k.converse(ctx, c, replaced)
		})
	}
	if asker != nil {
		take(asker, true)
	}
	for {
		c, err := k.door.AcceptUnix()
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				k.config.Log.Error("the control socket is broken: stop the keeper and start it again", "error", err)
			}
			return
		}
		take(c, false)
	}
}

// converse answers one client, request for request. What was asked for goes on
// when the client goes away, and ends with the keeper.
func (k *Keeper) converse(ctx context.Context, c *net.UnixConn, replaced bool) {
	defer c.Close() //nolint:errcheck // it was only answered
	end := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer end()
	if replaced && !k.reply(c, nil) {
		return
	}
	if err := same(c); err != nil {
		k.reply(c, err)
		return
	}
	in := bufio.NewReaderSize(c, longestRequest+1)
	for {
		line, err := readLine(in, longestRequest)
		if err != nil {
			if fault.Is(err, fault.TooLarge) {
				k.reply(c, fault.Because(err, fault.Invalid, "a request has at most %d bytes", longestRequest))
			}
			return
		}
		r, err := parseRequest(line)
		if err == nil {
			err = k.operate(ctx, r, c)
		}
		if !k.reply(c, err) {
			return
		}
	}
}

// reply sends the answer to a request, and says whether the client took it.
func (k *Keeper) reply(c *net.UnixConn, err error) bool {
	a := answer{Status: k.status(os.Getpid())}
	if err != nil {
		a.Fault = refuse(err)
	}
	line, err := json.Marshal(a)
	if err != nil {
		return false
	}
	late := time.AfterFunc(k.waits.Answer, func() { _ = c.SetWriteDeadline(time.Unix(1, 0)) })
	defer late.Stop()
	_, err = c.Write(append(line, '\n'))
	return err == nil
}
