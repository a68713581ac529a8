package testkit

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what authenticators compute
	"encoding/binary"
	"fmt"
	"time"
)

// TOTP is the code that an authenticator shows at a time (RFC 6238), computed
// apart from the code that is tested.
func TOTP(secret []byte, at time.Time) string {
	mac := hmac.New(sha1.New, secret)
	binary.Write(mac, binary.BigEndian, at.Unix()/30) //nolint:errcheck // a hash does not fail
	sum := mac.Sum(nil)
	offset := sum[19] & 15
	n := uint32(sum[offset]&127)<<24 | uint32(sum[offset+1])<<16 | uint32(sum[offset+2])<<8 | uint32(sum[offset+3])
	return fmt.Sprintf("%06d", n%1_000_000)
}
