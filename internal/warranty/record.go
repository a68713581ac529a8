package warranty

import (
	"context"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/record"
)

const (
	derived       = "it is computed from others"
	organizations = "it is the organization's that has the row"
	people        = "people of another installation are nobody here"
	ofWarranties  = "x.warranty_id IN (SELECT w.id FROM warranty_tracking w WHERE w.org_id = {org})"
	ofClaims      = "x.claim_id IN (SELECT c.id FROM warranty_claims c WHERE c.org_id = {org})"
	ofBoats       = "x.warranty_id IN (SELECT w.id FROM warranty_tracking w WHERE w.boat_id IN {boats})"
	mostMinor     = 1e13 // a thousand million in the smallest unit that there is
)

// Tables are the warranties with their lines and papers, and the claims, as they
// travel. Ends and thresholds do not: they are computed where they arrive, and
// what is past by then is told to nobody.
func (s *Service) Tables() []record.Table {
	return []record.Table{s.warrantyTable(), lineTable(), paperTable(), claimTable(), stateTable(), evidenceTable(), letterTable()}
}

func column(name string, kind record.Kind) record.Column {
	return record.Column{Name: name, Kind: kind}
}

func optional(name string, kind record.Kind) record.Column {
	return record.Column{Name: name, Kind: kind, Null: true}
}

func amount(name string) record.Column {
	return record.Column{Name: name, Kind: record.Int(0, mostMinor), Null: true, Private: true, About: "in minor units of the currency"}
}

func (s *Service) warrantyTable() record.Table {
	hours, months := record.Float(0, 1_000_000), record.Int(1, 360)
	return record.Table{
		Name: "warranty_tracking", File: "warranties", About: "what is covered, from when and for how long",
		Columns: []record.Column{
			column("id", record.ID()), column("boat_id", record.Ref("boats")), optional("equipment_id", record.Ref("equipment")),
			optional("engine_id", record.Ref("engines")), column("item_name", record.Text(200)), column("provider", record.Text(200)),
			column("serial_number", record.Text(200)), column("purchase_date", record.Date()), column("start_date", record.Date()),
			column("warranty_period_months", months), optional("hours_limit", hours), column("hours_at_start", hours),
			optional("maker_invoice_date", record.Date()), optional("months_after_invoice", months), amount("coverage_minor"),
			column("currency", record.Text(3)), column("registration_number", record.Text(200)), column("transferable", record.Bool()),
			optional("transfer_window_days", record.Int(0, 3650)), amount("transfer_cost_minor"), column("claim_instructions", record.Text(5000)),
			column("terms_source", record.Text(2000)), column("state", record.Choice(string(Active), string(Claimed), string(Void))),
			column("void_reason", record.Text(2000)), column("created_at", record.Time()), column("updated_at", record.Time()),
			optional("deleted_at", record.Time()),
		},
		Omitted: map[string]string{
			"org_id": organizations, "item_name_fold": derived, "provider_fold": derived, "expiration_date": derived, "ends_by": derived,
		},
		Within: "x.org_id = {org}", OfBoats: "x.boat_id IN {boats}",
		Check: checkRow, Place: placeRow, After: s.arrived,
	}
}

// checkRow holds a warranty from outside to the rules for what people type.
func checkRow(r *record.Row) error {
	var in Input
	if err := r.Into(&in); err != nil {
		return err
	}
	in.state, in.voidReason = r.Text("state"), r.Text("void_reason")
	for column, to := range map[string]**float64{"coverage_minor": &in.CoverageAmount, "transfer_cost_minor": &in.TransferCost} {
		if minor := r.IntPtr(column); minor != nil {
			units := int64(*minor)
			*to = fromMinor(&units, in.Currency, true)
		}
	}
	if err := in.check(); err != nil {
		return err
	}
	if in.HoursLimit == nil {
		r.Set("hours_limit", nil)
	}
	if in.TransferWindowDays == nil {
		r.Set("transfer_window_days", nil)
	}
	r.Set("item_name_fold", db.Fold(in.ItemName))
	r.Set("provider_fold", db.Fold(in.Provider))
	r.Set("expiration_date", string(in.PurchaseDate)) // until it is computed
	return r.From(in)
}

// placeRow demands that what a warranty is for is on its boat.
func placeRow(ctx context.Context, tx *db.Tx, _ *record.Target, r *record.Row) (string, error) {
	for column, table := range map[string]string{"equipment_id": "equipment", "engine_id": "engines"} {
		if r.Text(column) == "" {
			continue
		}
		boat, err := db.One(ctx, tx, db.Scalar[string], "SELECT boat_id FROM "+table+" WHERE id = $1", r.Text(column))
		if err != nil {
			return "", err
		}
		if boat != r.Text("boat_id") {
			return "", r.Fault(column, "is on another boat")
		}
	}
	return "", nil
}

// arrived computes the ends of warranties, arms their thresholds, and has them
// found.
func (s *Service) arrived(ctx context.Context, tx *db.Tx, _ *record.Target, rows record.Arrived) error {
	for _, id := range rows.New {
		all, err := s.collect(ctx, tx, "w.id = $1", id)
		if err != nil {
			return err
		}
		for _, w := range all {
			in := w.input()
			if err := in.check(); err != nil { // with its lines, which came after it
				return fault.Because(err, fault.Invalid, "data/warranties.json, %q: %s", w.ItemName, fault.Message(err))
			}
			if err := s.move(ctx, tx, &w); err != nil {
				return err
			}
			if err := s.index(ctx, tx, w); err != nil {
				return err
			}
		}
	}
	return nil
}

