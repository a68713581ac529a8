package fleet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/event"
)

// paper tells of a document of a class, as package document does.
func (b *bench) paper(boat Boat, name string, class account.Class) {
	b.t.Helper()
	b.clock.Add(time.Minute)
	err := b.db.Transact(b.t.Context(), func(tx *db.Tx) error {
		return b.events.Append(b.t.Context(), tx, event.Event{
			Type: name, OrgID: string(b.org), Boat: &event.Boat{ID: string(boat.ID), Name: boat.Name}, Data: map[string]any{"class": class},
		})
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) timeline(who account.Actor, id BoatID, p Page) []string {
	b.t.Helper()
	all, err := b.Timeline(b.t.Context(), who, id, p)
	if err != nil {
		b.t.Fatal(err)
	}
	out := []string{}
	for _, m := range all {
		out = append(out, m.Type)
	}
	return out
}

func TestTimelineShowsWhatTheRoleShows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Calypso")})
		b.paper(boat, "document.uploaded", account.Open)
		b.paper(boat, "document.processed", account.Money)
		b.clock.Add(time.Minute)
		b.equipment(boat.ID, "400", "Watermaker")
		b.paper(boat, "document.failed", account.Personal)
		all := []string{"document.failed", "equipment.created", "document.processed", "document.uploaded", "boat.created"}
		for role, want := range map[account.Role][]string{
			account.Viewer: {all[1], all[3], all[4]}, account.Member: all[1:], account.Manager: all, account.Admin: all,
		} {
			who := b.user(string(role)+"@example.org", b.org, role)
			if diff := cmp.Diff(want, b.timeline(who, boat.ID, Page{Limit: 50})); diff != "" {
				t.Error(role, diff)
			}
		}
	})
}

// What is hidden, or told by an event already, makes no page shorter.
func TestTimelinePagesAreFull(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		boat := b.boat(BoatInput{Name: ptr("Calypso")})
		viewer := b.user("viewer@example.org", b.org, account.Viewer)
		want := []string{"boat.created"}
		for _, name := range []string{"uploaded", "processed", "failed", "deleted", "uploaded", "processed"} {
			b.clock.Add(time.Minute)
			b.equipment(boat.ID, "400", "Watermaker")
			b.paper(boat, "document."+name, account.Open)
			want = append([]string{"document." + name, "equipment.created"}, want...)
		}
		for range 120 {
			b.paper(boat, "document.failed", account.Personal)
		}
		got := []string{}
		for offset := 0; ; offset += 4 {
			page := b.timeline(viewer, boat.ID, Page{Limit: 4, Offset: offset})
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
