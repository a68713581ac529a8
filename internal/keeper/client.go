package keeper

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"navidocs/internal/fault"
)

// Client speaks to the keeper of a home. It is for one caller at a time.
type Client struct {
	conn net.Conn
	in   *bufio.Reader
}

// Dial reaches the keeper of a home. Without one it is Unavailable.
func Dial(ctx context.Context, home string) (_ *Client, err error) {
	defer fault.Wrap(&err, "keeper.Dial")
	conn, err := Socket(ctx, controlSocket(home))
	if err != nil {
		return nil, fault.Because(err, fault.Unavailable, "no keeper runs in %s: start it with navidocs serve, or name its folder with --home", home)
	}
	return &Client{conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}, nil
}

// Socket connects to a unix socket, be its path longer than the system allows or
// not: the private one of a Child, for instance.
func Socket(ctx context.Context, path string) (c net.Conn, err error) {
	err = short(path, func(path string) error {
		var d net.Dialer
		c, err = d.DialContext(ctx, "unix", path)
		return err
	})
	return c, err
}

// Close ends the connection. An operation under way goes on.
func (c *Client) Close() error { return c.conn.Close() }

// Status says what runs.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return c.ask(ctx, request{Do: doStatus})
}

// Start starts a release beside the leader, "" being the current one, and
// returns it when it answers on its private socket. One that ends, or is not
// ready in time, is Unavailable, and Lines says what it printed; with a candidate
// or a warm release there already it is a Conflict.
func (c *Client) Start(ctx context.Context, release string) (Child, error) {
	s, err := c.ask(ctx, request{Do: doStart, Release: release})
	if err != nil {
		return Child{}, err
	}
	candidate, ok := s.Child(Candidate)
	if !ok {
		return Child{}, fault.New(fault.Unavailable, "the candidate ended as soon as it was ready: see its log")
	}
	return candidate, nil
}

// Promote gives the candidate the requests, and then the work unless
// requestsOnly; the old leader stays warm. Once more, without requestsOnly, it
// moves the work that stayed. Without a candidate it is a Conflict.
func (c *Client) Promote(ctx context.Context, requestsOnly bool) (Status, error) {
	return c.ask(ctx, request{Do: doPromote, RequestsOnly: requestsOnly})
}

// Back takes the warm release back; the leader ends. Without a warm one it is a
// Conflict.
func (c *Client) Back(ctx context.Context, reason string) (Status, error) {
	return c.ask(ctx, request{Do: doBack, Reason: reason})
}

// Commit ends the warm release. Without one it is a Conflict.
func (c *Client) Commit(ctx context.Context) (Status, error) {
	return c.ask(ctx, request{Do: doCommit})
}

// Discard ends the candidate. Without one it is a Conflict.
func (c *Client) Discard(ctx context.Context) (Status, error) {
	return c.ask(ctx, request{Do: doDiscard})
}

// Restart exchanges the leader for a new one of the same release.
func (c *Client) Restart(ctx context.Context) (Status, error) {
	return c.ask(ctx, request{Do: doRestart})
}

// Pause ends the leader and holds new requests in the kernel's queue.
func (c *Client) Pause(ctx context.Context) (Status, error) {
	return c.ask(ctx, request{Do: doPause})
}

// Resume starts the leader again. When it does not become ready, the pause
// goes on.
func (c *Client) Resume(ctx context.Context) (Status, error) {
	return c.ask(ctx, request{Do: doResume})
}

// Replace exchanges the keeper itself for that of the leader's release; its
// children and sockets stay. It returns when the new one answers.
func (c *Client) Replace(ctx context.Context) (Status, error) {
	return c.ask(ctx, request{Do: doReplace})
}

// Stop makes the children drain and end, and the keeper after them. It returns
// at once.
func (c *Client) Stop(ctx context.Context) (Status, error) {
	return c.ask(ctx, request{Do: doStop})
}

// Lines are the last ones that a release printed which did not start.
func Lines(err error) []string {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	lines, _ := e.Details["lines"].([]string)
	return lines
}

// ask sends a request and waits for the answer as long as ctx lives.
func (c *Client) ask(ctx context.Context, r request) (s Status, err error) {
	defer fault.Wrap(&err, "keeper.Client %s", r.Do)
	end := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer end()
	line, err := json.Marshal(r)
	if err != nil {
		return s, err
	}
	if err := parsable(line); err != nil {
		return s, err
	}
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return s, gone(ctx, err)
	}
	text, err := readLine(c.in, longestAnswer)
	if err != nil {
		return s, gone(ctx, err)
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return s, err
	}
	if a.Status != nil {
		s = *a.Status
	}
	return s, a.Fault.err()
}

func parsable(line []byte) error {
	_, err := parseRequest(line)
	return err
}

// gone says why no answer came.
func gone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.Because(err, fault.Unavailable, "the keeper ended before it answered: see navidocs status")
}

// readLine reads a line without its end, which a reader that is too talkative
// does not get to.
func readLine(in *bufio.Reader, longest int) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > longest+1 {
			return nil, fault.New(fault.TooLarge, "a line has at most %d bytes", longest)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// runDir is the folder of the sockets and of the lock.
func runDir(home string) string { return filepath.Join(home, "run") }

func controlSocket(home string) string { return filepath.Join(runDir(home), "keeper.sock") }

func privateSocket(home string, pid int) string {
	return filepath.Join(runDir(home), "w-"+strconv.Itoa(pid)+".sock")
}
