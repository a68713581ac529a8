package integration

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
)

// People is what the package keeps about people: the calendars that they fetch.
type People struct{}

var _ account.PersonalData = People{}

// Holdings implements account.PersonalData.
func (People) Holdings(ctx context.Context, q db.Querier, p account.Person, put func(account.Holding) error) error {
	all, err := db.Collect(ctx, q, scanFeed, selectFeed+" WHERE user_id = $1 ORDER BY created_at, id", p.User)
	if err != nil {
		return err
	}
	for _, f := range all {
		if err := put(account.Holding{Kind: "feed", ID: string(f.ID), Data: f}); err != nil {
			return err
		}
	}
	return nil
}

// Addresses implements account.PersonalData: only accounts have calendars.
func (People) Addresses(context.Context, db.Querier) ([]string, error) { return nil, nil }

// Erase implements account.PersonalData: calendars go with their owner.
func (People) Erase(ctx context.Context, tx *db.Tx, p account.Person) ([]account.Outcome, error) {
	return db.Collect(ctx, tx, func(r db.Row) (account.Outcome, error) {
		o := account.Outcome{Kind: "feed", Erased: true}
		return o, r.Scan(&o.ID)
	}, "DELETE FROM feeds WHERE user_id = $1 RETURNING id", p.User)
}
