package ops

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// SignOff is who answers for a deploy.
type SignOff struct {
	DeployedBy string    `json:"deployed_by"`
	ApprovedBy string    `json:"approved_by"`
	At         time.Time `json:"at"`
}

// Box is one line of the checklist with what the checks say of it.
type Box struct {
	Part    string   `json:"part"`
	Text    string   `json:"text"`
	Checks  []string `json:"checks"`
	Verdict string   `json:"verdict"`
	Found   []string `json:"found"`
}

// boxes are the lines that were ticked by hand, and the checks that tick them.
func boxes() []Box {
	return []Box{
		{Part: "Code", Text: "Unit, integration and end-to-end tests pass, more than 70 % of the statements are run", Checks: []string{"tests"}},
		{Part: "Code", Text: "No high or critical vulnerability", Checks: []string{"vuln"}},
		{Part: "Code", Text: "Linters, formats and types are clean", Checks: []string{"lint"}},
		{Part: "Code", Text: "Two people have reviewed it", Checks: []string{"review"}},
		{Part: "Code", Text: "The build is the one that was published, and it runs here", Checks: []string{"signature", "binary", "sbom", "assets"}},
		{Part: "Environment", Text: "All variables are set, none is a placeholder", Checks: []string{"config"}},
		{Part: "Environment", Text: "Secrets are strong, kept apart from the code, and nobody else reads them", Checks: []string{"secrets", "recovery_key"}},
		{Part: "Environment", Text: "The certificate is valid, for this name, for long enough", Checks: []string{"tls"}},
		{Part: "Environment", Text: "Mail and webhooks get out", Checks: []string{"smtp", "webhook-egress"}},
		{Part: "Data", Text: "A backup of the last day is there, and was verified", Checks: []string{"backup"}},
		{Part: "Data", Text: "A backup was restored for a trial", Checks: []string{"drill"}},
		{Part: "Data", Text: "The database is sound, its schema known", Checks: []string{"db", "schema", "sqlite"}},
		{Part: "Machine", Text: "There is room on the disk, in memory, and on the processors", Checks: []string{"disk", "ram", "load", "fs", "clock"}},
		{Part: "Machine", Text: "Server and workers run, the queue is worked", Checks: []string{"services", "queue"}},
		{Part: "Machine", Text: "Nobody else deploys, and users may go on working", Checks: []string{"lock", "sessions"}},
	}
}

// Checklist fills the boxes: the worst verdict of its checks is a box's, and
// those that do not apply say nothing beside others.
func Checklist(found []Finding) []Box {
	worst := []string{Fail, Warn, Pass, Skip}
	all := boxes()
	for i := range all {
		b := &all[i]
		b.Verdict = Skip
		for _, f := range found {
			if !slices.Contains(b.Checks, f.Check) {
				continue
			}
			b.Found = append(b.Found, f.Check+": "+f.Text)
			if slices.Index(worst, f.Verdict) < slices.Index(worst, b.Verdict) {
				b.Verdict = f.Verdict
			}
		}
	}
	return all
}

// WriteChecklist writes the boxes as people sign them: ticked, to be looked at,
// not ticked, or, where nothing could be looked at, left to be ticked by hand.
func WriteChecklist(w io.Writer, all []Box, by SignOff) error {
	marks := map[string]string{Pass: "[x]", Warn: "[!]", Fail: "[ ] FAIL", Skip: "[ ]"}
	text, part := "", ""
	for _, b := range all {
		if b.Part != part {
			part = b.Part
			text += "\n" + part + "\n"
		}
		text += marks[b.Verdict] + " " + b.Text + "\n"
		for _, f := range b.Found {
			text += "      " + f + "\n"
		}
	}
	text += fmt.Sprintf("\nDeployed by: %s\nApproved by: %s\nAt:          %s UTC\n", given(by.DeployedBy), given(by.ApprovedBy), by.At.UTC().Format(time.DateTime))
	_, err := io.WriteString(w, text[1:])
	return err
}

func given(who string) string {
	if who == "" {
		return "____________________"
	}
	return who
}
