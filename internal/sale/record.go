package sale

import (
	"navidocs/internal/record"
)

// Tables are the sales with what happened to them, as they travel. Packages,
// links and keys do not: what was promised to a buyer holds where it was
// promised, and an open sale begins anew where it arrives.
func Tables() []record.Table {
	const ofSales = "x.sale_id IN (SELECT s.id FROM sale_workflows s WHERE s.org_id = {org})"
	const people = "people of another installation are nobody here"
	column := func(name string, kind record.Kind) record.Column { return record.Column{Name: name, Kind: kind} }
	return []record.Table{
		{
			Name: "sale_workflows", File: "sales", About: "the passing of a boat to its next owner",
			Columns: []record.Column{
				column("id", record.ID()), column("boat_id", record.Ref("boats")), column("buyer_email", record.Text(254)), column("buyer_name", record.Text(200)),
				column("buyer_language", record.Choice(languages()...)), column("unreached", record.Text(2000)),
				{Name: "status", Kind: record.Choice(string(Initiated), string(Packed), string(Transferred), string(Completed), string(Cancelled)), About: "an open sale is initiated where it arrives"},
				column("region", record.Choice(string(US), string(EU), string(UK))),
				column("approval", record.Choice(string(ByAll), string(ByAny), string(NoOne))), column("tasks_told", record.Int(0, 21)),
				{Name: "transfer_date", Kind: record.Date(), Null: true},
				column("cancel_reason", record.Text(2000)),
				{Name: "transferred_at", Kind: record.Time(), Null: true},
				column("created_at", record.Time()), column("updated_at", record.Time()),
			},
			Omitted: map[string]string{"org_id": "it is the organization's that has the row", "buyer_fold": "it is computed from others"},
			Within:  "x.org_id = {org}", Check: checkRow,
		},
		{
			Name: "sale_steps", File: "sale_steps", About: "something that happened to a sale", Key: []string{"sale_id", "position"},
			Columns: []record.Column{
				column("sale_id", record.Ref("sale_workflows")), column("position", record.Int(0, 100_000)), column("event", record.Text(100)), column("at", record.Time()),
			},
			Within: ofSales,
		},
		{
			Name: "sale_ticks", File: "sale_ticks", About: "what somebody said of an item of the checklist", Key: []string{"sale_id", "item"},
			Columns: []record.Column{
				column("sale_id", record.Ref("sale_workflows")), column("item", record.Text(100)), column("done", record.Bool()), column("note", record.Text(2000)),
				column("at", record.Time()),
			},
			Omitted: map[string]string{"user_id": people},
			Within:  ofSales,
		},
		{
			Name: "sale_tasks", File: "sale_tasks", About: "what was left to do when a boat had changed hands", Key: []string{"sale_id", "item"},
			Columns: []record.Column{
				column("sale_id", record.Ref("sale_workflows")), column("item", record.Text(100)), column("position", record.Int(0, 100_000)),
				column("kind", record.Choice(string(Register), string(Release))), column("title", record.Text(400)),
				{Name: "warranty_id", Kind: record.Ref("warranties"), Null: true},
				column("due_on", record.Date()), column("assumed", record.Bool()), column("done", record.Bool()), column("note", record.Text(2000)), column("at", record.Time()),
			},
			Omitted: map[string]string{"user_id": people},
			Within:  ofSales,
		},
	}
}

func checkRow(r *record.Row) error {
	var x Sale
	if err := r.Into(&x); err != nil {
		return err
	}
	if x.Status.open() {
		x.Status = Initiated
		r.Set("status", string(Initiated))
		r.Set("transferred_at", nil)
	}
	if x.BuyerEmail != "" || x.Status.open() { // an erased buyer has none
		if err := x.check(); err != nil {
			return err
		}
	}
	r.Set("buyer_email", x.BuyerEmail)
	r.Set("buyer_name", x.BuyerName)
	r.Set("buyer_fold", x.folded())
	return nil
}
