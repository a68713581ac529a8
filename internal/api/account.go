package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
)

type registerInput struct {
	Body struct {
		Email            string `json:"email" format:"email" maxLength:"254"`
		Password         string `json:"password" minLength:"1" maxLength:"1000"`
		Name             string `json:"name" minLength:"1" maxLength:"200"`
		OrganizationName string `json:"organization_name,omitempty" maxLength:"200"`
		SetupCode        string `json:"setup_code,omitempty" maxLength:"100" doc:"needed while the server has no users: the code that it printed at its start"`
	}
}

type registered struct {
	Email string `json:"email"`
}

type loginInput struct {
	Client string `header:"X-Client" doc:"web: the refresh token comes as a cookie only"`
	Agent  string `header:"User-Agent"`
	Body   struct {
		Email    string `json:"email" maxLength:"254"`
		Password string `json:"password" maxLength:"1000"`
		Code     string `json:"code,omitempty" maxLength:"40" doc:"where a second factor is on: six digits from the authenticator, or a recovery code"`
		Remember bool   `json:"remember,omitempty" doc:"the user's own device: the session has no idle limit"`
	}
}

type refreshInput struct {
	Client string      `header:"X-Client"`
	Cookie http.Cookie `cookie:"__Host-nd_refresh"`
	Body   *struct {
		RefreshToken string `json:"refresh_token,omitempty" maxLength:"200"`
	} `required:"false"`
}

type tokensOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      account.Tokens
}

type endInput struct {
	Client string      `header:"X-Client"`
	Cookie http.Cookie `cookie:"__Host-nd_refresh"`
}

type endedOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

type meInput struct {
	Body struct {
		Name     *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
		Language *string `json:"language,omitempty" enum:"en,fr,de,it,es"`
	}
}

func (a *API) accountOperations() {
	add(a, op{
		id: "register", method: http.MethodPost, path: "/api/auth/register", tag: "auth", status: http.StatusCreated,
		summary: "Register a user with an organization of their own",
	}, a.register)
	add(a, op{id: "login", method: http.MethodPost, path: "/api/auth/login", tag: "auth", summary: "Sign in"}, a.login)
	add(a, op{id: "refresh", method: http.MethodPost, path: "/api/auth/refresh", tag: "auth", summary: "Exchange a refresh token, once, for new tokens"}, a.refresh)
	add(a, op{id: "logout", method: http.MethodPost, path: "/api/auth/logout", tag: "auth", status: http.StatusNoContent, summary: "End this session"},
		func(ctx context.Context, who account.Actor, in *endInput) (*endedOutput, error) {
			return a.logout(ctx, who, in, false)
		})
	add(a, op{id: "logout-all", method: http.MethodPost, path: "/api/auth/logout-all", tag: "auth", status: http.StatusNoContent, summary: "End all your sessions"},
		func(ctx context.Context, who account.Actor, in *endInput) (*endedOutput, error) {
			return a.logout(ctx, who, in, true)
		})
	add(a, op{id: "get-me", method: http.MethodGet, path: "/api/auth/me", tag: "auth", summary: "Who you are"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*body[account.User], error) {
			return answer(a.Accounts.Me(ctx, who))
		})
	add(a, op{id: "update-me", method: http.MethodPatch, path: "/api/auth/me", tag: "auth", summary: "Change your name or language"},
		func(ctx context.Context, who account.Actor, in *meInput) (*body[account.User], error) {
			return answer(a.Accounts.UpdateMe(ctx, who, in.Body.Name, in.Body.Language))
		})
	a.recoveryOperations()
	a.secondOperations()
	a.lockOperations()
	a.oidcOperations()
	a.organizationOperations()
	a.teamOperations()
	a.grantOperations()
	a.personOperations()
}

func (a *API) register(ctx context.Context, who account.Actor, in *registerInput) (*body[registered], error) {
	r := account.Registering{
		Email: in.Body.Email, Password: in.Body.Password, Name: in.Body.Name,
		Organization: in.Body.OrganizationName, SetupCode: in.Body.SetupCode,
	}
	email, _ := account.NormalEmail(in.Body.Email)
	return answer(registered{email}, a.Accounts.Register(ctx, r, who.Address))
}

func (a *API) login(ctx context.Context, who account.Actor, in *loginInput) (*tokensOutput, error) {
	t, err := a.Accounts.Login(ctx, account.SigningIn{
		Email: in.Body.Email, Password: in.Body.Password, Code: in.Body.Code, Remember: in.Body.Remember, Address: who.Address, Agent: in.Agent,
	})
	return a.tokens(t, err, in.Client)
}

