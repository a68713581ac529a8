//go:build !unix

package keeper

import (
	"context"

	"navidocs/internal/fault"
)

type platform struct{}

type child struct{}

type revival struct{}

// Run refuses: sockets cannot be passed on here.
func (k *Keeper) Run(context.Context) error {
	return fault.New(fault.Unsupported, "this system cannot pass sockets on: run navidocs serve --alone")
}

// Inherit finds no keeper here.
func Inherit() (*Post, error) { return nil, nil }
