package notify

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"navidocs/internal/fault"
)

// Outbox keeps mails as files where there is no SMTP server: <dir>/<ID>.eml,
// the bytes that would have been sent. A repeated mail replaces its file, which
// is whole or not there.
type Outbox struct {
	dir string
	*composer
	log  *slog.Logger
	once sync.Once
}

var _ Sender = (*Outbox)(nil)

// NewOutbox checks the configuration, of which it wants the sender, the clock
// and DKIM; the folder is made with the first mail.
func NewOutbox(dir string, c EmailConfig, log *slog.Logger) (_ *Outbox, err error) {
	defer fault.Wrap(&err, "notify.NewOutbox")
	composer, err := newComposer(c)
	if err != nil {
		return nil, err
	}
	return &Outbox{dir: dir, composer: composer, log: log}, nil
}

// Channel is Email.
func (o *Outbox) Channel() Channel { return Email }

// Send writes the mail. It says once in the log that mails stay here.
func (o *Outbox) Send(ctx context.Context, m Message) Receipt {
	e, err := o.compose(m)
	if err != nil {
		return notComposed(err)
	}
	if ctx.Err() != nil {
		return Receipt{Outcome: Deferred, Reason: "the mail was not written in time"}
	}
	o.once.Do(func() {
		o.log.Warn("no SMTP server is set: mails are kept as files", "dir", o.dir)
	})
	name := identity(m.ID) + ".eml"
	if err := o.keep(name, e.content); err != nil {
		return Receipt{Outcome: Deferred, Reason: "the mail could not be written to the outbox: " + oneLine(err.Error(), maxReason)}
	}
	return Receipt{Outcome: Accepted, Reason: "kept in the outbox, for no SMTP server is set", Reference: name}
}

func (o *Outbox) keep(name string, content []byte) error {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(o.dir, ".new-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // renamed or useless by then
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(o.dir, name)); err != nil {
		return err
	}
	dir, err := os.Open(o.dir) //nolint:forbidigo // the outbox
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
