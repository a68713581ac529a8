package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/vault"
)

// secretPrefix marks a symmetric secret as the specification writes it.
const secretPrefix = "whsec_"

// secretBytes is how long a key is; the specification asks for 24 to 64.
const secretBytes = 32

// newKey makes a signing key.
func newKey() []byte { return vault.Random(secretBytes) }

// secretText is a key as its receiver is told it.
func secretText(key []byte) string {
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// Sign is the value of the header webhook-signature (Standard Webhooks 1.0.0,
// symmetric): one signature per key, so that a receiver that knows either of
// two keys is content. A key without a byte signs nothing.
func Sign(id string, at time.Time, body []byte, keys ...[]byte) string {
	var all []string
	for _, key := range keys {
		if len(key) == 0 {
			continue
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}
