package archive

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"navidocs/internal/bundle"
	"navidocs/internal/fault"
)

// encode gives the text that decode takes.
func encode(m bundle.Manifest) ([]byte, error) {
	text, err := m.Encode()
	if err != nil {
		return nil, err
	}
	// Once more: bytes that are no UTF-8 are read as the character that stands for
	// them and have another spelling then.
	if m, err = parse(text); err != nil {
		return nil, err
	}
	if text, err = m.Encode(); err != nil {
		return nil, err
	}
	if len(text) > maxManifest {
		return nil, fault.New(fault.Invalid, "the manifest has %d bytes, more than %d: make several archives", len(text), maxManifest)
	}
	return text, nil
}

// decode takes the one spelling of a manifest, which leaves no room for a field
// that is unknown, there twice or out of place.
func decode(text []byte) (bundle.Manifest, error) {
	m, err := parse(text)
	if err != nil {
		return m, fault.Because(err, fault.Invalid, "%s is no manifest: %s", ManifestName, err)
	}
	again, err := m.Encode()
	if err != nil {
		return m, fault.Because(err, fault.Invalid, "%s is no manifest: %s", ManifestName, err)
	}
	if at := difference(text, again); at >= 0 {
		return m, fault.New(fault.Invalid, "%s is not written as NaviDocs writes it: byte %d differs (a field that is unknown, there twice or out of order, or other white space)", ManifestName, at)
	}
	return m, unique(text)
}

// parse reads a manifest and keeps its data as it was written.
func parse(text []byte) (bundle.Manifest, error) {
	var data json.RawMessage
	m := bundle.Manifest{Data: &data}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, err
	}
	m.Data = nil
	if data != nil {
		m.Data = data
	}
	return m, nil
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

// unique refuses an object that has a key twice, which programs read in two ways.
// The text is valid JSON.
func unique(text []byte) error {
	var open []map[string]bool // nil for a list
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	key := false // whether the next string is one
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{':
				open = append(open, map[string]bool{})
			case '[':
				open = append(open, nil)
			default:
				open = open[:len(open)-1]
			}
			key = len(open) > 0 && open[len(open)-1] != nil
			continue
		case string:
			if key {
				keys := open[len(open)-1]
				if keys[t] {
					return fault.New(fault.Invalid, "%s has the field %q twice in one object", ManifestName, t)
				}
				keys[t] = true
				key = false
				continue
			}
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
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
		return nil, fault.New(fault.Invalid, "%s has no public key of Ed25519", SignatureName)
	}
	again, err := signatureText(public, signature)
	if err != nil {
		return nil, err
	}
	if at := difference(text, again); at >= 0 {
		return nil, fault.New(fault.Invalid, "%s is not written as NaviDocs writes it: byte %d differs", SignatureName, at)
	}
	if !ed25519.Verify(public, manifest, signature) {
		return nil, fault.New(fault.Invalid, "%s does not sign %s: one of them was altered", SignatureName, ManifestName)
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
