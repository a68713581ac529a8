package sale

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// TaskKind says what is to be done.
type TaskKind string

// The kinds: a warranty is registered in the buyer's name, an identity of the boat
// is released by the seller.
const (
	Register TaskKind = "register"
	Release  TaskKind = "release"
)

// Task is something that is left to do when a boat has changed hands.
type Task struct {
	ID         string       `json:"id"`
	Kind       TaskKind     `json:"kind" enum:"register,release"`
	Title      string       `json:"title" doc:"the warranty's item, or the identity"`
	WarrantyID *warranty.ID `json:"warranty_id"`
	DueOn      fleet.Date   `json:"due_on" format:"date"`
	Assumed    bool         `json:"assumed" doc:"nobody knows the time that there is: 30 days are taken"`
	Done       bool         `json:"done"`
	Note       string       `json:"note"`
	By         *string      `json:"done_by"`
}

// TaskDone says of a task whether it is done.
type TaskDone struct {
	ID   string  `json:"id" maxLength:"100"`
	Done bool    `json:"done"`
	Note *string `json:"note,omitempty" maxLength:"2000" doc:"absent: it stays as it is"`
}

const selectTask = "SELECT item, kind, title, warranty_id, due_on, assumed, done, note, user_id FROM sale_tasks WHERE sale_id = $1"

func scanTask(r db.Row) (t Task, err error) {
	return t, r.Scan(&t.ID, &t.Kind, &t.Title, &t.WarrantyID, &t.DueOn, &t.Assumed, &t.Done, &t.Note, &t.By)
}

func tasksOf(ctx context.Context, q db.Querier, id ID) ([]Task, error) {
	return db.Collect(ctx, q, scanTask, selectTask+" ORDER BY due_on, position", id)
}

// Tasks lists what is left to do after the sale; before the completion, what would
// be, counted from the day of the transfer or else today. Members may see it, and
// guests who see money.
func (s *Service) Tasks(ctx context.Context, who account.Actor, id ID) (_ []Task, err error) {
	defer fault.Wrap(&err, "sale.Tasks %s", id)
	x, err := s.load(ctx, s.db, who, id, account.Member)
	if err != nil {
		return nil, err
	}
	if !x.Status.open() {
		return tasksOf(ctx, s.db, id)
	}
	today, err := s.today(ctx, x)
	if err != nil {
		return nil, err
	}
	return s.plan(ctx, who, x, x.TransferDate, today)
}

// today is the day where the boat is.
func (s *Service) today(ctx context.Context, x Sale) (time.Time, error) {
	place, err := db.One(ctx, s.db, db.Scalar[string], "SELECT "+zone+" FROM boats b JOIN organization_settings o ON o.org_id = b.org_id WHERE b.id = $1", x.BoatID)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.DateOnly, string(warranty.Today(s.db.Now(), place)))
}

// plan is what is to be done of a boat that changes hands on a day: nil is today.
func (s *Service) plan(ctx context.Context, who account.Actor, x Sale, on *fleet.Date, today time.Time) ([]Task, error) {
	out, err := s.planWarranties(ctx, who, x, on, today)
	if err != nil {
		return nil, err
	}
	from := today
	if on != nil {
		if day, err := time.Parse(time.DateOnly, string(*on)); err == nil {
			from = day
		}
	}
	due := fleet.Date(from.AddDate(0, 0, usualWindow).Format(time.DateOnly))
	boat, err := s.boats.Boat(ctx, who, x.BoatID)
	if err != nil {
		return nil, err
	}
	release := func(id, title string) {
		out = append(out, Task{ID: id, Kind: Release, Title: title, DueOn: due, Assumed: true})
	}
	if boat.MMSI != "" {
		release("mmsi", "MMSI "+boat.MMSI)
	}
	if boat.CallSign != "" {
		release("call-sign", "Call sign "+boat.CallSign)
	}
	papers, err := filedOf(ctx, s.db, x.BoatID)
	for _, p := range papers {
		if p.docType == "SAF-EPIRB" || p.docType == "SAF-EPIRB-REG" {
			release("epirb", "EPIRB")
			break
		}
	}
	return out, err
}

// planWarranties are those that pass on to the buyer, with what they cover.
func (s *Service) planWarranties(ctx context.Context, who account.Actor, x Sale, on *fleet.Date, today time.Time) ([]Task, error) {
	all, _, err := s.warranties.Warranties(ctx, who, warranty.Filter{BoatID: x.BoatID, Within: -1, IncludeExpired: true, Page: fleet.Page{Limit: everything}})
	if err != nil {
		return nil, err
	}
	choices, err := readChoices(ctx, s.db, x.ID)
	if err != nil {
		return nil, err
	}
	out := []Task{}
	for _, w := range all {
		if w.EquipmentID != nil {
			if c := choices["equipment "+string(*w.EquipmentID)]; c.Choice != nil && *c.Choice == Out {
				continue // the seller keeps what it covers
			}
		}
		if due, assumed := registerBy(w, on, today); due != nil {
			out = append(out, Task{ID: "warranty-" + strconv.Itoa(len(out)+1), Kind: Register, Title: w.ItemName, WarrantyID: &w.ID, DueOn: *due, Assumed: assumed})
		}
	}
	return out, nil
}

