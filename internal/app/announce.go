package app

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"navidocs/internal/deploy"
	"navidocs/internal/fault"
	"navidocs/internal/notify"
)

// Announce tells the operators what happens to the installation: the room of
// DEPLOY_WEBHOOK_URL, and OPERATOR_EMAIL. The error names who was not told.
func Announce(ctx context.Context, o Options, said deploy.Announcement) (err error) {
	defer fault.Wrap(&err, "app.Announce")
	a := &App{options: o}
	c := o.Config.Integration
	var errs []error
	if c.DeployHookURL != "" {
		client, err := a.guarded()
		if err != nil {
			return err
		}
		defer client.HTTP().CloseIdleConnections()
		errs = append(errs, deploy.Post(ctx, client, c.DeployHookURL, said))
	}
	if c.OperatorEmail != "" {
		errs = append(errs, a.mailOperator(ctx, said))
	}
	return errors.Join(errs...)
}

func (a *App) mailOperator(ctx context.Context, said deploy.Announcement) error {
	mail, err := a.mailSender()
	if err != nil {
		return err
	}
	receipt := mail.Send(ctx, notify.Message{
		ID: uuid.NewString(), To: a.options.Config.Integration.OperatorEmail, Title: said.Title, Text: said.Text(),
	})
	if receipt.Outcome != notify.Accepted {
		return fault.New(fault.Unavailable, "OPERATOR_EMAIL was not told: %s", receipt.Reason)
	}
	return nil
}
