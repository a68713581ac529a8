// Package deploy exchanges the release that serves, and goes back.
//
// It guarantees: no user meets a release before it has passed its checks, a
// rehearsal on a copy of the data and a smoke test; one that then does worse than
// the one before it is taken back by itself; going back touches no row; what is
// done is written down before it is done, so that a run that is killed is named
// and mended by the next one. The sockets are the keeper's, the folders package
// release's, and the checks package ops's.
package deploy
