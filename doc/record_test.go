package doc_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/listing"
	"navidocs/internal/record"
	"navidocs/internal/sale"
	"navidocs/internal/warranty"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	golden(t, "record.md", recordPage())
}

const recordHead = `# The record: data files, export and import

A package of a boat and the export of an organization are the same kind of archive:
data files, the papers as they are stored, ` + "`manifest.json`" + ` with the size and SHA-256 of each,
and its signature. Each table of the record is a file ` + "`data/NAME.json`" + `, an array of
objects, and beside it the same rows as ` + "`data/NAME.csv`" + ` for spreadsheets, where a text that one
would take for a formula has an apostrophe before it. Rows are ordered by their keys, so that
equal rows give equal bytes. ` + "`data/schema.json`" + ` names the form: ` + "`" + record.Schema + "`" + `.

## Exporting and importing

An admin has everything that an organization has written to an archive, which is kept for
7 days; an admin of another organization takes it in, on the same server or elsewhere. The
commands run against the demo (` + "`make run`" + `):

` + "```sh" + `
T=$(curl -s localhost:3000/api/auth/login -H 'Content-Type: application/json' -d '{"email":"demo@navidocs.app","password":"test"}' | jq -r .token)
AUTH="Authorization: Bearer $T"; JSON='Content-Type: application/json'; API=localhost:3000/api
EXPORT=$(curl -s -X POST -H "$AUTH" $API/export | jq -r .id)
until curl -s -H "$AUTH" $API/exports/$EXPORT | jq -e '.finished_at' > /dev/null; do sleep 0.2; done
curl -s -H "$AUTH" $API/exports/$EXPORT | jq -r '.state, (.counts.boats >= 1)'
curl -s -H "$AUTH" -o export.zip $API/exports/$EXPORT/content
ELSEWHERE=$(curl -s -H "$AUTH" -H "$JSON" $API/organizations -d '{"name":"Elsewhere"}' | jq -r .id)
IMPORT=$(curl -s -H "$AUTH" -F organization_id=$ELSEWHERE -F file=@export.zip $API/import | jq -r .id)
until curl -s -H "$AUTH" $API/packages/imports/$IMPORT | jq -e '.finished_at' > /dev/null; do sleep 0.2; done
curl -s -H "$AUTH" $API/packages/imports/$IMPORT | jq -r '.state, .error, (.boats | length >= 1)'
curl -s -H "$AUTH" -F organization_id=$ELSEWHERE -F file=@export.zip $API/import | jq -r .already
curl -s -X DELETE -H "$AUTH" -H "$JSON" $API/organizations/$ELSEWHERE -d '{"confirm":"Elsewhere"}' > /dev/null
` + "```" + `

` + "```text" + `
completed
true
completed

true
true
` + "```" + `

A buyer's package goes to ` + "`POST /api/packages/import`" + ` in the same way; managers may. An operator has
` + "`navidocs export --organization NAME --to FILE`, `navidocs import FILE --organization NAME` and\n`navidocs package import FILE --organization NAME`" + `.

What arrives gets new ids; which row became which is kept. Everything of an archive arrives,
or nothing: a value that is not what the tables below say, a reference to what the archive does
not hold, or a changed byte refuses it, and the reason names file, row, column and value.
The same archive arrives once in an organization: again, it answers ` + "`already`" + ` and changes nothing. A
paper that the organization has already is linked and not kept twice. Papers can be searched at
once by the texts that came with them; their images are made again in the background. Ends of
warranties are computed anew, and nobody is reminded of what is past by then. Into the audit
trail go ` + "`package.received`, `package.imported` for each boat, `organization.exported`, and\n`organization.export_downloaded`" + `.

A package leaves out what is marked *private* below: amounts, people, and the tables that only an
organization's export has. The signature says which key made an archive, not whose it is:
compare the fingerprint with one that came by another way.

This page is generated from the tables themselves (` + "`go test ./doc -run TestRecord -update`" + `).
`

// recordPage writes the tables out, as the domains describe them.
func recordPage() string {
	var b strings.Builder
	b.WriteString(recordHead)
	tables := slices.Concat((*fleet.Service)(nil).Tables(), (*document.Service)(nil).Tables(), (*warranty.Service)(nil).Tables(), sale.Tables(), listing.Tables())
	for _, t := range record.New(nil, nil, nil, nil, record.Options{Tables: tables}).Tables() {
		fmt.Fprintf(&b, "\n## data/%s.json\n\n%s (table `%s`)%s.\n\n", t.File, strings.ToUpper(t.About[:1])+t.About[1:], t.Name, goesWhere(t))
		b.WriteString("| column | kind | |\n| --- | --- | --- |\n")
		for _, c := range t.Columns {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, cell(c.Kind.String()), cell(remarks(c)))
		}
		if len(t.Omitted) > 0 {
			b.WriteString("\nDoes not travel: " + reasons(t.Omitted) + ".\n")
		}
	}
	b.WriteString("\n## What stays\n\n| table | why |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(record.Left())) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, record.Left()[name])
	}
	return b.String()
}

func goesWhere(t record.Table) string {
	switch {
	case t.ReadOnly != "":
		return ". In exports only, and " + t.ReadOnly[len("it is "):]
	case t.OfBoats == "":
		return ". In exports only"
	}
	return ""
}

func remarks(c record.Column) string {
	var all []string
	if c.Null {
		all = append(all, "or null")
	}
	if c.Private {
		all = append(all, "*private*")
	}
	if c.About != "" {
		all = append(all, c.About)
	}
	return strings.Join(all, "; ")
}

// reasons lists columns by why they do not travel.
func reasons(omitted map[string]string) string {
	by := map[string][]string{}
	for column, why := range omitted {
		by[why] = append(by[why], "`"+column+"`")
	}
	var all []string
	for _, why := range slices.Sorted(maps.Keys(by)) {
		slices.Sort(by[why])
		all = append(all, strings.Join(by[why], ", ")+" ("+why+")")
	}
	return strings.Join(all, ", ")
}
