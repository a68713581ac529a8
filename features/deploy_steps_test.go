package features

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/db"
	"navidocs/internal/deploy"
	"navidocs/internal/testkit"
)

// deploying is what a scenario about deploys knows: an installation that runs
// the built program, and clients that use it.
type deploying struct {
	*world

	home, program, url, token string
	process                   *exec.Cmd
	log                       bytes.Buffer

	stop    context.CancelFunc
	clients sync.WaitGroup
	asked   atomic.Int64
	mu      sync.Mutex // guards what follows
	failed  []string
	boats   []string // that were acknowledged

	code   int
	run    deploy.Run
	said   string
	tables []db.TableDigest
}

func (w *world) deploySteps(sc *godog.ScenarioContext) {
	d := &deploying{world: w}
	sc.Step(`^an installation that serves release 1$`, func() error { return d.serves("one") })
	sc.Step(`^an installation that serves release 1 on a machine where everything takes long$`, func() error { return d.serves("slow one") })
	sc.Step(`^clients that never retry$`, d.use)
	sc.Step(`^the operator deploys release 2$`, func() error { return d.deploys("two") })
	sc.Step(`^the operator deploys release 2, on which everything takes long as well$`, func() error { return d.deploys("slow two") })
	sc.Step(`^the operator deploys release 2 and holds it$`, func() error { return d.deploys("two", "--hold") })
	sc.Step(`^the operator deploys a release (?:that|of which) (exits|fails its smoke test|three of ten answers are errors|is slow)$`, d.deploysBad)
	sc.Step(`^it is (committed|held|stopped|taken back)(?: because "([^"]*)")?$`, d.cameOut)
	sc.Step(`^release (\d) serves, and the status says so$`, d.isServing)
	sc.Step(`^no request failed, and every boat that was acknowledged is there$`, d.lostNothing)
	sc.Step(`^no request failed$`, d.failedNothing)
	sc.Step(`^a backup of what it has$`, func() error { return d.operatorOK("backup", "create", "--json") })
	sc.Step(`^the operator restores the newest backup and consents to the loss$`, d.restores)
	sc.Step(`^at most (\d+) in 100 requests failed, and every boat that was acknowledged is there$`, d.lostLittle)
	sc.Step(`^the clients stop$`, d.leave)
	sc.Step(`^the rows are counted and hashed$`, d.counts)
	sc.Step(`^the operator rolls back because "([^"]*)"$`, d.rollsBack)
	sc.Step(`^no row has changed$`, d.sameRows)
	sc.Step(`^the operator is shown what the servers said last$`, d.saidLast)
	sc.Step(`^an incident is open that names "([^"]*)" and a loss of 0 rows$`, d.incidentSays)
	sc.Step(`^it is closed once a person has written its cause and its prevention$`, d.closesIncident)
}

// built is the program of the tests of deploys, linked once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "navidocs-faulty-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "navidocs")
	cmd := exec.Command("go", "build", "-pgo=off", "-o", path, "navidocs/internal/testkit/faulty")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// release makes the binary of a release that has a fault; what the fault's name
// says beyond its first word makes it another release.
func (d *deploying) release(fault string) (string, error) {
	from, err := built()
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return "", err
	}
	path := filepath.Join(d.t.TempDir(), "navidocs")
	return path, os.WriteFile(path, append(content, "\nfault: "+fault+"\n"...), 0o700) //nolint:gosec // a program
}

func (d *deploying) serves(fault string) (err error) {
	d.home = d.t.TempDir()
	if d.program, err = d.release(fault); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not wait
	if err != nil {
		return err
	}
	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of TCP
	if err := l.Close(); err != nil {
		return err
	}
	d.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	settings := fmt.Sprintf("APP_ENV=test\nREGISTRATION=open\nLISTEN=127.0.0.1\nPORT=%d\nRATE_LIMIT_MAX_REQUESTS=1000000\nAPP_BASE_URL=%s\n", port, d.url)
	if d.database != "" {
		settings += "DATABASE_URL=" + d.database + "\n"
	}
	if err := os.WriteFile(filepath.Join(d.home, "env"), []byte(settings), 0o600); err != nil {
		return err
	}
	if err := d.shareCache(); err != nil {
		return err
	}
	d.process = d.command("serve")
	d.process.Stdout, d.process.Stderr = &d.log, &d.log
	if err := d.process.Start(); err != nil {
		return err
	}
	process := d.process
	d.t.Cleanup(func() { d.end(process) })
	testkit.Eventually(d.t, func() error { return d.answers("/readyz") })
	return d.register()
}

