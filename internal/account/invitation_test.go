package account

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"navidocs/internal/fault"
)

// invite has an admin invite an address and returns the mailed token.
func (b *bench) invite(p *postbox, admin Actor, email string, role Role) string {
	b.t.Helper()
	if _, err := b.Invite(b.t.Context(), admin, admin.Orgs(Admin)[0], Inviting{Email: email, Role: role}); err != nil {
		b.t.Fatal(err)
	}
	return tokenOf(b.t, p.taken(), mailInvitation)
}

func TestAnInvitationMakesAnAccountAndAMember(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		b.config.Registration = Invite
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		i, err := b.Invite(t.Context(), ada, org, Inviting{Email: " Bo@Example.org ", Role: Manager})
		if err != nil {
			t.Fatal(err)
		}
		mails := p.taken()
		token := tokenOf(t, mails, mailInvitation)
		if m := mails[0]; m.To != "bo@example.org" || m.Vars["inviter_name"] != ada.Name || m.Vars["expires_on"] != "2026-05-08" || m.Vars["organization_name"] == "" ||
			m.Vars["link"] != base+"/invitation?token="+token {
			t.Errorf("%+v", m)
		}
		open, err := b.Invitations(t.Context(), ada, org)
		if err != nil || len(open) != 1 || cmp.Diff(open[0], i, cmpopts.IgnoreUnexported(Invitation{})) != "" {
			t.Errorf("%+v, %v", open, err)
		}
		b.config.Registration = Closed
		_, err = b.Accept(t.Context(), Actor{}, token, Accepting{Name: "Bo", Password: password})
		wantKind(t, err, fault.Forbidden)
		b.config.Registration = Invite
		_, err = b.Accept(t.Context(), Actor{}, token, Accepting{Name: "", Password: "short"})
		if got := locations(err); !slices.Equal(got, []string{"body.name", "body.password"}) {
			t.Error(got)
		}
		got, err := b.Accept(t.Context(), Actor{Address: "192.0.2.9"}, token, Accepting{Name: "Bo", Password: password})
		if err != nil || !got.Registered || got.OrgID != org || got.Role != Manager || got.Email != "bo@example.org" {
			t.Fatalf("%+v, %v", got, err)
		}
		bo, err := b.Authenticate(t.Context(), b.login("bo@example.org").Token)
		if err != nil || bo.Roles[org] != Manager || len(bo.Roles) != 1 || !bo.Verified {
			t.Errorf("%+v, %v", bo, err)
		}
		if n := b.count("SELECT count(*) FROM audit_log WHERE action = 'invitation.accepted' AND user_id = $1 AND address = '192.0.2.9'", bo.UserID); n != 1 {
			t.Errorf("%d lines in the audit trail", n)
		}
		_, err = b.Accept(t.Context(), Actor{}, token, Accepting{Name: "Bo", Password: password})
		wantKind(t, err, fault.NotFound)
		_, err = b.Invite(t.Context(), ada, org, Inviting{Email: "bo@example.org", Role: Viewer})
		wantKind(t, err, fault.Conflict)
	})
}

func TestAnInvitationLetsAnAccountJoinOnce(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		ada, bo := b.actor("ada@example.org", "", ""), b.actor("bo@example.org", "", "")
		token := b.invite(p, ada, "bo@example.org", Viewer)
		ended := make(chan error, 8)
		for range cap(ended) {
			go func() {
				_, err := b.Accept(context.WithoutCancel(t.Context()), Actor{}, token, Accepting{})
				ended <- err
			}()
		}
		joined := 0
		for range cap(ended) {
			if err := <-ended; err == nil {
				joined++
			} else {
				wantKind(t, err, fault.NotFound)
			}
		}
		if joined != 1 {
			t.Errorf("accepted %d times", joined)
		}
		now, err := b.Again(t.Context(), bo)
		if err != nil || now.Roles[ada.Orgs(Admin)[0]] != Viewer || len(now.Roles) != 2 {
			t.Errorf("%+v, %v", now, err)
		}
	})
}

func TestAnInvitationEnds(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		accept := func(token string) error {
			_, err := b.Accept(t.Context(), Actor{}, token, Accepting{Name: "Bo", Password: password})
			return err
		}
		replaced := b.invite(p, ada, "bo@example.org", Viewer)
		_, err := b.Invite(t.Context(), ada, org, Inviting{Email: "bo@example.org", Role: Member})
		wantKind(t, err, fault.RateLimited) // a mail to it went within the hour
		b.clock.Add(time.Hour)
		late := b.invite(p, ada, "bo@example.org", Member)
		wantKind(t, accept(replaced), fault.NotFound)
		open, err := b.Invitations(t.Context(), ada, org)
		if err != nil || len(open) != 1 || open[0].Role != Member {
			t.Fatalf("%+v, %v", open, err)
		}
		b.clock.Add(invitationTTL)
		wantKind(t, accept(late), fault.NotFound)
		back := b.invite(p, ada, "bo@example.org", Member)
		if open, err = b.Invitations(t.Context(), ada, org); err != nil || len(open) != 1 {
			t.Fatalf("%+v, %v", open, err)
		}
		if err := b.DeleteInvitation(t.Context(), ada, org, open[0].ID); err != nil {
			t.Fatal(err)
		}
		wantKind(t, b.DeleteInvitation(t.Context(), ada, org, open[0].ID), fault.NotFound)
		wantKind(t, accept(back), fault.NotFound)
	})
}

func TestWhoMayInvite(t *testing.T) {
	t.Parallel()
	eachMailed(t, func(t *testing.T, b *bench, p *postbox) {
		ada := b.actor("ada@example.org", "", "")
		org := ada.Orgs(Admin)[0]
		manager, stranger := b.actor("manager@example.org", org, Manager), b.actor("stranger@example.org", "", "")
		for who, want := range map[*Actor]fault.Kind{&manager: fault.Forbidden, &stranger: fault.NotFound} {
			_, err := b.Invite(t.Context(), *who, org, Inviting{Email: "bo@example.org", Role: Viewer})
			wantKind(t, err, want)
			_, err = b.Invitations(t.Context(), *who, org)
			wantKind(t, err, want)
			wantKind(t, b.DeleteInvitation(t.Context(), *who, org, "any"), want)
		}
		_, err := b.Invite(t.Context(), ada, org, Inviting{Email: "nobody", Role: Viewer})
		if got := locations(err); !slices.Equal(got, []string{"body.email"}) {
			t.Error(got)
		}
		ada.Verified = false
		_, err = b.Invite(t.Context(), ada, org, Inviting{Email: "bo@example.org", Role: Viewer})
		wantKind(t, err, fault.Forbidden)
		if got := p.taken(); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
}
