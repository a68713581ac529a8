package backup_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"

	"navidocs/internal/backup"
	"navidocs/internal/config"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
)

func (b *bundle) otherConnection() func() {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), testkit.URL(b.db))
	if err != nil {
		b.t.Fatal(err)
	}
	return func() { _ = conn.Close(b.t.Context()) }
}

func TestTheRecoveryKeyIsShownOnceAndConfirmedByShowingIt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := backup.ConfirmRecoveryKey(dir, "x"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	public, secret, err := backup.RecoveryKey(dir)
	if err != nil || !strings.HasPrefix(secret, "AGE-SECRET-KEY-1") || !strings.HasPrefix(public, "age1") {
		t.Fatal(public, err)
	}
	again, none, err := backup.RecoveryKey(dir)
	if again != public || none != "" || err != nil {
		t.Error("shown twice", again, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || bytes.Contains(text, []byte("SECRET")) {
			t.Error(e.Name(), err)
		}
	}
	if backup.RecoveryKeyKept(dir) {
		t.Error("nobody has confirmed it")
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "rubbish", other.String()} {
		err := backup.ConfirmRecoveryKey(dir, wrong)
		if !fault.Is(err, fault.Invalid) || wrong != "" && strings.Contains(err.Error(), wrong) {
			t.Error(err)
		}
	}
	if err := backup.ConfirmRecoveryKey(dir, "# my key\n"+secret+"\n"); err != nil || !backup.RecoveryKeyKept(dir) {
		t.Error(err)
	}
	if _, err := backup.RenewRecoveryKey(dir); err != nil || backup.RecoveryKeyKept(dir) {
		t.Error("a new key counts as confirmed", err)
	}
}

// Without anybody who could open them the keys do not leave the machine.
func TestNoBackupWithoutARecoveryKey(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	if err := os.Remove(filepath.Join(b.config.KeyDir(), "recovery.pub")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.service().Create(t.Context(), backup.CreateOptions{}); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "backup key renew") {
		t.Error(err)
	}
	b.nothingHidden()
}

// Nothing of an encrypted backup can be read without a key, and each of its
// three keys opens it.
func TestAnEncryptedBackup(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		t.Helper()
		friend, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		recovery, err := backup.RenewRecoveryKey(b.config.KeyDir())
		if err != nil {
			t.Fatal(err)
		}
		b.fill(3)
		b.paper("a paper of private words")
		e, err := b.service().Create(t.Context(), backup.CreateOptions{Encrypt: friend.Recipient().String()})
		if err != nil || !e.Encrypted {
			t.Fatal(e, err)
		}
		b.unreadable(t)
		if r, err := b.service().Drill(t.Context(), e.ID); err != nil || len(r.Damages) > 0 || r.BlobsRead != 1 {
			t.Error("by its own key:", r, err)
		}
		if err := os.Remove(filepath.Join(b.config.KeyDir(), "backup.age")); err != nil {
			t.Fatal(err)
		}
		if r := b.verify(e.ID); !r.Sealed || len(r.Damages) > 0 {
			t.Error("without a key:", r)
		}
		if _, err := b.service().Restore(t.Context(), e.ID, backup.RestoreOptions{To: t.TempDir()}); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "--identity") {
			t.Error(err)
		}
		for name, key := range map[string]string{"the recovery key": recovery, "that of the recipient": friend.String()} {
			s := b.service(func(o *backup.Options) { o.Identity = key })
			if r, err := s.Verify(t.Context(), e.ID, backup.VerifyOptions{Sample: 1}); err != nil || r.Sealed || len(r.Damages) > 0 || r.BlobsRead != 1 {
				t.Error(name, r, err)
			}
			done, err := s.Restore(t.Context(), e.ID, backup.RestoreOptions{To: filepath.Join(t.TempDir(), "home")})
			if err != nil || done.Blobs != 1 || done.Keys != (key == recovery) {
				t.Error(name, done, err)
			}
		}
	})
}

// unreadable demands that no file of the shelf holds words of the installation.
func (b *bundle) unreadable(t *testing.T) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(b.config.Backup.Dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(b.file(path))
		if err != nil {
			return err
		}
		for _, word := range []string{"private words", "the key that seals", "SQLite format", "\x28\xb5\x2f\xfd"} {
			if bytes.Contains(text, []byte(word)) {
				t.Errorf("%s can be read: %q", path, word)
			}
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is open to others: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A wrong key is told, in place of restoring half.
func TestAForeignKeyDoesNotOpenTheKeys(t *testing.T) {
	t.Parallel()
	b := sqlite(t)
	e := b.create()
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	s := b.service(func(o *backup.Options) { o.Identity = other.String() })
	if _, err := s.Restore(t.Context(), e.ID, backup.RestoreOptions{To: filepath.Join(t.TempDir(), "x")}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "recovery key") {
		t.Error(err)
	}
	_, err = backup.New(backup.Options{Identity: "rubbish"})
	if !fault.Is(err, fault.Invalid) || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// What is on the shelf already, encrypted, is not said to be copied again.
func TestThePlanOfAnEncryptedBackup(t *testing.T) {
	t.Parallel()
	friend, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	b := sqlite(t, "BACKUP_RECIPIENT="+friend.Recipient().String())
	b.paper("one")
	b.create()
	b.paper("two")
	if p, err := b.service().CreatePlan(t.Context()); err != nil || p.Blobs != 2 || p.NewBlobs != 1 || p.NewBytes != 3 {
		t.Errorf("%+v, %v", p, err)
	}
}

// A backup holds every key that its values may need: that of the settings, and
// those before.
func TestEarlierKeysAreBackedUpToo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		present           string
		old               []string
		files             map[string]string
		seal, sealEarlier string
	}{
		"a generated one":               {"", nil, map[string]string{"seal": "file\n"}, "file\n", ""},
		"in a rotation":                 {"", nil, map[string]string{"seal": "file\n", "seal.old": "before\n"}, "file\n", "before\n"},
		"one of the settings":           {"new", []string{"old", "older"}, nil, "new\n", "old\nolder\n"},
		"the first one of the settings": {"new", []string{"new"}, map[string]string{"seal": "file\n", "seal.old": "before\n"}, "new\n", "before\nfile\n"},
		"the same in both places":       {"file", nil, map[string]string{"seal": "file\n"}, "file\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Config{Home: t.TempDir()}
			cfg.Webhook.Secret, cfg.Webhook.OldSecrets = c.present, c.old
			if err := os.MkdirAll(cfg.KeyDir(), 0o700); err != nil {
				t.Fatal(err)
			}
			for name, text := range c.files {
				if err := backup.WriteKey(cfg.KeyDir(), name, []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			keys, err := backup.ReadKeys(cfg)
			if err != nil || string(keys["seal"]) != c.seal || string(keys["seal.old"]) != c.sealEarlier {
				t.Errorf("%q, %v", keys, err)
			}
		})
	}
}
