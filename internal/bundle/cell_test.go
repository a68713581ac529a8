package bundle_test

import (
	"testing"

	"navidocs/internal/bundle"
)

func TestNoCellIsAFormula(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "Pump": "Pump", "=1+1": "'=1+1", "+33": "'+33", "-5": "'-5", "@x": "'@x", "\tx": "'\tx", "a=b": "a=b"} {
		if got := bundle.Cell(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
