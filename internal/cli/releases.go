package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/config"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/release"
)

func (c *cli) releases() *cobra.Command {
	return group("releases", "Make, stage and remove releases",
		c.releasesList(), c.releasesStage(), c.releasesPrune(), c.releasesMake(), c.releasesKeygen())
}

// info is what this binary is.
func info() (release.Info, error) {
	i := release.Info{Version: Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if built, ok := debug.ReadBuildInfo(); ok {
		for _, s := range built.Settings {
			switch s.Key {
			case "vcs.revision":
				i.Commit = s.Value
			case "vcs.modified":
				i.Modified = s.Value == "true"
			}
		}
	}
	var err error
	if i.SchemaMin, err = db.NeededVersion(db.Migrations()); err != nil {
		return i, err
	}
	i.SchemaMax, err = db.LatestVersion(db.Migrations())
	return i, err
}

// trust is whose releases this installation takes.
func trust(cfg config.Config, unsigned bool) release.Trust {
	return release.Trust{Keys: strings.Join(cfg.Operation.ReleaseKey, "\n"), Unsigned: unsigned}
}

func (c *cli) releasesList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the releases on this machine, that staged last first", Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			all, err := release.List(cfg.Home)
			if err != nil {
				return err
			}
			return c.printReleases(all)
		},
	}
}

func (c *cli) printReleases(all []release.Release) error {
	if c.json {
		return c.printJSON(append([]release.Release{}, all...))
	}
	w := tabwriter.NewWriter(c.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RELEASE\tVERSION\tCOMMIT\tBUILT\tSTAGED\tSCHEMA\tSIGNED\t")
	for _, r := range all {
		place := ""
		if r.Current {
			place = "current"
		} else if r.Previous {
			place = "previous"
		}
		m := r.Manifest
		fmt.Fprintf(w, "%s\t%s\t%.8s\t%s\t%s\t%d-%d\t%s\t%s\n", r.Name, m.Version, m.Commit, m.BuiltAt.Format(time.DateTime), r.StagedAt.Format(time.DateTime),
			m.SchemaMin, m.SchemaMax, map[bool]string{true: "yes", false: "no"}[r.Signed], place)
	}
	return w.Flush()
}

func (c *cli) releasesStage() *cobra.Command {
	var unsigned bool
	cmd := &cobra.Command{
		Use: "stage PATH", Short: "Take a release in: a folder, a .tar.gz of one, or a binary alone", Args: args(cobra.ExactArgs(1)),
		Long: "Take a release in: a folder, a .tar.gz of one, or a binary alone.\n\nIt is copied to releases/ and held against its signed manifest; nothing is deployed.\nThe keys that are trusted are those of RELEASE_PUBLIC_KEY, else of state/release.pub.",
		RunE: func(cmd *cobra.Command, given []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			r, err := release.Stage(cmd.Context(), cfg.Home, given[0], trust(cfg, unsigned))
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(r)
			}
			_, err = fmt.Fprintf(c.env.Stdout, "staged %s in %s\n", r.Name, r.Dir)
			return err
		},
	}
	unsignedFlag(cmd, &unsigned)
	return cmd
}

func unsignedFlag(cmd *cobra.Command, unsigned *bool) {
	cmd.Flags().BoolVar(unsigned, "unsigned", false, "accept a release that no trusted key has signed: whoever could change the file has this machine then")
}

func (c *cli) releasesPrune() *cobra.Command {
	var keep int
	cmd := &cobra.Command{
		Use: "prune", Short: "Remove old releases; the current and the previous one always stay", Args: args(cobra.NoArgs),
	}
	cmd.Flags().IntVar(&keep, "keep", 5, "releases staged last that stay")
	dry := dryRun(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := c.config()
		if err != nil {
			return err
		}
		if *dry {
			leave, err := release.PrunePlan(cfg.Home, keep)
			if err != nil {
				return err
			}
			return c.printGone(leave, "would remove")
		}
		gone, err := release.Prune(cmd.Context(), cfg.Home, keep)
		if perr := c.printGone(gone, "removed"); err == nil {
			err = perr
		}
		return err
	}
	return cmd
}

func (c *cli) printGone(gone []release.Release, what string) error {
	if c.json {
		names := []string{}
		for _, r := range gone {
			names = append(names, r.Name)
		}
		return c.printJSON(names)
	}
	for _, r := range gone {
		fmt.Fprintln(c.env.Stdout, what, r.Name)
	}
	_, err := fmt.Fprintf(c.env.Stdout, "%s %d releases\n", what, len(gone))
	return err
}