func (a *API) logout(ctx context.Context, who account.Actor, in *endInput, everywhere bool) (*endedOutput, error) {
	if in.Cookie.Value != "" {
		if err := ownPage(ctx, in.Client); err != nil {
			return nil, err
		}
	}
	return &endedOutput{a.refreshCookie("", -1)}, a.Accounts.Logout(ctx, who, everywhere)
}

func (a *API) refresh(ctx context.Context, _ account.Actor, in *refreshInput) (*tokensOutput, error) {
	token, client := in.Cookie.Value, webClient
	if in.Body != nil && in.Body.RefreshToken != "" {
		token, client = in.Body.RefreshToken, in.Client
	}
	if token == "" {
		return nil, required("body.refresh_token")
	}
	if token == in.Cookie.Value {
		if err := ownPage(ctx, in.Client); err != nil {
			return nil, err
		}
	}
	t, err := a.Accounts.Refresh(ctx, token)
	return a.tokens(t, err, client)
}

// tokens hands a browser its refresh token where scripts cannot read it.
func (a *API) tokens(t account.Tokens, err error, client string) (*tokensOutput, error) {
	if err != nil {
		return nil, err
	}
	out := &tokensOutput{Body: t}
	if client == webClient {
		out.SetCookie = a.refreshCookie(t.RefreshToken, int(a.config.RefreshTTL.Seconds()))
		out.Body.RefreshToken = ""
	}
	return out, nil
}

// OrganizationInput is an organization as it is made.
type OrganizationInput struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200"`
	}
}

type organizationsInput struct {
	Paging
	Deleted bool `query:"deleted" doc:"those instead that were deleted, that you administered, and that can be restored"`
}

type organizationPatch struct {
	ByID
	OrganizationInput
}

type settingsInput struct {
	ByID
	Body account.Settings
}

func (a *API) organizationOperations() {
	add(a, op{id: "list-organizations", method: http.MethodGet, path: "/api/organizations", tag: "organizations", summary: "Your organizations"},
		func(ctx context.Context, who account.Actor, in *organizationsInput) (*list[account.Organization], error) {
			read, p := a.Accounts.Organizations, &in.Paging
			if in.Deleted {
				read = a.Accounts.ClosedOrganizations
			}
			all, err := read(ctx, who)
			from := min(p.Offset, len(all))
			return listed(p, all[from:min(from+p.Limit, len(all))], len(all), err)
		})
	add(a, op{
		id: "create-organization", method: http.MethodPost, path: "/api/organizations", tag: "organizations", status: http.StatusCreated,
		summary: "Make another organization, with you as admin",
	},
		func(ctx context.Context, who account.Actor, in *OrganizationInput) (*resource[account.Organization], error) {
			o, err := a.Accounts.CreateOrganization(ctx, who, in.Body.Name)
			return &resource[account.Organization]{Location: "/api/organizations/" + string(o.ID), Body: o}, err
		})
	add(a, op{id: "get-organization", method: http.MethodGet, path: "/api/organizations/{id}", tag: "organizations", summary: "One organization"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[account.Organization], error) {
			return answer(a.Accounts.Organization(ctx, who, account.OrgID(in.ID)))
		})
	add(a, op{id: "update-organization", method: http.MethodPatch, path: "/api/organizations/{id}", tag: "organizations", summary: "Rename an organization"},
		func(ctx context.Context, who account.Actor, in *organizationPatch) (*body[account.Organization], error) {
			return answer(a.Accounts.RenameOrganization(ctx, who, account.OrgID(in.ID), in.Body.Name))
		})
	add(a, op{id: "get-settings", method: http.MethodGet, path: "/api/organizations/{id}/settings", tag: "organizations", summary: "Time zone, languages, retention"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[account.Settings], error) {
			return answer(a.Accounts.Settings(ctx, who, account.OrgID(in.ID)))
		})
	add(a, op{id: "put-settings", method: http.MethodPut, path: "/api/organizations/{id}/settings", tag: "organizations", summary: "Replace the settings"},
		func(ctx context.Context, who account.Actor, in *settingsInput) (*body[account.Settings], error) {
			return answer(a.Accounts.PutSettings(ctx, who, account.OrgID(in.ID), in.Body))
		})
	a.auditOperations()
}
