package release

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aead.dev/minisign"

	"navidocs/internal/fault"
)

// KeyFile is where an installation keeps the public keys that it trusts, below
// its home.
const KeyFile = "state/release.pub"

// Trust says whose releases may be staged.
type Trust struct {
	// Keys are public keys as minisign writes them: with or without the line of
	// comment, one or several. Empty means those of state/release.pub.
	Keys string
	// Unsigned lets in what nobody signed, or somebody whom nobody knows.
	Unsigned bool
}

// keys are the public keys that are trusted; none is no error.
func (t Trust) keys(home string) ([]minisign.PublicKey, error) {
	if t.Keys != "" {
		return parseKeys(t.Keys, "RELEASE_PUBLIC_KEY")
	}
	text, err := readSmall(filepath.Join(home, KeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseKeys(string(text), KeyFile)
}

// parseKeys reads the keys of a file of minisign's, or of a list.
func parseKeys(text, source string) (keys []minisign.PublicKey, err error) {
	for line := range strings.Lines(strings.ReplaceAll(text, ",", "\n")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "untrusted comment:") {
			continue
		}
		var key minisign.PublicKey
		if err := key.UnmarshalText([]byte(line)); err != nil {
			return nil, fault.Because(err, fault.Invalid, "%s holds no public key of minisign: put the line there that begins with RW", source)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// verify refuses a manifest that none of the trusted keys has signed. An empty
// signature is none.
func (t Trust) verify(home string, manifest, signature []byte) error {
	keys, err := t.keys(home)
	if err != nil {
		return err
	}
	switch {
	case len(signature) == 0:
		return fault.New(fault.Forbidden, "the release is not signed: take one that is, sign it with navidocs releases make --key, or say --unsigned")
	case len(keys) == 0:
		return fault.New(fault.Forbidden, "no key is trusted here: put the public key of whoever builds the releases into %s, or say --unsigned", KeyFile)
	}
	for _, key := range keys {
		if minisign.Verify(key, manifest, signature) {
			return nil
		}
	}
	return fault.New(fault.Forbidden, "the signature of the manifest is none of a trusted key (%s, RELEASE_PUBLIC_KEY): take the release from where it was published", KeyFile)
}

// sign signs a manifest with a secret key as minisign writes it.
func sign(manifest []byte, m Manifest, key, password string) ([]byte, error) {
	secret, err := secretKey(key, password)
	if err != nil {
		return nil, err
	}
	// As minisign itself does: over the hash of the text.
	r := minisign.NewReader(bytes.NewReader(manifest))
	var sink bytes.Buffer
	if _, err := sink.ReadFrom(r); err != nil {
		return nil, err
	}
	return r.SignWithComments(secret, "navidocs "+nameOf(m), "signature of a NaviDocs release"), nil
}

func secretKey(text, password string) (key minisign.PrivateKey, err error) {
	if minisign.IsEncrypted([]byte(text)) {
		if password == "" {
			return key, fault.New(fault.Invalid, "the key is encrypted: give its password with --password-file")
		}
		if key, err = minisign.DecryptKey(password, []byte(text)); err != nil {
			return key, fault.Because(err, fault.Invalid, "the password does not open the key")
		}
		return key, nil
	}
	if err = key.UnmarshalText([]byte(text)); err != nil {
		return key, fault.Because(err, fault.Invalid, "this is no secret key of minisign: make one with navidocs releases keygen")
	}
	return key, nil
}

// KeyPair makes a pair of keys in two new files, name and name.pub, for machines
// that build: the secret one has no password (minisign -G makes one that has).
// No key is ever replaced.
func KeyPair(ctx context.Context, name string) (public string, err error) {
	defer fault.Wrap(&err, "release.KeyPair")
	p, s, err := minisign.GenerateKey(nil)
	if err != nil {
		return "", err
	}
	secret, err := s.MarshalText()
	if err != nil {
		return "", err
	}
	text, err := p.MarshalText()
	if err != nil {
		return "", err
	}
	for _, f := range []struct {
		name string
		text []byte
		mode os.FileMode
	}{{name, secret, 0o600}, {name + ".pub", text, 0o644}} {
		if err := writeNew(ctx, f.name, append(bytes.TrimSpace(f.text), '\n'), f.mode); err != nil {
			return "", err
		}
	}
	return p.String(), nil
}
