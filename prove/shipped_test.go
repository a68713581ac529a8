//go:build prove

package prove_test

func init() { how = []string{"-pgo=auto", "-trimpath", "-ldflags=-s -w"} }
