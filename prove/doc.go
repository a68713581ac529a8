// Package prove holds the proofs that take long: what happens to a real server
// that is killed, runs out of disk, is sent broken or huge files, or holds a
// hundred thousand pages, and how well real papers are read. Each prints what
// it found as a line that begins with PROVED.
//
// make prove runs them all (build tag prove). What every run of the tests can
// afford of them carries no tag.
package prove
