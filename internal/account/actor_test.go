package account

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/fault"
)

func TestRolesIncludeTheOnesBefore(t *testing.T) {
	t.Parallel()
	all := []Role{Nobody, Viewer, Member, Manager, Admin}
	for i, r := range all {
		for j, other := range all {
			if got := r.AtLeast(other); got != (i >= j) {
				t.Errorf("%q at least %q: %t", r, other, got)
			}
		}
	}
	classes := map[Role][]Class{
		Nobody: nil, Viewer: {Open}, Member: {Open, Money}, Manager: {Open, Money, Personal}, Admin: {Open, Money, Personal},
	}
	for r, want := range classes {
		if diff := cmp.Diff(want, rightOf(r).Classes()); diff != "" {
			t.Error(r, diff)
		}
	}
}

func TestParseRole(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"viewer", "member", "manager", "admin"} {
		if r, err := ParseRole(good); string(r) != good || err != nil {
			t.Error(good, r, err)
		}
	}
	for _, bad := range []string{"", "Admin", "owner"} {
		_, err := ParseRole(bad)
		wantKind(t, err, fault.Invalid)
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	who := Actor{Roles: map[OrgID]Role{"mine": Member}}
	for name, test := range map[string]struct {
		org  OrgID
		role Role
		want fault.Kind
	}{
		"enough":                    {"mine", Member, -1},
		"more than enough":          {"mine", Viewer, -1},
		"too low":                   {"mine", Manager, fault.Forbidden},
		"not theirs":                {"other", Viewer, fault.NotFound},
		"not theirs, whatever role": {"other", Admin, fault.NotFound},
	} {
		err := who.Require(test.org, test.role, "boat")
		if test.want == -1 {
			if err != nil {
				t.Error(name, err)
			}
			continue
		}
		if !fault.Is(err, test.want) {
			t.Error(name, err)
		}
	}
}

func TestOrgsAndCreating(t *testing.T) {
	t.Parallel()
	several := Actor{Roles: map[OrgID]Role{"b": Admin, "a": Viewer}}
	if diff := cmp.Diff([]OrgID{"a", "b"}, several.Orgs(Viewer)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]OrgID{"b"}, several.Orgs(Member)); diff != "" {
		t.Error(diff)
	}
	_, err := several.Creating()
	wantKind(t, err, fault.Invalid)
	_, err = Actor{}.Creating()
	wantKind(t, err, fault.Invalid)
	several.Narrow = "a"
	if diff := cmp.Diff([]OrgID{}, several.Orgs(Member)); diff != "" {
		t.Error(diff)
	}
	if org, err := several.Creating(); org != "a" || err != nil {
		t.Error(org, err)
	}
	if org, err := (Actor{Roles: map[OrgID]Role{"only": Viewer}}).Creating(); org != "only" || err != nil {
		t.Error(org, err)
	}
}
