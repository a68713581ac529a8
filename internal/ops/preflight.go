package ops

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"navidocs/internal/backup"
	"navidocs/internal/config"
	"navidocs/internal/fault"
	"navidocs/internal/release"
)

// Preflight looks at everything that a deploy needs, before it. It changes
// nothing and never stops at the first fault: what cannot be looked at, because
// something else is wrong, is skipped and says why.
type Preflight struct {
	// Config lacks what Faults are about.
	Config   config.Config
	Faults   config.Faults
	EnvFiles []string // which the configuration was read from
	// Doctor examines the installation; nil when it cannot be opened, for the
	// reason Unopened.
	Doctor   *Doctor
	Unopened error
	// Release is the path of what is to be deployed; empty means the release that
	// serves, if any.
	Release string
	Trust   release.Trust
	// NoReview: the operator answers for the release alone.
	NoReview bool
	// Restoring looks at what a restore needs, instead of a deploy.
	Restoring bool
	// Backups lists the backups, the newest first, without the database.
	Backups func(ctx context.Context) ([]backup.Entry, error)
	// Deploying: the caller holds the lock of deploys itself.
	Deploying bool
	// Mail tries the mail server; nil when mail is written to a folder.
	Mail func(ctx context.Context) error
	// Without is what is configured and this binary cannot do; "" for nothing.
	Without string
	// Assets are the files of the front end in this binary; nil without one.
	Assets fs.FS
	// Roots are the authorities that certificates go back to; nil means those of
	// the system.
	Roots *x509.CertPool
	Now   func() time.Time
	// Probe is the organization of smoke tests. What it is told goes nowhere, and
	// is there only while one runs, or was killed.
	Probe string
	// Limit bounds all of it; 0 means 10 s.
	Limit time.Duration

	inspect func(ctx context.Context) (inspected, error)
}

// inspected is the release in question, if there is one.
type inspected struct {
	release.Inspection
	there bool
}

// preflightLimit is how long an operator waits for all of it.
const preflightLimit = 10 * time.Second

func (p *Preflight) checks() []check {
	machine := &Doctor{Config: p.Config, Now: p.Now}
	if p.Restoring {
		return []check{
			{"config", p.config},
			{"secrets", p.secrets},
			{"recovery_key", p.recoveryKey},
			{"disk", machine.disk},
			{"ram", machine.memory},
			{"load", machine.load},
			{"fs", machine.fileSystem},
			{"services", p.services},
			{"db", p.restored},
			{"backup", p.restorable},
			{"drill", p.drilled},
			{"sessions", p.opened(p.sessions)},
			{"lock", p.lock},
		}
	}
	return []check{
		{"tests", p.report(p.tests)},
		{"vuln", p.report(p.vuln)},
		{"lint", p.report(p.lint)},
		{"review", p.report(p.review)},
		{"sbom", p.sbom},
		{"signature", p.signature},
		{"binary", p.binary},
		{"assets", p.assets},
		{"config", p.config},
		{"secrets", p.secrets},
		{"recovery_key", p.recoveryKey},
		{"tls", p.tls},
		{"smtp", p.smtp},
		{"webhook-egress", p.opened(p.egress)},
		{"disk", machine.disk},
		{"ram", machine.memory},
		{"load", machine.load},
		{"clock", p.examined((*Doctor).clock)},
		{"fs", machine.fileSystem},
		{"sqlite", p.examined((*Doctor).sqlite)},
		{"services", p.services},
		{"queue", p.examined((*Doctor).queue)},
		{"db", p.database},
		{"schema", p.opened(p.schema)},
		{"backup", p.examined((*Doctor).backup)},
		{"drill", p.examined((*Doctor).drill)},
		{"sessions", p.opened(p.sessions)},
		{"lock", p.lock},
	}
}

// Run looks at everything at once and returns what was found, in a fixed order.
func (p *Preflight) Run(ctx context.Context) []Finding {
	if p.Limit == 0 {
		p.Limit = preflightLimit
	}
	ctx, cancel := context.WithTimeout(ctx, p.Limit)
	defer cancel()
	// Once for all checks that ask for it.
	inspect := sync.OnceValues(func() (inspected, error) { return p.look(ctx) })
	p.inspect = func(context.Context) (inspected, error) { return inspect() }
	return look(ctx, p.checks())
}

func (p *Preflight) look(ctx context.Context) (in inspected, err error) {
	path := p.Release
	if path == "" {
		r, err := release.Current(p.Config.Home)
		if fault.Is(err, fault.NotFound) {
			return in, nil
		}
		if err != nil {
			return in, err
		}
		path = r.Dir
	}
	in.there = true
	in.Inspection, err = release.Inspect(ctx, p.Config.Home, path, p.Trust)
	return in, err
}

// opened leaves a check out where the installation cannot be opened; db says so.
func (p *Preflight) opened(f func(ctx context.Context) (Finding, error)) func(ctx context.Context) (Finding, error) {
	return func(ctx context.Context) (Finding, error) {
		if p.Doctor == nil {
			return skip("the installation is not open: see config and db")
		}
		return f(ctx)
	}
}