// shareCache spares the installation the compiling of what reads papers.
func (d *deploying) shareCache() error {
	shared := filepath.Join(os.TempDir(), "navidocs-test-wazero")
	data := filepath.Join(d.home, "data")
	return errors.Join(os.MkdirAll(shared, 0o700), os.MkdirAll(data, 0o700), os.Symlink(shared, filepath.Join(data, "cache")))
}

func (d *deploying) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.WithoutCancel(d.t.Context()), d.program,
		append([]string{"--home", d.home, "--env-file", filepath.Join(d.home, "env")}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.home, "TMPDIR=" + os.TempDir()}
	return cmd
}

func (d *deploying) end(process *exec.Cmd) {
	d.leaveQuietly()
	_ = process.Process.Signal(syscall.SIGTERM)
	if err := process.Wait(); err != nil {
		d.t.Errorf("the server ended with %v: %s", err, tail(d.log.String()))
	}
}

func tail(text string) string { return text[max(0, len(text)-2000):] }

func (d *deploying) answers(path string) error {
	status, text, err := d.send(&http.Client{}, "GET", path, "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%d %s", status, text)
	}
	return err
}

func (d *deploying) register() error {
	body := `{"email":"` + captain + `","password":"` + password + `","name":"Ada","organization_name":"Ada"}`
	if status, _, err := d.send(&http.Client{}, "POST", "/api/auth/register", body); err != nil || status != http.StatusCreated {
		return fmt.Errorf("%d, %w", status, err)
	}
	_, text, err := d.send(&http.Client{}, "POST", "/api/auth/login", `{"email":"`+captain+`","password":"`+password+`"}`)
	if err != nil {
		return err
	}
	var session struct{ Token string }
	err = json.Unmarshal(text, &session)
	d.token = session.Token
	return err
}

func (d *deploying) send(client *http.Client, method, path, body string) (status int, text []byte, err error) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(d.t.Context()), method, d.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.GetBody = nil // so that the transport repeats nothing
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err = io.ReadAll(res.Body)
	return res.StatusCode, text, err
}

// use has three clients read and one write, each as soon as it was answered: two
// on connections that stay, two on new ones.
func (d *deploying) use() error {
	d.leaveQuietly() // those of a server before
	ctx, stop := context.WithCancel(context.WithoutCancel(d.t.Context()))
	d.stop = stop
	for i := range 4 {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 1}}
		d.clients.Go(func() {
			defer client.CloseIdleConnections()
			pace := time.NewTicker(20 * time.Millisecond) // people, not a benchmark
			defer pace.Stop()
			for ctx.Err() == nil {
				<-pace.C
				if i == 3 {
					d.adds(client)
				} else {
					d.reads(client)
				}
			}
		})
	}
	return nil
}

func (d *deploying) reads(client *http.Client) {
	status, text, err := d.send(client, "GET", "/api/boats", "")
	d.counted(status == http.StatusOK, status, text, err)
}

func (d *deploying) adds(client *http.Client) {
	status, text, err := d.send(client, "POST", "/api/boats", `{"name":"Calypso"}`)
	if !d.counted(status == http.StatusCreated, status, text, err) {
		return
	}
	var boat struct{ ID string }
	if json.Unmarshal(text, &boat) == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.boats = append(d.boats, boat.ID)
	}
}

func (d *deploying) counted(ok bool, status int, text []byte, err error) bool {
	d.asked.Add(1)
	if !ok {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.failed = append(d.failed, fmt.Sprintf("%d %v %.100s", status, err, text))
	}
	return ok
}

func (d *deploying) leaveQuietly() {
	if d.stop != nil {
		d.stop()
	}
	d.clients.Wait()
}

func (d *deploying) leave() error {
	d.leaveQuietly()
	return nil
}

