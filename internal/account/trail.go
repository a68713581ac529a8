package account

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// The forms in which the trail is exported.
const (
	CSV  = "csv"
	JSON = "json"
)

// exportPage is how many lines are read at once: as much as an export holds in
// memory.
const exportPage = 500

// Trail is the audit trail of some organizations on its way out of them, as of
// one instant.
type Trail struct {
	s      *Service
	filter AuditFilter
	orgs   []OrgID
	format string
	// Name is what its file is called.
	Name string
}

// ExportAudit begins an export of what the filter leaves of the organizations
// that the actor administers; its Limit and Offset count for nothing. The export
// is itself a line of the trail, which it does not hold.
func (s *Service) ExportAudit(ctx context.Context, who Actor, f AuditFilter, format string) (t *Trail, err error) {
	defer fault.Wrap(&err, "account.ExportAudit")
	orgs, err := audited(who)
	if err != nil {
		return nil, err
	}
	if format != CSV && format != JSON {
		return nil, fault.Fields(fault.Field{Location: "query.format", Message: "must be csv or json", Value: fault.Echo(format)})
	}
	t = &Trail{s: s, filter: f, orgs: orgs, format: format}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if now := tx.Now(); t.filter.Until.IsZero() || t.filter.Until.After(now) {
			t.filter.Until = now
		}
		t.Name = "audit-" + tx.Now().Format("20060102-150405") + "." + format
		for _, org := range orgs {
			e := Entry{OrgID: org, Action: "audit.exported", Kind: "organization", SubjectID: string(org), BoatID: f.BoatID, Detail: f.detail(format)}
			if err := s.Audit(ctx, tx, who, e); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

// detail is what the trail keeps of an export.
func (f AuditFilter) detail(format string) map[string]string {
	out := map[string]string{"format": format}
	for name, value := range map[string]string{"action": f.Action, "user_id": string(f.UserID), "subject_kind": f.Kind, "subject_id": f.SubjectID} {
		if value != "" {
			out[name] = value
		}
	}
	for name, at := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !at.IsZero() {
			out[name] = at.UTC().Format(time.RFC3339)
		}
	}
	return out
}

// MediaType is that of the file.
func (t *Trail) MediaType() string {
	if t.format == CSV {
		return "text/csv; charset=utf-8"
	}
	return "application/json"
}

// Write writes the file, newest line first, while it is read: a CSV with a row
// of names (RFC 4180), or a JSON array.
func (t *Trail) Write(ctx context.Context, w io.Writer) (err error) {
	defer fault.Wrap(&err, "account.Trail.Write")
	if t.format == CSV {
		return t.writeCSV(ctx, w)
	}
	return writeArray(w, func(put func(any) error) error {
		return t.each(ctx, func(r Record) error { return put(r) })
	})
}

func (t *Trail) writeCSV(ctx context.Context, w io.Writer) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	err := out.Write([]string{"id", "at", "organization_id", "user_id", "action", "subject_kind", "subject_id", "boat_id", "detail", "address", "request_id"})
	if err != nil {
		return err
	}
	err = t.each(ctx, func(r Record) error {
		cells := []string{
			r.ID, r.At.Format(time.RFC3339Nano), text(r.OrgID), text(r.UserID), r.Action, r.Kind, r.SubjectID, text(r.BoatID),
			string(r.Detail), r.Address, r.RequestID,
		}
		for i, cell := range cells {
			cells[i] = harmless(cell)
		}
		return out.Write(cells)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// each reads the trail page by page; a line that is written meanwhile is not
// among it, for it is younger.
func (t *Trail) each(ctx context.Context, f func(Record) error) error {
	var last *Record
	for {
		w := t.filter.where(t.orgs)
		if last != nil {
			w.Add("(at, id) < (?, ?)", db.Micros(last.At), last.ID)
		}
		page, err := db.Collect(ctx, t.s.db, scanRecord, "SELECT "+recordColumns+" FROM audit_log WHERE "+w.SQL()+
			" ORDER BY at DESC, id DESC LIMIT "+w.Arg(exportPage), w.Args()...)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := f(r); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
		last = &page[len(page)-1]
	}
}

// harmless is a cell that no spreadsheet takes for a formula (OWASP, CSV
// Injection): what begins like one begins with an apostrophe.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func text[T ~string](s *T) string {
	if s == nil {
		return ""
	}
	return string(*s)
}

// writeArray writes a JSON array, an element a line, as f puts them.
func writeArray(w io.Writer, f func(put func(any) error) error) error {
	out := bufio.NewWriter(w)
	before := "[\n"
	err := f(func(v any) error {
		line, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := out.WriteString(before); err != nil {
			return err
		}
		before = ",\n"
		_, err = out.Write(line)
		return err
	})
	if err != nil {
		return err
	}
	if before == "[\n" {
		out.WriteString("[") //nolint:errcheck // Flush tells
	}
	out.WriteString("\n]\n") //nolint:errcheck // Flush tells
	return out.Flush()
}
