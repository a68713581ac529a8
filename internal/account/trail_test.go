package account

import (
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
)

// found lists the subjects of what a filter leaves.
func (b *bench) found(who Actor, f AuditFilter) []string {
	b.t.Helper()
	f.Limit = 100
	all, _, err := b.AuditTrail(b.t.Context(), who, f)
	if err != nil {
		b.t.Fatal(err)
	}
	out := []string{}
	for _, r := range all {
		out = append(out, r.SubjectID)
	}
	return out
}

func (b *bench) exported(who Actor, f AuditFilter, format string) string {
	b.t.Helper()
	trail, err := b.ExportAudit(b.t.Context(), who, f, format)
	if err != nil {
		b.t.Fatal(err)
	}
	var text strings.Builder
	if err := trail.Write(b.t.Context(), &text); err != nil {
		b.t.Fatal(err)
	}
	return text.String()
}

func TestTheTrailIsNarrowed(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		org := who.Orgs(Admin)[0]
		for i, action := range []string{"document.uploaded", "document.downloaded", "documents.counted", "boat.created"} {
			b.clock.Add(time.Hour)
			kind, _, _ := strings.Cut(action, ".")
			b.audit(who, Entry{OrgID: org, Action: action, Kind: kind, SubjectID: strconv.Itoa(i)})
		}
		hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
		for name, test := range map[string]struct {
			filter AuditFilter
			want   []string
		}{
			"a subject's":           {AuditFilter{Action: "document."}, []string{"1", "0"}},
			"one action":            {AuditFilter{Action: "document.downloaded"}, []string{"1"}},
			"of a kind":             {AuditFilter{Kind: "document"}, []string{"1", "0"}},
			"of one thing":          {AuditFilter{Kind: "boat", SubjectID: "3"}, []string{"3"}},
			"of no such thing":      {AuditFilter{Kind: "document", SubjectID: "3"}, []string{}},
			"since an instant":      {AuditFilter{Since: hour(3)}, []string{"3", "2"}},
			"between two":           {AuditFilter{Since: hour(2), Until: hour(4)}, []string{"2", "1"}},
			"of a subject and time": {AuditFilter{Action: "document.", Since: hour(2)}, []string{"1"}},
		} {
			if diff := cmp.Diff(test.want, b.found(who, test.filter)); diff != "" {
				t.Error(name, diff)
			}
		}
	})
}

func TestTheTrailIsExported(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		org := who.Orgs(Admin)[0]
		stranger := b.actor("eve@example.org", "", "")
		b.audit(stranger, Entry{OrgID: stranger.Orgs(Admin)[0], Action: "thing.changed", Kind: "thing", SubjectID: "theirs"})
		b.audit(who, Entry{OrgID: org, Action: "thing.changed", Kind: "thing", SubjectID: `=HYPERLINK("http://evil.example")`, Detail: map[string]string{"name": "a \"b\",\nc"}})
		for i := range exportPage { // more than one page, all of one instant
			b.audit(who, Entry{OrgID: org, Action: "thing.counted", Kind: "thing", SubjectID: "+" + strconv.Itoa(i)})
		}
		b.clock.Add(time.Second)
		rows, err := csv.NewReader(strings.NewReader(b.exported(who, AuditFilter{Action: "thing."}, CSV))).ReadAll()
		if err != nil || len(rows) != 2+exportPage || rows[0][6] != "subject_id" {
			t.Fatal(len(rows), err)
		}
		last := rows[len(rows)-1]
		if last[6] != `'=HYPERLINK("http://evil.example")` || last[8] != `{"name":"a \"b\",\nc"}` || last[1] != "2026-05-01T08:00:00Z" || rows[1][6][:2] != "'+" {
			t.Error(last, rows[1])
		}
		seen := map[string]bool{}
		for _, row := range rows[1:] {
			seen[row[0]] = true
		}
		if len(seen) != 1+exportPage {
			t.Error("lines came twice:", len(seen))
		}
		var all []Record
		if err := json.Unmarshal([]byte(b.exported(who, AuditFilter{Action: "thing.changed"}, JSON)), &all); err != nil || len(all) != 1 || all[0].Kind != "thing" {
			t.Error(all, err)
		}
		if none := b.exported(who, AuditFilter{Action: "thing.eaten"}, JSON); json.Unmarshal([]byte(none), &all) != nil || len(all) != 0 {
			t.Error(none)
		}
		if exports, _, err := b.AuditTrail(t.Context(), who, AuditFilter{Action: "audit.exported", Limit: 10}); err != nil || len(exports) != 3 ||
			string(exports[2].Detail) != `{"action":"thing.","format":"csv"}` {
			t.Error(exports, err)
		}
	})
}

func TestWhoMayExportTheTrail(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		admin := b.actor("ada@example.org", "", "")
		manager := b.actor("manager@example.org", admin.Orgs(Admin)[0], Manager)
		_, err := b.ExportAudit(t.Context(), manager, AuditFilter{}, CSV)
		wantKind(t, err, fault.Forbidden)
		_, err = b.ExportAudit(t.Context(), admin, AuditFilter{}, "xlsx")
		wantKind(t, err, fault.Invalid)
	})
}

func TestTheTrailHasItsTime(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		org := who.Orgs(Admin)[0]
		settings, err := b.Settings(t.Context(), who, org)
		if err != nil {
			t.Fatal(err)
		}
		settings.AuditYears = 1
		if _, err := b.PutSettings(t.Context(), who, org, settings); err != nil {
			t.Fatal(err)
		}
		other := b.actor("bo@example.org", "", "")
		who.Address = "192.0.2.9"
		const batch = 500     // of db.InBatches
		for range batch + 1 { // more than one transaction removes
			b.audit(who, Entry{OrgID: org, Action: "thing.changed", Kind: "thing"})
		}
		b.audit(who, Entry{OrgID: other.Orgs(Admin)[0], Action: "thing.changed", Kind: "thing"})
		b.audit(who, Entry{Action: "thing.changed", Kind: "thing"})
		lines := func(more string) int {
			return b.count("SELECT count(*) FROM audit_log WHERE action = 'thing.changed'" + more)
		}
		tidied := func(years, days int, want int) {
			t.Helper()
			b.clock.Set(start.AddDate(years, 0, days))
			if err := b.Tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := lines(""); n != want {
				t.Errorf("after %d years and %d days there are %d lines, want %d", years, days, n, want)
			}
		}
		tidied(0, 89, batch+3)
		if n := lines(" AND address = '192.0.2.9'"); n != batch+3 {
			t.Error("addresses went early:", n)
		}
		b.login("ada@example.org")
		tidied(0, 91, batch+3)
		if n := lines(" AND address <> ''"); n != 0 {
			t.Error("addresses stayed:", n)
		}
		if n := b.count("SELECT count(*) FROM sessions WHERE address <> ''"); n != 1 { // the one of two days ago
			t.Error("sessions:", n)
		}
		tidied(1, 0, batch+3)
		tidied(1, 1, 2)
		tidied(7, 0, 2)
		tidied(7, 1, 0)
	})
}
