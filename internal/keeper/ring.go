package keeper

import (
	"bytes"
	"sync"
)

const (
	ringLines  = 50
	ringLength = 1 << 10 // of a line; the rest of it is left out
)

// ring keeps the last lines of what is written to it.
type ring struct {
	mu    sync.Mutex // guards what follows
	lines []string
	part  []byte // of a line that has not ended
}

func (r *ring) write(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		line, rest, ended := bytes.Cut(b, []byte{'\n'})
		r.part = append(r.part, line[:min(len(line), ringLength-len(r.part))]...)
		if !ended {
			return
		}
		r.push()
		b = rest
	}
}

func (r *ring) push() {
	r.lines = append(r.lines, string(bytes.ToValidUTF8(r.part, []byte("?"))))
	r.part = r.part[:0]
	if n := len(r.lines) - ringLines; n > 0 {
		r.lines = append(r.lines[:0], r.lines[n:]...)
	}
}

// last are the lines, with the one that has not ended.
func (r *ring) last() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.part) > 0 {
		r.push()
	}
	return append([]string(nil), r.lines...)
}
