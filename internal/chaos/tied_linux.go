package chaos

import (
	"os/exec"
	"syscall"
)

// tied makes the kernel kill a process with the one that started it, so that nobody
// is left behind.
func tied(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
