package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
)

type passwordInput struct {
	Body struct {
		Password string `json:"password" maxLength:"1000" doc:"your password"`
	}
}

type totpCodeInput struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"40" doc:"six digits from the authenticator"`
	}
}

type endTOTPInput struct {
	Body struct {
		Password string `json:"password" maxLength:"1000" doc:"your password"`
		Code     string `json:"code" minLength:"1" maxLength:"40" doc:"six digits from the authenticator, or a recovery code"`
	}
}

// secondOperations are about the second factor of a sign-in.
func (a *API) secondOperations() {
	add(a, op{id: "get-totp", method: http.MethodGet, path: "/api/auth/totp", tag: "auth", summary: "Whether your second factor is on, and how many recovery codes are left"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*body[account.TOTP], error) {
			return answer(a.Accounts.TOTP(ctx, who))
		})
	add(a, op{id: "begin-totp", method: http.MethodPost, path: "/api/auth/totp", tag: "auth", summary: "Begin a second factor: this answer alone shows its secret, which waits to be confirmed"},
		func(ctx context.Context, who account.Actor, in *passwordInput) (*body[account.TOTPKey], error) {
			return answer(a.Accounts.BeginTOTP(ctx, who, in.Body.Password))
		})
	add(a, op{
		id: "confirm-totp", method: http.MethodPost, path: "/api/auth/totp/confirm", tag: "auth",
		summary: "Turn your second factor on with its first code; this answer alone shows the recovery codes",
	}, func(ctx context.Context, who account.Actor, in *totpCodeInput) (*body[account.RecoveryCodes], error) {
		return answer(a.Accounts.ConfirmTOTP(ctx, who, in.Body.Code))
	})
	add(a, op{
		id: "make-recovery-codes", method: http.MethodPost, path: "/api/auth/totp/recovery-codes", tag: "auth",
		summary: "Replace your recovery codes; this answer alone shows them",
	}, func(ctx context.Context, who account.Actor, in *passwordInput) (*body[account.RecoveryCodes], error) {
		return answer(a.Accounts.NewRecoveryCodes(ctx, who, in.Body.Password))
	})
	add(a, op{id: "end-totp", method: http.MethodDelete, path: "/api/auth/totp", tag: "auth", summary: "Turn your second factor off"},
		func(ctx context.Context, who account.Actor, in *endTOTPInput) (*body[said], error) {
			return answer(said{"signing in asks for the password alone again"}, a.Accounts.EndTOTP(ctx, who, in.Body.Password, in.Body.Code))
		})
}

// lockOperations end the locks that failed sign-ins left.
func (a *API) lockOperations() {
	add(a, op{id: "unlock-account", method: http.MethodPost, path: "/api/auth/unlock", tag: "auth", summary: "End the locks of an account with the token mailed to its owner, once"},
		func(ctx context.Context, who account.Actor, in *tokenInput) (*body[said], error) {
			return answer(said{"the locks have ended: sign in"}, a.Accounts.UnlockByLink(ctx, who, in.Body.Token))
		})
	add(a, op{
		id: "unlock-member", method: http.MethodPost, path: "/api/organizations/{id}/members/{user}/unlock", tag: "organizations",
		summary: "End the locks that failed sign-ins left on a member's account",
	}, func(ctx context.Context, who account.Actor, in *ByMember) (*body[said], error) {
		return answer(said{"the member may sign in again"}, a.Accounts.UnlockMember(ctx, who, account.OrgID(in.ID), account.UserID(in.User)))
	})
}