// addTasks stores what is to be done.
func addTasks(ctx context.Context, tx *db.Tx, x Sale, all []Task) error {
	for i, t := range all {
		_, err := tx.Exec(ctx, `INSERT INTO sale_tasks (sale_id, item, position, kind, title, warranty_id, due_on, assumed, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, x.ID, t.ID, i, t.Kind, t.Title, t.WarrantyID, t.DueOn, t.Assumed, db.Micros(tx.Now()))
		if err != nil {
			return err
		}
	}
	return nil
}

// EndTask says of a task of a completed sale whether it is done; whoever manages the
// boat may.
func (s *Service) EndTask(ctx context.Context, who account.Actor, id ID, d TaskDone) (out []Task, err error) {
	defer fault.Wrap(&err, "sale.EndTask %s", id)
	if d.Note != nil && utf8.RuneCountInString(*d.Note) > maxMessage {
		return nil, fault.Fields(fault.Field{Location: "body.note", Message: "must have at most 2000 characters"})
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		x, err := s.load(ctx, tx, who, id, account.Manager)
		if err != nil {
			return err
		}
		if x.Status != Completed {
			return fault.New(fault.Conflict, "the sale is %s: its tasks begin when it is completed", x.Status)
		}
		var note *string
		if d.Note != nil {
			note = new(strings.TrimSpace(db.Text(*d.Note)))
		}
		n, err := tx.Exec(ctx, "UPDATE sale_tasks SET done = $1, note = coalesce(CAST($2 AS TEXT), note), user_id = $3, at = $4 WHERE sale_id = $5 AND item = $6",
			d.Done, note, db.OrNull(who.UserID), db.Micros(tx.Now()), id, d.ID)
		if err == nil && n == 0 {
			err = fault.Fields(fault.Field{Location: "body.id", Message: "is no task of this sale: GET them for those that are", Value: fault.Echo(d.ID)})
		}
		if err != nil {
			return err
		}
		if err := s.audit(ctx, tx, who, "sale.task_changed", x, map[string]any{"task": d.ID, "done": d.Done}); err != nil {
			return err
		}
		out, err = tasksOf(ctx, tx, id)
		return err
	})
	return out, err
}

// daysAfter are how many days after the completion somebody is told of what is
// still open, the most urgent first.
func daysAfter() []int { return []int{20, 10, 0} }

// selectOpen finds completed sales with open tasks of which nobody was told since
// so many days after the completion; tasks_told is one more than these, 0 for never.
const selectOpen = `SELECT s.id FROM sale_workflows s JOIN sale_steps t ON t.sale_id = s.id AND t.event = 'sale.completed' JOIN boats b ON b.id = s.boat_id
	JOIN organizations g ON g.id = s.org_id WHERE s.status = 'completed' AND s.tasks_told < $1 AND t.at <= $2 AND b.deleted_at IS NULL AND g.deleted_at IS NULL
	AND EXISTS (SELECT 1 FROM sale_tasks k WHERE k.sale_id = s.id AND NOT k.done) ORDER BY s.id LIMIT $3`

// remindTasks tells seller and buyer of what is left to do, each once for each day
// on which they are told; after days without a server the last of these alone.
func (s *Service) remindTasks(ctx context.Context) error {
	for _, days := range daysAfter() {
		for {
			ids, err := db.Collect(ctx, s.db, db.Scalar[ID], selectOpen, days+1, db.Micros(s.db.Now().AddDate(0, 0, -days)), remindBatch)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if err := s.remindTask(ctx, id, days); err != nil {
					return err
				}
			}
			if len(ids) < remindBatch {
				break
			}
		}
	}
	return nil
}

func (s *Service) remindTask(ctx context.Context, id ID, days int) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE sale_workflows SET tasks_told = $1 WHERE id = $2 AND tasks_told < $1", days+1, id)
		if err != nil || n == 0 {
			return err
		}
		x, err := saleNow(ctx, tx, id)
		if err != nil {
			return err
		}
		all, err := tasksOf(ctx, tx, id)
		if err != nil {
			return err
		}
		var lines []string
		for _, t := range all {
			if !t.Done {
				lines = append(lines, t.Title+": "+string(t.DueOn))
			}
		}
		if len(lines) == 0 { // at this moment the last one was done
			return nil
		}
		data := event.SaleData{SaleID: string(id), Status: string(x.Status), Threshold: days, OpenTasks: len(lines)}
		if err := s.append(ctx, tx, account.Actor{}, "sale.tasks_due", &x, data); err != nil || x.BuyerEmail == "" {
			return err
		}
		err = s.onMail(ctx, tx, Mail{Kind: mailTasks, To: x.BuyerEmail, Language: x.BuyerLanguage, Subject: string(id), Vars: map[string]string{
			"boat_name": x.BoatName, "recipient_name": x.buyer(), "tasks": strings.Join(lines, "\n"),
		}})
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, account.Actor{}, "sale.tasks_reminded", x, map[string]any{"days": days, "open": len(lines)})
	})
}

// passTasks marks what was due of tasks as told, in a database that was restored.
func passTasks(ctx context.Context, tx *db.Tx) error {
	for _, days := range daysAfter() {
		_, err := tx.Exec(ctx, `UPDATE sale_workflows SET tasks_told = $1 WHERE status = 'completed' AND tasks_told < $1
			AND id IN (SELECT sale_id FROM sale_steps WHERE event = 'sale.completed' AND at <= $2)`, days+1, db.Micros(tx.Now().AddDate(0, 0, -days)))
		if err != nil {
			return err
		}
	}
	return nil
}
