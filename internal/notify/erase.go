package notify

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// People is what this package keeps about people: what they chose, where they
// are reached, and what they were told.
type People struct{}

var _ account.PersonalData = People{}

// Holdings implements account.PersonalData.
func (People) Holdings(ctx context.Context, q db.Querier, p account.Person, put func(account.Holding) error) error {
	if p.User == "" {
		return heldOf(ctx, q, p, put)
	}
	for _, f := range []func(context.Context, db.Querier, account.UserID) ([]account.Holding, error){heldPreferences, heldSubscriptions, heldNotifications} {
		all, err := f(ctx, q, p.User)
		if err != nil {
			return err
		}
		for _, h := range all {
			if err := put(h); err != nil {
				return err
			}
		}
	}
	return nil
}

func heldPreferences(ctx context.Context, q db.Querier, user account.UserID) ([]account.Holding, error) {
	chosen, err := db.Collect(ctx, q, func(r db.Row) (c map[string]any, err error) {
		var eventType, channel string
		var wanted bool
		err = r.Scan(&eventType, &channel, &wanted)
		return map[string]any{"event_type": eventType, "channel": channel, "wanted": wanted}, err
	}, "SELECT event_type, channel, wanted FROM notification_choices WHERE user_id = $1 ORDER BY event_type, channel", user)
	if err != nil {
		return nil, err
	}
	return db.Collect(ctx, q, func(r db.Row) (h account.Holding, err error) {
		var zone, from, to, digest, phone, ntfy string
		var confirmed bool
		err = r.Scan(&zone, &from, &to, &digest, &phone, &confirmed, &ntfy)
		h = account.Holding{Kind: "notification_preferences", ID: string(user), Data: map[string]any{
			"time_zone": zone, "quiet_from": from, "quiet_to": to, "digest": digest, "phone": phone, "phone_confirmed": confirmed, "ntfy_topic": ntfy, "choices": chosen,
		}}
		return h, err
	}, "SELECT time_zone, quiet_from, quiet_to, digest, phone, phone_confirmed, ntfy FROM notification_preferences WHERE user_id = $1", user)
}

// heldSubscriptions tells of the browsers without their keys.
func heldSubscriptions(ctx context.Context, q db.Querier, user account.UserID) ([]account.Holding, error) {
	return db.Collect(ctx, q, func(r db.Row) (h account.Holding, err error) {
		var created int64
		err = r.Scan(&h.ID, &created)
		h.Kind, h.Data = "push_subscription", map[string]any{"created_at": db.Time(created)}
		return h, err
	}, "SELECT id, created_at FROM push_subscriptions WHERE user_id = $1 ORDER BY created_at, id", user)
}

func heldNotifications(ctx context.Context, q db.Querier, user account.UserID) ([]account.Holding, error) {
	return db.Collect(ctx, q, func(r db.Row) (h account.Holding, err error) {
		n, err := scanNotification(r)
		h = account.Holding{Kind: "notification", ID: string(n.ID), Data: n}
		if n.OrgID != nil {
			org := account.OrgID(*n.OrgID)
			h.OrgID = &org
		}
		return h, err
	}, "SELECT "+notificationColumns+fromNotifications+" WHERE n.user_id = $1 ORDER BY n.id", user)
}

// heldOf is what is known of an address as such: mails with secrets that went
// there, and that none goes there any more. An organization knows neither, and
// whoever asks for themselves sees it among their preferences.
func heldOf(ctx context.Context, q db.Querier, p account.Person, put func(account.Holding) error) error {
	if p.Org != "" || p.Self != nil {
		return nil
	}
	mails, err := db.Collect(ctx, q, func(r db.Row) (h account.Holding, err error) {
		var kind, status string
		var created int64
		err = r.Scan(&h.ID, &kind, &status, &created)
		h.Kind, h.Data = "mail", map[string]any{"kind": kind, "status": status, "created_at": db.Time(created)}
		return h, err
	}, "SELECT id, kind, status, created_at FROM secret_mails WHERE recipient = $1 ORDER BY id", p.Address)
	if err != nil {
		return err
	}
	stopped, err := db.Collect(ctx, q, func(r db.Row) (h account.Holding, err error) {
		var reason string
		err = r.Scan(&reason)
		h.Kind, h.Data = "mail_suppression", map[string]any{"reason": reason}
		return h, err
	}, "SELECT reason FROM mail_suppressions WHERE address = $1", p.Address)
	if err != nil {
		return err
	}
	for _, h := range append(mails, stopped...) {
		if err := put(h); err != nil {
			return err
		}
	}
	return nil
}

// Addresses implements account.PersonalData.
func (People) Addresses(ctx context.Context, q db.Querier) ([]string, error) {
	return db.Collect(ctx, q, db.Scalar[string], "SELECT address FROM mail_suppressions UNION SELECT recipient FROM secret_mails")
}

// Erase implements account.PersonalData. What an account was told and chose
// goes; of an address, what was mailed there. A mail that waits does not leave.
func (People) Erase(ctx context.Context, tx *db.Tx, p account.Person) (out []account.Outcome, err error) {
	steps := []struct{ kind, text, arg string }{
		{"mail", "DELETE FROM secret_mails WHERE recipient = $1", p.Address},
		{"mail_suppression", "DELETE FROM mail_suppressions WHERE address = $1", p.Address},
	}
	user := string(p.User)
	switch {
	case user != "":
		steps = append(steps, []struct{ kind, text, arg string }{
			{"notification", "DELETE FROM notifications WHERE user_id = $1", user},
			{"notification_message", "DELETE FROM notification_messages WHERE user_id = $1", user},
			{"push_subscription", "DELETE FROM push_subscriptions WHERE user_id = $1", user},
			{"notification_choice", "DELETE FROM notification_choices WHERE user_id = $1", user},
			{"notification_preferences", "DELETE FROM notification_preferences WHERE user_id = $1", user},
		}...)
	case p.Org != "":
		return nil, nil // the mail of the installation is no organization's
	}
	for _, step := range steps {
		n, err := tx.Exec(ctx, step.text, step.arg)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out = append(out, account.Outcome{Kind: step.kind, ID: user, Erased: true})
		}
	}
	return out, nil
}

// Purge removes what an organization told people, and its templates.
func (s *Service) Purge(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "notify.Purge %s", org)
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		for _, text := range []string{"DELETE FROM notifications WHERE org_id = $1", "DELETE FROM notification_templates WHERE org_id = $1"} {
			if _, err := tx.Exec(ctx, text, org); err != nil {
				return err
			}
		}
		return nil
	})
}