// making holds the flags of releases make that name files.
type making struct {
	binary, reports, sbom, key, password string
}

func (c *cli) releasesMake() *cobra.Command {
	var m making
	cmd := &cobra.Command{
		Use: "make DIR", Short: "Make a release of a built binary: manifest, bill of materials, signature", Args: args(cobra.ExactArgs(1)),
		Long: "Make a release of a built binary: DIR then holds the binary, manifest.json, sbom.json\nand, with a key, manifest.json.minisig, which minisign verifies too.\n\nThe reports are what was found out about the commit; preflight judges them:\n" +
			`  {"commit": "...", "tests": {"at": "2026-06-01T09:00:00Z", "suites": {"unit": {"passed": 900, "failed": 0}}},` + "\n" +
			`   "coverage": 81.5, "race": {"at": "...", "found": 0}, "lint": {"at": "...", "found": 0},` + "\n" +
			`   "vuln": {"at": "...", "critical": 0, "high": 0}, "reviews": [{"by": "...", "at": "..."}]}`,
		Example: "  navidocs releases keygen release.key\n  navidocs releases make --binary bin/navidocs --reports reports.json --key release.key dist",
		RunE: func(cmd *cobra.Command, given []string) error {
			o, err := m.options(given[0])
			if err != nil {
				return err
			}
			made, err := release.Make(cmd.Context(), o)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(made)
			}
			_, err = fmt.Fprintf(c.env.Stdout, "made release %s in %s (%s)\n", made.Version, given[0], map[bool]string{true: "signed", false: "not signed"}[o.Key != ""])
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&m.binary, "binary", "", "the program (this one unless given)")
	f.StringVar(&m.reports, "reports", "", "file of the reports (JSON)")
	f.StringVar(&m.sbom, "sbom", "", "bill of materials, CycloneDX (made from the binary unless given)")
	f.StringVar(&m.key, "key", "", "file of the secret key (minisign) that signs")
	f.StringVar(&m.password, "password-file", "", "file of the password that the secret key is encrypted with")
	return cmd
}

// options reads the files that the flags name.
func (m making) options(dir string) (o release.MakeOptions, err error) {
	o = release.MakeOptions{Binary: m.binary, Dir: dir, BuiltAt: time.Now()}
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return o, err
		}
	}
	reports, err := readGiven("--reports", m.reports)
	if err == nil && len(reports) > 0 {
		o.Reports, err = release.ParseReports(reports)
	}
	if err != nil {
		return o, err
	}
	if o.Sbom, err = readGiven("--sbom", m.sbom); err != nil {
		return o, err
	}
	key, err := readGiven("--key", m.key)
	if err != nil {
		return o, err
	}
	o.Key = string(key)
	o.Password, err = readPassword(m.password)
	return o, err
}

// readGiven reads the file that a flag names, nothing when it names none.
func readGiven(flag, name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err == nil && len(text) == 0 {
		err = fault.New(fault.Invalid, "the file is empty")
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("%s %s: %w", flag, name, err)}
	}
	return text, nil
}

func readPassword(name string) (string, error) {
	text, err := readGiven("--password-file", name)
	return strings.TrimRight(string(text), "\r\n"), err
}

func (c *cli) releasesKeygen() *cobra.Command {
	return &cobra.Command{
		Use: "keygen FILE", Short: "Make a pair of keys (minisign): FILE signs releases, FILE.pub is trusted", Args: args(cobra.ExactArgs(1)),
		Long: "Make a pair of keys (minisign) for a machine that builds: FILE signs releases, FILE.pub is trusted.\nThe secret key has no password; minisign -G makes one that has.",
		RunE: func(cmd *cobra.Command, given []string) error {
			public, err := release.KeyPair(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]string{"public_key": public, "file": given[0]})
			}
			return c.printKeys(given[0], public)
		},
	}
}

func (c *cli) printKeys(file, public string) error {
	_, err := io.WriteString(c.env.Stdout, "The secret key is in "+file+": keep it where releases are built, and away from servers.\n"+
		"Servers trust it by RELEASE_PUBLIC_KEY="+public+", or by a copy of "+filepath.Base(file)+".pub as "+release.KeyFile+".\n")
	return err
}
