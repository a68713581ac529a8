package archive

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"navidocs/internal/bundle"
	"navidocs/internal/fault"
)

// encode gives the text that decode takes.
func encode(m bundle.Manifest) ([]byte, error) {
	text, err := m.Encode()
	if err != nil {
		return nil, err
	}
	if len(text) > maxManifest {
		return nil, fault.New(fault.Invalid, "the manifest has %d bytes, more than %d: make several archives", len(text), maxManifest)
	}
	// Once more: bytes that are no UTF-8 are read as the character that stands for
	// them and have another, shorter spelling then.
	if m, err = parse(text); err != nil {
		return nil, err
	}
	return m.Encode()
}

// decode takes the one spelling of a manifest, which leaves no room for a field
// that is unknown, there twice or out of place.
func decode(text []byte) (bundle.Manifest, error) {
	m, err := parse(text)
	if err != nil {
		return m, refuse(ManifestName, "%s is no manifest: %s", ManifestName, err)
	}
	again, err := m.Encode()
	if err != nil {
		return m, refuse(ManifestName, "%s is no manifest: %s", ManifestName, err)
	}
	if at := difference(text, again); at >= 0 {
		return m, refuse(ManifestName, "%s is not written as NaviDocs writes it: byte %d differs (a field that is unknown, there twice or out of order, or other white space)", ManifestName, at)
	}
	return m, unique(json.NewDecoder(bytes.NewReader(text)))
}

// parse reads a manifest and keeps its data as it was written.
func parse(text []byte) (m bundle.Manifest, err error) {
	var t struct {
		Schema    string             `json:"schema"`
		Title     string             `json:"title"`
		CreatedAt time.Time          `json:"created_at"`
		Data      json.RawMessage    `json:"data"`
		Files     list[bundle.Entry] `json:"files"`
		Missing   list[bundle.Gap]   `json:"missing"`
		Withheld  list[bundle.Gap]   `json:"withheld"`
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return m, err
	}
	m = bundle.Manifest{Schema: t.Schema, Title: t.Title, CreatedAt: t.CreatedAt, Files: t.Files, Missing: t.Missing, Withheld: t.Withheld}
	if t.Data != nil {
		m.Data = t.Data
	}
	return m, nil
}

// list reads element by element and ends at the first that is wrong or too many:
// encoding/json would go on, and make a hundred bytes of each two.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return errors.New("a list is none")
	}
	for d.More() {
		var element T
		if err := d.Decode(&element); err != nil {
			return err
		}
		if len(*l) == maxFiles {
			return fmt.Errorf("a list has more than %d elements", maxFiles)
		}
		*l = append(*l, element)
	}
	return nil
}

// difference is where two texts begin to differ; -1 when they do not.
func difference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) == len(b) {
		return -1
	}
	return min(len(a), len(b))
}

// unique refuses an object that has a field twice, which programs read in two
// ways. It takes one value, which is valid JSON.
func unique(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') && token != json.Delim('[') {
		return nil
	}
	fields := map[string]bool{}
	for d.More() {
		if token == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				return err
			}
			field, _ := name.(string)
			if fields[field] {
				return refuse(ManifestName, "%s has the field %q twice in one object", ManifestName, field)
			}
			fields[field] = true
		}
		if err := unique(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// signatureText is manifest.sig.
func signatureText(public ed25519.PublicKey, signature []byte) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "algorithm: Ed25519\npublic key: %s\nfingerprint: %s\nsignature: %s\n",
		base64.StdEncoding.EncodeToString(der), Fingerprint(public), base64.StdEncoding.EncodeToString(signature)), nil
}

func sign(manifest []byte, key ed25519.PrivateKey) (text []byte, public ed25519.PublicKey, err error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, nil, fmt.Errorf("a key of Ed25519 has %d bytes, not %d", ed25519.PrivateKeySize, len(key))
	}
	public, _ = key.Public().(ed25519.PublicKey)
	text, err = signatureText(public, ed25519.Sign(key, manifest))
	return text, public, err
}

// checkSignature takes the one spelling of manifest.sig and gives the signer's key.
func checkSignature(text, manifest []byte) (ed25519.PublicKey, error) {
	public, signature := readSignature(string(text))
	if public == nil {
		return nil, refuse(SignatureName, "%s has no public key of Ed25519", SignatureName)
	}
	again, err := signatureText(public, signature)
	if err != nil {
		return nil, err
	}
	if at := difference(text, again); at >= 0 {
		return nil, refuse(SignatureName, "%s is not written as NaviDocs writes it: byte %d differs", SignatureName, at)
	}
	if !ed25519.Verify(public, manifest, signature) {
		return nil, refuse(ManifestName, "%s does not sign %s: one of them was altered", SignatureName, ManifestName)
	}
	return public, nil
}

func readSignature(text string) (public ed25519.PublicKey, signature []byte) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		bytes, err := base64.StdEncoding.Strict().DecodeString(value)
		if err != nil {
			continue
		}
		switch name {
		case "public key":
			if key, err := x509.ParsePKIXPublicKey(bytes); err == nil {
				public, _ = key.(ed25519.PublicKey)
			}
		case "signature":
			signature = bytes
		}
	}
	return public, signature
}
