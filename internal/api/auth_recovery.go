package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
)

type tokenInput struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"the token of the link that was mailed"`
	}
}

type forgotInput struct {
	Body struct {
		Email string `json:"email" format:"email" maxLength:"254"`
	}
}

// said answers what has nothing to show.
type said struct {
	Message string `json:"message"`
}

type resetInput struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"200" doc:"the token of the link that was mailed"`
		Password string `json:"password" minLength:"1" maxLength:"1000"`
	}
}

type changeInput struct {
	Body struct {
		Current  string `json:"current" maxLength:"1000" doc:"the present password"`
		Password string `json:"password" minLength:"1" maxLength:"1000" doc:"the new one"`
	}
}

func (a *API) recoveryOperations() {
	add(a, op{id: "verify-email", method: http.MethodPost, path: "/api/auth/email/verify", tag: "auth", summary: "Confirm an e-mail address with the token mailed to it, once"},
		func(ctx context.Context, who account.Actor, in *tokenInput) (*body[account.User], error) {
			return answer(a.Accounts.VerifyEmail(ctx, who, in.Body.Token))
		})
	add(a, op{
		id: "resend-verification", method: http.MethodPost, path: "/api/auth/email/resend", tag: "auth",
		summary: "Mail yourself a new link that confirms your address",
	}, func(ctx context.Context, who account.Actor, _ *struct{}) (*body[said], error) {
		return answer(said{"a new link is on its way to your address"}, a.Accounts.ResendVerification(ctx, who))
	})
	add(a, op{id: "forgot-password", method: http.MethodPost, path: "/api/auth/password/forgot", tag: "auth", summary: "Mail a link that sets a new password, if the address is registered"},
		func(ctx context.Context, who account.Actor, in *forgotInput) (*body[said], error) {
			same := said{"if this address is registered, a link is on its way to it, which sets a new password within the hour"}
			return answer(same, a.Accounts.ForgotPassword(ctx, who, in.Body.Email))
		})
	add(a, op{
		id: "reset-password", method: http.MethodPost, path: "/api/auth/password/reset", tag: "auth",
		summary: "Set a new password with the token mailed for it, once; all sessions end",
	}, func(ctx context.Context, who account.Actor, in *resetInput) (*body[said], error) {
		return answer(said{"the new password is set and every session has ended: sign in"}, a.Accounts.ResetPassword(ctx, who, in.Body.Token, in.Body.Password))
	})
	add(a, op{
		id: "change-password", method: http.MethodPost, path: "/api/auth/password/change", tag: "auth",
		summary: "Change your password; all your sessions end",
	}, func(ctx context.Context, who account.Actor, in *changeInput) (*body[said], error) {
		return answer(said{"the password is changed and all your sessions have ended: sign in with it"}, a.Accounts.ChangePassword(ctx, who, in.Body.Current, in.Body.Password))
	})
}
