package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Seal encrypts a secret for storing: AES-256-GCM under a key that is derived
// (HKDF, RFC 5869) from the master key for one purpose. What it returns names
// the master key, so that an earlier one still opens what it sealed.
func (s *Service) Seal(purpose string, plain []byte) (string, error) {
	box, err := box(s.config.SealKey, purpose)
	if err != nil {
		return "", err
	}
	nonce := randomBytes(box.NonceSize())
	return keyID(s.config.SealKey) + "." + base64.RawStdEncoding.EncodeToString(box.Seal(nonce, nonce, plain, []byte(purpose))), nil
}

// Unseal opens what Seal sealed for the same purpose, with the present master
// key or an earlier one.
func (s *Service) Unseal(purpose, sealed string) ([]byte, error) {
	id, text, _ := strings.Cut(sealed, ".")
	for _, master := range append([][]byte{s.config.SealKey}, s.config.OldSealKeys...) {
		if keyID(master) == id {
			return open(master, purpose, text)
		}
	}
	return nil, errors.New("sealed value: its master key is neither WEBHOOK_SIGNATURE_SECRET nor in WEBHOOK_SIGNATURE_SECRET_OLD")
}

func open(master []byte, purpose, text string) ([]byte, error) {
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

// keyID names a master key without giving anything of it away.
func keyID(master []byte) string {
	sum := sha256.Sum256(append([]byte("navidocs/key-id/"), master...))
	return hex.EncodeToString(sum[:4])
}

func box(master []byte, purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, master, nil, "navidocs/"+purpose, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
