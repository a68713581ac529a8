package app

import (
	"context"
	"errors"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/backup"
	"navidocs/internal/config"
	"navidocs/internal/fault"
	"navidocs/internal/notify"
	"navidocs/internal/ops"
)

// Preflight prepares the checks before a deploy, as far as the installation can
// be opened: on a configuration with faults it is left alone. Close it when the
// checks are done.
func Preflight(ctx context.Context, o Options, faults config.Faults) (p *ops.Preflight, closeIt func() error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	p, closeIt = &ops.Preflight{Config: o.Config, Faults: faults, Probe: string(account.ProbeOrg), Now: o.Now}, func() error { return nil }
	p.Without = Untraced(o.Config)
	if len(faults) > 0 {
		return p, closeIt
	}
	if o.Config.SMTP.Host != "" {
		p.Mail = (&App{options: o}).tryMail
	}
	p.Backups = func(ctx context.Context) ([]backup.Entry, error) {
		a, err := Open(ctx, o, BackupOptions{Offline: true})
		if err != nil {
			return nil, err
		}
		all, err := a.Backups.List(ctx)
		return all, errors.Join(err, a.Close())
	}
	a, err := Open(ctx, o, BackupOptions{})
	if err != nil {
		p.Unopened = err
		return p, closeIt
	}
	p.Doctor = a.Doctor(false)
	return p, a.Close
}

// tryMail does all that sending a mail does but send one.
func (a *App) tryMail(ctx context.Context) error {
	sender, err := a.mailSender()
	if err != nil {
		return err
	}
	email, ok := sender.(*notify.EmailSender)
	if !ok {
		return fault.New(fault.Internal, "mail is not sent by SMTP")
	}
	return email.Try(ctx)
}
