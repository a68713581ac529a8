package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"filippo.io/age"

	"navidocs/internal/config"
	"navidocs/internal/fault"
)

// The files of the keys' folder that belong to backups.
const (
	// recoveryFile holds the public half of the recovery key. The other half
	// was shown once and is kept by a person.
	recoveryFile = "recovery.pub"
	// confirmedFile is the public half again, once the person has shown to have
	// the other one.
	confirmedFile = "recovery.confirmed"
	// identityFile opens this installation's own encrypted backups, so that
	// they can be verified and drilled at night. It never leaves unsealed.
	identityFile = "backup.age"
)

// The files of the master keys that seal secrets, which package app makes.
const (
	SealFile = "seal"
	// EarlierFile holds those before, one a line, until no value needs them.
	EarlierFile = "seal.old"
)

// RecoveryKey returns the public half of the recovery key. The secret half is
// returned only by the call that made the key: print it, for it is kept
// nowhere. Every backup seals the keys' folder to it.
func RecoveryKey(keyDir string) (public, secret string, err error) {
	defer fault.Wrap(&err, "backup.RecoveryKey")
	made, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	public, err = once(filepath.Join(keyDir, recoveryFile), made.Recipient().String())
	if err == nil && public == made.Recipient().String() {
		secret = made.String()
	}
	return public, secret, err
}

// recovery is the public half, for those who cannot show the other one.
func recovery(keyDir string) (*age.X25519Recipient, error) {
	public, err := os.ReadFile(filepath.Join(keyDir, recoveryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Conflict, "there is no recovery key to seal the keys to: make one with navidocs backup key renew and keep it away from this machine")
	}
	if err != nil {
		return nil, err
	}
	return parseRecipient(string(public))
}

// RenewRecoveryKey replaces the recovery key, for one that was lost or seen by
// others. Backups made before still need the old one.
func RenewRecoveryKey(keyDir string) (secret string, err error) {
	defer fault.Wrap(&err, "backup.RenewRecoveryKey")
	made, err := age.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(keyDir, 0o700); err != nil {
		return "", err
	}
	return made.String(), writeFile(filepath.Join(keyDir, recoveryFile), []byte(made.Recipient().String()+"\n"))
}

// ConfirmRecoveryKey remembers that somebody keeps the recovery key: only
// whoever has it can show it. An Invalid error when it is another one.
func ConfirmRecoveryKey(keyDir, secret string) (err error) {
	defer fault.Wrap(&err, "backup.ConfirmRecoveryKey")
	public, err := os.ReadFile(filepath.Join(keyDir, recoveryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "there is no recovery key yet: the first start of the server makes it, or navidocs backup key renew")
	}
	if err != nil {
		return err
	}
	identity, err := parseIdentity(secret)
	if err != nil {
		return err
	}
	if identity.Recipient().String() != strings.TrimSpace(string(public)) {
		return fault.New(fault.Invalid, "this is another key: the recovery key's public half is %s", strings.TrimSpace(string(public)))
	}
	return writeFile(filepath.Join(keyDir, confirmedFile), public)
}

// RecoveryKeyKept reports whether the present recovery key was confirmed.
func RecoveryKeyKept(keyDir string) bool {
	public, err := os.ReadFile(filepath.Join(keyDir, recoveryFile))
	confirmed, cerr := os.ReadFile(filepath.Join(keyDir, confirmedFile))
	return err == nil && cerr == nil && bytes.Equal(public, confirmed)
}

func parseIdentity(secret string) (*age.X25519Identity, error) {
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		identity, err := age.ParseX25519Identity(line)
		if err != nil { // the cause could repeat the secret
			break
		}
		return identity, nil
	}
	return nil, fault.New(fault.Invalid, "this is no key: it begins with AGE-SECRET-KEY-1")
}

func parseRecipient(public string) (*age.X25519Recipient, error) {
	r, err := age.ParseX25519Recipient(strings.TrimSpace(public))
	if err != nil {
		return nil, fault.Because(err, fault.Invalid, "%q is no public key: it begins with age1", strings.TrimSpace(public))
	}
	return r, nil
}

