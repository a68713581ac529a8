package sale

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Going says whether something goes to the buyer.
type Going string

// In goes into the package; Out does not, and its type and the reason are shown;
// Hidden does not, and nothing shows; Use goes as another file; Ask is left out
// until somebody decides.
const (
	In     Going = "in"
	Out    Going = "out"
	Hidden Going = "hidden"
	Use    Going = "use"
	Ask    Going = "ask"
)

// Choice is what somebody decided, if anybody did.
type Choice struct {
	Choice *Going       `json:"choice" enum:"in,out,hidden,use" doc:"null: nobody decided, and the default holds"`
	UseID  *document.ID `json:"use_id" doc:"the paper whose file goes in instead, such as a copy without prices"`
	Note   string       `json:"note"`
	By     *string      `json:"decided_by"`
	At     *time.Time   `json:"decided_at"`
}

// Candidate is a document of the boat, and whether it goes to the buyer.
type Candidate struct {
	DocumentID document.ID   `json:"document_id"`
	Title      string        `json:"title"`
	Type       string        `json:"type"`
	TypeName   string        `json:"type_name"`
	Class      account.Class `json:"class" enum:"open,money,personal"`
	Bytes      int64         `json:"bytes"`
	Pages      int           `json:"pages"`
	Rule       string        `json:"rule" enum:"Y,N,O,R" doc:"of its type: goes, stays, the original is handed over, ask"`
	Default    Going         `json:"default" enum:"in,out,ask"`
	Going      Going         `json:"going" enum:"in,out,hidden,use,ask" doc:"by the choice, else by default"`
	Reason     string        `json:"reason" doc:"why it does not go in"`
	Choice

	fileName, mediaType, digest string
	arrived                     time.Time
	instead                     *Candidate // what goes in for it
}

// Piece is equipment of the boat: whether it is sold with it.
type Piece struct {
	EquipmentID fleet.EquipmentID `json:"equipment_id"`
	Name        string            `json:"name"`
	SystemCode  string            `json:"system_code"`
	Going       Going             `json:"going" enum:"in,out"`
	Choice
}

// Selection is what a package would hold now.
type Selection struct {
	Documents []Candidate  `json:"documents"`
	Equipment []Piece      `json:"equipment"`
	Missing   []bundle.Gap `json:"missing" doc:"what a sale in this region asks for and the boat's file does not show"`
	Files     int          `json:"files" doc:"papers that go in"`
	Bytes     int64        `json:"bytes" doc:"of these"`
	Undecided int          `json:"undecided" doc:"papers that are left out because nobody decided"`
	// ListHash names what goes in and what stays: owners approve this list.
	ListHash string `json:"list_hash" doc:"of what goes in and what stays: a package of the same list_hash holds the same"`
}

// Selection tells what goes into the package, what is withheld and why, and what
// is missing; whoever manages the boat may see it.
func (s *Service) Selection(ctx context.Context, who account.Actor, id ID) (_ Selection, err error) {
	defer fault.Wrap(&err, "sale.Selection %s", id)
	x, err := s.load(ctx, s.db, who, id, account.Manager)
	if err != nil {
		return Selection{}, err
	}
	return s.selection(ctx, s.db, who, x)
}

func (s *Service) selection(ctx context.Context, q db.Querier, who account.Actor, x Sale) (out Selection, err error) {
	if out, err = goingOf(ctx, q, x); err != nil {
		return out, err
	}
	checks, err := s.checklist(ctx, q, who, x)
	out.Missing = missing(checks)
	return out, err
}

// goingOf is what goes to the buyer as the choices stand, without what is missing.
func goingOf(ctx context.Context, q db.Querier, x Sale) (out Selection, err error) {
	choices, err := readChoices(ctx, q, x.ID)
	if err != nil {
		return out, err
	}
	if out.Documents, err = papersOf(ctx, q, x, choices); err != nil {
		return out, err
	}
	if out.Equipment, err = piecesOf(ctx, q, x, choices); err != nil {
		return out, err
	}
	for _, p := range out.Documents {
		switch p.Going {
		case In, Use:
			out.Files, out.Bytes = out.Files+1, out.Bytes+p.sent().Bytes
		case Ask:
			out.Undecided++
		case Out, Hidden:
		}
	}
	out.ListHash = out.hash()
	return out, nil
}

// sent is the paper whose file goes in.
func (p *Candidate) sent() *Candidate {
	if p.instead != nil {
		return p.instead
	}
	return p
}

