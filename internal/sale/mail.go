package sale

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// Mail is a mail to a buyer or an owner, for somebody else to send. Its kinds, with their
// variables:
//
//   - handover: boat_name, recipient_name, link, expires_on (YYYY-MM-DD, UTC),
//     downloads, files, size, contents (a line each), warranties (a line each),
//     message, fingerprint, seller_name, seller_email
//   - handover_reminder: boat_name, recipient_name, link, expires_on, downloads
//   - handover_supplement: boat_name, recipient_name, link, expires_on, downloads,
//     files, size, fingerprint, seller_name, seller_email
//   - handover_tasks: boat_name, recipient_name, tasks (a line each, with its day)
//   - sale_approval, to an owner: boat_name, recipient_name, link, expires_on, files,
//     size, seller_name, seller_email
//
// The link carries a secret: variables are sealed where they wait, never logged.
type Mail struct {
	Kind, To, Language string
	// Subject names the link that the mail is about, for Undelivered.
	Subject string
	Vars    map[string]string
}

const (
	mailHandover = "handover"
	mailReminder = "handover_reminder"
	mailApproval = "sale_approval"
	mailMore     = "handover_supplement"
	mailTasks    = "handover_tasks"
)

// OnMail says who takes the mails; without it none is sent. f is called in the
// transaction of the change, so that a mail leaves if and only if it commits,
// and may run again with it. Call it before the service is used.
func (s *Service) OnMail(f func(ctx context.Context, tx *db.Tx, m Mail) error) { s.onMail = f }

// letter is what the mail of a handover says besides the link.
type letter struct {
	seller     account.Actor
	warranties []warranty.Warranty
	of         Package
}

func (l letter) with(p Package) letter {
	l.of = p
	return l
}

// beginLetter reads what other packages know, before the transaction.
func (s *Service) beginLetter(ctx context.Context, who account.Actor, id ID) (l letter, err error) {
	x, err := s.load(ctx, s.db, who, id, account.Manager)
	if err != nil {
		return l, err
	}
	l.seller = who
	l.warranties, _, err = s.warranties.Warranties(ctx, who, warranty.Filter{BoatID: x.BoatID, Status: warranty.Active, Within: -1, Page: fleet.Page{Limit: 50}})
	return l, err
}

// mail gives the link of a sale another secret and mails it to the buyer.
func (s *Service) mail(ctx context.Context, tx *db.Tx, kind string, x Sale, l letter) (url string, err error) {
	if kind != mailReminder {
		if err := mayMail(ctx, tx, x.ID); err != nil {
			return "", err
		}
	}
	if url, err = s.addToken(ctx, tx, x.Link.ID); err != nil {
		return "", err
	}
	name := x.BuyerName
	if name == "" {
		name = x.Link.Email
	}
	vars := map[string]string{
		"boat_name": x.BoatName, "recipient_name": name, "link": url, "expires_on": x.Link.ExpiresAt.Format(time.DateOnly),
		"downloads": strconv.Itoa(x.Link.DownloadsLeft),
	}
	if kind != mailReminder {
		if err := l.fill(vars, x.Link.message); err != nil {
			return "", err
		}
	}
	return url, s.onMail(ctx, tx, Mail{Kind: kind, To: x.Link.Email, Language: x.Link.language, Subject: x.Link.ID, Vars: vars})
}

// mayMail refuses a mail too many within a day.
func mayMail(ctx context.Context, tx *db.Tx, id ID) error {
	n, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM sale_tokens t JOIN sale_links l ON l.id = t.link_id WHERE l.sale_id = $1 AND t.created_at > $2",
		id, db.Micros(tx.Now().Add(-24*time.Hour)))
	if err == nil && n >= mailsADay {
		err = fault.New(fault.RateLimited, "the buyer was sent %d mails within a day, which is the most", mailsADay).With("retry_after", int(time.Hour.Seconds()))
	}
	return err
}

func (l letter) fill(vars map[string]string, message string) error {
	all, err := chapters(l.of)
	if err != nil {
		return err
	}
	var contents, covers []string
	for _, c := range all {
		if c.Name != "" {
			contents = append(contents, fmt.Sprintf("%s (%d)", c.Title(), len(c.Files)))
		}
	}
	for _, w := range l.warranties {
		covers = append(covers, w.ItemName+": "+string(w.ExpirationDate))
	}
	vars["contents"], vars["warranties"] = strings.Join(contents, "\n"), strings.Join(covers, "\n")
	vars["files"], vars["size"], vars["fingerprint"] = strconv.Itoa(l.of.Files), Size(l.of.Bytes), l.of.Fingerprint
	vars["message"], vars["seller_name"], vars["seller_email"] = message, l.seller.Name, l.seller.Email
	return nil
}

// Title is the chapter's name for people.
func (c Chapter) Title() string { return strings.ReplaceAll(c.Name, "_", " ") }

// Size writes a number of bytes for people, in units of 1000 (SI).
func Size(bytes int64) string {
	switch {
	case bytes < 1000:
		return strconv.FormatInt(bytes, 10) + " B"
	case bytes < 1000_000:
		return strconv.FormatInt((bytes+500)/1000, 10) + " kB"
	case bytes < 1000_000_000:
		return strconv.FormatInt((bytes+500_000)/1000_000, 10) + " MB"
	}
	return strconv.FormatFloat(float64(bytes)/1e9, 'f', 1, 64) + " GB"
}

// Undelivered takes in that the mail with a link did not arrive, and why: the
// sale says so, and the seller is told by an event. What became of a link that
// was ended since is of no matter.
func (s *Service) Undelivered(ctx context.Context, tx *db.Tx, link, reason string) (err error) {
	defer fault.Wrap(&err, "sale.Undelivered")
	id, err := db.One(ctx, tx, db.Scalar[ID], "SELECT sale_id FROM sale_links WHERE id = $1 AND ended_at IS NULL", link)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if reason = strings.TrimSpace(db.Text(reason)); reason == "" {
		reason = "the mail server gave no reason"
	}
	if err := lock(ctx, tx, id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE sale_workflows SET unreached = $1 WHERE id = $2", reason, id); err != nil {
		return err
	}
	x, err := saleNow(ctx, tx, id)
	if err != nil {
		return err
	}
	return s.tell(ctx, tx, account.Actor{}, "sale.undelivered", &x)
}
