package account

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

func TestAuditTrail(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		admin := b.actor("ada@example.org", "", "")
		org := admin.Orgs(Admin)[0]
		member := b.actor("member@example.org", org, Member)
		stranger := b.actor("eve@example.org", "", "")
		admin.Address, admin.RequestID = "192.0.2.9", "request-1"
		for i := range 5 {
			b.clock.Add(time.Minute)
			who := []Actor{admin, member}[i%2]
			b.audit(who, Entry{OrgID: org, Action: "thing.changed", Kind: "thing", SubjectID: strconv.Itoa(i), BoatID: BoatID(fmt.Sprint("boat", i/3)), Detail: map[string]int{"n": i}})
		}
		b.audit(stranger, Entry{OrgID: stranger.Orgs(Admin)[0], Action: "thing.changed", Kind: "thing", SubjectID: "theirs"})
		tests := map[string]struct {
			filter AuditFilter
			want   []string
			total  int
		}{
			"all":         {AuditFilter{Action: "thing.changed", Limit: 50}, []string{"4", "3", "2", "1", "0"}, 5},
			"a page":      {AuditFilter{Action: "thing.changed", Limit: 2, Offset: 1}, []string{"3", "2"}, 5},
			"past all":    {AuditFilter{Action: "thing.changed", Limit: 2, Offset: 9}, []string{}, 5},
			"of a boat":   {AuditFilter{BoatID: "boat1", Limit: 50}, []string{"4", "3"}, 2},
			"of a user":   {AuditFilter{UserID: member.UserID, Limit: 50}, []string{"3", "1"}, 2},
			"of nobody":   {AuditFilter{UserID: stranger.UserID, Limit: 50}, []string{}, 0},
			"other deeds": {AuditFilter{Action: "thing.eaten", Limit: 50}, []string{}, 0},
		}
		for name, test := range tests {
			all, total, err := b.AuditTrail(t.Context(), admin, test.filter)
			got := []string{}
			for _, r := range all {
				got = append(got, r.SubjectID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || total != test.total || err != nil {
				t.Error(name, total, err, diff)
			}
		}
		_, _, err := b.AuditTrail(t.Context(), member, AuditFilter{Limit: 1})
		wantKind(t, err, fault.Forbidden)
	})
}

func TestAuditKeepsWhoWhenAndWhat(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		who := b.actor("ada@example.org", "", "")
		org, boat := who.Orgs(Admin)[0], BoatID("boat")
		who.Address, who.RequestID = "192.0.2.9", "request-1"
		b.audit(who, Entry{OrgID: org, Action: "thing.changed", Kind: "thing", SubjectID: "1", BoatID: boat, Detail: map[string]string{"name": "Ünï"}})
		all, _, err := b.AuditTrail(t.Context(), who, AuditFilter{Action: "thing.changed", Limit: 1})
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		want := Record{
			ID: all[0].ID, OrgID: &org, UserID: &who.UserID, Action: "thing.changed", Kind: "thing", SubjectID: "1", BoatID: &boat,
			Detail: []byte(`{"name":"Ünï"}`), Address: "192.0.2.9", RequestID: "request-1", At: start,
		}
		if diff := cmp.Diff(want, all[0]); diff != "" {
			t.Error(diff)
		}
		of, err := AuditOfBoat(t.Context(), b.db, boat, 10, 0)
		if diff := cmp.Diff(all, of); diff != "" || err != nil {
			t.Error(err, diff)
		}
		err = b.db.Transact(t.Context(), func(tx *db.Tx) error {
			return b.Audit(t.Context(), tx, who, Entry{Detail: func() {}})
		})
		if err == nil {
			t.Error("a detail that is no JSON was kept")
		}
	})
}

func (b *bench) audit(who Actor, e Entry) {
	b.t.Helper()
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error { return b.Audit(b.t.Context(), tx, who, e) })
	if err != nil {
		b.t.Fatal(err)
	}
}
