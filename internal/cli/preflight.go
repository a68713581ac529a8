package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"navidocs/internal/app"
	"navidocs/internal/config"
	"navidocs/internal/ops"
)

// preflight holds the flags of the command.
type preflight struct {
	release, purpose                      string
	unsigned, noReview, strict, checklist bool
	deploying                             bool
	by                                    ops.SignOff
}

func (c *cli) preflight() *cobra.Command {
	var p preflight
	cmd := &cobra.Command{
		Use: "preflight", Short: "Check, before a deploy or a restore, all that it needs", Args: args(cobra.NoArgs),
		Long: "Check, before a deploy, all that it needs, within ten seconds: the release and what was found\nout about it, the configuration, this machine, the database and its backups, and whom it talks to.\n" +
			"Nothing is changed. Exit code 1 when a check says FAIL, with --strict also when one says WARN.",
		Example: "  navidocs preflight --release dist\n  navidocs preflight --for restore\n  navidocs preflight --release 1.4.0.tar.gz --checklist --by Ann --approved-by Bo",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.runPreflight(cmd, p) },
	}
	f := cmd.Flags()
	f.StringVar(&p.release, "release", "", "what is to be deployed: folder, .tar.gz or binary (the release that serves unless given)")
	f.StringVar(&p.purpose, "for", "deploy", "what it is about: deploy or restore")
	f.BoolVar(&p.strict, "strict", false, "a WARN counts as a FAIL")
	f.BoolVar(&p.noReview, "no-review", false, "do not ask for two reviews")
	f.BoolVar(&p.checklist, "checklist", false, "print the list that people sign, filled in")
	f.StringVar(&p.by.DeployedBy, "by", "", "who deploys, for the list")
	f.StringVar(&p.by.ApprovedBy, "approved-by", "", "who approved it, for the list")
	f.BoolVar(&p.deploying, "deploying", false, "the caller holds the lock of deploys")
	unsignedFlag(cmd, &p.unsigned)
	if err := f.MarkHidden("deploying"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

func (c *cli) runPreflight(cmd *cobra.Command, p preflight) error {
	switch {
	case p.purpose != "deploy" && p.purpose != "restore":
		return usageError{fmt.Errorf("--for %q is neither deploy nor restore", p.purpose)}
	case p.purpose == "restore" && (p.release != "" || p.checklist):
		return usageError{errors.New("--release and --checklist are about a deploy: leave --for restore away")}
	}
	cfg, faults, err := config.Examine(config.Source{Environ: c.env.Environ, EnvFiles: c.envFiles, Home: c.home})
	if err != nil {
		return err
	}
	o, err := c.options(cfg)
	if err != nil {
		return err
	}
	checks, closeIt := app.Preflight(cmd.Context(), o, faults)
	defer closeIt() //nolint:errcheck // nothing was written
	checks.EnvFiles, checks.Release, checks.Trust = c.envFiles, p.release, trust(cfg, p.unsigned)
	checks.NoReview, checks.Deploying, checks.Restoring = p.noReview, p.deploying, p.purpose == "restore"
	found := checks.Run(cmd.Context())
	if p.checklist {
		p.by.At = time.Now()
		err = c.printChecklist(ops.Checklist(found), p.by)
	} else {
		err = c.printFindings(found)
	}
	if err != nil {
		return err
	}
	failed, warned := ops.Failed(found), ops.Warned(found)
	switch {
	case failed > 0:
		return fmt.Errorf("%d checks say FAIL", failed)
	case p.strict && warned > 0:
		return fmt.Errorf("%d checks say WARN, which counts with --strict", warned)
	}
	return nil
}

func (c *cli) printChecklist(boxes []ops.Box, by ops.SignOff) error {
	if c.json {
		return c.printJSON(struct {
			ops.SignOff
			Boxes []ops.Box `json:"boxes"`
		}{by, boxes})
	}
	return ops.WriteChecklist(c.env.Stdout, boxes, by)
}
