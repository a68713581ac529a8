package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
	"navidocs/internal/fault"
)

// ByMember is the parameter of an operation on a membership.
type ByMember struct {
	ByID
	User string `path:"user" maxLength:"64"`
}

type roleInput struct {
	ByMember
	Body struct {
		Role account.Role `json:"role" enum:"viewer,member,manager,admin"`
	}
}

type inviteInput struct {
	ByID
	Body struct {
		Email   string           `json:"email" format:"email" maxLength:"254"`
		Role    account.Role     `json:"role" enum:"viewer,member,manager,admin"`
		BoatIDs []account.BoatID `json:"boat_ids,omitempty" maxItems:"100" doc:"invite onto these boats alone: viewer, member (edits) or manager of each, until it is ended"`
	}
}

type byInvitation struct {
	ByID
	Invitation string `path:"invitation" maxLength:"64"`
}

type acceptInput struct {
	Token string             `path:"token" maxLength:"200" doc:"of the link that was mailed"`
	Body  *account.Accepting `required:"false"`
}

type newTokenInput struct {
	Body account.NewToken
}

func (a *API) teamOperations() {
	add(a, op{id: "list-members", method: http.MethodGet, path: "/api/organizations/{id}/members", tag: "organizations", summary: "Who belongs to it"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]account.Membership], error) {
			return answer(a.Accounts.Members(ctx, who, account.OrgID(in.ID)))
		})
	add(a, op{id: "update-member", method: http.MethodPatch, path: "/api/organizations/{id}/members/{user}", tag: "organizations", summary: "Give a member another role, from their next request on"},
		func(ctx context.Context, who account.Actor, in *roleInput) (*body[account.Membership], error) {
			return answer(a.Accounts.ChangeRole(ctx, who, account.OrgID(in.ID), account.UserID(in.User), in.Body.Role))
		})
	add(a, op{
		id: "remove-member", method: http.MethodDelete, path: "/api/organizations/{id}/members/{user}", tag: "organizations",
		summary: "End a membership at once; your own, to leave",
	}, func(ctx context.Context, who account.Actor, in *ByMember) (*body[said], error) {
		return answer(said{"the membership has ended"}, a.Accounts.RemoveMember(ctx, who, account.OrgID(in.ID), account.UserID(in.User)))
	})
	add(a, op{id: "list-invitations", method: http.MethodGet, path: "/api/organizations/{id}/invitations", tag: "organizations", summary: "The invitations that wait to be accepted"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[[]account.Invitation], error) {
			return answer(a.Accounts.Invitations(ctx, who, account.OrgID(in.ID)))
		})
	add(a, op{
		id: "create-invitation", method: http.MethodPost, path: "/api/organizations/{id}/invitations", tag: "organizations", status: http.StatusCreated,
		summary: "Mail somebody a link that makes them a member, or gives them boats, once, within a week",
	}, a.invite)
	add(a, op{id: "delete-invitation", method: http.MethodDelete, path: "/api/organizations/{id}/invitations/{invitation}", tag: "organizations", summary: "Take an invitation back"},
		func(ctx context.Context, who account.Actor, in *byInvitation) (*body[said], error) {
			return answer(said{"the invitation is taken back"}, a.Accounts.DeleteInvitation(ctx, who, account.OrgID(in.ID), in.Invitation))
		})
	add(a, op{
		id: "accept-invitation", method: http.MethodPost, path: "/api/invitations/{token}/accept", tag: "organizations",
		summary: "Become a member by the link that was mailed; with name and password where the address has no account",
	}, func(ctx context.Context, who account.Actor, in *acceptInput) (*body[account.Accepted], error) {
		var given account.Accepting
		if in.Body != nil {
			given = *in.Body
		}
		return answer(a.Accounts.Accept(ctx, who, in.Token, given))
	})
	a.accessOperations()
}

func (a *API) invite(ctx context.Context, who account.Actor, in *inviteInput) (*body[account.Invitation], error) {
	org := account.OrgID(in.ID)
	boats, err := a.Boats.NamesNow(ctx, who, in.Body.BoatIDs, account.Manager)
	if err != nil {
		return nil, err
	}
	for _, b := range boats {
		if b.OrgID != org {
			return nil, fault.Fields(fault.Field{Location: "body.boat_ids", Message: "the boat belongs to another organization", Value: string(b.ID)})
		}
	}
	return answer(a.Accounts.Invite(ctx, who, org, account.Inviting{Email: in.Body.Email, Role: in.Body.Role, BoatIDs: in.Body.BoatIDs}))
}

// accessOperations are about what opens the caller's own account.
func (a *API) accessOperations() {
	add(a, op{id: "list-sessions", method: http.MethodGet, path: "/api/auth/sessions", tag: "auth", summary: "Where you are signed in"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*body[[]account.Session], error) {
			return answer(a.Accounts.Sessions(ctx, who))
		})
	add(a, op{id: "end-session", method: http.MethodDelete, path: "/api/auth/sessions/{id}", tag: "auth", summary: "End one of your sessions, at once"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[said], error) {
			return answer(said{"the session has ended"}, a.Accounts.EndSession(ctx, who, account.SessionID(in.ID)))
		})
	add(a, op{id: "list-tokens", method: http.MethodGet, path: "/api/auth/tokens", tag: "auth", summary: "Your personal tokens, for programs"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*body[[]account.Token], error) {
			return answer(a.Accounts.Tokens(ctx, who))
		})
	add(a, op{
		id: "create-token", method: http.MethodPost, path: "/api/auth/tokens", tag: "auth", status: http.StatusCreated,
		summary: "Make a personal token; this answer alone shows it",
	}, func(ctx context.Context, who account.Actor, in *newTokenInput) (*body[account.Token], error) {
		return answer(a.Accounts.CreateToken(ctx, who, in.Body))
	})
	add(a, op{id: "delete-token", method: http.MethodDelete, path: "/api/auth/tokens/{id}", tag: "auth", summary: "End a personal token, at once"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[said], error) {
			return answer(said{"the token opens nothing any more"}, a.Accounts.DeleteToken(ctx, who, account.TokenID(in.ID)))
		})
}
