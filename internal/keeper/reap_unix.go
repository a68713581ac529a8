//go:build unix && !linux

package keeper

import "context"

// reap has nothing to do: only in a container is the keeper the first process.
func (k *Keeper) reap(context.Context) {}