// hash names what goes in and what stays: owners approve this list, and another
// list needs them anew.
func (x Selection) hash() string {
	sum := sha256.New()
	for _, p := range x.Documents {
		if p.Going == In || p.Going == Use {
			fmt.Fprintf(sum, "document %s %s\n", p.DocumentID, p.sent().digest)
		}
	}
	for _, e := range x.Equipment {
		fmt.Fprintf(sum, "equipment %s %s\n", e.EquipmentID, e.Going)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// Withheld tells by type and reason what does not go in; never by title.
func (x Selection) Withheld() (out []bundle.Gap) {
	for _, p := range x.Documents {
		if p.Going == Out || p.Going == Ask {
			out = append(out, bundle.Gap{What: p.TypeName, Why: p.Reason})
		}
	}
	return out
}

// missing is what the checklist asks papers for and no paper shows.
func missing(checks []Check) []bundle.Gap {
	out := []bundle.Gap{}
	for _, c := range checks {
		if c.Done || len(c.Types) == 0 || c.Phase == "post" || c.Phase == "offer" {
			continue
		}
		out = append(out, bundle.Gap{What: c.Text, Why: "no paper of type " + strings.Join(c.Types, ", ") + " is in the boat's file"})
	}
	return out
}

// paperType is a document's type; what is unsorted is asked about.
func paperType(code string) document.Type {
	types := document.Types()
	i := slices.IndexFunc(types, func(t document.Type) bool { return t.Code == code })
	if i < 0 {
		i = slices.IndexFunc(types, func(t document.Type) bool { return t.Code == "OTH" })
	}
	return types[i]
}

const selectPapers = `SELECT d.id, d.title, d.type, d.class, d.bytes, d.page_count, d.file_name, d.media_type, d.digest, d.created_at FROM documents d`

func scanPaper(r db.Row) (p Candidate, err error) {
	var arrived int64
	err = r.Scan(&p.DocumentID, &p.Title, &p.Type, &p.Class, &p.Bytes, &p.Pages, &p.fileName, &p.mediaType, &p.digest, &arrived)
	p.arrived = db.Time(arrived)
	return p, err
}

// papersOf lists the papers of the boat and decides about each.
func papersOf(ctx context.Context, q db.Querier, x Sale, choices map[string]Choice) ([]Candidate, error) {
	all, err := db.Collect(ctx, q, scanPaper, selectPapers+` JOIN document_boats l ON l.document_id = d.id
		WHERE l.boat_id = $1 AND d.deleted_at IS NULL ORDER BY d.created_at, d.id`, x.BoatID)
	if err != nil {
		return nil, err
	}
	for i := range all {
		p := &all[i]
		p.Choice = choices["document "+string(p.DocumentID)]
		p.decide()
		if p.Going != Use {
			continue
		}
		other, err := db.One(ctx, q, scanPaper, selectPapers+" WHERE d.id = $1 AND d.org_id = $2 AND d.deleted_at IS NULL", *p.UseID, x.OrgID)
		switch {
		case fault.Is(err, fault.NotFound): // it was deleted since
			p.Going, p.Reason = Ask, "the file that was to go in instead is gone"
		case err != nil:
			return nil, err
		default:
			p.instead = &other
		}
	}
	return all, nil
}

// decide says by the paper's type whether it goes in, unless somebody chose.
func (p *Candidate) decide() {
	t := paperType(p.Type)
	p.TypeName, p.Rule = t.Name, t.Buyer
	switch {
	case t.Buyer == "N" || t.Buyer == "O":
		p.Default = Out
	case t.Buyer == "R", stricter(p.Class, t.Class): // somebody marked it as private
		p.Default = Ask
	default:
		p.Default = In
	}
	p.Going = p.Default
	if p.Choice.Choice != nil {
		p.Going = *p.Choice.Choice
	}
	if p.Going == Out || p.Going == Ask {
		p.Reason = p.reason(t)
	}
}

func stricter(a, b account.Class) bool {
	rank := []account.Class{account.Open, account.Money, account.Personal}
	return slices.Index(rank, a) > slices.Index(rank, b)
}

func (p *Candidate) reason(t document.Type) string {
	switch {
	case p.Going == Ask:
		return "the seller has not decided to share it"
	case t.Buyer == "O":
		return "the original is handed over at closing"
	case t.Buyer == "N":
		return staysBecause(t)
	case t.Category == "Surveys":
		return "it belongs to whoever ordered the survey"
	case t.Category == "Invoices":
		return "it shows prices"
	}
	return "the seller keeps it"
}

// staysBecause is why papers of a type never go to a buyer by themselves
// (reference.md 5.3).
func staysBecause(t document.Type) string {
	switch t.Category {
	case "Insurance":
		return "insurance stays with the seller"
	case "Crew":
		return "it concerns people"
	case "Berth and storage":
		return "the contract is the seller's own"
	case "Sale":
		return "it is between the seller and others"
	case "Radio", "Tax and customs", "Compliance", "Safety":
		return "it ends with the sale, or is the seller's own"
	}
	if t.Class == account.Personal {
		return "it identifies the owner"
	}
	return "it ends with the sale"
}

func piecesOf(ctx context.Context, q db.Querier, x Sale, choices map[string]Choice) ([]Piece, error) {
	all, err := db.Collect(ctx, q, func(r db.Row) (e Piece, err error) { return e, r.Scan(&e.EquipmentID, &e.Name, &e.SystemCode) },
		"SELECT id, name, system_code FROM equipment WHERE boat_id = $1 AND deleted_at IS NULL ORDER BY system_code, name_fold, id", x.BoatID)
	for i := range all {
		e := &all[i]
		e.Choice, e.Going = choices["equipment "+string(e.EquipmentID)], In
		if e.Choice.Choice != nil {
			e.Going = *e.Choice.Choice
		}
	}
	return all, err
}

// readChoices are keyed by kind and subject.
func readChoices(ctx context.Context, q db.Querier, id ID) (map[string]Choice, error) {
	out := map[string]Choice{}
	_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var kind, subject, use string
		var c Choice
		var going Going
		var at int64
		if err = r.Scan(&kind, &subject, &going, &use, &c.Note, &c.By, &at); err != nil {
			return struct{}{}, err
		}
		when := db.Time(at)
		c.Choice, c.UseID, c.At = &going, db.OrNull(document.ID(use)), &when
		out[kind+" "+subject] = c
		return struct{}{}, nil
	}, "SELECT kind, subject_id, choice, use_id, note, user_id, at FROM sale_choices WHERE sale_id = $1", id)
	return out, err
}
