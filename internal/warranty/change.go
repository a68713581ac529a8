package warranty

import (
	"context"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// Create records a warranty; members may. What of its thresholds is past already
// is marked passed.
func (s *Service) Create(ctx context.Context, who account.Actor, in Input) (w Warranty, err error) {
	defer fault.Wrap(&err, "warranty.Create")
	in.state = string(Active)
	if err := in.check(); err != nil {
		return w, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		names, err := s.boats.Names(ctx, tx, who, []fleet.BoatID{in.BoatID}, account.Member)
		if err != nil {
			return err
		}
		if err := s.fits(ctx, tx, who, Warranty{}, in); err != nil {
			return err
		}
		id := ID(db.NewID())
		_, err = tx.Exec(ctx, `INSERT INTO warranty_tracking (id, org_id, boat_id, item_name, item_name_fold, purchase_date, start_date,
			warranty_period_months, expiration_date, created_at, updated_at) VALUES ($1, $2, $3, '', '', $4, $5, $6, $4, $7, $7)`,
			id, names[0].OrgID, in.BoatID, in.PurchaseDate, in.StartDate, in.Months, db.Micros(tx.Now()))
		if err != nil {
			return err
		}
		if w, err = s.write(ctx, tx, who, id, in); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "created", w)
	})
	return w, err
}

// fits demands that the equipment and the engine are those of the boat, unless
// they were named before: a warranty outlives what it was for.
func (s *Service) fits(ctx context.Context, tx *db.Tx, who account.Actor, before Warranty, in Input) error {
	moved := in.BoatID != before.BoatID
	if in.EquipmentID != nil && (moved || !same(in.EquipmentID, before.EquipmentID)) {
		e, err := s.boats.EquipmentIn(ctx, tx, who, *in.EquipmentID, account.Member)
		if err != nil {
			return err
		}
		if e.BoatID != in.BoatID {
			return fault.Fields(fault.Field{Location: "body.equipment_id", Message: "is installed on another boat"})
		}
	}
	if in.EngineID != nil && (moved || !same(in.EngineID, before.EngineID)) {
		if _, err := s.boats.EngineIn(ctx, tx, who, in.BoatID, *in.EngineID, account.Member); err != nil {
			return err
		}
	}
	return nil
}

func same[T comparable](a, b *T) bool { return a != nil && b != nil && *a == *b }

// write stores what was given, with what follows from it, and reads it back.
func (s *Service) write(ctx context.Context, tx *db.Tx, who account.Actor, id ID, in Input) (w Warranty, err error) {
	_, err = tx.Exec(ctx, `UPDATE warranty_tracking SET boat_id = $1, equipment_id = $2, engine_id = $3, item_name = $4, item_name_fold = $5,
		provider = $6, provider_fold = $7, serial_number = $8, purchase_date = $9, start_date = $10, warranty_period_months = $11,
		hours_limit = $12, hours_at_start = $13, maker_invoice_date = $14, months_after_invoice = $15, coverage_minor = $16, currency = $17,
		registration_number = $18, transferable = $19, transfer_window_days = $20, transfer_cost_minor = $21, claim_instructions = $22,
		terms_source = $23, state = $24, void_reason = $25 WHERE id = $26`,
		in.BoatID, in.EquipmentID, in.EngineID, in.ItemName, db.Fold(in.ItemName), in.Provider, db.Fold(in.Provider), in.SerialNumber,
		in.PurchaseDate, in.StartDate, in.Months, in.HoursLimit, in.HoursAtStart, in.MakerInvoiceDate, in.MonthsAfterInvoice,
		toMinor(in.CoverageAmount, in.Currency), in.Currency, in.RegistrationNumber, in.Transferable, in.TransferWindowDays,
		toMinor(in.TransferCost, in.Currency), in.ClaimInstructions, in.termsSource, in.state, in.voidReason, id)
	if err != nil {
		return w, err
	}
	if err := writeLines(ctx, tx, id, in.Lines); err != nil {
		return w, err
	}
	return s.rearm(ctx, tx, who, id)
}

