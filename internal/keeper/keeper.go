// Package keeper holds the sockets of an installation while releases come and
// go behind them, and stops what serves without losing a request.
//
// It guarantees: a client that follows HTTP loses nothing by a stop, provided
// that somebody else holds the socket too (Process); a release reaches no user
// before it is promoted, and the one before it is taken back in milliseconds
// (Keeper, and Shift on the release's side); what a crash interrupts is started
// again while new connections wait in the kernel's queue. What is served and
// worked, and where releases lie, is none of its business: it opens no database.
package keeper

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// Command is how a program is started.
type Command struct {
	// Release is what the program belongs to, as Status shows it.
	Release string
	Path    string
	Args    []string // without the program's name
	Env     []string
	Dir     string
}

// Config says what a Keeper keeps.
type Config struct {
	// Home is the installation's folder: the sockets and the lock lie in run.
	Home string
	// Listen opens the public sockets, which then belong to the Keeper: once it is
	// the only one of its home, and not when it takes them over from another.
	Listen func(context.Context) ([]*os.File, error)
	// Command is how the server of a release is started; "" is the current one.
	Command func(release string) (Command, error)
	// Self is how the keeper of a release is started, for Replace; nil when that
	// cannot be.
	Self func(release string) (Command, error)
	// Version is the keeper's own, for Status.
	Version string
	// Stdout and Stderr take what the children print.
	Stdout, Stderr io.Writer
	// Record makes what takes a copy of what one child prints to Stderr; nil for no
	// copies. Its writes must not wait.
	Record func() io.Writer
	// Told hears of a release that was taken back, and of a server that ended by
	// itself; nil for nothing. It must be quick.
	Told func(t Trouble)
	// Flush is called before another program takes this process over; nil for
	// nothing.
	Flush func()
	// Notify is the socket of sd_notify(3), "" when there is none; Watchdog is how
	// often systemd wants to hear, 0 for never.
	Notify   string
	Watchdog time.Duration
	// Reap makes the keeper reap orphans, as PID 1 has to.
	Reap  bool
	Log   *slog.Logger
	Now   func() time.Time
	Waits Waits
}

// Waits bound what a Keeper waits for; zero means what is said.
type Waits struct {
	// Ready is how long a candidate may take until it answers: 60 s.
	Ready time.Duration
	// Answer is how long a child may take to begin or end serving: 10 s.
	Answer time.Duration
	// Work is how long the jobs in hand may take when work moves: 2 min.
	Work time.Duration
	// End is how long a child may take to drain and end: 45 s.
	End time.Duration
	// Again and Most are the first and the longest wait before a crashed leader
	// is started again, but for the first time, which is at once: 1 s, 30 s.
	Again, Most time.Duration
	// Calm is how long a leader lives that is not crashing again and again: 30 s.
	Calm time.Duration
}

func (w Waits) orDefault() Waits {
	for of, otherwise := range map[*time.Duration]time.Duration{
		&w.Ready: time.Minute, &w.Answer: 10 * time.Second, &w.Work: 2 * time.Minute, &w.End: 45 * time.Second,
		&w.Again: time.Second, &w.Most: 30 * time.Second, &w.Calm: 30 * time.Second,
	} {
		if *of == 0 {
			*of = otherwise
		}
	}
	return w
}

// Role is what a child is for.
type Role string

// The roles.
const (
	Leader    Role = "leader"    // serves and works
	Candidate Role = "candidate" // answers on its private socket only
	Warm      Role = "warm"      // was the leader, and waits to be taken back
)

// Child is a server that the keeper has started.
type Child struct {
	Release string    `json:"release"`
	PID     int       `json:"pid"`
	Role    Role      `json:"role"`
	Since   time.Time `json:"since"`
	Ready   bool      `json:"ready"` // answers on its private socket
	Serving bool      `json:"serving"`
	Working bool      `json:"working"`
	Socket  string    `json:"socket,omitempty"` // its private one
}

// Status is what a Keeper says of itself.
type Status struct {
	Version  string        `json:"version"`
	PID      int           `json:"pid"`
	Since    time.Time     `json:"since"`
	Uptime   time.Duration `json:"uptime"`
	Paused   bool          `json:"paused"`
	Restarts int           `json:"restarts"` // how often a leader was started again
	// Children are the leader, then the candidate or the warm one.
	Children []Child `json:"children"`
	// RolledBack is the last time that a release was taken back.
	RolledBack *RolledBack `json:"rolled_back,omitempty"`
}

// RolledBack says that a promoted release was taken back.
type RolledBack struct {
	From   string    `json:"from"`
	To     string    `json:"to"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	// Lines are the last ones that the release printed.
	Lines []string `json:"lines,omitempty"`
}

// Child returns the child that has a role.
func (s Status) Child(role Role) (Child, bool) {
	for _, c := range s.Children {
		if c.Role == role {
			return c, true
		}
	}
	return Child{}, false
}

// Trouble is what a keeper had to put right.
type Trouble struct {
	// From is the release that it was with, To the one that was taken back, empty
	// when a server ended by itself; How says in which way it did.
	From, To, How string
}

func (k *Keeper) tell(t Trouble) {
	if k.config.Told != nil {
		k.config.Told(t)
	}
}

// ExitError says that the first server ended before it could serve: with its
// exit code, having said why itself.
type ExitError struct {
	Code  int
	Lines []string
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("the server ended with exit code %d before it was ready: %s", e.Code, strings.Join(e.Lines, "\n"))
}

// Keeper holds the sockets, and starts, watches and exchanges the children that
// serve on them. It runs once.
type Keeper struct {
	config  Config
	waits   Waits
	started time.Time
	sockets []*os.File  // the public ones
	busy    chan string // holds the name of the operation that is under way
	stop    context.CancelFunc
	reaping sync.Mutex     // held while a child is started, so that it is known before it is reaped
	tasks   sync.WaitGroup // what runs beside Run

	mu         sync.Mutex
	own        map[int]*child // by pid: all that have not been waited for
	leader     *child
	other      *child // the candidate or the warm one
	paused     bool
	stopping   bool
	crashes    int // of leaders in a row
	restarts   int
	rolledBack *RolledBack
	interrupt  context.CancelFunc // ends the wait for a child's jobs; nil when nobody waits
	revival    *revival
	platform
}

// New makes a keeper.
func New(c Config) *Keeper {
	return &Keeper{config: c, waits: c.Waits.orDefault(), busy: make(chan string, 1), own: map[int]*child{}}
}