func (d *deploying) deploysBad(how string) error {
	return d.deploys(map[string]string{
		"exits": "exits", "fails its smoke test": "smoke", "three of ten answers are errors": "errors", "is slow": "slow",
	}[how])
}

// watched is how long a release is watched: long enough for some hundred answers.
const watched = "7s"

func (d *deploying) deploys(fault string, more ...string) error {
	path, err := d.release(fault)
	if err != nil {
		return err
	}
	return d.operator(append([]string{"deploy", path, "--unsigned", "--no-review", "--watch", watched, "--by", "the captain", "--json"}, more...)...)
}

func (d *deploying) operator(args ...string) error {
	var out, said bytes.Buffer
	cmd := d.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return err
	}
	d.code, d.said, d.run = cmd.ProcessState.ExitCode(), said.String(), deploy.Run{}
	if json.Unmarshal(out.Bytes(), &d.run) != nil {
		d.said += out.String()
	}
	return nil
}

func (d *deploying) cameOut(how, why string) error {
	want := map[string]struct {
		outcome deploy.Outcome
		code    int
	}{"committed": {deploy.Committed, 0}, "held": {deploy.Held, 5}, "stopped": {deploy.Stopped, 1}, "taken back": {deploy.RolledBack, 4}}[how]
	if d.run.Kind == "rollback" {
		want.code = 0
	}
	if d.code != want.code || d.run.Outcome != want.outcome || !strings.Contains(d.run.Reason, why) {
		return fmt.Errorf("exit code %d, %s: %s %s\n%+v\n%s", d.code, d.run.Outcome, d.run.Reason, d.said, d.run.Steps, tail(d.log.String()))
	}
	return nil
}

func (d *deploying) isServing(n int) error {
	testkit.Eventually(d.t, func() error { return d.answers("/readyz") })
	var out bytes.Buffer
	cmd := d.command("status", "--json")
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return err
	}
	var s deploy.Status
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		return err
	}
	leader := s.Keeper.Children[0]
	if isSecond := filepath.Base(leader.Release) == d.run.Release; isSecond != (n == 2) || !leader.Serving || !leader.Working || s.Server == nil || s.Server.Health != "ok" {
		return fmt.Errorf("%s", out.String())
	}
	return nil
}

// leaveAfter has the clients stop once they have asked so often, of which fewer would
// say little.
func (d *deploying) leaveAfter(requests int64) {
	testkit.Eventually(d.t, func() error {
		if n := d.asked.Load(); n < requests {
			return fmt.Errorf("%d requests so far", n)
		}
		return nil
	})
	d.leaveQuietly()
}

func (d *deploying) failedNothing() error {
	d.leaveAfter(20)
	if n := len(d.failed); n > 0 {
		return fmt.Errorf("%d of %d requests failed: %s", n, d.asked.Load(), strings.Join(d.failed[:min(n, 3)], "; "))
	}
	return nil
}

func (d *deploying) operatorOK(args ...string) error {
	if err := d.operator(args...); err != nil {
		return err
	}
	if d.code != 0 {
		return fmt.Errorf("exit code %d: %s", d.code, d.said)
	}
	return nil
}

func (d *deploying) restores() error {
	out, err := d.command("backup", "list", "--json").Output()
	if err != nil {
		return err
	}
	var all []struct{ ID string }
	if err := json.Unmarshal(out, &all); err != nil || len(all) == 0 {
		return fmt.Errorf("%s, %w", out, err)
	}
	return d.operatorOK("backup", "restore", all[0].ID, "--accept-loss")
}

func (d *deploying) lostNothing() error { return d.lostLittle(0) }

func (d *deploying) lostLittle(percent int64) error {
	d.leaveAfter(100)
	if n := int64(len(d.failed)); n*100 > percent*d.asked.Load() {
		return fmt.Errorf("%d of %d requests failed: %s", n, d.asked.Load(), strings.Join(d.failed[:min(n, 3)], "; "))
	}
	there, err := d.names()
	if err != nil {
		return err
	}
	for _, id := range d.boats {
		if !there[id] {
			return fmt.Errorf("the boat %s was acknowledged and is not there", id)
		}
	}
	d.t.Logf("requests: %d, failed: %d, boats added: %d", d.asked.Load(), len(d.failed), len(d.boats))
	return nil
}

