package sale

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Transfer is what a handover is made with.
type Transfer struct {
	BuyerEmail     string `json:"buyer_email,omitempty" maxLength:"254" doc:"absent: the sale's"`
	Message        string `json:"message,omitempty" maxLength:"2000" doc:"to the buyer, in the mail"`
	ConfirmLeftOut bool   `json:"confirm_left_out,omitempty" doc:"leave out what nobody decided on"`
}

// Handed is a link that was given to a buyer.
type Handed struct {
	Sale          Sale      `json:"sale"`
	DownloadURL   string    `json:"download_url,omitempty" doc:"the page with the package, which is all that the mail links to; shown in this answer only"`
	ExpiresAt     time.Time `json:"expires_at"`
	DownloadsLeft int       `json:"downloads_left"`
}

const (
	maxMessage = 2000
	// mailsADay bounds the mails of one sale: nobody can be flooded.
	mailsADay = 20
)

// Transfer mails the buyer a link to the newest package, good for 30 days and 5
// complete downloads, and ends the earlier one; managers of the boat with a
// confirmed address may. Conflict without a package, and with the names of what
// nobody decided on, or of who has not approved.
func (s *Service) Transfer(ctx context.Context, who account.Actor, id ID, t Transfer, at fleet.Version) (h Handed, err error) {
	defer fault.Wrap(&err, "sale.Transfer %s", id)
	if err := who.RequireVerified(); err != nil {
		return h, err
	}
	if t.Message, err = cleanMessage(t.Message); err != nil {
		return h, err
	}
	l, err := s.beginLetter(ctx, who, id)
	if err != nil {
		return h, err
	}
	h.Sale, err = s.change(ctx, who, id, at, func(tx *db.Tx, x *Sale) error {
		if t.BuyerEmail != "" {
			x.BuyerEmail = t.BuyerEmail
		}
		if err := x.check(); err != nil {
			return err
		}
		p, err := s.handable(ctx, tx, *x, t.ConfirmLeftOut)
		if err != nil {
			return err
		}
		if err := endLink(ctx, tx, x.ID, endedByTransfer); err != nil {
			return err
		}
		if x.Link, err = insertLink(ctx, tx, who, *x, p, t.Message); err != nil {
			return err
		}
		x.Status, x.TransferredAt, x.Unreached, x.BuyerReached = Transferred, new(tx.Now()), "", true
		if h.DownloadURL, err = s.mail(ctx, tx, mailHandover, *x, l.with(p)); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "sale.transferred", x)
	})
	return h.filled(), err
}

func (h Handed) filled() Handed {
	if l := h.Sale.Link; l != nil {
		h.ExpiresAt, h.DownloadsLeft = l.ExpiresAt, l.DownloadsLeft
	}
	return h
}

func cleanMessage(text string) (string, error) {
	text = strings.TrimSpace(db.Text(text))
	if utf8.RuneCountInString(text) > maxMessage {
		return "", fault.Fields(fault.Field{Location: "body.message", Message: "must have at most 2000 characters"})
	}
	return text, nil
}

