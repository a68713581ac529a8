package account

import (
	"context"
	"time"

	"navidocs/internal/db"
)

// own is what accounts themselves keep about people.
type own struct{ s *Service }

var _ PersonalData = own{}

// trailText is the detail of the audit trail, which names whoever was invited.
var trailText = []FreeText{{Kind: "audit", Table: "audit_log", Column: "detail", Key: "id", Org: "x.org_id"}}

// Holdings implements PersonalData: the account's own rows and what it did, or
// the invitations to an address and the lines of the trail that name it.
func (o own) Holdings(ctx context.Context, q db.Querier, p Person, put func(Holding) error) error {
	if p.User == "" {
		if err := o.invitations(ctx, q, p, put); err != nil {
			return err
		}
		return HoldingsIn(ctx, q, p, trailText, put)
	}
	for _, f := range []func(context.Context, db.Querier, Person, func(Holding) error) error{o.user, o.memberships, o.grants, o.identities, o.sessions, o.tokens, o.invitations, o.trail} {
		if err := f(ctx, q, p, put); err != nil {
			return err
		}
	}
	return nil
}

func putAll(all []Holding, err error, put func(Holding) error) error {
	if err != nil {
		return err
	}
	for _, h := range all {
		if err := put(h); err != nil {
			return err
		}
	}
	return nil
}

func (o own) user(ctx context.Context, q db.Querier, p Person, put func(Holding) error) error {
	u, err := db.One(ctx, q, scanUser, "SELECT "+userColumns+" FROM users WHERE id = $1", p.User)
	if err != nil {
		return err
	}
	return put(Holding{Kind: "user", ID: string(u.ID), Data: u})
}

func (o own) memberships(ctx context.Context, q db.Querier, p Person, put func(Holding) error) error {
	all, err := db.Collect(ctx, q, func(r db.Row) (h Holding, err error) {
		var org OrgID
		var name string
		var role Role
		var since int64
		err = r.Scan(&org, &name, &role, &since)
		h = Holding{Kind: "membership", ID: string(org), OrgID: &org, Data: map[string]any{"organization_name": name, "role": role, "since": db.Time(since)}}
		return h, err
	}, `SELECT m.org_id, o.name, m.role, m.created_at FROM memberships m JOIN organizations o ON o.id = m.org_id
		WHERE m.user_id = $1 AND o.deleted_at IS NULL ORDER BY m.created_at, m.org_id`, p.User)
	return putAll(all, err, put)
}

func (o own) grants(ctx context.Context, q db.Querier, p Person, put func(Holding) error) error {
	all, err := db.Collect(ctx, q, func(r db.Row) (h Holding, err error) {
		var org OrgID
		var g Grant
		var created int64
		var expires *int64
		err = r.Scan(&g.BoatID, &org, &g.Level, &g.Money, &created, &expires)
		g.UserID, g.CreatedAt, g.ExpiresAt = p.User, db.Time(created), db.TimePtr(expires)
		return Holding{Kind: "grant", ID: string(g.BoatID), OrgID: &org, Data: g}, err
	}, "SELECT boat_id, org_id, level, money, created_at, expires_at FROM boat_grants WHERE user_id = $1 ORDER BY created_at, boat_id", p.User)
	return putAll(all, err, put)
}

// identities are by whom else the person is known.
func (o own) identities(ctx context.Context, q db.Querier, p Person, put func(Holding) error) error {
	all, err := db.Collect(ctx, q, func(r db.Row) (h Holding, err error) {
		var issuer, subject string
		var since int64
		err = r.Scan(&issuer, &subject, &since)
		return Holding{Kind: "identity", ID: subject, Data: map[string]any{"issuer": issuer, "subject": subject, "since": db.Time(since)}}, err
	}, "SELECT issuer, subject, created_at FROM user_identities WHERE user_id = $1 ORDER BY issuer, subject", p.User)
	return putAll(all, err, put)
}

func (o own) sessions(ctx context.Context, q db.Querier, p Person, put func(Holding) error) error {
	type session struct {
		Session

		ExpiresAt time.Time  `json:"expires_at"`
		EndedAt   *time.Time `json:"ended_at"`
		EndedWhy  string     `json:"ended_why"`
	}
	all, err := db.Collect(ctx, q, func(r db.Row) (h Holding, err error) {
		var x session
		var created, seen, expires int64
		var ended *int64
		err = r.Scan(&x.ID, &x.Address, &x.Agent, &created, &seen, &expires, &ended, &x.EndedWhy)
		x.CreatedAt, x.LastSeenAt, x.ExpiresAt, x.EndedAt = db.Time(created), db.Time(seen), db.Time(expires), db.TimePtr(ended)
		x.Current = p.Self != nil && x.ID == p.Self.SessionID
		return Holding{Kind: "session", ID: string(x.ID), Data: x}, err
	}, "SELECT id, address, agent, created_at, last_seen_at, expires_at, ended_at, ended_why FROM sessions WHERE user_id = $1 ORDER BY created_at, id", p.User)
	return putAll(all, err, put)
}

