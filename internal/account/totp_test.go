package account

import (
	"testing"
	"time"
)

// The vectors of RFC 6238, appendix B, SHA-1; of their eight digits ours are the
// last six.
func TestCodesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	key := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := totpCode(key, totpAt(time.Unix(at, 0))); got != want[2:] {
			t.Errorf("at %d: %s, want %s", at, got, want[2:])
		}
	}
}

func TestACodeIsGoodForAStepEitherWay(t *testing.T) {
	t.Parallel()
	key, now := []byte("12345678901234567890"), time.Unix(1_234_567_890, 0)
	for off, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		step, ok := totpMatch(key, now, totpCode(key, totpAt(now)+off))
		if ok != want || ok && step != totpAt(now)+off {
			t.Errorf("%d steps off: step %d, %v", off, step, ok)
		}
	}
	for _, bad := range []string{"", "0", "00000", "0000000", "abcdef"} {
		if _, ok := totpMatch(key, now, bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestAnAuthenticatorReadsTheURI(t *testing.T) {
	t.Parallel()
	want := "otpauth://totp/NaviDocs:a%3Fb@example.org?secret=GEZDGNBV&issuer=NaviDocs&algorithm=SHA1&digits=6&period=30"
	if got := totpURI("a?b@example.org", base32Text([]byte("12345"))); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
