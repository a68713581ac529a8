package keeper_test

import "syscall"

// newPIDs makes a process the first of its own namespace.
func newPIDs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID} }