// examined is a check of the doctor's.
func (p *Preflight) examined(f func(d *Doctor, ctx context.Context) (Finding, error)) func(ctx context.Context) (Finding, error) {
	return p.opened(func(ctx context.Context) (Finding, error) { return f(p.Doctor, ctx) })
}

func (p *Preflight) database(ctx context.Context) (Finding, error) {
	switch {
	case p.Doctor != nil:
		return p.Doctor.database(ctx)
	case len(p.Faults) > 0:
		return skip("the configuration has to be put right first: see config and secrets")
	case fault.Is(p.Unopened, fault.Conflict):
		return warn("start the server once, or navidocs migrate up", "it is empty, as before a first start")
	}
	return fail("see the text; navidocs doctor looks closer", "it cannot be opened: %s", p.Unopened)
}

// restored: a database that is damaged is why one restores.
func (p *Preflight) restored(ctx context.Context) (Finding, error) {
	f, err := p.database(ctx)
	if err == nil && f.Verdict == Fail {
		f.Verdict, f.Remedy = Warn, "this is what a restore is for; navidocs doctor says whether there is another way"
	}
	return f, err
}

// restorable: without a backup that was verified there is nothing to restore.
func (p *Preflight) restorable(ctx context.Context) (Finding, error) {
	all, err := p.listed(ctx)
	if all == nil || err != nil {
		return skip("the backups cannot be listed: see config")
	}
	i := slices.IndexFunc(all, func(e backup.Entry) bool { return e.VerifiedAt != nil })
	if i < 0 {
		return fail("navidocs backup verify --all, or point DATABASE_BACKUP_DIR or --from at where they are", "none of %s is verified", plural(len(all), "backup"))
	}
	return pass("%s is the newest that is verified, of %.0f hours ago: what came since would be lost", all[i].ID, p.Now().Sub(all[i].Created).Hours())
}

// drilled: a backup that was restored once will be again.
func (p *Preflight) drilled(ctx context.Context) (Finding, error) {
	all, err := p.listed(ctx)
	if all == nil || err != nil {
		return skip("the backups cannot be listed: see config")
	}
	i := slices.IndexFunc(all, func(e backup.Entry) bool { return e.DrilledAt != nil })
	if i < 0 {
		return warn("navidocs backup drill", "no backup has been restored on trial")
	}
	return pass("%s was restored on trial", all[i].ID)
}

// listed are the backups; nil when nobody can say.
func (p *Preflight) listed(ctx context.Context) ([]backup.Entry, error) {
	if p.Backups == nil {
		return nil, nil
	}
	all, err := p.Backups(ctx)
	return append([]backup.Entry{}, all...), err
}

// recoveryKey: before the first start there is none.
func (p *Preflight) recoveryKey(ctx context.Context) (Finding, error) {
	if _, err := os.Stat(p.Config.KeyDir()); errors.Is(err, fs.ErrNotExist) {
		return skip("it is made at the first start")
	}
	return (&Doctor{Config: p.Config}).recoveryKey(ctx)
}

// schema: what waits is what a deploy is for.
func (p *Preflight) schema(ctx context.Context) (Finding, error) {
	pending, changed, err := p.Doctor.Pending(ctx)
	if err == nil && len(changed) == 0 && len(pending) > 0 {
		return pass("%d migrations wait, and a deploy applies those that only add: %s", len(pending), pending)
	}
	if err != nil {
		return Finding{}, err
	}
	return p.Doctor.schema(ctx)
}

// report is a check of what the manifest says of the build. Of whom nobody
// knows nothing is believed.
func (p *Preflight) report(f func(m release.Manifest) (Finding, error)) func(ctx context.Context) (Finding, error) {
	return func(ctx context.Context) (Finding, error) {
		in, err := p.inspect(ctx)
		switch {
		case err != nil:
			return Finding{}, err
		case !in.there:
			return skip(noRelease)
		case !in.Described:
			return skip("a binary alone has no reports: make a release of it with navidocs releases make")
		case in.Signature != nil:
			return skip("nobody who is trusted signed the reports: see signature")
		}
		return f(in.Manifest)
	}
}

// leastCoverage is how many percent of the statements the tests run at least.
const leastCoverage = 70.0

func (p *Preflight) tests(m release.Manifest) (Finding, error) {
	const again = "build and test the commit anew, then navidocs releases make --reports"
	r := m.Reports
	if r.Tests == nil {
		return skip("the manifest has no report of tests")
	}
	passed := 0
	for name, s := range r.Tests.Suites {
		if s.Failed > 0 {
			return fail(again, "%d tests of the suite %s failed", s.Failed, name)
		}
		passed += s.Passed
	}
	switch {
	case passed == 0:
		return fail(again, "no test was run")
	case r.Race != nil && r.Race.Found > 0:
		return fail(again, "the race detector found %d races", r.Race.Found)
	case r.Coverage != nil && *r.Coverage < leastCoverage:
		return fail(again, "the tests run %.1f %% of the statements, fewer than %.0f %%", *r.Coverage, leastCoverage)
	case m.Modified:
		return warn("build from a clean checkout", "the sources differed from the commit that was tested")
	case r.Commit == "":
		return warn(again, "the reports do not say which commit they are about")
	}
	for _, name := range []string{"unit", "integration", "e2e"} {
		if r.Tests.Suites[name].Passed == 0 {
			return warn(again, "the suite %s was not run", name)
		}
	}
	if r.Race == nil || r.Coverage == nil {
		return warn(again, "%d tests passed, but the race detector or the coverage is not reported", passed)
	}
	return pass("%d tests passed, %.1f %% of the statements, no races", passed, *r.Coverage)
}

