package app

import (
	"context"
	"path/filepath"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/egress"
	"navidocs/internal/mailbox"
	"navidocs/internal/notify"
	"navidocs/internal/sale"
)

// buildNotifications sets up the channels that the configuration names, writes
// the templates of this release, and has the mails of accounts and sales sent.
func (a *App) buildNotifications(ctx context.Context, client *egress.Client) error {
	senders, key, err := a.senders(client)
	if err != nil {
		return err
	}
	inbox, err := a.inbox()
	if err != nil {
		return err
	}
	a.Notifications = notify.New(a.DB, a.Jobs, a.Accounts, a.Events, notify.Config{
		BaseURL: strings.TrimSuffix(baseURL(a.options.Config), "/"), Senders: senders, VAPIDKey: key, Mailbox: inbox, Changed: a.notified, Log: a.options.Log,
	})
	a.Accounts.OnMail(func(ctx context.Context, tx *db.Tx, m account.Mail) error {
		return a.Notifications.SecretMail(ctx, tx, notify.SecretMail{Kind: m.Kind, To: m.To, Language: m.Language, Values: m.Vars})
	})
	a.Sales.OnMail(func(ctx context.Context, tx *db.Tx, m sale.Mail) error {
		return a.Notifications.SecretMail(ctx, tx, notify.SecretMail{Kind: m.Kind, To: m.To, Language: m.Language, Subject: m.Subject, Values: m.Vars})
	})
	a.Notifications.OnUndelivered(func(ctx context.Context, tx *db.Tx, kind, subject, reason string) error {
		if !strings.HasPrefix(kind, "handover") {
			return nil
		}
		return a.Sales.Undelivered(ctx, tx, subject, reason)
	})
	return a.Notifications.Seed(ctx)
}

// inbox is the mailbox that the configuration names, nil without one.
func (a *App) inbox() (*mailbox.Mailbox, error) {
	c := a.options.Config.IMAP
	if c.Host == "" {
		return nil, nil
	}
	return mailbox.New(mailbox.Config{Host: c.Host, Port: c.Port, User: c.User, Password: c.Password, Name: c.Mailbox})
}

// senders are the channels that can send: mail always, if only into the outbox,
// web push with keys made at the first start, the others when they are set up.
func (a *App) senders(client *egress.Client) (all []notify.Sender, vapid string, err error) {
	c := a.options.Config
	mail, err := a.mailSender()
	if err != nil {
		return nil, "", err
	}
	public, private, err := notify.VAPIDKeys(filepath.Join(c.KeyDir(), "vapid"))
	if err != nil {
		return nil, "", err
	}
	push, err := notify.NewPush(notify.PushConfig{PublicKey: public, PrivateKey: private, Subject: a.pushSubject()}, client)
	if err != nil {
		return nil, "", err
	}
	all = []notify.Sender{mail, push}
	if c.Notify.TwilioSID != "" {
		sms, err := notify.NewSMS(notify.SMSConfig{
			URL: c.Notify.TwilioURL, SID: c.Notify.TwilioSID, Token: c.Notify.TwilioToken, From: c.Notify.TwilioFrom,
		}, client)
		if err != nil {
			return nil, "", err
		}
		all = append(all, sms)
	}
	if c.Notify.NtfyURL != "" {
		ntfy, err := notify.NewNtfy(c.Notify.NtfyURL, client)
		if err != nil {
			return nil, "", err
		}
		all = append(all, ntfy)
	}
	return all, public, nil
}

// mailSender sends over SMTP or, where no server is set, writes to the outbox.
func (a *App) mailSender() (notify.Sender, error) {
	c := a.options.Config
	mail := notify.EmailConfig{
		Host: c.SMTP.Host, Port: c.SMTP.Port, User: c.SMTP.User, Password: c.SMTP.Password, From: c.SMTP.From, FromName: c.SMTP.FromName,
		DKIM: notify.DKIM{Domain: c.DKIM.Domain, Selector: c.DKIM.Selector, PrivateKey: c.DKIM.PrivateKey}, Now: a.options.Now,
	}
	if mail.Host == "" {
		if mail.From == "" {
			mail.From = "navidocs@localhost"
		}
		return notify.NewOutbox(filepath.Join(c.DataDir(), "outbox"), mail, a.options.Log)
	}
	return notify.NewEmail(mail)
}

// pushSubject is whom push services may turn to (RFC 8292, 2.1).
func (a *App) pushSubject() string {
	c := a.options.Config
	switch {
	case c.Notify.VAPIDSubject != "":
		return c.Notify.VAPIDSubject
	case c.Integration.OperatorEmail != "":
		return "mailto:" + c.Integration.OperatorEmail
	case strings.HasPrefix(c.App.URL, "https://"):
		return c.App.URL
	}
	return "mailto:navidocs@localhost"
}

// guarded is the one client for addresses that users gave.
func (a *App) guarded() (*egress.Client, error) {
	c := a.options.Config.Webhook
	return egress.New(egress.Options{Allow: c.EgressAllow, Timeout: c.Timeout})
}
