package account

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default, which every authenticator knows; HMAC does not need collision resistance
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"time"
)

const (
	// totpStep is how long a code lasts (RFC 6238, 4.1).
	totpStep = 30 * time.Second
	// totpWindow is how many steps a clock may go wrong, either way (RFC 6238, 5.2).
	totpWindow = 1
	totpDigits = 6
	// totpKey is the length of a secret in bytes, SHA-1's own (RFC 4226, 4, R6).
	totpKey = 20
)

// totpAt is the counter of a time: the number of whole steps since 1970.
func totpAt(t time.Time) int64 { return t.Unix() / int64(totpStep.Seconds()) }

// totpCode is the code of a step: HOTP with SHA-1 (RFC 4226, 5.3).
func totpCode(key []byte, step int64) string {
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000)
}

// totpMatch is the step within the window around now whose code was given.
func totpMatch(key []byte, now time.Time, code string) (step int64, ok bool) {
	for at := totpAt(now) - totpWindow; at <= totpAt(now)+totpWindow; at++ {
		if subtle.ConstantTimeCompare([]byte(totpCode(key, at)), []byte(code)) == 1 {
			step, ok = at, true
		}
	}
	return step, ok
}

// base32Text writes bytes as authenticators take them.
func base32Text(b []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

// totpURI is what an authenticator scans.
// https://github.com/google/google-authenticator/wiki/Key-Uri-Format
func totpURI(email, secret string) string {
	label := url.PathEscape("NaviDocs:" + email)
	return fmt.Sprintf("otpauth://totp/%s?secret=%s&issuer=NaviDocs&algorithm=SHA1&digits=%d&period=%d", label, secret, totpDigits, int(totpStep.Seconds()))
}
