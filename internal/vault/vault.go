// Package vault keeps what nobody may read who has the database alone: secrets are
// stored sealed under the installation's master key, tokens by their hash, and
// addresses that were erased by a mark.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Keys are an installation's master keys.
type Keys struct {
	// Present is the one that seals.
	Present []byte
	// Earlier ones still open what they sealed.
	Earlier [][]byte
}

// Seal encrypts a secret for storing: AES-256-GCM under a key that is derived
// (HKDF, RFC 5869) from the master key for one purpose. What it returns names
// the master key, so that an earlier one still opens what it sealed.
func (k Keys) Seal(purpose string, plain []byte) (string, error) {
	box, err := box(k.Present, purpose)
	if err != nil {
		return "", err
	}
	nonce := Random(box.NonceSize())
	return k.ID() + "." + base64.RawStdEncoding.EncodeToString(box.Seal(nonce, nonce, plain, []byte(purpose))), nil
}

// Unseal opens what Seal sealed for the same purpose, with the present master
// key or an earlier one.
func (k Keys) Unseal(purpose, sealed string) ([]byte, error) {
	master, text := k.named(sealed)
	if master == nil {
		return nil, errors.New("sealed value: its master key is neither WEBHOOK_SIGNATURE_SECRET nor in WEBHOOK_SIGNATURE_SECRET_OLD")
	}
	box, err := box(master, purpose)
	if err != nil {
		return nil, err
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw) < box.NonceSize() {
		return nil, fmt.Errorf("sealed value is damaged: %w", err)
	}
	return box.Open(nil, raw[:box.NonceSize()], raw[box.NonceSize():], []byte(purpose))
}

// Mark is a text as only the installation can recognize it: its HMAC-SHA-256 under
// a key derived from the master key for one purpose. It names the master key.
func (k Keys) Mark(purpose, text string) string { return mark(k.Present, purpose, text) }

// Knows says whether the master key of a mark is known.
func (k Keys) Knows(marked string) bool {
	master, _ := k.named(marked)
	return master != nil
}

// Marks says whether a mark is that of a text; false when its master key is not
// known.
func (k Keys) Marks(purpose, text, marked string) bool {
	master, _ := k.named(marked)
	return master != nil && hmac.Equal([]byte(mark(master, purpose, text)), []byte(marked))
}

func mark(master []byte, purpose, text string) string {
	mac := hmac.New(sha256.New, derived(master, purpose))
	mac.Write([]byte(text))
	return keyID(master) + "." + hex.EncodeToString(mac.Sum(nil))
}

// ID names the present master key without giving anything of it away.
func (k Keys) ID() string { return keyID(k.Present) }

func keyID(master []byte) string {
	sum := sha256.Sum256(append([]byte("navidocs/key-id/"), master...))
	return hex.EncodeToString(sum[:4])
}

// named is the master key that a value names, nil when it is none of these, and the
// value without the name.
func (k Keys) named(value string) (master []byte, rest string) {
	id, rest, _ := strings.Cut(value, ".")
	for _, master := range append([][]byte{k.Present}, k.Earlier...) {
		if keyID(master) == id {
			return master, rest
		}
	}
	return nil, rest
}

func derived(master []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, master, nil, "navidocs/"+purpose, 32)
	if err != nil {
		panic(err) // 32 bytes are never too many
	}
	return key
}

func box(master []byte, purpose string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(derived(master, purpose))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Token makes a secret of 256 random bits behind a prefix, to be shown once, and the
// hash to store.
func Token(prefix string) (token, hash string) {
	token = prefix + base64.RawURLEncoding.EncodeToString(Random(32))
	return token, Hash(token)
}

// Hash is how a secret of full entropy is stored: it needs no salt.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Random makes n random bytes.
func Random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // it never fails: the runtime ends the process instead
	return b
}