// names are the ids of all boats, page by page.
func (d *deploying) names() (map[string]bool, error) {
	const most = 100
	all := map[string]bool{}
	for {
		status, text, err := d.send(&http.Client{}, "GET", fmt.Sprintf("/api/boats?limit=%d&offset=%d", most, len(all)), "")
		if err != nil || status != http.StatusOK {
			return nil, fmt.Errorf("%d %s, %w", status, text, err)
		}
		var page []struct{ ID string }
		if err := json.Unmarshal(text, &page); err != nil {
			return nil, err
		}
		for _, b := range page {
			all[b.ID] = true
		}
		if len(page) < most {
			return all, nil
		}
	}
}

func (d *deploying) digests() (all []db.TableDigest, err error) {
	address := d.database
	if address == "" {
		address = filepath.Join(d.home, "data", "navidocs.db")
	}
	conn, err := db.Open(d.t.Context(), db.Options{URL: address})
	if err != nil {
		return nil, err
	}
	all, err = db.Digests(d.t.Context(), conn, conn)
	return all, errors.Join(err, conn.Close())
}

// counts waits until what the clients did is told everywhere.
func (d *deploying) counts() (err error) {
	testkit.Eventually(d.t, func() error {
		_, text, err := d.send(&http.Client{}, "GET", "/api/health", "")
		if err != nil {
			return err
		}
		var health struct{ Queue int }
		if err := json.Unmarshal(text, &health); err != nil || health.Queue > 0 {
			return fmt.Errorf("%d jobs wait, %w", health.Queue, err)
		}
		return nil
	})
	d.tables, err = d.digests()
	return err
}

func (d *deploying) sameRows() error {
	now, err := d.digests()
	if err != nil {
		return err
	}
	if !slices.Equal(d.tables, now) {
		return fmt.Errorf("before %v, after %v", d.tables, now)
	}
	return nil
}

func (d *deploying) rollsBack(why string) error {
	return d.operator("rollback", "--reason", why, "--json")
}

func (d *deploying) incident() (path, text string, err error) {
	found, err := filepath.Glob(filepath.Join(d.home, "state", "incidents", "INC-*.md"))
	if err != nil || len(found) != 1 {
		return "", "", fmt.Errorf("incidents: %v, %w", found, err)
	}
	content, err := os.ReadFile(found[0])
	return found[0], string(content), err
}

func (d *deploying) incidentSays(why string) error {
	_, text, err := d.incident()
	if err != nil {
		return err
	}
	for _, want := range []string{"Status: open", why, "Data loss: 0 rows", "Release: " + d.run.Release, "## Last lines of the log"} {
		if !strings.Contains(text, want) {
			return fmt.Errorf("%q is missing in: %s", want, text)
		}
	}
	return nil
}

// saidLast looks for a request of the smoke test among the lines, whose answer
// the release spoilt.
func (d *deploying) saidLast() error {
	if _, lines, ok := strings.Cut(d.said, "the servers said last:\n"); !ok || !strings.Contains(lines, "request request_id=") {
		return fmt.Errorf("the operator reads: %s", d.said)
	}
	return nil
}

func (d *deploying) closesIncident() error {
	path, text, err := d.incident()
	if err != nil {
		return err
	}
	id := strings.TrimSuffix(filepath.Base(path), ".md")
	if err := d.operator("incident", "close", id); err != nil || d.code != 3 {
		return fmt.Errorf("exit code %d: %s, %w", d.code, d.said, err)
	}
	written := strings.ReplaceAll(text, "(to be written by a person)", "a wrong index")
	if err := os.WriteFile(path, []byte(written), 0o600); err != nil {
		return err
	}
	if err := d.operator("incident", "close", id); err != nil || d.code != 0 {
		return fmt.Errorf("exit code %d: %s, %w", d.code, d.said, err)
	}
	_, text, err = d.incident()
	if err == nil && !strings.Contains(text, "Status: closed") {
		err = errors.New(text)
	}
	return err
}
