package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"navidocs/internal/testkit"
)

// services are what the tests of the project can use.
var services = []service{
	{"postgres", testkit.PostgresEnv, startPostgres},
	{"redis", testkit.RedisEnv, startRedis},
	{"s3", testkit.S3Env, startS3},
}

const patience = 30 * time.Second

// postgresBin finds the folder of PostgreSQL's programs: Debian keeps them out
// of the path, one folder a version.
func postgresBin() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(initdb), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("postgresql is %w (apt-get install postgresql)", errMissing)
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return len(a) - len(b) + strings.Compare(a, b) })
	return filepath.Dir(newest), nil
}

// startPostgres starts a server without care for its data, on a socket alone.
func startPostgres(ctx context.Context, dir string) (*running, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	user, err := unprivileged()
	if err != nil {
		return nil, fmt.Errorf("postgresql refuses to run as root: %w", err)
	}
	if err := user.give(dir); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "navidocs",
		"--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, attributes(user)
	if words, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(words))
	}
	p, err := launch(ctx, dir, user, os.Interrupt, filepath.Join(bin, "postgres"), "-D", data, "-k", dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		"-c", "max_connections=200", "-c", "shared_buffers=64MB", "-c", "log_min_messages=fatal")
	if err != nil {
		return nil, err
	}
	address := "postgres://navidocs@/postgres?host=" + url.QueryEscape(dir)
	err = p.await(ctx, patience, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
	if err != nil {
		return nil, err
	}
	return &running{address, p}, nil
}

// startRedis starts a server that keeps nothing, on a socket alone.
func startRedis(ctx context.Context, dir string) (*running, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redis is %w (apt-get install redis-server)", errMissing)
	}
	socket := filepath.Join(dir, "redis.sock")
	p, err := launch(ctx, dir, nil, syscall.SIGTERM, program, "--port", "0", "--unixsocket", socket,
		"--save", "", "--appendonly", "no", "--dir", dir)
	if err != nil {
		return nil, err
	}
	if err := p.await(ctx, patience, dial("unix", socket)); err != nil {
		return nil, err
	}
	return &running{"unix://" + socket, p}, nil
}

// startS3 starts versitygw on a folder. The program is a tool of tools/go.mod,
// built when it is first asked for.
func startS3(ctx context.Context, dir string) (*running, error) {
	program, err := versitygw(ctx)
	if err != nil {
		return nil, err
	}
	data, meta := filepath.Join(dir, "data"), filepath.Join(dir, "meta")
	for _, folder := range []string{data, meta, filepath.Join(data, "test")} { // a folder is a bucket
		if err := os.Mkdir(folder, 0o700); err != nil {
			return nil, err
		}
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	secret := rand.Text()
	p, err := launch(ctx, dir, nil, syscall.SIGTERM, program, "--port", address, "--access", "test", "--secret", secret,
		"--quiet", "posix", "--sidecar", meta, data)
	if err != nil {
		return nil, err
	}
	if err := p.await(ctx, patience, dial("tcp", address)); err != nil {
		return nil, err
	}
	return &running{fmt.Sprintf("s3://test:%s@%s/test?tls=off", secret, address), p}, nil
}

// versitygw finds the S3 server: in the path, else built from the tools.
func versitygw(ctx context.Context) (string, error) {
	if program, err := exec.LookPath("versitygw"); err == nil {
		return program, nil
	}
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("the S3 server is %w and there is no go to build it", errMissing)
	}
	root := filepath.Dir(strings.TrimSpace(string(mod)))
	build := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/go.mod", "-n", "versitygw")
	build.Dir = root
	build.Stderr = os.Stderr
	path, err := build.Output()
	if err != nil {
		return "", fmt.Errorf("the S3 server is %w and cannot be built (go tool -modfile=tools/go.mod -n versitygw): %w", errMissing, err)
	}
	return strings.TrimSpace(string(path)), nil
}

// freeAddress is one that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// dial is ready when somebody listens.
func dial(network, address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}
