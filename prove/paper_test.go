package prove_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"navidocs/internal/demo"
)

// paper is a file to upload.
type paper struct {
	name    string
	content []byte
}

// seeded gives the same dice each time.
func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x6e617669)) }

// vocabulary is what boat papers are written of.
var vocabulary = strings.Fields(`the of and to in is on at with for from before after each check replace inspect clean
	engine impeller pump hose clamp valve filter fuel oil water cooling exhaust anode propeller shaft seal bearing rudder
	halyard sheet winch mast boom rigging shroud turnbuckle chainplate keel bilge hull deck hatch locker anchor chain
	windlass fender mooring line cleat battery charger alternator fuse breaker panel cable inverter solar regulator radio
	antenna radar sounder compass autopilot chart plotter beacon liferaft flare extinguisher certificate survey insurance
	invoice warranty serial number owner builder yard harbour season service hours pressure temperature torque`)

// words writes a text of n words.
func words(r *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString([]string{" ", " ", " ", " ", ". ", ", ", "\n"}[r.IntN(7)])
		}
		b.WriteString(vocabulary[r.IntN(len(vocabulary))])
	}
	return b.String()
}

// textPaper is a text file of some pages.
func textPaper(r *rand.Rand, i int) paper {
	return paper{fmt.Sprintf("note-%03d.txt", i), []byte(fmt.Sprintf("Note %d\n%s\n", i, words(r, 200+r.IntN(2000))))}
}

// pdfPaper prints a PDF whose pages hold text.
func pdfPaper(t testing.TB, r *rand.Rand, i, pages int) paper {
	t.Helper()
	p := fpdf.New("P", "mm", "A4", "")
	p.SetCreationDate(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	p.SetTitle(fmt.Sprintf("Manual %d", i), true)
	p.SetFont("Helvetica", "", 11)
	for n := range pages {
		p.AddPage()
		p.Bookmark(fmt.Sprintf("Chapter %d", n+1), 0, -1)
		p.MultiCell(0, 5, fmt.Sprintf("Manual %d, page %d. %s", i, n+1, words(r, 250)), "", "", false)
	}
	var b bytes.Buffer
	if err := p.Output(&b); err != nil {
		t.Fatal(err)
	}
	return paper{fmt.Sprintf("manual-%03d.pdf", i), b.Bytes()}
}

// scans are papers of the demo that must be recognized.
func scans(t testing.TB, names ...string) (all []paper) {
	t.Helper()
	for _, name := range names {
		content, err := demo.Bytes(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, paper{name, content})
	}
	return all
}

// mixed makes n papers: a few scans, the rest half text and half PDF, shuffled.
func mixed(t testing.TB, r *rand.Rand, n int, scanned ...string) []paper {
	t.Helper()
	all := scans(t, scanned...)
	for i := len(all); i < n; i++ {
		if i%2 == 0 {
			all = append(all, textPaper(r, i))
		} else {
			all = append(all, pdfPaper(t, r, i, 2+r.IntN(12)))
		}
	}
	r.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
