package sale

import (
	"context"
	_ "embed"
	"encoding/csv"
	"slices"
	"strings"
	"sync"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Item is something to be done in a sale.
type Item struct {
	ID       string   `json:"id"`
	Phase    string   `json:"phase" enum:"prepare,offer,survey,closing,post"`
	Who      string   `json:"who" example:"seller"`
	Text     string   `json:"item"`
	Types    []string `json:"document_types" doc:"papers of any of these show that it is done; a * stands for all that begin so"`
	Regions  []Region `json:"regions" doc:"where it is asked for; none: everywhere"`
	Blocking bool     `json:"blocking" doc:"the boat does not change hands without it"`
	Source   string   `json:"source"`
}

// The trade's table with a column of ours: id.
//
//go:embed seed/closing_checklist.csv
var checklistCSV string

var allItems = sync.OnceValue(func() []Item {
	rows, err := csv.NewReader(strings.NewReader(checklistCSV)).ReadAll()
	if err != nil {
		panic("sale: embedded table: " + err.Error()) // tested
	}
	items := make([]Item, 0, len(rows))
	for _, r := range rows[1:] {
		x := Item{ID: r[0], Phase: r[1], Who: r[2], Text: r[3], Types: []string{}, Regions: []Region{}, Blocking: r[6] == "yes", Source: r[7]}
		if r[4] != "-" {
			x.Types = strings.Fields(r[4])
		}
		if r[5] != "any" {
			for _, region := range strings.Fields(r[5]) {
				x.Regions = append(x.Regions, Region(region))
			}
		}
		items = append(items, x)
	}
	return items
})

// Items lists what is to be done in a region, in the order of the trade's table.
func Items(in Region) []Item {
	return slices.DeleteFunc(slices.Clone(allItems()), func(x Item) bool { return len(x.Regions) > 0 && !slices.Contains(x.Regions, in) })
}

// shownBy reports whether a paper of a type shows that the item is done.
func (x Item) shownBy(docType string) bool {
	return slices.ContainsFunc(x.Types, func(pattern string) bool {
		prefix, open := strings.CutSuffix(pattern, "*")
		return docType == pattern || open && strings.HasPrefix(docType, prefix)
	})
}

// Check is an item of one sale.
type Check struct {
	Item
	Done   bool          `json:"done" doc:"ticked by somebody; else whether a paper of the boat shows it"`
	Ticked bool          `json:"ticked" doc:"somebody said whether it is done, and papers count no more"`
	Note   string        `json:"note"`
	Papers []document.ID `json:"papers" doc:"of the boat's file that show it, as far as you may see them"`
	By     *string       `json:"ticked_by"`
	At     *time.Time    `json:"ticked_at"`
}

// Tick says of an item whether it is done.
type Tick struct {
	Item string  `json:"id" maxLength:"60"`
	Done *bool   `json:"done" required:"true" nullable:"true" doc:"null: by the boat's papers again"`
	Note *string `json:"note,omitempty" maxLength:"2000"`
}

// Checklist lists what is to be done in a sale, ticked by the papers that are in
// the boat's file and by hand. Members may, and guests who see money.
func (s *Service) Checklist(ctx context.Context, who account.Actor, id ID) (_ []Check, err error) {
	defer fault.Wrap(&err, "sale.Checklist %s", id)
	x, err := s.load(ctx, s.db, who, id, account.Member)
	if err != nil {
		return nil, err
	}
	return s.checklist(ctx, s.db, who, x)
}

// filed is a paper in the boat's file, as far as the checklist goes by it.
type filed struct {
	id             document.ID
	docType, title string
	class          account.Class
}

func filedOf(ctx context.Context, q db.Querier, boat fleet.BoatID) ([]filed, error) {
	return db.Collect(ctx, q, func(r db.Row) (p filed, err error) { return p, r.Scan(&p.id, &p.docType, &p.title, &p.class) },
		`SELECT d.id, d.type, d.title, d.class FROM documents d JOIN document_boats l ON l.document_id = d.id
		WHERE l.boat_id = $1 AND d.deleted_at IS NULL AND d.type <> '' ORDER BY d.created_at, d.id`, boat)
}

// original is the item of a paper whose original goes to the buyer.
func (p filed) original(right account.Right) (c Check, is bool) {
	t := paperType(p.docType)
	if t.Buyer != "O" {
		return c, false
	}
	c.Item = Item{
		ID: "original-" + string(p.id), Phase: "closing", Who: "seller", Text: "Hand over the original: " + t.Name,
		Types: []string{}, Regions: []Region{}, Source: "document_types.csv",
	}
	c.Papers = []document.ID{}
	if right.Shows(p.class) {
		c.Text, c.Papers = c.Text+", "+p.title, append(c.Papers, p.id)
	}
	return c, true
}

func (s *Service) checklist(ctx context.Context, q db.Querier, who account.Actor, x Sale) ([]Check, error) {
	papers, err := filedOf(ctx, q, x.BoatID)
	if err != nil {
		return nil, err
	}
	ticks, err := readTicks(ctx, q, x.ID)
	if err != nil {
		return nil, err
	}
	right, out := who.On(x.OrgID, x.BoatID), []Check{}
	for _, item := range Items(x.Region) {
		c := Check{Item: item, Papers: []document.ID{}}
		for _, p := range papers {
			if !item.shownBy(p.docType) {
				continue
			}
			if c.Done = true; right.Shows(p.class) {
				c.Papers = append(c.Papers, p.id)
			}
		}
		out = append(out, c)
	}
	for _, p := range papers {
		if c, is := p.original(right); is {
			out = append(out, c)
		}
	}
	for i := range out {
		if t, ok := ticks[out[i].ID]; ok {
			c := &out[i]
			c.Done, c.Ticked, c.Note, c.By, c.At = t.done, true, t.note, t.by, &t.at
		}
	}
	return out, nil
}

type tick struct {
	done bool
	note string
	by   *string
	at   time.Time
}

func readTicks(ctx context.Context, q db.Querier, id ID) (map[string]tick, error) {
	out := map[string]tick{}
	_, err := db.Collect(ctx, q, func(r db.Row) (_ struct{}, err error) {
		var item string
		var t tick
		var at int64
		err = r.Scan(&item, &t.done, &t.note, &t.by, &at)
		t.at = db.Time(at)
		out[item] = t
		return struct{}{}, err
	}, "SELECT item, done, note, user_id, at FROM sale_ticks WHERE sale_id = $1", id)
	return out, err
}

// TickOff says of some items whether they are done; whoever manages the boat may.
func (s *Service) TickOff(ctx context.Context, who account.Actor, id ID, ticks []Tick) (out []Check, err error) {
	defer fault.Wrap(&err, "sale.TickOff %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		x, err := s.load(ctx, tx, who, id, account.Manager)
		if err != nil {
			return err
		}
		if x.Status == Cancelled {
			return fault.New(fault.Conflict, "the sale was cancelled: there is nothing left to do")
		}
		if out, err = s.checklist(ctx, tx, who, x); err != nil {
			return err
		}
		if err := checkTicks(ticks, out); err != nil {
			return err
		}
		for _, t := range ticks {
			if err := t.write(ctx, tx, who, id); err != nil {
				return err
			}
		}
		if err := s.audit(ctx, tx, who, "sale.checklist_ticked", x, ticks); err != nil {
			return err
		}
		out, err = s.checklist(ctx, tx, who, x)
		return err
	})
	return out, err
}

func checkTicks(ticks []Tick, known []Check) error {
	for _, t := range ticks {
		if !slices.ContainsFunc(known, func(x Check) bool { return x.ID == t.Item }) {
			return fault.Fields(fault.Field{Location: "body.id", Message: "is not on the checklist of this sale: GET it for those that are", Value: fault.Echo(t.Item)})
		}
	}
	return nil
}

func (t Tick) write(ctx context.Context, tx *db.Tx, who account.Actor, id ID) error {
	if t.Done == nil {
		_, err := tx.Exec(ctx, "DELETE FROM sale_ticks WHERE sale_id = $1 AND item = $2", id, t.Item)
		return err
	}
	note := ""
	if t.Note != nil {
		note = strings.TrimSpace(db.Text(*t.Note))
	}
	_, err := tx.Exec(ctx, `INSERT INTO sale_ticks (sale_id, item, done, note, user_id, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (sale_id, item) DO UPDATE SET done = excluded.done, note = excluded.note, user_id = excluded.user_id, at = excluded.at`,
		id, t.Item, *t.Done, note, db.OrNull(who.UserID), db.Micros(tx.Now()))
	return err
}
