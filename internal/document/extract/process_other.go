//go:build !linux

package extract

import (
	"os"
	"os/exec"
)

// dieWithParent has no counterpart here: the child notices the end of its
// standard input.
func dieWithParent(*exec.Cmd) {}

// killGroup kills the process; what it started ends with its pipes.
func killGroup(p *os.Process) { _ = p.Kill() }

// resident is not measured here.
func resident(int) int64 { return 0 }

// dieWithStarter has no counterpart here: the process notices the end of its
// pipes.
func dieWithStarter(*exec.Cmd) {}
