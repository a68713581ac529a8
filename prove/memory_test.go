package prove_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"navidocs/internal/document"
)

// noise is bytes of no meaning, made as they are read.
func noise(seed uint64, size int64) io.Reader {
	dice := seeded(seed)
	return io.LimitReader(readerFunc(func(p []byte) (int, error) {
		for i := 0; i < len(p); i += 8 {
			v := dice.Uint64()
			for j := i; j < min(i+8, len(p)); j++ {
				p[j], v = byte(v), v>>8
			}
		}
		return len(p), nil
	}), size)
}

// brokenPDF begins as a PDF and goes on as noise.
func brokenPDF(size int64) io.Reader {
	const head = "%PDF-1.7\n"
	return io.MultiReader(strings.NewReader(head), noise(uint64(size), size-int64(len(head))))
}

// heavyPDF is a whole PDF of one page that says a word and carries noise
// beside it, as manuals carry pictures.
func heavyPDF(size int64, word string) io.Reader {
	text := "BT /F1 24 Tf 72 720 Td (" + word + ") Tj ET"
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(text), text),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	head, table := "%PDF-1.7\n", "0000000000 65535 f \n"
	for i, o := range objects {
		table += fmt.Sprintf("%010d 00000 n \n", len(head))
		head += fmt.Sprintf("%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	table += fmt.Sprintf("%010d 00000 n \n", len(head))
	// Numbers of ten digits keep the lengths of head and tail the same.
	const stream, end = "6 0 obj\n<< /Length %010d >>\nstream\n", "\nendstream\nendobj\n"
	ending := func(xref int64) string {
		return fmt.Sprintf("%sxref\n0 7\n%strailer\n<< /Size 7 /Root 1 0 R >>\nstartxref\n%010d\n%%%%EOF\n", end, table, xref)
	}
	weight := size - int64(len(head)+len(fmt.Sprintf(stream, 0))+len(ending(0)))
	head += fmt.Sprintf(stream, weight)
	tail := ending(int64(len(head)) + weight + int64(len(end)))
	return io.MultiReader(strings.NewReader(head), noise(uint64(size), weight), strings.NewReader(tail))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// takes uploads a file of some megabytes and demands that the server streams
// it: its memory must not grow with the file, neither to take nor to read it.
func takes(t *testing.T, s *server, c *client, name string, content io.Reader, megabytes int64) document.Document {
	t.Helper()
	const most = 40 // MB
	before := s.peak()
	started := time.Now()
	a, err := c.upload(t.Context(), name, content)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(started)
	var d document.Document
	if a.status != http.StatusCreated || json.Unmarshal(a.body, &d) != nil || d.Bytes != megabytes<<20 {
		t.Fatalf("%d MB were answered with %s", megabytes, a)
	}
	d = c.read(d.ID, 3*time.Minute)
	grown := (s.peak() - before) >> 10
	if grown > most {
		t.Errorf("the server's memory grew by %d MB at its peak, more than %d", grown, most)
	}
	t.Logf("PROVED: %s of %d MB uploaded in %s, then %s %s; the server's memory was %d MB before and grew by %d MB at its peak (at most %d)",
		name, megabytes, took.Round(10*time.Millisecond), d.Status, d.Error, before>>10, grown, most)
	return d
}

// The same with 500 MB is TestHugeUploadIsStreamed.
func TestUploadIsStreamed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	c := register(t, s.url)
	takes(t, s, c, "heavy.pdf", heavyPDF(64<<20, "halyard"), 64)
	findsOne(t, c, "halyard")
}

func findsOne(t *testing.T, c *client, word string) {
	t.Helper()
	if r := c.search(word, 10); r.Total != 1 || r.Hits[0].Page != 1 {
		t.Errorf("%s is found %d times: %+v", word, r.Total, r.Hits)
	}
}