func lineTable() record.Table {
	return record.Table{
		Name: "warranty_lines", File: "coverage_lines", About: "a part of a warranty's cover with limits of its own",
		Columns: []record.Column{
			column("id", record.ID()), column("warranty_id", record.Ref("warranty_tracking")), column("position", record.Int(0, 1000)),
			column("coverage", record.Text(100)), optional("months", record.Int(1, 360)), optional("hours_limit", record.Float(1, 1_000_000)),
			optional("months_after_invoice", record.Int(1, 360)), column("terms_source", record.Text(2000)),
		},
		Omitted: map[string]string{"expiration_date": derived, "ends_by": derived},
		Within:  ofWarranties, OfBoats: ofBoats,
	}
}

func purposes() record.Kind {
	var words []string
	for _, p := range Purposes() {
		words = append(words, string(p))
	}
	return record.Choice(words...)
}

func paperTable() record.Table {
	return record.Table{
		Name: "warranty_documents", File: "warranty_documents", About: "what a paper proves for a warranty", Key: []string{"warranty_id", "document_id"},
		Columns: []record.Column{
			column("warranty_id", record.Ref("warranty_tracking")), column("document_id", record.Ref("documents")), column("purpose", purposes()),
			column("caption", record.Text(300)), column("position", record.Int(0, 1e6)),
		},
		Within: ofWarranties, OfBoats: ofBoats,
	}
}

func states() record.Kind {
	return record.Choice(string(Draft), string(Sent), string(Acknowledged), string(Inspection), string(Accepted), string(Partly), string(Refused), string(Repaired), string(Closed))
}

// Claims say what two parties wrote to each other: they are no part of what a
// buyer gets.
func claimTable() record.Table {
	return record.Table{
		Name: "warranty_claims", File: "claims", About: "what is asked under a warranty",
		Columns: []record.Column{
			column("id", record.ID()), column("warranty_id", record.Ref("warranty_tracking")), optional("contact_id", record.Ref("contacts")),
			column("state", states()), column("jurisdiction", record.Text(20)), column("buyer", record.Text(20)), column("seller", record.Text(20)),
			column("item_condition", record.Text(20)), column("country", record.Text(2)), optional("delivered_on", record.Date()),
			column("case_number", record.Text(200)), optional("failed_on", record.Date()), optional("hours_at_failure", record.Float(0, 1_000_000)),
			column("story", record.Text(20_000)), column("fault_codes", record.Text(2000)), column("measures", record.Text(5000)),
			column("access", record.Text(2000)), column("remedy", record.Text(5000)), optional("answer_by", record.Date()),
			optional("notice_by", record.Date()), optional("appeal_by", record.Date()), column("refusal_reason", record.Text(5000)),
			amount("parts_minor"), amount("labour_minor"), amount("haul_out_minor"), column("currency", record.Text(3)),
			column("created_at", record.Time()), column("updated_at", record.Time()),
		},
		Omitted: map[string]string{"org_id": organizations},
		Within:  "x.org_id = {org}",
		Check: func(r *record.Row) error {
			var x Claim
			if err := r.Into(&x); err != nil {
				return err
			}
			return x.check()
		},
		After: haveHistory,
	}
}

// haveHistory demands that the last state of a claim is the one that it is in.
func haveHistory(ctx context.Context, tx *db.Tx, _ *record.Target, rows record.Arrived) error {
	for _, id := range rows.New {
		state, err := db.One(ctx, tx, db.Scalar[string], "SELECT state FROM warranty_claims WHERE id = $1", id)
		if err != nil {
			return err
		}
		steps, err := history(ctx, tx, ClaimID(id))
		if err != nil {
			return err
		}
		if len(steps) == 0 || string(steps[len(steps)-1].State) != state {
			return fault.New(fault.Invalid, "data/claim_states.json does not end with %q for a claim that is %s", state, state)
		}
	}
	return nil
}

func stateTable() record.Table {
	return record.Table{
		Name: "warranty_claim_states", File: "claim_states", About: "a state that a claim reached", Key: []string{"claim_id", "position"},
		Columns: []record.Column{
			column("claim_id", record.Ref("warranty_claims")), column("position", record.Int(0, 1000)), column("state", states()),
			column("on_date", record.Date()), column("note", record.Text(2000)), column("at", record.Time()),
		},
		Omitted: map[string]string{"user_id": people},
		Within:  ofClaims,
	}
}

func evidenceTable() record.Table {
	return record.Table{
		Name: "warranty_claim_documents", File: "claim_documents", About: "what a paper proves for a claim", Key: []string{"claim_id", "document_id"},
		Columns: []record.Column{
			column("claim_id", record.Ref("warranty_claims")), column("document_id", record.Ref("documents")), column("purpose", purposes()),
			column("caption", record.Text(300)), column("position", record.Int(0, 1e6)),
		},
		Within: ofClaims,
	}
}

func letterTable() record.Table {
	return record.Table{
		Name: "warranty_claim_log", File: "claim_log", About: "what was written or said about a claim",
		Columns: []record.Column{
			column("id", record.ID()), column("claim_id", record.Ref("warranty_claims")), column("direction", record.Choice("prepared", "sent", "received")),
			column("channel", record.Choice("email", "letter", "phone", "portal", "visit", "package")), column("on_date", record.Date()),
			optional("contact_id", record.Ref("contacts")), column("subject", record.Text(300)), column("text", record.Text(20_000)),
			optional("document_id", record.Ref("documents")), column("package_sha256", record.Text(64)), column("created_at", record.Time()),
		},
		Omitted: map[string]string{"user_id": people},
		Within:  ofClaims,
		Check: func(r *record.Row) error {
			if !hashForm.MatchString(r.Text("package_sha256")) {
				return r.Fault("package_sha256", "must be 64 hexadecimal digits")
			}
			return nil
		},
	}
}