func insertLink(ctx context.Context, tx *db.Tx, who account.Actor, x Sale, p Package, message string) (*Link, error) {
	l := &Link{
		ID: db.NewID(), Email: x.BuyerEmail, CreatedAt: tx.Now(), ExpiresAt: tx.Now().AddDate(0, 0, linkDays), Allowed: linkDownloads, DownloadsLeft: linkDownloads,
		saleID: x.ID, packageID: p.ID, language: x.BuyerLanguage, message: message, sha256: p.SHA256, bytes: p.Bytes, fingerprint: p.Fingerprint,
	}
	_, err := tx.Exec(ctx, `INSERT INTO sale_links (id, sale_id, package_id, email, language, message, user_id, allowed, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, l.ID, x.ID, p.ID, l.Email, l.language, message, db.OrNull(who.UserID), l.Allowed,
		db.Micros(l.CreatedAt), db.Micros(l.ExpiresAt))
	return l, err
}

// Resend mails the link of the last transfer again, with a new secret: the old
// one ends, what was counted stays. Conflict when the link works no more.
func (s *Service) Resend(ctx context.Context, who account.Actor, id ID) (h Handed, err error) {
	defer fault.Wrap(&err, "sale.Resend %s", id)
	if err := who.RequireVerified(); err != nil {
		return h, err
	}
	l, err := s.beginLetter(ctx, who, id)
	if err != nil {
		return h, err
	}
	h.Sale, err = s.onLink(ctx, who, id, "sale.link_resent", nil, func(tx *db.Tx, x *Sale) error {
		if x.Link.ending(tx.Now()) != "" {
			return fault.New(fault.Conflict, "the link has had its time or its downloads: extend it first")
		}
		p, err := db.One(ctx, tx, scanPackage, selectPackage+" WHERE p.id = $1", x.Link.packageID)
		if err != nil {
			return err
		}
		if err := replaceTokens(ctx, tx, x.Link.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE sale_workflows SET unreached = '' WHERE id = $1", id); err != nil {
			return err
		}
		x.Unreached, x.BuyerReached = "", true
		h.DownloadURL, err = s.mail(ctx, tx, mailHandover, *x, l.with(p))
		return err
	})
	return h.filled(), err
}

func replaceTokens(ctx context.Context, tx *db.Tx, link string) error {
	_, err := tx.Exec(ctx, "UPDATE sale_tokens SET replaced_at = $1 WHERE link_id = $2 AND replaced_at IS NULL", db.Micros(tx.Now()), link)
	return err
}

// onLink does something with the link of the last transfer and audits it; whoever
// manages the boat may. Conflict when there is none that was not ended.
func (s *Service) onLink(ctx context.Context, who account.Actor, id ID, action string, detail any, f func(*db.Tx, *Sale) error) (x Sale, err error) {
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, id); err != nil {
			return err
		}
		if x, err = s.load(ctx, tx, who, id, account.Manager); err != nil {
			return err
		}
		if x.Link == nil || x.Link.EndedAt != nil {
			return fault.New(fault.Conflict, "the sale has no link: transfer it")
		}
		if err := f(tx, &x); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, action, x, detail)
	})
	return x, err
}

// Extension is what a link is given more of.
type Extension struct {
	Days      int `json:"days,omitempty" minimum:"0" maximum:"365" doc:"longer, from its end or from now, whichever is later"`
	Downloads int `json:"downloads,omitempty" minimum:"0" maximum:"100" doc:"complete ones more"`
}

// maxAllowed bounds what a link may be raised to.
const maxAllowed = 1000

// Extend makes a link last longer and good for more downloads, also one that has
// had either; what went out in pieces is forgiven. Whoever manages the boat may.
func (s *Service) Extend(ctx context.Context, who account.Actor, id ID, e Extension) (h Handed, err error) {
	defer fault.Wrap(&err, "sale.Extend %s", id)
	if e.Days < 0 || e.Days > 365 || e.Downloads < 0 || e.Downloads > 100 || e.Days+e.Downloads == 0 {
		return h, fault.Fields(fault.Field{Location: "body", Message: "give days (1 to 365), downloads (1 to 100), or both"})
	}
	h.Sale, err = s.onLink(ctx, who, id, "sale.link_extended", e, func(tx *db.Tx, x *Sale) error {
		l := x.Link
		p, err := packageOf(ctx, tx, l.packageID)
		if err != nil {
			return err
		}
		if p.released {
			return fault.New(fault.Conflict, "the package that the link led to is not kept any more: transfer again")
		}
		if e.Days > 0 {
			from := l.ExpiresAt
			if from.Before(tx.Now()) {
				from = tx.Now()
			}
			l.ExpiresAt = from.AddDate(0, 0, e.Days)
		}
		if l.Allowed += e.Downloads; l.Allowed > maxAllowed {
			return fault.Fields(fault.Field{Location: "body.downloads", Message: "a link is good for at most 1000 downloads"})
		}
		l.DownloadsLeft = l.Allowed - l.Finished
		_, err = tx.Exec(ctx, `UPDATE sale_links SET expires_at = $1, allowed = allowed + $2, piece_bytes = 0,
			reminded_at = CASE WHEN $3 > 0 THEN NULL ELSE reminded_at END WHERE id = $4`, db.Micros(l.ExpiresAt), e.Downloads, int64(e.Days), l.ID)
		return err
	})
	return h.filled(), err
}

// Revoke ends the link of the last transfer; whoever manages the boat may.
func (s *Service) Revoke(ctx context.Context, who account.Actor, id ID) (x Sale, err error) {
	defer fault.Wrap(&err, "sale.Revoke %s", id)
	return s.onLink(ctx, who, id, "sale.link_revoked", nil, func(tx *db.Tx, x *Sale) error {
		x.Link.EndedAt, x.Link.Ended = new(tx.Now()), endedByHand
		return endLink(ctx, tx, id, endedByHand)
	})
}

// Complete ends a sale that was transferred: the boat has changed hands. Its record
// stays as it is from now on, what is left to do becomes tasks, and the link goes on
// working. Whoever manages the boat may.
func (s *Service) Complete(ctx context.Context, who account.Actor, id ID, at fleet.Version) (x Sale, err error) {
	defer fault.Wrap(&err, "sale.Complete %s", id)
	if x, err = s.load(ctx, s.db, who, id, account.Manager); err != nil {
		return x, err
	}
	today, err := s.today(ctx, x)
	if err != nil {
		return x, err
	}
	tasks, err := s.plan(ctx, who, x, nil, today)
	if err != nil {
		return x, err
	}
	return s.change(ctx, who, id, at, func(tx *db.Tx, x *Sale) error {
		if x.Status != Transferred {
			return fault.New(fault.Conflict, "the sale is %s: transfer it to the buyer first", x.Status)
		}
		x.Status = Completed
		if err := addTasks(ctx, tx, *x, tasks); err != nil {
			return err
		}
		if err := s.boats.Freeze(ctx, tx, x.BoatID); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "sale.completed", x)
	})
}
