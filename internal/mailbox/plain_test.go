package mailbox

import (
	"net"
	"testing"
)

// TestOnlyThisMachineMaySpeakPlainly: to all others there is a line on which
// somebody may read the password.
func TestOnlyThisMachineMaySpeakPlainly(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{"127.0.0.1:143": true, "127.9.9.9:143": true, "[::1]:143": true, "192.168.1.5:143": false, "10.0.0.1:143": false, "[fe80::1]:143": false} {
		a, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := isLoopback(a); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
	if isLoopback(&net.UnixAddr{Name: "127.0.0.1"}) {
		t.Error("a name is no address")
	}
}