func (o own) tokens(ctx context.Context, _ db.Querier, p Person, put func(Holding) error) error {
	all, err := o.s.Tokens(ctx, Actor{UserID: p.User})
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := put(Holding{Kind: "token", ID: string(t.ID), Data: t}); err != nil {
			return err
		}
	}
	return nil
}

func (o own) invitations(ctx context.Context, q db.Querier, p Person, put func(Holding) error) error {
	var w db.Where
	w.Add("email = ?", p.Address)
	if p.Org != "" {
		w.Add("org_id = ?", p.Org)
	}
	all, err := db.Collect(ctx, q, func(r db.Row) (Holding, error) {
		i, err := scanInvitation(r)
		return Holding{Kind: "invitation", ID: i.ID, OrgID: &i.OrgID, Data: i}, err
	}, "SELECT "+invitationColumns+" FROM invitations WHERE "+w.SQL()+" ORDER BY id", w.Args()...)
	return putAll(all, err, put)
}

// trail is what the person did, page by page.
func (o own) trail(ctx context.Context, q db.Querier, p Person, put func(Holding) error) error {
	after := Record{At: time.UnixMicro(0)}
	for {
		page, err := db.Collect(ctx, q, scanRecord, "SELECT "+recordColumns+
			" FROM audit_log WHERE user_id = $1 AND (at, id) > ($2, $3) ORDER BY at, id LIMIT $4", p.User, db.Micros(after.At), after.ID, exportPage)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := put(Holding{Kind: "audit", ID: r.ID, OrgID: r.OrgID, Data: r}); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
		after = page[len(page)-1]
	}
}

// Addresses implements PersonalData.
func (o own) Addresses(ctx context.Context, q db.Querier) ([]string, error) {
	all, err := db.Collect(ctx, q, db.Scalar[string], `SELECT email FROM invitations UNION SELECT email FROM login_failures
		UNION SELECT email FROM account_mails UNION SELECT email FROM users WHERE id <> $1`, ProbeUser)
	if err != nil {
		return nil, err
	}
	named, err := AddressesOf(ctx, q, trailText)
	return append(all, named...), err
}

// Erase implements PersonalData: an account's own rows go, and its id stays
// without a name; of an address, invitations go and the trail forgets it.
func (o own) Erase(ctx context.Context, tx *db.Tx, p Person) ([]Outcome, error) {
	if p.User != "" {
		return o.eraseUser(ctx, tx, p)
	}
	var w db.Where
	w.Add("email = ?", p.Address)
	if p.Org != "" {
		w.Add("org_id = ?", p.Org)
	} else if err := forgetAddress(ctx, tx, p.Address); err != nil {
		return nil, err
	}
	out, err := db.Collect(ctx, tx, func(r db.Row) (x Outcome, err error) {
		x = Outcome{Kind: "invitation", Erased: true}
		return x, r.Scan(&x.ID, &x.OrgID)
	}, "DELETE FROM invitations WHERE "+w.SQL()+" RETURNING id, org_id", w.Args()...)
	if err != nil {
		return nil, err
	}
	lines, err := EraseIn(ctx, tx, p, trailText)
	return append(out, lines...), err
}

// forgetAddress removes what counts the sign-ins and mails of an address.
func forgetAddress(ctx context.Context, tx *db.Tx, address string) error {
	for _, text := range []string{"DELETE FROM login_failures WHERE email = $1", "DELETE FROM account_mails WHERE email = $1"} {
		if _, err := tx.Exec(ctx, text, address); err != nil {
			return err
		}
	}
	return nil
}

// nameless is an account's row once its person is gone: an id that the trail
// and the papers may name. No address is like its one.
const nameless = `UPDATE users SET name = 'deleted user', email = 'deleted:' || id, password_hash = '', email_verified = FALSE, operator = FALSE,
	language = 'en', deleted_at = coalesce(deleted_at, $2), erased_at = $2, updated_at = $2 WHERE id = $1 AND erased_at IS NULL`

func (o own) eraseUser(ctx context.Context, tx *db.Tx, p Person) ([]Outcome, error) {
	n, err := tx.Exec(ctx, nameless, p.User, db.Micros(tx.Now()))
	if err != nil || n == 0 {
		return nil, err
	}
	for _, text := range []string{
		"DELETE FROM refresh_tokens WHERE session_id IN (SELECT id FROM sessions WHERE user_id = $1)", "DELETE FROM sessions WHERE user_id = $1",
		"DELETE FROM personal_tokens WHERE user_id = $1", "DELETE FROM account_tokens WHERE user_id = $1", "DELETE FROM memberships WHERE user_id = $1",
		"DELETE FROM boat_grants WHERE user_id = $1", "DELETE FROM user_identities WHERE user_id = $1",
		"DELETE FROM recovery_codes WHERE user_id = $1", "DELETE FROM totp_secrets WHERE user_id = $1",
		"DELETE FROM idempotency_keys WHERE user_id = $1", "UPDATE audit_log SET address = '' WHERE user_id = $1 AND address <> ''",
	} {
		if _, err := tx.Exec(ctx, text, p.User); err != nil {
			return nil, err
		}
	}
	out := []Outcome{{Kind: "user", ID: string(p.User), Erased: true}}
	named, err := o.Erase(ctx, tx, Person{Address: p.Address})
	return append(out, named...), err
}
