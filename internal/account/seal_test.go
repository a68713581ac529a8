package account

import (
	"bytes"
	"testing"
)

// A value sealed for one purpose cannot be passed off as another's.
func TestSealsAreOfOnePurposeAndKey(t *testing.T) {
	t.Parallel()
	a, b := New(nil, Config{SealKey: []byte("one")}), New(nil, Config{SealKey: []byte("two")})
	sealed, err := a.Seal("idempotency", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.Unseal("idempotency", sealed); !bytes.Equal(got, []byte("plain")) || err != nil {
		t.Error(got, err)
	}
	if _, err := a.Unseal("webhook", sealed); err == nil {
		t.Error("another purpose opens it")
	}
	if _, err := b.Unseal("idempotency", sealed); err == nil {
		t.Error("another key opens it")
	}
}

func TestAnEarlierKeyStillOpens(t *testing.T) {
	t.Parallel()
	before := New(nil, Config{SealKey: []byte("one")})
	after := New(nil, Config{SealKey: []byte("two"), OldSealKeys: [][]byte{[]byte("one")}})
	sealed, err := before.Seal("webhook", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := after.Unseal("webhook", sealed); !bytes.Equal(got, []byte("plain")) || err != nil {
		t.Error(got, err)
	}
	if _, err := before.Unseal("webhook", "nonsense"); err == nil {
		t.Error("a value without a key's name is opened")
	}
}
