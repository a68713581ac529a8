package extract

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"io"
	"os/exec"
	"strconv"
	"strings"
)

// native is the tesseract program that is installed on the machine. It only
// ever reads a grey image that we wrote, never a stranger's file.
type native struct {
	program string
}

var _ Recognizer = (*native)(nil)

// findNative looks the program up: by its option, or in PATH.
func findNative(option string) (string, bool) {
	if option == NativeOff {
		return "", false
	}
	if option == "" {
		option = "tesseract"
	}
	program, err := exec.LookPath(option)
	return program, err == nil
}

func (n *native) Languages(ctx context.Context) ([]string, error) {
	out, err := n.run(ctx, nil, "--list-langs")
	if err != nil {
		return nil, err
	}
	var langs []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" && line != "osd" && !strings.Contains(line, " ") {
			langs = append(langs, line)
		}
	}
	return langs, nil
}

func (n *native) Recognize(ctx context.Context, img *image.Gray, langs []string, dpi int) (Recognized, error) {
	out, err := n.run(ctx, pgm(img), "stdin", "stdout",
		"-l", strings.Join(langs, "+"),
		"--dpi", strconv.Itoa(min(max(dpi, 70), 2400)),
		"--oem", "1",
		"--psm", "3",
		"-c", "thresholding_method=2",
		"-c", "tessedit_create_tsv=1")
	if err != nil {
		return Recognized{}, err
	}
	return parseTSV(string(out)), nil
}

func (n *native) Close(context.Context) error { return nil }

// run starts the program with one thread: more of them cost twice the time for
// nothing. It dies with this process.
func (n *native) run(ctx context.Context, input io.Reader, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, n.program, args...)
	cmd.Env = append(cmd.Environ(), "OMP_THREAD_LIMIT=1")
	cmd.Stdin = input
	var out bytes.Buffer
	var said tail
	cmd.Stdout, cmd.Stderr = &out, &said
	dieWithStarter(cmd)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("tesseract: %w: %s", err, said.String())
	}
	return out.Bytes(), nil
}

// pgm writes the image in the plainest format that the program reads.
func pgm(img *image.Gray) io.Reader {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	head := strings.NewReader(fmt.Sprintf("P5\n%d %d\n255\n", w, h))
	if img.Stride == w {
		return io.MultiReader(head, bytes.NewReader(img.Pix[:w*h]))
	}
	pixels := make([]byte, 0, w*h)
	for y := range h {
		pixels = append(pixels, img.Pix[y*img.Stride:][:w]...)
	}
	return io.MultiReader(head, bytes.NewReader(pixels))
}

// parseTSV puts the program's table of words together again: a space between
// words, a line end between lines, an empty line between paragraphs.
func parseTSV(table string) Recognized {
	const block, paragraph, line, confidence, text, columns = 2, 3, 4, 10, 11, 12
	var b strings.Builder
	var last [3]string
	sum, words := 0.0, 0
	for row := range strings.Lines(table) {
		f := strings.SplitN(strings.TrimRight(row, "\r\n"), "\t", columns)
		if len(f) < columns || f[0] != "5" || strings.TrimSpace(f[text]) == "" {
			continue
		}
		conf, err := strconv.ParseFloat(f[confidence], 64)
		if err != nil {
			continue
		}
		place := [3]string{f[block], f[paragraph], f[line]}
		switch {
		case words == 0:
		case place[0] != last[0] || place[1] != last[1]:
			b.WriteString("\n\n")
		case place[2] != last[2]:
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(f[text])
		last, sum, words = place, sum+conf, words+1
	}
	if words == 0 {
		return Recognized{}
	}
	return Recognized{Text: b.String() + "\n", Confidence: int(sum / float64(words))}
}