// vulnAge is how long a look for known vulnerabilities counts.
const vulnAge = 7 * 24 * time.Hour

func (p *Preflight) vuln(m release.Manifest) (Finding, error) {
	v := m.Reports.Vuln
	if v == nil {
		return skip("the manifest has no report of vulnerabilities")
	}
	age := p.Now().Sub(v.At)
	switch {
	case v.Critical+v.High > 0:
		return fail("update what is vulnerable, and build anew", "%d critical and %d high vulnerabilities can be reached", v.Critical, v.High)
	case age > vulnAge:
		return warn("look again, and make the release anew", "the report of vulnerabilities is %.0f days old", age.Hours()/24)
	}
	return pass("no critical and no high vulnerability can be reached (%d others)", v.Other)
}

func (p *Preflight) lint(m release.Manifest) (Finding, error) {
	l := m.Reports.Lint
	switch {
	case l == nil:
		return skip("the manifest has no report of the linters")
	case l.Found > 0:
		return fail("make check, and build anew", "the linters found %d things", l.Found)
	}
	return pass("the linters found nothing")
}

func (p *Preflight) review(m release.Manifest) (Finding, error) {
	var who []string
	for _, r := range m.Reports.Reviews {
		if r.By != "" && !slices.Contains(who, r.By) {
			who = append(who, r.By)
		}
	}
	switch {
	case p.NoReview:
		return skip("left out (--no-review)")
	case m.Reports.Reviews == nil:
		return skip("the manifest has no reviews")
	case len(who) < 2:
		return fail("have it reviewed by two people, or say --no-review", "%d people approved it, and two are needed", len(who))
	}
	return pass("approved by %s", strings.Join(who, ", "))
}

// noRelease is why nothing can be said of one.
const noRelease = "no release is named (--release PATH), and none has been deployed"

func (p *Preflight) sbom(ctx context.Context) (Finding, error) {
	in, err := p.inspect(ctx)
	switch {
	case err != nil:
		return Finding{}, err
	case !in.there:
		return skip(noRelease)
	case in.Sbom != nil:
		return fail("fetch the release again", "%s", fault.Message(in.Sbom))
	case in.Manifest.Sbom == "":
		return skip("it has no bill of materials")
	}
	return pass("%s is the one of the manifest", release.SbomFile)
}

func (p *Preflight) signature(ctx context.Context) (Finding, error) {
	const remedy = "take the release from where it was published, or say --unsigned when you built it yourself"
	in, err := p.inspect(ctx)
	switch {
	case err != nil:
		return fail("give the folder, the .tar.gz or the binary of a release", "it cannot be looked at: %s", fault.Message(err))
	case !in.there:
		return skip(noRelease)
	case in.Signature != nil && p.Trust.Unsigned:
		return warn(remedy, "%s", fault.Message(in.Signature))
	case in.Signature != nil:
		return fail(remedy, "%s", fault.Message(in.Signature))
	}
	return pass("signed with a key that is trusted")
}

func (p *Preflight) binary(ctx context.Context) (Finding, error) {
	in, err := p.inspect(ctx)
	m := in.Manifest
	switch {
	case err != nil:
		return Finding{}, err
	case !in.there:
		return skip(noRelease)
	case in.Binary != nil:
		return fail("fetch the release again, for this kind of machine", "%s", fault.Message(in.Binary))
	case !in.Ran:
		return skip("it is not run: nobody who is trusted signed it")
	}
	return pass("%s for %s on %s, %d MB, which runs; schemas %d to %d", m.Version, m.OS, m.Arch, m.Size>>20, m.SchemaMin, m.SchemaMax)
}

// maxAssets is the size from which a front end is too large for a boat's line.
const maxAssets = 50 << 20

func (p *Preflight) assets(context.Context) (Finding, error) {
	if p.Assets == nil {
		return skip("this release has no front end")
	}
	files, size := 0, int64(0)
	err := fs.WalkDir(p.Assets, ".", func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			files, size = files+1, size+info.Size()
		}
		return err
	})
	switch {
	case err != nil:
		return Finding{}, err
	case files == 0:
		return fail("build the front end, then the binary", "the front end is empty")
	case size > maxAssets:
		return fail("leave out what is not needed", "the front end has %d MB, more than %d MB", size>>20, maxAssets>>20)
	}
	return pass("%d files, %d KB", files, size>>10)
}

// Warned counts the findings that say WARN.
func Warned(found []Finding) (n int) {
	for _, f := range found {
		if f.Verdict == Warn {
			n++
		}
	}
	return n
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
