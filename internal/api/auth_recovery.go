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

// forgotten is the same for every address.
type forgotten struct {
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
		id: "resend-verification", method: http.MethodPost, path: "/api/auth/email/resend", tag: "auth", status: http.StatusNoContent,
		summary: "Mail yourself a new link that confirms your address",
	}, func(ctx context.Context, who account.Actor, _ *struct{}) (*struct{}, error) {
		return nil, a.Accounts.ResendVerification(ctx, who)
	})
	add(a, op{id: "forgot-password", method: http.MethodPost, path: "/api/auth/password/forgot", tag: "auth", summary: "Mail a link that sets a new password, if the address is registered"},
		func(ctx context.Context, who account.Actor, in *forgotInput) (*body[forgotten], error) {
			said := forgotten{"if this address is registered, a link is on its way to it, which sets a new password within the hour"}
			return answer(said, a.Accounts.ForgotPassword(ctx, who, in.Body.Email))
		})
	add(a, op{
		id: "reset-password", method: http.MethodPost, path: "/api/auth/password/reset", tag: "auth", status: http.StatusNoContent,
		summary: "Set a new password with the token mailed for it, once; all sessions end",
	}, func(ctx context.Context, who account.Actor, in *resetInput) (*struct{}, error) {
		return nil, a.Accounts.ResetPassword(ctx, who, in.Body.Token, in.Body.Password)
	})
	add(a, op{
		id: "change-password", method: http.MethodPost, path: "/api/auth/password/change", tag: "auth", status: http.StatusNoContent,
		summary: "Change your password; your other sessions end",
	}, func(ctx context.Context, who account.Actor, in *changeInput) (*struct{}, error) {
		return nil, a.Accounts.ChangePassword(ctx, who, in.Body.Current, in.Body.Password)
	})
}
