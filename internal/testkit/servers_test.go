package testkit_test

import (
	"strings"
	"testing"

	"navidocs/internal/testkit"
)

func TestServersComeFromTheEnvironment(t *testing.T) {
	t.Setenv(testkit.PostgresEnv, "postgres:///x")
	t.Setenv(testkit.RedisEnv, "unix:///x")
	t.Setenv(testkit.S3Env, "s3://k:s@h/bucket?tls=off")
	if got := testkit.PostgresURL(t); got != "postgres:///x" {
		t.Error(got)
	}
	if got := testkit.Redis(t); got != "unix:///x" {
		t.Error(got)
	}
	first, second := testkit.S3(t), testkit.S3(t)
	if first == second || !strings.HasPrefix(first, "s3://k:s@h/bucket/") || !strings.HasSuffix(first, "?tls=off") {
		t.Error(first, second)
	}
}

func TestWithoutServerTheTestIsSkipped(t *testing.T) {
	t.Setenv(testkit.RedisEnv, "")
	skipped := false
	t.Run("skips", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		testkit.Redis(t)
		t.Error("went on without a server")
	})
	if !skipped {
		t.Error("was not skipped")
	}
}