// writeLines replaces the coverage lines; one of the same coverage keeps its id,
// and thereby what was told of it.
func writeLines(ctx context.Context, tx *db.Tx, id ID, lines []LineInput) error {
	before, err := db.Collect(ctx, tx, func(r db.Row) (kv [2]string, err error) { return kv, r.Scan(&kv[0], &kv[1]) },
		"SELECT id, coverage FROM warranty_lines WHERE warranty_id = $1", id)
	if err != nil {
		return err
	}
	ids := map[string]string{}
	for _, kv := range before {
		ids[db.Fold(kv[1])] = kv[0]
	}
	if _, err := tx.Exec(ctx, "DELETE FROM warranty_lines WHERE warranty_id = $1", id); err != nil {
		return err
	}
	for i, l := range lines {
		lineID := ids[db.Fold(l.Coverage)]
		if lineID == "" {
			lineID = db.NewID()
		}
		_, err := tx.Exec(ctx, `INSERT INTO warranty_lines (id, warranty_id, position, coverage, months, hours_limit, months_after_invoice, terms_source)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, lineID, id, i, l.Coverage, l.Months, l.HoursLimit, l.MonthsAfterInvoice, l.termsSource)
		if err != nil {
			return err
		}
	}
	return nil
}

// Replace puts what is given in the place of what is recorded; members may.
// Whether it is claimed or void stays.
func (s *Service) Replace(ctx context.Context, who account.Actor, id ID, in Input, at fleet.Version) (w Warranty, err error) {
	defer fault.Wrap(&err, "warranty.Replace %s", id)
	return s.change(ctx, who, id, at, func(tx *db.Tx, w *Warranty) (Input, error) {
		in.termsSource, in.state, in.voidReason = w.TermsSource, w.state, w.VoidReason
		return in, nil
	})
}

// Update changes what is given; members may. A changed end arms the thresholds
// anew.
func (s *Service) Update(ctx context.Context, who account.Actor, id ID, p Patch, at fleet.Version) (w Warranty, err error) {
	defer fault.Wrap(&err, "warranty.Update %s", id)
	return s.change(ctx, who, id, at, func(tx *db.Tx, w *Warranty) (Input, error) {
		in := w.input()
		p.apply(&in)
		if p.Status == nil || *p.Status != Active {
			return in, nil
		}
		open, err := openClaims(ctx, tx, id)
		if err == nil && open > 0 {
			err = fault.New(fault.Conflict, "%d claims are open: until the last one is closed, the warranty is claimed", open)
		}
		return in, err
	})
}

// change stores what next makes of a warranty, at the version that was read.
func (s *Service) change(ctx context.Context, who account.Actor, id ID, at fleet.Version, next func(*db.Tx, *Warranty) (Input, error)) (w Warranty, err error) {
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if w, err = s.edit(ctx, tx, who, id, account.Member); err != nil {
			return err
		}
		if err := at.Check(w.UpdatedAt); err != nil {
			return err
		}
		in, err := next(tx, &w)
		if err != nil {
			return err
		}
		if !seesMoney(who)(w.OrgID, w.BoatID) {
			if err := keepAmounts(ctx, tx, id, &in); err != nil {
				return err
			}
		}
		if err := in.check(); err != nil {
			return err
		}
		if err := s.stays(ctx, tx, who, w, in); err != nil {
			return err
		}
		if err := touch(ctx, tx, w); err != nil {
			return err
		}
		if w, err = s.write(ctx, tx, who, id, in); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "updated", w)
	})
	return w, err
}

// keepAmounts leaves the amounts of a warranty as they are: whoever does not see
// them changes none.
func keepAmounts(ctx context.Context, tx *db.Tx, id ID, in *Input) error {
	as, err := db.One(ctx, tx, scanWarranty, selectWarranty+" WHERE w.id = $1", id)
	if err != nil {
		return err
	}
	in.Currency = as.Currency
	in.CoverageAmount, in.TransferCost = fromMinor(as.coverage, as.Currency, true), fromMinor(as.transferCost, as.Currency, true)
	return nil
}

// touch gives a changed warranty a version of its own.
func touch(ctx context.Context, tx *db.Tx, w Warranty) error {
	_, err := tx.Exec(ctx, "UPDATE warranty_tracking SET updated_at = $1 WHERE id = $2", db.Micros(fleet.Touched(tx, w.UpdatedAt)), w.ID)
	return err
}

// stays demands that another boat is one of the same organization.
func (s *Service) stays(ctx context.Context, tx *db.Tx, who account.Actor, w Warranty, in Input) error {
	names, err := s.boats.Names(ctx, tx, who, []fleet.BoatID{in.BoatID}, account.Member)
	if err != nil {
		return err
	}
	if names[0].OrgID != w.OrgID {
		return fault.Fields(fault.Field{Location: "body.boat_id", Message: "the boat belongs to another organization than the warranty"})
	}
	return s.fits(ctx, tx, who, w, in)
}

// Delete hides a warranty and takes back what nobody was told yet; managers may.
// Its trail stays.
func (s *Service) Delete(ctx context.Context, who account.Actor, id ID, at fleet.Version) (w Warranty, err error) {
	defer fault.Wrap(&err, "warranty.Delete %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if w, err = s.edit(ctx, tx, who, id, account.Manager); err != nil {
			return err
		}
		if err := at.Check(w.UpdatedAt); err != nil {
			return err
		}
		now := db.Micros(fleet.Touched(tx, w.UpdatedAt))
		if _, err := tx.Exec(ctx, "UPDATE warranty_tracking SET deleted_at = $1, updated_at = $1 WHERE id = $2", now, id); err != nil {
			return err
		}
		if w, err = s.rearm(ctx, tx, who, id); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "deleted", w)
	})
	return w, err
}

// Restore brings a deleted warranty back; managers may. Restoring what was not
// deleted changes nothing.
func (s *Service) Restore(ctx context.Context, who account.Actor, id ID) (w Warranty, err error) {
	defer fault.Wrap(&err, "warranty.Restore %s", id)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if w, err = s.find(ctx, tx, who, id, account.Manager); err != nil || !w.deleted {
			return err
		}
		if err := s.boats.Writable(ctx, tx, w.BoatID); err != nil {
			return err
		}
		now := db.Micros(fleet.Touched(tx, w.UpdatedAt))
		if _, err := tx.Exec(ctx, "UPDATE warranty_tracking SET deleted_at = NULL, updated_at = $1 WHERE id = $2", now, id); err != nil {
			return err
		}
		if w, err = s.rearm(ctx, tx, who, id); err != nil {
			return err
		}
		return s.tell(ctx, tx, who, "updated", w)
	})
	return w, err
}

// rearm brings the ends and the thresholds of a changed warranty in step, and
// reads it back: also where only its state has changed, for while it was
// deleted, its meter may have been read.
func (s *Service) rearm(ctx context.Context, tx *db.Tx, who account.Actor, id ID) (Warranty, error) {
	w, err := s.find(ctx, tx, who, id, account.Member)
	if err != nil {
		return w, err
	}
	if err := s.move(ctx, tx, &w); err != nil {
		return w, err
	}
	return s.find(ctx, tx, who, id, account.Member)
}
