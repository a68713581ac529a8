//go:build prove

package prove_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"navidocs/internal/document"
)

// mutate damages a file in one of six ways and says which.
func mutate(r *rand.Rand, file, other []byte) (how string, out []byte) {
	out = slices.Clone(file)
	switch r.IntN(6) {
	case 0:
		for range 1 + r.IntN(200) {
			out[8+r.IntN(len(out)-8)] ^= byte(1 + r.IntN(255))
		}
		return "bytes flipped", out
	case 1:
		return "cut short", out[:16+r.IntN(len(out)-16)]
	case 2:
		at, from := 8+r.IntN(len(out)-8), r.IntN(len(other))
		return "spliced", slices.Concat(out[:at], other[from:min(len(other), from+1+r.IntN(5000))], out[at:])
	case 3:
		return "table of objects damaged", damaged(r, out, []byte("xref"), []byte("startxref"), []byte(" 00000 n"))
	case 4:
		return "numbers changed", numbers(r, out)
	default:
		return "keywords damaged", damaged(r, out, []byte("/Kids"), []byte("/Length"), []byte("/Filter"), []byte("endobj"), []byte("stream"), []byte("/Count"), []byte("/Parent"))
	}
}

// damaged writes noise behind some of the places where a word stands.
func damaged(r *rand.Rand, out []byte, words ...[]byte) []byte {
	for range 1 + r.IntN(4) {
		word := words[r.IntN(len(words))]
		var places []int
		for at := 0; ; {
			i := bytes.Index(out[at:], word)
			if i < 0 {
				break
			}
			at += i + len(word)
			places = append(places, at)
		}
		if len(places) == 0 {
			continue
		}
		at := places[r.IntN(len(places))]
		for i := at; i < min(at+1+r.IntN(20), len(out)); i++ {
			out[i] = byte(r.IntN(256))
		}
	}
	return out
}

// numbers makes some digits others: sizes, counts and references go wrong.
func numbers(r *rand.Rand, out []byte) []byte {
	for range 1 + r.IntN(60) {
		for i := 8 + r.IntN(len(out)-8); i < len(out); i++ {
			if out[i] >= '0' && out[i] <= '9' {
				out[i] = '0' + byte(r.IntN(10))
				break
			}
		}
	}
	return out
}

// Three hundred damaged PDFs, read as strangers' files are: each ends ready or
// failed with a reason, and the server goes on.
func TestDamagedFilesEnd(t *testing.T) {
	const count, hang = 300, 5 * time.Minute
	s := serve(t)
	c := register(t, s.url)
	dice := seeded(300)
	originals := scans(t, "bill-of-sale.pdf", "epirb-registration.pdf", "gaspruefung.pdf", "invoice-watermaker.pdf", "insurance-policy.pdf", "pre-purchase-survey.pdf")
	for i := range 6 {
		originals = append(originals, pdfPaper(t, dice, i, 1+dice.IntN(4)))
	}
	ways, refused := map[string]int{}, 0
	for i := range count {
		p, other := originals[dice.IntN(len(originals))], originals[dice.IntN(len(originals))]
		how, content := mutate(dice, p.content, other.content)
		a, err := c.upload(t.Context(), fmt.Sprintf("%03d %s.pdf", i, how), bytes.NewReader(content))
		if err != nil {
			t.Fatalf("mutant %d (%s): %v", i, how, err)
		}
		switch a.status {
		case http.StatusCreated:
			ways[how]++
		case http.StatusConflict, http.StatusUnsupportedMediaType:
			refused++
		default:
			t.Errorf("mutant %d (%s): %s", i, how, a)
		}
		s.alive()
		// Few at once, so that how long one takes is not how long it queued.
		wait(t, hang, func() error {
			if n := c.unfinished(); n > 3 {
				return fmt.Errorf("after mutant %d (%s) %d are not read", i, how, n)
			}
			return nil
		})
	}
	started := time.Now()
	wait(t, 15*time.Minute, func() error {
		s.alive()
		if n := c.unfinished(); n > 0 {
			return fmt.Errorf("at least %d documents are not read", n)
		}
		return nil
	})
	judge(t, c, count-refused, hang)
	t.Logf("PROVED: %d mutants taken (%v), %d refused at once, the rest read in %s after the last upload, one server throughout",
		count-refused, ways, refused, time.Since(started).Round(time.Second))
}

// judge demands that every document ended well, and prints how and the slowest.
func judge(t *testing.T, c *client, want int, hang time.Duration) {
	t.Helper()
	var all []document.Document
	for len(all) < want {
		var some []document.Document
		c.get(fmt.Sprintf("/api/documents?limit=100&offset=%d", len(all)), &some)
		if len(some) == 0 {
			t.Fatalf("%d documents, want %d", len(all), want)
		}
		all = append(all, some...)
	}
	ends, partly, slowest := map[string]int{}, 0, all[0]
	for _, d := range all {
		word, _, _ := bytes.Cut([]byte(d.Error), []byte(":"))
		end := string(d.Status)
		if d.Status == document.Failed {
			end += " " + string(word)
			if d.Error == "" {
				t.Errorf("%s failed without a reason", d.FileName)
			}
		}
		ends[end]++
		if d.PagesFailed > 0 {
			partly++
		}
		if d.UpdatedAt.Sub(d.CreatedAt) > slowest.UpdatedAt.Sub(slowest.CreatedAt) {
			slowest = d
		}
	}
	took := slowest.UpdatedAt.Sub(slowest.CreatedAt)
	t.Logf("PROVED: ends %v, %d of them with pages that failed; the slowest from upload to end took %s: %s", ends, partly, took.Round(10*time.Millisecond), slowest.FileName)
	if took > hang {
		t.Errorf("%s hung for %s", slowest.FileName, took)
	}
}
