package account

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// The probe is who tries a server in a smoke test: an organization of its own and
// its one member, under fixed ids, so that an installation has one at most. They
// exist while a test runs. Nobody is ever mailed for it, it is listed nowhere and
// counted nowhere, and what it writes goes when the test ends.
const (
	ProbeOrg  OrgID  = "00000000-0000-7000-8000-000000000b0e"
	ProbeUser UserID = "00000000-0000-7000-8000-000000000b0f"
)

const (
	probePrefix = "ndp_"
	probeName   = "NaviDocs probe"
	// ProbeFor is how long a test may take: until then no other begins.
	ProbeFor = 2 * time.Minute
	// probeTokenFor is how long its token signs in: it may have to wait for another
	// one first.
	probeTokenFor = 5 * time.Minute
)

// Probe reports whether the actor is the probe.
func (a Actor) Probe() bool { return a.UserID == ProbeUser }

// ProbeToken signs in to the probe for one smoke test; secret is the key that
// signs sessions, so that only who reads the installation's keys can make it.
// Run names the test, a new one unless given: one that comes under the name of one
// that was killed goes on in its place, where another one has to wait.
func ProbeToken(secret []byte, run string, now time.Time) string {
	if run == "" {
		run = db.NewID()
	}
	text := strings.ReplaceAll(run, ".", "-") + "." + strconv.FormatInt(now.Add(probeTokenFor).Unix(), 10)
	return probePrefix + text + "." + probeMAC(secret, text)
}

func probeMAC(secret []byte, text string) string {
	key, err := hkdf.Key(sha256.New, secret, nil, "navidocs/probe", 32)
	if err != nil {
		panic(err) // 32 bytes are never too many
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// probeRun is the test that a token was made for; Unauthenticated when it was
// made with another key or is too old.
func (s *Service) probeRun(token string) (run string, err error) {
	text, mac, _ := cutLast(strings.TrimPrefix(token, probePrefix), ".")
	run, until, _ := strings.Cut(text, ".")
	end, err := strconv.ParseInt(until, 10, 64)
	now := s.db.Now()
	if !hmac.Equal([]byte(mac), []byte(probeMAC(s.config.Secret, text))) || err != nil || !now.Before(time.Unix(end, 0)) || time.Unix(end, 0).Sub(now) > probeTokenFor+time.Minute {
		return "", errToken
	}
	return run, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// probeActor signs a test in, and makes its organization when it has none yet.
func (s *Service) probeActor(ctx context.Context, token string) (Actor, error) {
	run, err := s.probeRun(token)
	if err != nil {
		return Actor{}, err
	}
	at, err := probeAt(ctx, s.db)
	if fault.Is(err, fault.NotFound) {
		if err = s.beginProbe(ctx, run); err == nil {
			at, err = probeAt(ctx, s.db)
		}
	}
	if err != nil {
		return Actor{}, err
	}
	if at.run != run {
		return Actor{}, errProbe
	}
	return Actor{UserID: ProbeUser, Name: probeName, Verified: true, Roles: map[OrgID]Role{ProbeOrg: Admin}, Grants: map[BoatID]Granted{}}, nil
}

var errProbe = fault.New(fault.Conflict, "another smoke test runs, or was cut off: try again in two minutes")

// probing is the test that the probe's organization stands for.
type probing struct {
	run   string
	since time.Time
}

// probeAt reads it from where lists have the name that they sort by, which the
// probe, being in no list, does not need.
func probeAt(ctx context.Context, q db.Querier) (probing, error) {
	return db.One(ctx, q, func(r db.Row) (p probing, err error) {
		var at int64
		err = r.Scan(&p.run, &at)
		p.since = db.Time(at)
		return p, err
	}, "SELECT name_fold, created_at FROM organizations WHERE id = $1", ProbeOrg)
}

// beginProbe makes the probe; of two tests at once the first has it. Nobody can
// sign in by its address, which is none, or its password, which is the hash of
// nothing.
func (s *Service) beginProbe(ctx context.Context, run string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		now := db.Micros(tx.Now())
		n, err := tx.Exec(ctx, "INSERT INTO organizations (id, name, name_fold, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) ON CONFLICT (id) DO NOTHING",
			ProbeOrg, probeName, run, now)
		if err != nil || n == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO organization_settings (org_id, updated_at) VALUES ($1, $2)", ProbeOrg, now); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO users (id, email, name, password_hash, email_verified, created_at, updated_at) VALUES ($1, 'probe', $2, '', $3, $4, $4)",
			ProbeUser, probeName, true, now)
		if err != nil {
			return err
		}
		return insertMembership(ctx, tx, ProbeOrg, ProbeUser, Admin)
	})
}

// HoldProbe says since when the probe has been there, zero when it is not. It is
// Unauthenticated for a token that is none of the probe's, and Conflict while
// another test than the token's runs.
func (s *Service) HoldProbe(ctx context.Context, token string) (since time.Time, err error) {
	defer fault.Wrap(&err, "account.HoldProbe")
	if !strings.HasPrefix(token, probePrefix) {
		return since, errToken
	}
	run, err := s.probeRun(token)
	if err != nil {
		return since, err
	}
	at, err := probeAt(ctx, s.db)
	if fault.Is(err, fault.NotFound) {
		return since, nil
	}
	if err == nil && at.run != run && s.db.Now().Sub(at.since).Abs() < ProbeFor {
		err = errProbe
	}
	return at.since, err
}

// ProbeSince says since when a smoke test has rows in what q reads, zero when none
// has: its organization comes before all the others, and goes after them. One of the
// name dead does not count: it was killed.
func ProbeSince(ctx context.Context, q db.Querier, dead string) (since time.Time, err error) {
	defer fault.Wrap(&err, "account.ProbeSince")
	at, err := probeAt(ctx, q)
	if fault.Is(err, fault.NotFound) || err == nil && at.run == dead {
		return since, nil
	}
	return at.since, err
}

// ForgetProbe lets the next smoke test of a restored database begin at once: the
// one during which the backup was made does not run there.
func ForgetProbe(ctx context.Context, d *db.DB) (err error) {
	defer fault.Wrap(&err, "account.ForgetProbe")
	return d.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE organizations SET created_at = 0 WHERE id = $1", ProbeOrg)
		return err
	})
}

// PurgeProbe removes the probe and all that it wrote, in the order in which an
// organization is purged, without a line in the trail.
func (s *Service) PurgeProbe(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "account.PurgeProbe")
	for _, purge := range s.purges {
		if err := purge(ctx, ProbeOrg); err != nil {
			return err
		}
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		for _, h := range s.personal {
			if _, err := h.Erase(ctx, tx, Person{User: ProbeUser}); err != nil {
				return err
			}
		}
		for _, step := range []struct {
			text string
			id   any
		}{
			{"DELETE FROM idempotency_keys WHERE user_id = $1", ProbeUser},
			{"DELETE FROM audit_log WHERE user_id = $1", ProbeUser},
			{"DELETE FROM audit_log WHERE org_id = $1", ProbeOrg},
			{"DELETE FROM invitations WHERE org_id = $1", ProbeOrg},
			{"DELETE FROM memberships WHERE org_id = $1", ProbeOrg},
			{"DELETE FROM organization_settings WHERE org_id = $1", ProbeOrg},
			{"DELETE FROM organizations WHERE id = $1", ProbeOrg},
			{"DELETE FROM users WHERE id = $1", ProbeUser},
		} {
			if _, err := tx.Exec(ctx, step.text, step.id); err != nil {
				return err
			}
		}
		return nil
	})
}
