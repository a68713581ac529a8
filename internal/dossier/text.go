package dossier

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/bundle"
	"navidocs/internal/fleet"
)

// readme is what the buyer reads first, in lines that end as on Windows.
func (p *Package) readme() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("%s", p.Title())
	line("Issued on %s.", p.in.At.UTC().Format(time.DateOnly))
	line("")
	line("Open index.html: it lists every file and searches the text of all pages. It needs no network.")
	if !p.in.Supplement {
		line("data/ is the boat's record for programs: NaviDocs imports this package as it is, unopened.")
	}
	line("VERIFY.txt tells how to check that nothing was altered. Signed by the key")
	line("%s", p.in.Fingerprint)
	line("")
	line("Chapters")
	for _, c := range chapters() {
		n := p.count(c)
		switch {
		case n == 0 && p.in.Supplement:
			continue
		case p.papersIn(c) == 0 && n <= 1 && c.number > "01":
			line("  %s  %s: no papers", c.number, c.title)
		default:
			line("  %s  %s: %d files", c.number, c.title, n)
		}
	}
	p.gaps(line)
	return b.String()
}

func (p *Package) papersIn(c chapter) (n int) {
	for _, x := range p.in.Papers {
		if chapterOf(x.Type).number == c.number {
			n++
		}
	}
	return n
}

func (p *Package) gaps(line func(string, ...any)) {
	if len(p.in.Withheld) > 0 {
		line("")
		line("Not in this package")
	}
	for _, g := range p.in.Withheld {
		line("  %s: %s", g.What, g.Why)
	}
	if len(p.in.Missing) > 0 {
		line("")
		line("Missing from the boat's file")
	}
	for _, g := range p.in.Missing {
		line("  %s: %s", g.What, g.Why)
	}
}

// table is a CSV (RFC 4180).
func table(rows ...[]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = bundle.Cell(cell)
		}
		_ = w.Write(safe) // a buffer takes everything
	}
	w.Flush()
	return b.Bytes()
}

// addTables adds what is also wanted as a table.
func (p *Package) addTables() {
	if !p.in.NoSummary {
		p.add("", "WARRANTY_SUMMARY.csv", "text/csv", table(append([][]string{{
			"item", "provider", "serial_number", "status", "covered_until", "ends_by", "hours_limit", "transferable", "register_by", "window_assumed",
			"fee", "currency", "registration_number", "how", "terms",
		}}, rowsOf(p.in.Covers, func(c Cover) []string {
			return []string{
				c.ItemName, c.Provider, c.SerialNumber, string(c.Status), string(c.ExpirationDate), c.EndsBy, number(c.HoursLimit), yes(c.Transferable),
				date(c.Deadline), yes(c.Assumed), number(c.TransferCost), c.Currency, c.RegistrationNumber, c.ClaimInstructions, c.TermsSource,
			}
		})...)...))
	}
	p.add(numbered("04").folder(), "Certificates.csv", "text/csv", table(append([][]string{{"type", "title", "issued_on", "expires_on", "file"}},
		rowsOf(p.certificates(), func(x Paper) []string {
			return []string{x.TypeName, x.Title, date(x.IssuedOn), date(x.ExpiresOn), x.Path}
		})...)...))
}

func rowsOf[T any](all []T, row func(T) []string) [][]string {
	out := make([][]string, len(all))
	for i, x := range all {
		out[i] = row(x)
	}
	return out
}

// certificates are the papers that expire.
func (p *Package) certificates() (out []Paper) {
	for _, x := range p.in.Papers {
		if x.ExpiresOn != nil {
			out = append(out, x)
		}
	}
	return out
}

func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

func whole(v *int) string {
	if v == nil {
		return ""
	}
	return strconv.Itoa(*v)
}

func date(d *fleet.Date) string {
	if d == nil {
		return ""
	}
	return string(*d)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func metres(v *float64) string {
	if v == nil {
		return ""
	}
	const foot = 0.3048
	return fmt.Sprintf("%.2f m (%.1f ft)", *v, *v/foot)
}