// ownIdentity opens what this installation encrypted; it is made when needed.
func ownIdentity(keyDir string) (*age.X25519Identity, error) {
	made, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	kept, err := once(filepath.Join(keyDir, identityFile), made.String())
	if err != nil {
		return nil, err
	}
	return parseIdentity(kept)
}

// once is the content of a small file, which is made with text when it is not
// there; of two processes at once one makes it.
func once(path, text string) (string, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // linked or useless by then
	_, err = f.WriteString(text + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	// A link never replaces a file.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	kept, err := os.ReadFile(path)
	return strings.TrimSpace(string(kept)), err
}

// WriteKey puts a file into the keys' folder, or replaces it: after a loss of
// power there is the old one or the new one, whole.
func WriteKey(keyDir, name string, text []byte) (err error) {
	defer fault.Wrap(&err, "backup.WriteKey %s", name)
	return writeFile(filepath.Join(keyDir, name), text)
}

// RemoveKey removes a file of the keys' folder for good; one that is not there
// is no error.
func RemoveKey(keyDir, name string) (err error) {
	defer fault.Wrap(&err, "backup.RemoveKey %s", name)
	if err := os.Remove(filepath.Join(keyDir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(keyDir)
}

func writeFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return diskError(err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // renamed or useless by then
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return diskError(err)
	}
	return diskError(errors.Join(os.Rename(f.Name(), path), syncDir(filepath.Dir(path))))
}

// sealKeys writes the keys, those of the folder and those that the settings
// give instead, as a tar that only the recovery key opens.
func sealKeys(w io.Writer, c config.Config, recipient age.Recipient) error {
	keys, err := readKeys(c)
	if err != nil {
		return err
	}
	sealed, err := age.Encrypt(w, recipient)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(sealed)
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(keys[name]))})
		if err == nil {
			_, err = archive.Write(keys[name])
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), sealed.Close())
}

// maxKey is more than any key has; what is larger is no key.
const maxKey = 64 << 10

func readKeys(c config.Config) (map[string][]byte, error) {
	keys := map[string][]byte{}
	entries, err := os.ReadDir(c.KeyDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxKey || strings.HasPrefix(entry.Name(), ".") {
			continue // being made by another process, or no key
		}
		text, err := os.ReadFile(filepath.Join(c.KeyDir(), entry.Name()))
		if err != nil {
			return nil, err
		}
		keys[entry.Name()] = text
	}
	earlier := c.Webhook.OldSecrets
	if c.Webhook.Secret != "" { // then the file's is an earlier one
		earlier = append(slices.Clone(earlier), strings.TrimSpace(string(keys[SealFile])))
	}
	for _, key := range earlier {
		if key == "" || key == c.Webhook.Secret {
			continue
		}
		keys[EarlierFile] = append(keys[EarlierFile], key+"\n"...)
	}
	for name, value := range map[string]string{"jwt": c.Auth.JWTSecret, SealFile: c.Webhook.Secret} {
		if value != "" {
			keys[name] = []byte(value + "\n")
		}
	}
	return keys, nil
}

// unsealKeys is the reverse of sealKeys.
func unsealKeys(r io.Reader, identity age.Identity) (map[string][]byte, error) {
	opened, err := age.Decrypt(r, identity)
	if err != nil {
		return nil, fault.Because(err, fault.Invalid, "this key does not open the backup's keys: it needs the recovery key of the installation that made it")
	}
	keys := map[string][]byte{}
	for archive := tar.NewReader(opened); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Name != filepath.Base(header.Name) || strings.HasPrefix(header.Name, ".") || header.Size > maxKey {
			return nil, fault.New(fault.Invalid, "the sealed keys hold a file %q that is none", header.Name)
		}
		if keys[header.Name], err = io.ReadAll(io.LimitReader(archive, maxKey)); err != nil {
			return nil, err
		}
	}
}
