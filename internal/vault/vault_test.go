package vault

import (
	"bytes"
	"strings"
	"testing"
)

func keys(present string, earlier ...string) Keys {
	k := Keys{Present: []byte(present)}
	for _, key := range earlier {
		k.Earlier = append(k.Earlier, []byte(key))
	}
	return k
}

// A value sealed for one purpose cannot be passed off as another's.
func TestSealsAreOfOnePurposeAndKey(t *testing.T) {
	t.Parallel()
	a, b := keys("one"), keys("two")
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
	before, after := keys("one"), keys("two", "one")
	sealed, err := before.Seal("webhook", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := after.Unseal("webhook", sealed); !bytes.Equal(got, []byte("plain")) || err != nil {
		t.Error(got, err)
	}
	for _, broken := range []string{"nonsense", "", before.ID() + ".", before.ID() + ".AAAA", sealed + "A"} {
		if _, err := before.Unseal("webhook", broken); err == nil {
			t.Errorf("%q is opened", broken)
		}
	}
}

// A mark is recognized by who has its key, for its purpose, and by nobody else.
func TestMarks(t *testing.T) {
	t.Parallel()
	before, after, stranger := keys("one"), keys("two", "one"), keys("three")
	marked := before.Mark("erasures", "bea@example.org")
	if strings.Contains(marked, "bea") || !strings.HasPrefix(marked, before.ID()+".") {
		t.Error(marked)
	}
	for _, test := range []struct {
		keys          Keys
		purpose, text string
		known, is     bool
	}{
		{before, "erasures", "bea@example.org", true, true},
		{after, "erasures", "bea@example.org", true, true},
		{after, "erasures", "cleo@example.org", true, false},
		{after, "idempotency", "bea@example.org", true, false},
		{stranger, "erasures", "bea@example.org", false, false},
	} {
		if known, is := test.keys.Knows(marked), test.keys.Marks(test.purpose, test.text, marked); known != test.known || is != test.is {
			t.Errorf("%+v: known %t, recognized %t", test, known, is)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	token, hash := Token("nda_")
	other, _ := Token("nda_")
	if token == other || !strings.HasPrefix(token, "nda_") || len(token) != len("nda_")+43 || Hash(token) != hash || Hash(other) == hash || len(hash) != 64 {
		t.Error(token, other, hash)
	}
}
