package warranty

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Letter is an entry of a claim's correspondence log: what was sent, what came
// back, and the packages that were made.
type Letter struct {
	ID            string           `json:"id"`
	Direction     string           `json:"direction" enum:"prepared,sent,received" doc:"prepared: a claim package was made"`
	Channel       string           `json:"channel" enum:"email,letter,phone,portal,visit,package"`
	On            fleet.Date       `json:"on" format:"date"`
	ContactID     *fleet.ContactID `json:"contact_id"`
	Subject       string           `json:"subject"`
	Text          string           `json:"text"`
	DocumentID    *document.ID     `json:"document_id" doc:"the letter itself; null also where your role does not show it"`
	PackageSHA256 string           `json:"package_sha256" doc:"of the claim package that was made or sent"`
	CreatedAt     time.Time        `json:"created_at"`

	class *account.Class
}

// LetterInput is what is given of an entry.
type LetterInput struct {
	Direction     string          `json:"direction" enum:"sent,received"`
	Channel       string          `json:"channel" enum:"email,letter,phone,portal,visit,package"`
	On            fleet.Date      `json:"on,omitempty" doc:"YYYY-MM-DD; today unless given"`
	ContactID     fleet.ContactID `json:"contact_id,omitempty" maxLength:"64"`
	Subject       string          `json:"subject,omitempty" maxLength:"300"`
	Text          string          `json:"text,omitempty" maxLength:"20000"`
	DocumentID    document.ID     `json:"document_id,omitempty" maxLength:"64"`
	PackageSHA256 string          `json:"package_sha256,omitempty" pattern:"^([0-9a-f]{64})?$"`
}

var hashForm = regexp.MustCompile(`^([0-9a-f]{64})?$`)

func (in *LetterInput) check() error {
	var c checker
	if !slices.Contains([]string{"sent", "received"}, in.Direction) {
		c.add("direction", "must be sent or received")
	}
	if !slices.Contains([]string{"email", "letter", "phone", "portal", "visit", "package"}, in.Channel) {
		c.add("channel", "must be email, letter, phone, portal, visit or package")
	}
	if in.On != "" {
		c.date(in.On, "on")
	}
	c.Text(&in.Subject, "subject", 300)
	c.Text(&in.Text, "text", 20_000)
	if !hashForm.MatchString(in.PackageSHA256) {
		c.add("package_sha256", "must be 64 hexadecimal digits")
	}
	if in.Subject == "" && in.Text == "" && in.DocumentID == "" && in.PackageSHA256 == "" {
		c.add("text", "say what was written or said: give subject, text, document_id or package_sha256")
	}
	return c.Err()
}

// letters reads the log of a claim, oldest first.
func letters(ctx context.Context, q db.Querier, id ClaimID) ([]Letter, error) {
	return db.Collect(ctx, q, func(r db.Row) (l Letter, err error) {
		var created int64
		err = r.Scan(&l.ID, &l.Direction, &l.Channel, &l.On, &l.ContactID, &l.Subject, &l.Text, &l.DocumentID, &l.PackageSHA256, &created, &l.class)
		l.CreatedAt = db.Time(created)
		return l, err
	}, `SELECT l.id, l.direction, l.channel, l.on_date, l.contact_id, l.subject, l.text, l.document_id, l.package_sha256, l.created_at, d.class
		FROM warranty_claim_log l LEFT JOIN documents d ON d.id = l.document_id WHERE l.claim_id = $1 ORDER BY l.on_date, l.id`, id)
}

// Letters lists the correspondence of a claim, oldest first.
func (s *Service) Letters(ctx context.Context, who account.Actor, id ID, claim ClaimID) (_ []Letter, err error) {
	defer fault.Wrap(&err, "warranty.Letters %s", claim)
	_, x, err := s.loadClaim(ctx, s.db, who, id, claim, account.Viewer)
	if err != nil {
		return nil, err
	}
	all, err := letters(ctx, s.db, claim)
	for i := range all {
		if c := all[i].class; c != nil && !who.On(x.OrgID, x.BoatID).Shows(*c) {
			all[i].DocumentID = nil
		}
	}
	return all, err
}

// AddLetter records what was sent or came back; members may. A document that is
// named is linked to the claim as correspondence.
func (s *Service) AddLetter(ctx context.Context, who account.Actor, id ID, claim ClaimID, in LetterInput) (l Letter, err error) {
	defer fault.Wrap(&err, "warranty.AddLetter %s", claim)
	if err := in.check(); err != nil {
		return l, err
	}
	err = s.inClaim(ctx, who, id, claim, func(tx *db.Tx, w Warranty, _ Claim) error {
		if in.ContactID != "" {
			if err := s.sameOrg(ctx, tx, who, in.ContactID, w.OrgID); err != nil {
				return err
			}
		}
		if in.DocumentID != "" {
			if err := s.readable(ctx, tx, who, in.DocumentID); err != nil {
				return err
			}
			if err := fileLetter(ctx, tx, w.OrgID, claim, in); err != nil {
				return err
			}
		}
		if in.On == "" {
			in.On = Today(tx.Now(), w.timeZone)
		}
		if l, err = insertLetter(ctx, tx, who, claim, in); err != nil {
			return err
		}
		return s.auditClaim(ctx, tx, who, "letter_"+in.Direction, w, claim, map[string]any{"channel": in.Channel})
	})
	return l, err
}

// fileLetter links the paper of an entry, unless it is there for another purpose.
func fileLetter(ctx context.Context, tx *db.Tx, org account.OrgID, claim ClaimID, in LetterInput) error {
	purpose := Purpose("correspondence")
	p, err := claim.folder().paper(ctx, tx, in.DocumentID)
	if err == nil {
		purpose = p.Purpose
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	_, err = claim.folder().link(ctx, tx, org, Link{in.DocumentID, purpose, p.Caption})
	return err
}

func insertLetter(ctx context.Context, tx *db.Tx, who account.Actor, claim ClaimID, in LetterInput) (Letter, error) {
	l := Letter{
		ID: db.NewID(), Direction: in.Direction, Channel: in.Channel, On: in.On, ContactID: db.OrNull(in.ContactID), Subject: in.Subject,
		Text: in.Text, DocumentID: db.OrNull(in.DocumentID), PackageSHA256: in.PackageSHA256, CreatedAt: tx.Now(),
	}
	_, err := tx.Exec(ctx, `INSERT INTO warranty_claim_log (id, claim_id, direction, channel, on_date, contact_id, subject, text, document_id,
		package_sha256, user_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		l.ID, claim, l.Direction, l.Channel, l.On, l.ContactID, l.Subject, l.Text, l.DocumentID, l.PackageSHA256, db.OrNull(who.UserID), db.Micros(l.CreatedAt))
	return l, err
}

// packageMade notes in the log that a claim package was made.
func (s *Service) packageMade(ctx context.Context, who account.Actor, w Warranty, claim ClaimID, sum string, bytes int64) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := insertLetter(ctx, tx, who, claim, LetterInput{
			Direction: "prepared", Channel: "package", On: Today(tx.Now(), w.timeZone), PackageSHA256: sum,
			Subject: fmt.Sprintf("Claim package, %d bytes", bytes),
		})
		return err
	})
}
