// Package testkit gives tests the real servers and databases they need. Only
// tests import it.
//
// The servers are started once for a whole run by the program testkit/with,
// which names them in the environment. A test whose server is not there is
// skipped, and says so.
package testkit

import (
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"
)

// The variables in which testkit/with names its servers.
const (
	PostgresEnv = "NAVIDOCS_TEST_POSTGRES"
	RedisEnv    = "NAVIDOCS_TEST_REDIS"
	S3Env       = "NAVIDOCS_TEST_S3"
)

// ExtractEnv names a built binary that serves as the extraction child. Under the
// race detector a test's own binary takes ten times as long to compile its
// WebAssembly, and the detector cannot see into that.
const ExtractEnv = "NAVIDOCS_TEST_EXTRACT"

// ExtractCommand is the command of an extraction child: the binary that the run
// names, else the test's own.
func ExtractCommand(own ...string) []string {
	if binary := os.Getenv(ExtractEnv); binary != "" {
		return []string{binary, "extract"}
	}
	return own
}

// PostgresURL is a database of a real server, as a superuser who may make more.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return server(t, PostgresEnv, "PostgreSQL")
}

// Redis is the address of a real server, shared by every test of the run.
func Redis(t testing.TB) string {
	t.Helper()
	return server(t, RedisEnv, "Redis")
}

// S3 is a bucket of a real server, with a prefix that nobody else uses.
func S3(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(server(t, S3Env, "S3 server"))
	if err != nil {
		t.Fatalf("%s: %v", S3Env, err)
	}
	return u.JoinPath(strings.ToLower(rand.Text())).String()
}

func server(t testing.TB, env, what string) string {
	t.Helper()
	address := os.Getenv(env)
	if address == "" {
		t.Skipf("SKIPPED: no %s (%s is not set); go run ./internal/testkit/with -- go test ./...", what, env)
	}
	return address
}
