//go:build prove

package prove_test

// how a binary is built that is measured: as it is shipped.
func how() []string { return []string{"-pgo=auto", "-trimpath", "-ldflags=-s -w"} }
