package sale

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/archive"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

// signingPurpose is what the seeds of signing keys are sealed for.
const signingPurpose = "signing_key"

// Vaults are where the package's sealed values lie.
func Vaults() []vault.Column {
	return []vault.Column{{Kind: "signing keys", Table: "signing_keys", Key: []string{"fingerprint"}, Column: "seed_sealed", Purpose: signingPurpose}}
}

// Key is a public key that packages are signed with (Ed25519, RFC 8032).
type Key struct {
	Fingerprint string     `json:"fingerprint" doc:"SHA-256 of the key's 32 bytes"`
	PublicKey   string     `json:"public_key" doc:"SubjectPublicKeyInfo (RFC 8410) in base64"`
	CreatedAt   time.Time  `json:"created_at"`
	RetiredAt   *time.Time `json:"retired_at" doc:"it signs no more; what it has signed stays good"`
}

const selectKeys = "SELECT fingerprint, public_key, created_at, retired_at FROM signing_keys"

func scanKey(r db.Row) (k Key, err error) {
	var created int64
	var retired *int64
	err = r.Scan(&k.Fingerprint, &k.PublicKey, &created, &retired)
	k.CreatedAt, k.RetiredAt = db.Time(created), db.TimePtr(retired)
	return k, err
}

// Keys lists the public keys of this installation, for whoever checks a package.
func (s *Service) Keys(ctx context.Context) (_ []Key, err error) {
	defer fault.Wrap(&err, "sale.Keys")
	return db.Collect(ctx, s.db, scanKey, selectKeys+" ORDER BY created_at, fingerprint")
}

// OrganizationKeys lists an organization's, for its admins.
func (s *Service) OrganizationKeys(ctx context.Context, who account.Actor, org account.OrgID) (_ []Key, err error) {
	defer fault.Wrap(&err, "sale.OrganizationKeys %s", org)
	if err := who.Require(org, account.Admin, "organization"); err != nil {
		return nil, err
	}
	return db.Collect(ctx, s.db, scanKey, selectKeys+" WHERE org_id = $1 ORDER BY created_at, fingerprint", org)
}

// RotateKey makes a new signing key and retires the old one, whose signatures
// stay good; admins may.
func (s *Service) RotateKey(ctx context.Context, who account.Actor, org account.OrgID) (k Key, err error) {
	defer fault.Wrap(&err, "sale.RotateKey %s", org)
	if err := who.Require(org, account.Admin, "organization"); err != nil {
		return k, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := account.LockOrganization(ctx, tx, org); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE signing_keys SET retired_at = $1 WHERE org_id = $2 AND retired_at IS NULL", db.Micros(tx.Now()), org)
		if err != nil {
			return err
		}
		key, err := s.newKey(ctx, tx, org)
		if err != nil {
			return err
		}
		if k, err = db.One(ctx, tx, scanKey, selectKeys+" WHERE fingerprint = $1", fingerprint(key)); err != nil {
			return err
		}
		return s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: org, Action: "organization.signing_key_rotated", Kind: "organization", SubjectID: string(org), Detail: k})
	})
	return k, err
}

// Signer is the key that an organization signs with; the first use makes it.
func (s *Service) Signer(ctx context.Context, org account.OrgID) (key ed25519.PrivateKey, err error) {
	defer fault.Wrap(&err, "sale.Signer %s", org)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := account.LockOrganization(ctx, tx, org); err != nil {
			return err
		}
		sealed, err := db.One(ctx, tx, db.Scalar[string], "SELECT seed_sealed FROM signing_keys WHERE org_id = $1 AND retired_at IS NULL", org)
		if fault.Is(err, fault.NotFound) {
			key, err = s.newKey(ctx, tx, org)
			return err
		}
		if err != nil {
			return err
		}
		seed, err := s.accounts.Keys().Unseal(signingPurpose, sealed)
		if err != nil {
			return err
		}
		key = ed25519.NewKeyFromSeed(seed)
		return nil
	})
	return key, err
}

func (s *Service) newKey(ctx context.Context, tx *db.Tx, org account.OrgID) (ed25519.PrivateKey, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	sealed, err := s.accounts.Keys().Seal(signingPurpose, key.Seed())
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, "INSERT INTO signing_keys (fingerprint, org_id, public_key, seed_sealed, created_at) VALUES ($1, $2, $3, $4, $5)",
		archive.Fingerprint(public), org, base64.StdEncoding.EncodeToString(der), sealed, db.Micros(tx.Now()))
	return key, err
}

// fingerprint names the public half of a key.
func fingerprint(key ed25519.PrivateKey) string {
	return archive.Fingerprint(key.Public().(ed25519.PublicKey)) //nolint:forcetypeassert // it is one, as the library says
}
