//go:build !prove

package prove_test

// how a binary is built that is only tried: as it is shipped would compile
// everything anew.
func how() []string { return []string{"-pgo=off"} }
