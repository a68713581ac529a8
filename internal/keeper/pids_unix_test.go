//go:build unix && !linux

package keeper_test

import "syscall"

func newPIDs() *syscall.SysProcAttr { return nil }
