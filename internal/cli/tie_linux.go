package cli

import (
	"os/exec"
	"syscall"
)

// tie makes the kernel kill a tool, or a node of a selftest, when the command that
// runs it is killed, so that the next one finds nobody at work. (To the kernel the starter is a thread;
// Go ends one only when a goroutine that is locked to it returns, which nothing
// here does.)
func tie(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
