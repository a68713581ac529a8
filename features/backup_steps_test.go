package features

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/cucumber/godog"

	"navidocs/internal/apptest"
	"navidocs/internal/backup"
	"navidocs/internal/cli"
	"navidocs/internal/db"
	"navidocs/internal/fleet"
	"navidocs/internal/testkit"
)

// keeping is what a scenario about backups knows: an installation whose folder
// and database it can take away, and what the last command said.
type keeping struct {
	*world

	home, address string
	up            bool
	secret        string // the recovery key
	ids           []string

	code          int
	said, refused string

	load   load
	away   string // the second place
	sealed apptest.Answer
}

func (w *world) backupSteps(sc *godog.ScenarioContext) {
	k := &keeping{world: w}
	sc.Step(`^an installation with a captain$`, k.installation)
	sc.Step(`^a program that adds boats without a pause$`, k.loads)
	sc.Step(`^the operator makes a backup meanwhile$`, k.backsUpUnderLoad)
	sc.Step(`^the program has added some more boats and ends$`, k.unloads)
	sc.Step(`^every boat that was acknowledged before the backup began is there$`, k.holdsAcknowledged)
	sc.Step(`^no boat that was added after it had ended$`, k.holdsNothingLater)
	sc.Step(`^a paper and a backup$`, k.paperAndBackup)
	sc.Step(`^the operator drills the backup$`, func() error { return k.drills(0) })
	sc.Step(`^the drill is good and has read the paper$`, k.drillIsGood)
	sc.Step(`^the list says when it was drilled$`, k.listsDrill)
	sc.Step(`^nothing of the drill is left, in the backups' folder or in the database$`, k.drillLeftNothing)
	sc.Step(`^a table that the server needs is missing from the next backup$`, k.withoutTable)
	sc.Step(`^its verification is good, for it holds what there was$`, func() error { return k.operator(0, "backup", "verify", k.newest()) })
	sc.Step(`^its drill says that the server does not work$`, k.drillFails)
	sc.Step(`^three backups, the two newest of which were damaged later$`, k.threeBackups)
	sc.Step(`^the operator verifies them all$`, func() error { return k.operator(1, "backup", "verify", "--all", "--json") })
	sc.Step(`^two are said to be damaged$`, k.twoDamaged)
	sc.Step(`^the operator prunes to one backup$`, k.prunes)
	sc.Step(`^the newest one that is good is still there, and restores$`, k.goodOneStays)
	sc.Step(`^the captain adds 3 boats and renames the first$`, k.changes)
	sc.Step(`^the operator stops the server and restores the backup$`, k.restoresWithoutConsent)
	sc.Step(`^it is refused, and 3 rows of boats are said to be lost and 1 to take its older form$`, k.isRefused)
	sc.Step(`^all 4 boats are there as they were$`, func() error { return k.boatsAre("Calypso II", 4) })
	sc.Step(`^the operator (?:stops the server, )?restores the backup and consents to the loss$`, func() error { return k.restores(k.ids[0]) })
	sc.Step(`^the 3 boats are gone and the first has its old name$`, func() error { return k.boatsAre("Calypso", 1) })
	sc.Step(`^the state before comes back from the backup that was made of it$`, k.stateBeforeComesBack)
	k.lossSteps(sc)
	k.erasureSteps(sc)
}

func (k *keeping) lossSteps(sc *godog.ScenarioContext) {
	sc.Step(`^the recovery key, written down$`, k.writesKeyDown)
	sc.Step(`^a paper, and an answer that was sealed for whoever asks again$`, k.paperAndAnswer)
	sc.Step(`^a backup at a second place$`, k.backsUpAway)
	sc.Step(`^the machine is lost$`, k.losesMachine)
	sc.Step(`^the operator restores the backup on an empty one, without the recovery key$`, func() error { return k.startsAnew() })
	sc.Step(`^the operator restores the backup on another empty one, with the recovery key$`, func() error { return k.startsAnew("--identity", k.name) })
	sc.Step(`^the captain's session is over and the sealed answer cannot be opened$`, k.secretsAreLost)
	sc.Step(`^the captain's session goes on$`, k.sessionGoesOn)
	sc.Step(`^the same question has the sealed answer$`, k.answerIsOpened)
	sc.Step(`^the paper has its bytes$`, k.paperHasBytes)
}

