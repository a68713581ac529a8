package document

import (
	"context"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// People is what this package keeps about people: which papers somebody brought,
// and which name an address.
type People struct{}

var _ account.PersonalData = People{}

// mention is a paper as far as it is about somebody.
type mention struct {
	Title    string `json:"title"`
	FileName string `json:"file_name"`
}

func scanMention(kind string) func(db.Row) (account.Holding, error) {
	return func(r db.Row) (h account.Holding, err error) {
		var m mention
		var org account.OrgID
		err = r.Scan(&h.ID, &org, &m.Title, &m.FileName)
		h.Kind, h.OrgID, h.Data = kind, &org, m
		return h, err
	}
}

const selectMention = "SELECT d.id, d.org_id, d.title, d.file_name FROM documents d WHERE "

// naming are the papers whose pages name an address.
func naming(ctx context.Context, q db.Querier, p account.Person) ([]account.Holding, error) {
	var w db.Where
	w.Add(`d.id IN (SELECT document_id FROM pages WHERE lower(text) LIKE ? ESCAPE '\')`, account.Naming(p.Address))
	if p.Org != "" {
		w.Add("d.org_id = ?", p.Org)
	}
	if p.Self != nil {
		visible(&w, *p.Self)
	}
	return db.Collect(ctx, q, scanMention("document"), selectMention+w.SQL()+" ORDER BY d.id", w.Args()...)
}

// brought are the papers that an account brought.
func brought(ctx context.Context, q db.Querier, p account.Person) ([]account.Holding, error) {
	var w db.Where
	w.Add("d.created_by = ?", p.User)
	if p.Self != nil {
		visible(&w, *p.Self)
	}
	return db.Collect(ctx, q, scanMention("uploaded_document"), selectMention+w.SQL()+" ORDER BY d.created_at, d.id", w.Args()...)
}

// Holdings implements account.PersonalData: of an account the papers that it
// brought, where the person may still see them; of an address those that name it.
func (People) Holdings(ctx context.Context, q db.Querier, p account.Person, put func(account.Holding) error) error {
	find := naming
	if p.User != "" {
		find = brought
	}
	all, err := find(ctx, q, p)
	if err != nil {
		return err
	}
	for _, h := range all {
		if err := put(h); err != nil {
			return err
		}
	}
	return nil
}

// Addresses implements account.PersonalData: papers are not changed, so that
// nothing in them needs to be found.
func (People) Addresses(context.Context, db.Querier) ([]string, error) { return nil, nil }

// Erase implements account.PersonalData. A paper is what it is: those that name
// an address are named, for somebody to delete what nothing asks to keep. What
// search knows of other things forgets it.
func (People) Erase(ctx context.Context, tx *db.Tx, p account.Person) (out []account.Outcome, err error) {
	if p.User != "" {
		return nil, nil
	}
	if err := forgetWords(ctx, tx, p); err != nil {
		return nil, err
	}
	all, err := naming(ctx, tx, p)
	for _, h := range all {
		out = append(out, account.Outcome{Kind: h.Kind, ID: h.ID, OrgID: h.OrgID, Why: "the paper itself names the address: delete it, unless a law or a contract asks for it"})
	}
	return out, err
}

// forgetWords takes an address out of the texts by which things that are no
// papers are found.
func forgetWords(ctx context.Context, tx *db.Tx, p account.Person) error {
	words := " " + foldedText(p.Address) + " "
	var w db.Where
	w.Add("kind NOT IN (?, ?)", kindPage, kindDocument)
	w.Add(`body LIKE ? ESCAPE '\'`, "%"+db.LikeEscape(strings.TrimSpace(words))+"%")
	if p.Org != "" {
		w.Add("org_id = ?", p.Org)
	}
	type found struct {
		kind, subject, body string
	}
	all, err := db.Collect(ctx, tx, func(r db.Row) (f found, err error) {
		err = r.Scan(&f.kind, &f.subject, &f.body)
		return f, err
	}, "SELECT kind, subject_id, body FROM search_entries WHERE "+w.SQL(), w.Args()...)
	if err != nil {
		return err
	}
	for _, f := range all {
		body := strings.TrimSpace(strings.ReplaceAll(" "+f.body+" ", words, " "+account.Erased+" "))
		if _, err := tx.Exec(ctx, "UPDATE search_entries SET body = $1 WHERE kind = $2 AND subject_id = $3", body, f.kind, f.subject); err != nil {
			return err
		}
	}
	return nil
}

// PurgeOrganization removes all papers of an organization; their bytes go with
// the next blob collection, where nobody else has them.
func (s *Service) PurgeOrganization(ctx context.Context, org account.OrgID) (err error) {
	defer fault.Wrap(&err, "document.PurgeOrganization %s", org)
	for {
		ids, err := db.Collect(ctx, s.db, db.Scalar[ID], "SELECT id FROM documents WHERE org_id = $1 ORDER BY id LIMIT 100", org)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			err := s.db.Transact(ctx, func(tx *db.Tx) error {
				if _, err := tx.Exec(ctx, "UPDATE documents SET deleted_at = $1 WHERE id = $2 AND deleted_at IS NULL", db.Micros(tx.Now()), id); err != nil {
					return err
				}
				return s.purge(ctx, tx, id)
			})
			if err != nil {
				return err
			}
		}
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM search_entries WHERE org_id = $1", org)
		return err
	})
}
