package account

import (
	"context"
	"testing"

	"navidocs/internal/fault"
)

func TestARoleBitesAtTheNextRequest(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		bo := b.actor("bo@example.org", org, Manager)
		m, err := b.ChangeRole(t.Context(), ada, org, bo.UserID, Viewer)
		if err != nil || m.Role != Viewer || m.Email != "bo@example.org" {
			t.Fatalf("%+v, %v", m, err)
		}
		if bo, err = b.Again(t.Context(), bo); err != nil || bo.Roles[org] != Viewer {
			t.Errorf("%+v, %v", bo, err)
		}
		if err := b.RemoveMember(t.Context(), ada, org, bo.UserID); err != nil {
			t.Fatal(err)
		}
		if bo, err = b.Again(t.Context(), bo); err != nil || len(bo.Roles) != 0 {
			t.Errorf("%+v, %v", bo, err)
		}
		wantKind(t, b.RemoveMember(t.Context(), ada, org, bo.UserID), fault.NotFound)
		_, err = b.ChangeRole(t.Context(), ada, org, bo.UserID, Viewer)
		wantKind(t, err, fault.NotFound)
	})
}

func TestWhoMayChangeMembers(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		manager, stranger := b.actor("manager@example.org", org, Manager), b.actor("stranger@example.org", "", "")
		for who, want := range map[*Actor]fault.Kind{&manager: fault.Forbidden, &stranger: fault.NotFound} {
			_, err := b.ChangeRole(t.Context(), *who, org, ada.UserID, Viewer)
			wantKind(t, err, want)
			wantKind(t, b.RemoveMember(t.Context(), *who, org, ada.UserID), want)
		}
		if err := b.RemoveMember(t.Context(), manager, org, manager.UserID); err != nil {
			t.Error("nobody is kept who wants to leave:", err)
		}
	})
}

// An organization keeps an admin, also when its two admins go at once.
func TestAnOrganizationKeepsAnAdmin(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, b *bench) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		_, err := b.ChangeRole(t.Context(), ada, org, ada.UserID, Viewer)
		wantKind(t, err, fault.Conflict)
		wantKind(t, b.RemoveMember(t.Context(), ada, org, ada.UserID), fault.Conflict)
		if _, err := b.ChangeRole(t.Context(), ada, org, ada.UserID, Admin); err != nil {
			t.Error(err)
		}
		bo := b.actor("bo@example.org", org, Admin)
		ended := make(chan error, 2)
		ctx := context.WithoutCancel(t.Context())
		for _, who := range []Actor{ada, bo} {
			go func() { ended <- b.RemoveMember(ctx, who, org, who.UserID) }()
		}
		refused := 0
		for range cap(ended) {
			if err := <-ended; err != nil {
				wantKind(t, err, fault.Conflict)
				refused++
			}
		}
		if n := b.count("SELECT count(*) FROM memberships WHERE org_id = $1 AND role = 'admin'", org); n != 1 || refused != 1 {
			t.Errorf("%d admins, %d refused", n, refused)
		}
	})
}
