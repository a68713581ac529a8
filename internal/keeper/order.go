package keeper

// The lines on the control descriptor between a keeper and its child: the child
// says hello once it answers on its private socket, and then answers each order
// when the new state holds. Its end at the keeper's side ends the child.

const (
	orderServe = "serve"
	orderWork  = "work"
	orderExit  = "exit"
)

// order is one line to a child.
type order struct {
	ID int    `json:"id"`
	Do string `json:"do"`
	On bool   `json:"on"`
}

// report is one line from a child.
type report struct {
	Hello *hello `json:"hello,omitempty"`
	ID    int    `json:"id,omitempty"`
	Error string `json:"error,omitempty"`
}

// hello is a child's first line.
type hello struct {
	Socket string `json:"socket"`
	// State is the version of a keeper's state that the child's program takes over.
	State int `json:"state"`
}

// longestReport bounds a line between the two.
const longestReport = 16 << 10

// controlEnv holds the number of the control descriptor; the public sockets are
// those from 3 up to it.
const controlEnv = "NAVIDOCS_KEEPER_CONTROL"

// stateEnv holds the number of the descriptor from which a keeper that replaces
// another reads what it takes over.
const stateEnv = "NAVIDOCS_KEEPER_STATE"
