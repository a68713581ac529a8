//go:build !linux

package main

import (
	"errors"
	"os"
	"syscall"
)

// account is an unprivileged user; only on Linux are servers run as another.
type account struct{}

func unprivileged() (*account, error) {
	if os.Getuid() == 0 {
		return nil, errors.New("run this as a user who is not root")
	}
	return nil, nil //nolint:nilnil // no account is needed
}

func (*account) give(string) error { return nil }

func attributes(*account) *syscall.SysProcAttr { return nil }
