package features

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cucumber/godog"
	"github.com/google/go-cmp/cmp"

	"navidocs/internal/apptest"
	"navidocs/internal/cli"
	"navidocs/internal/db"
	"navidocs/internal/ops"
	"navidocs/internal/testkit"
)

// smoking is what a scenario about smoke tests knows.
type smoking struct {
	*world
	home   string
	before []string
	report ops.SmokeReport
}

func (w *world) smokeSteps(sc *godog.ScenarioContext) {
	s := &smoking{world: w}
	sc.Step(`^a server with a captain, a boat and a paper, and its workers$`, s.serves)
	sc.Step(`^the operator smokes it$`, func() error { return s.smokes(s.home) })
	sc.Step(`^these suites have passed: (.*)$`, s.passed)
	sc.Step(`^no suite has failed or was left out$`, s.allPassed)
	sc.Step(`^every table has the rows that it had, and the store its files$`, s.leftNothing)
	sc.Step(`^nothing was mailed$`, s.mailedNothing)
	sc.Step(`^the operator smokes it from a folder that is not its home$`, func() error { return s.smokes(s.t.TempDir()) })
	sc.Step(`^the server is said to be alive, and what writes was left out$`, s.onlyAlive)
}

func (s *smoking) serves() (err error) {
	s.home = s.t.TempDir()
	s.server = apptest.New(s.t, apptest.Options{Home: s.home, Database: s.database})
	s.captain = s.server.User(captain, "", "")
	if err := s.addsBoat("Calypso"); err != nil {
		return err
	}
	s.captain.Upload("manual.txt", []byte("The manual of the windlass.\n"), "boat_id="+s.boat)
	testkit.Eventually(s.t, func() error {
		left, err := s.server.Jobs.Jobs(s.t.Context())
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%s is to be done", left[0].Kind)
		}
		return err
	})
	s.before, err = s.trace()
	return err
}

// trace is all that a test could leave: the rows of every table, the jobs but for
// the server's own of every minute and hour, and the files of the store.
func (s *smoking) trace() (all []string, err error) {
	tables, err := db.Counts(s.t.Context(), s.server.DB, s.server.DB)
	if err != nil {
		return nil, err
	}
	for _, x := range tables {
		all = append(all, fmt.Sprintf("%s: %d rows", x.Name, x.Rows))
	}
	metadata := "json(metadata)"
	if s.server.DB.Engine == db.Postgres {
		metadata = "metadata::text"
	}
	jobs, err := db.One(s.t.Context(), s.server.DB, db.Scalar[int], "SELECT count(*) FROM river_job WHERE "+metadata+` NOT LIKE '%"periodic"%'`)
	if err != nil {
		return nil, err
	}
	all = append(all, fmt.Sprintf("%d jobs", jobs))
	for info, err := range s.server.Store.Walk(s.t.Context()) {
		if err != nil {
			return nil, err
		}
		all = append(all, "file "+string(info.Digest))
	}
	return all, nil
}

// smokes runs the command as one types it in a folder.
func (s *smoking) smokes(home string) error {
	var said, refused bytes.Buffer
	code := cli.Run(s.t.Context(), cli.Env{
		Args: []string{"--home", home, "smoke", "--target", s.server.URL, "--json"}, Environ: []string{"APP_ENV=test", "LOG_LEVEL=error"},
		Stdin: strings.NewReader(""), Stdout: &said, Stderr: &refused,
	})
	if code != 0 {
		return fmt.Errorf("navidocs smoke: exit code %d\n%s%s", code, said.String(), refused.String())
	}
	s.report = ops.SmokeReport{}
	return json.Unmarshal(said.Bytes(), &s.report)
}

func (s *smoking) passed(names string) error {
	for name := range strings.SplitSeq(names, ", ") {
		if !slices.ContainsFunc(s.report.Suites, func(x ops.SmokeSuite) bool { return x.Name == name && x.OK }) {
			return fmt.Errorf("%s has not passed: %+v", name, s.report.Suites)
		}
	}
	return nil
}

func (s *smoking) allPassed() error {
	for _, x := range s.report.Suites {
		if !x.OK {
			return fmt.Errorf("%+v", x)
		}
	}
	return nil
}

func (s *smoking) leftNothing() error {
	after, err := s.trace()
	if diff := cmp.Diff(s.before, after); diff != "" {
		err = errors.Join(err, errors.New(diff))
	}
	return err
}

func (s *smoking) mailedNothing() error {
	mails, err := os.ReadDir(filepath.Join(s.home, "data", "outbox"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && len(mails) > 0 {
		err = fmt.Errorf("%d mails lie in the outbox", len(mails))
	}
	return err
}

func (s *smoking) onlyAlive() error {
	for i, x := range s.report.Suites {
		if i == 0 && !x.OK || i > 0 && x.Skipped == "" {
			return fmt.Errorf("%+v", x)
		}
	}
	return s.leftNothing()
}