// operator runs a command as one types it, and demands an exit code.
func (k *keeping) operator(code int, args ...string) error {
	var said, refused bytes.Buffer
	k.code = cli.Run(k.t.Context(), cli.Env{
		Args: append([]string{"--home", k.home}, args...), Environ: []string{"APP_ENV=test", "DATABASE_URL=" + k.address, "LOG_LEVEL=error"},
		Stdin: strings.NewReader(""), Stdout: &said, Stderr: &refused,
	})
	k.said, k.refused = said.String(), refused.String()
	if k.code != code {
		return fmt.Errorf("navidocs %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), k.code, code, k.said, k.refused)
	}
	return nil
}

// operatorReads reads what a command prints as JSON.
func (k *keeping) operatorReads(v any, code int, args ...string) error {
	if err := k.operator(code, append(args, "--json")...); err != nil {
		return err
	}
	return json.Unmarshal([]byte(k.said), v)
}

func (k *keeping) installation() error {
	k.place()
	k.serve()
	k.captain = k.server.User(captain, "", "")
	return k.addsBoat("Calypso")
}

// place makes room for an installation: on SQLite in its own folder.
func (k *keeping) place() {
	k.home, k.address = k.t.TempDir(), k.database
	if k.database == "" {
		k.address = filepath.Join(k.home, "data", "navidocs.db")
	}
}

// serve starts the server, which makes the recovery key once.
func (k *keeping) serve() {
	k.server = apptest.New(k.t, apptest.Options{Home: k.home, Database: k.address, NoWorker: true})
	k.up = true
	secret, err := k.server.RecoveryKey()
	if err != nil {
		k.t.Fatal(err)
	}
	if secret != "" {
		k.secret = secret
	}
}

func (k *keeping) stop() error {
	if !k.up {
		return nil
	}
	k.up = false
	return k.server.Close()
}

// again serves and lets the captain in.
func (k *keeping) again() {
	if !k.up {
		k.serve()
	}
	k.captain = k.server.SignIn(captain, password)
}

func (k *keeping) create(args ...string) error {
	var e backup.Entry
	err := k.operatorReads(&e, 0, append([]string{"backup", "create"}, args...)...)
	k.ids = append(k.ids, e.ID)
	return err
}

func (k *keeping) newest() string { return k.ids[len(k.ids)-1] }

func (k *keeping) stored(id, name string) string { return filepath.Join(k.home, "backups", id, name) }

func (k *keeping) uploadsPaper() {
	k.file = []byte("the engine ran for nine hours and all was well")
	k.paper = k.captain.Upload("log.txt", k.file, "boat_id="+k.boat)
}

func (k *keeping) paperAndBackup() error {
	k.uploadsPaper()
	return k.create()
}

// restores brings a backup back in place, with consent, and serves again.
func (k *keeping) restores(id string) error {
	err := k.stop()
	if err == nil {
		err = k.operator(0, "backup", "restore", id, "--accept-loss")
	}
	if err == nil {
		k.again()
	}
	return err
}

// send posts what need not keep the contract, from any goroutine.
func (k *keeping) send(ctx context.Context, path, body string, headers ...string) (a apptest.Answer, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.server.URL+path, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	for _, h := range append(headers, "Content-Type: application/json", "Authorization: Bearer "+k.captain.Token) {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	a.Status, a.Header = res.StatusCode, res.Header
	a.Body, err = io.ReadAll(res.Body)
	return a, err
}

// load is a client that writes all the time.
type load struct {
	stop  context.CancelFunc
	ended chan error
	// mu guards acked, the boats whose making was acknowledged, in order.
	mu    sync.Mutex
	acked []string
	// before and after the backup so many were.
	before, after int
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

func (l *load) atLeast(n int) error {
	if have := l.count(); have < n {
		return fmt.Errorf("%d boats of %d", have, n)
	}
	return nil
}

func (k *keeping) loads() error {
	l := &k.load
	var ctx context.Context
	ctx, l.stop = context.WithCancel(k.t.Context())
	k.t.Cleanup(l.stop)
	l.ended = make(chan error, 1)
	go func() { l.ended <- k.addBoats(ctx) }()
	testkit.Eventually(k.t, func() error { return l.atLeast(20) })
	return nil
}

func (k *keeping) addBoats(ctx context.Context) error {
	for n := 0; ctx.Err() == nil; n++ {
		a, err := k.send(context.WithoutCancel(ctx), "/api/boats", fmt.Sprintf(`{"name":"Boat %d"}`, n))
		var made struct{ ID string }
		if err == nil {
			err = json.Unmarshal(a.Body, &made)
		}
		if err != nil || a.Status != http.StatusCreated {
			return fmt.Errorf("boat %d: %d %s, %w", n, a.Status, a.Body, err)
		}
		k.load.mu.Lock()
		k.load.acked = append(k.load.acked, made.ID)
		k.load.mu.Unlock()
	}
	return nil
}

func (k *keeping) backsUpUnderLoad() error {
	k.load.before = k.load.count()
	err := k.create()
	k.load.after = k.load.count()
	return err
}

func (k *keeping) unloads() error {
	testkit.Eventually(k.t, func() error { return k.load.atLeast(k.load.after + 10) })
	k.load.stop()
	return <-k.load.ended
}

func (k *keeping) holdsAcknowledged() error {
	for i, id := range k.load.acked[:k.load.before] {
		if a := k.captain.Do("GET", "/api/boats/"+id, nil); a.Status != http.StatusOK {
			return fmt.Errorf("boat %d of %d answers %d", i, k.load.before, a.Status)
		}
	}
	return nil
}

// holdsNothingLater leaves out the boat that was on its way when the backup
// ended.
func (k *keeping) holdsNothingLater() error {
	for _, id := range k.load.acked[k.load.after+1:] {
		if a := k.captain.Do("GET", "/api/boats/"+id, nil); a.Status != http.StatusNotFound {
			return fmt.Errorf("a boat that came after the backup answers %d", a.Status)
		}
	}
	return nil
}

func (k *keeping) drills(code int) error {
	return k.operator(code, "backup", "drill", k.newest(), "--json")
}

func (k *keeping) reports() (all []backup.Report, err error) {
	err = json.Unmarshal([]byte(k.said), &all)
	return all, err
}

func (k *keeping) drillIsGood() error {
	all, err := k.reports()
	if err == nil && (len(all) != 1 || len(all[0].Damages) > 0 || all[0].BlobsRead != 1) {
		err = fmt.Errorf("%+v", all)
	}
	return err
}

func (k *keeping) list() (all []backup.Entry, err error) {
	err = k.operatorReads(&all, 0, "backup", "list")
	return all, err
}

func (k *keeping) listsDrill() error {
	all, err := k.list()
	if err == nil && (len(all) != 1 || all[0].DrilledAt == nil) {
		err = fmt.Errorf("%+v", all)
	}
	return err
}

func (k *keeping) drillLeftNothing() error {
	left, err := filepath.Glob(filepath.Join(k.home, "backups", ".[mrw]*"))
	if err != nil || len(left) > 0 {
		return fmt.Errorf("%q %w", left, err)
	}
	counts := []string{"SELECT count(*) - 1 FROM users", "SELECT count(*) - 1 FROM boats"} // the captain and the Calypso
	if k.server.DB.Engine == db.Postgres {
		counts = append(counts, "SELECT count(*) FROM pg_database WHERE datname LIKE current_database() || '\\_%'")
	}
	for _, query := range counts {
		if n, err := db.One(k.t.Context(), k.server.DB, db.Scalar[int], query); err != nil || n != 0 {
			return fmt.Errorf("%s: %d, %w", query, n, err)
		}
	}
	return nil
}

func (k *keeping) withoutTable() error {
	err := k.server.DB.Transact(k.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(k.t.Context(), "ALTER TABLE warranty_tracking RENAME TO warranties_gone")
		return err
	})
	if err != nil {
		return err
	}
	return k.create()
}

func (k *keeping) drillFails() error {
	if err := k.drills(1); err != nil {
		return err
	}
	all, err := k.reports()
	if err == nil && (len(all) != 1 || !named(all[0], "smoke", "/api/warranties")) {
		err = fmt.Errorf("%+v", all)
	}
	return err
}

// named says whether a report has a damage that a check found.
func named(r backup.Report, check, text string) bool {
	return slices.ContainsFunc(r.Damages, func(d backup.Damage) bool { return d.Check == check && strings.Contains(d.Text, text) })
}

func (k *keeping) threeBackups() error {
	for range 3 {
		if err := k.create(); err != nil {
			return err
		}
	}
	for _, id := range k.ids[1:] {
		if err := os.Truncate(k.stored(id, "db.zst"), 1000); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeping) twoDamaged() error {
	all, err := k.reports()
	if err != nil {
		return err
	}
	var damaged []string
	for _, r := range all {
		if len(r.Damages) > 0 {
			damaged = append(damaged, r.ID)
		}
	}
	if want := []string{k.ids[2], k.ids[1]}; !slices.Equal(damaged, want) {
		return fmt.Errorf("%q, want %q", damaged, want)
	}
	return nil
}

func (k *keeping) prunes() error {
	return k.operator(0, "backup", "prune", "--keep", "1", "--keep-daily", "0", "--keep-weekly", "0", "--keep-monthly", "0")
}

func (k *keeping) goodOneStays() error {
	return errors.Join(
		k.operator(0, "backup", "verify", k.ids[0]),
		k.operator(0, "backup", "restore", k.ids[0], "--to", filepath.Join(k.home, "looked-at")))
}

func (k *keeping) changes() error {
	first := k.boat
	for _, name := range []string{"One", "Two", "Three"} {
		if err := k.addsBoat(name); err != nil {
			return err
		}
	}
	k.boat = first
	k.captain.Want(http.StatusOK, "PATCH", "/api/boats/"+first, map[string]string{"name": "Calypso II"})
	return nil
}

func (k *keeping) restoresWithoutConsent() error {
	if err := k.stop(); err != nil {
		return err
	}
	return k.operator(3, "backup", "restore", k.ids[0])
}

var lostBoats = regexp.MustCompile(`(?m)^ *boats +3 +1 +0 `)

func (k *keeping) isRefused() error {
	if !lostBoats.MatchString(k.said) || !strings.Contains(k.refused, "--accept-loss") {
		return fmt.Errorf("it says\n%s%s", k.said, k.refused)
	}
	return nil
}

// boatsAre demands the name of the first boat, and how many there are.
func (k *keeping) boatsAre(name string, n int) error {
	k.again()
	var all []fleet.Boat
	k.captain.Get("/api/boats", &all)
	i := slices.IndexFunc(all, func(b fleet.Boat) bool { return string(b.ID) == k.boat })
	if len(all) != n || i < 0 || all[i].Name != name {
		return fmt.Errorf("there are %+v", all)
	}
	return nil
}

var keptAs = regexp.MustCompile(`the state before is kept as (\S+)`)

func (k *keeping) stateBeforeComesBack() error {
	kept := keptAs.FindStringSubmatch(k.said)
	if kept == nil {
		return fmt.Errorf("it says\n%s", k.said)
	}
	if err := k.restores(kept[1]); err != nil {
		return err
	}
	return k.boatsAre("Calypso II", 4)
}

func (k *keeping) writesKeyDown() error {
	k.name = filepath.Join(k.t.TempDir(), "identity")
	return os.WriteFile(k.name, []byte(k.secret+"\n"), 0o600)
}

// The question whose answer is kept, sealed, for those who ask it again.
const (
	question = `{"name":"Sealed"}`
	askedAs  = "Idempotency-Key: asked once"
)

func (k *keeping) paperAndAnswer() (err error) {
	k.uploadsPaper()
	k.sealed, err = k.send(k.t.Context(), "/api/boats", question, askedAs)
	return err
}

func (k *keeping) backsUpAway() error {
	k.away = k.t.TempDir()
	return k.create("--to", k.away)
}

func (k *keeping) losesMachine() error { return errors.Join(k.stop(), os.RemoveAll(k.home)) }

// startsAnew restores on an empty machine, beside an empty database where it is
// one of PostgreSQL, and serves.
func (k *keeping) startsAnew(key ...string) error {
	if err := k.stop(); err != nil {
		return err
	}
	if k.database != "" {
		address, err := k.emptyPostgres()
		if err != nil {
			return err
		}
		k.database = address
	}
	k.place()
	if err := k.operator(0, append([]string{"backup", "restore", k.ids[0], "--from", k.away}, key...)...); err != nil {
		return err
	}
	k.serve()
	token := k.captain.Token
	k.captain = k.server.Anonymous()
	k.captain.Token = token
	return nil
}

// emptyPostgres is createdb.
func (k *keeping) emptyPostgres() (string, error) {
	server := testkit.PostgresURL(k.t)
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	u.Path = "/features_" + strings.ToLower(rand.Text())
	name := strings.TrimPrefix(u.Path, "/")
	if err := db.Administer(k.t.Context(), server, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"); err != nil {
		return "", err
	}
	ctx := context.WithoutCancel(k.t.Context())
	k.t.Cleanup(func() {
		if err := db.Administer(ctx, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			k.t.Log(err)
		}
	})
	return u.String(), nil
}

func (k *keeping) secretsAreLost() error {
	if got := k.me(); got != http.StatusUnauthorized {
		return fmt.Errorf("the session answers %d", got)
	}
	before := k.captain.Token
	k.captain = k.server.SignIn(captain, password)
	a, err := k.send(k.t.Context(), "/api/boats", question, askedAs)
	k.captain.Token = before
	if err != nil || a.Status != http.StatusInternalServerError {
		return fmt.Errorf("%d %s, %w", a.Status, a.Body, err)
	}
	return nil
}

func (k *keeping) sessionGoesOn() error { return k.tokenWorks() }

func (k *keeping) answerIsOpened() error {
	a, err := k.send(k.t.Context(), "/api/boats", question, askedAs)
	if err != nil || a.Header.Get("Idempotent-Replayed") != "true" || a.Status != k.sealed.Status || !bytes.Equal(a.Body, k.sealed.Body) {
		return fmt.Errorf("%d %v %s, %w", a.Status, a.Header, a.Body, err)
	}
	return nil
}

func (k *keeping) paperHasBytes() error {
	a := k.captain.Want(http.StatusOK, "GET", "/api/documents/"+string(k.paper.ID)+"/content", nil)
	if !bytes.Equal(a.Body, k.file) {
		return fmt.Errorf("it has %q", a.Body)
	}
	return nil
}
