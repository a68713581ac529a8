package backup

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"navidocs/internal/config"
)

func texts(t *testing.T, j Journal) (out []string) {
	t.Helper()
	lines, err := j.Lines()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		out = append(out, string(line))
	}
	return out
}

func TestTheJournalGrows(t *testing.T) {
	t.Parallel()
	c := config.Config{Home: t.TempDir()}
	if err := os.MkdirAll(c.DataDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	j := ErasureJournal(c)
	if got := texts(t, j); got != nil {
		t.Error(got)
	}
	if err := j.Append([][]byte{[]byte("one"), []byte("two")}); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(c.ErasureJournal(), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("cut o") // by a loss of power
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append([][]byte{[]byte("three")}); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, j); !slices.Equal(got, []string{"one", "two", "cut o", "three"}) {
		t.Error(got)
	}
	info, err := os.Stat(c.ErasureJournal())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if err := (Journal{filepath.Join(c.Home, "nowhere", "x")}).Append([][]byte{[]byte("lost")}); err == nil {
		t.Error("what was not written was said to be")
	}
}
