package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
	"navidocs/internal/fleet"
	"navidocs/internal/integration"
)

type connectionInput struct {
	Body integration.Input
}

type connectionPut struct {
	ByID
	IfMatched
	Body integration.Input
}

type firstConnectionPut struct {
	IfMatched
	Body integration.Input
}

// ConfirmInput names a test by what it told its receiver alone.
type ConfirmInput struct {
	Nonce string `path:"nonce" maxLength:"100"`
}

type none struct{}

func (a *API) integrationOperations() {
	const tag, first, one = "integrations", "/api/integrations/home-assistant", "/api/integrations/home-assistant/{id}"
	add(a, op{id: "list-home-assistants", method: http.MethodGet, path: "/api/integrations/home-assistant/connections", tag: tag, summary: "The connected Home Assistants, oldest first"},
		func(ctx context.Context, who account.Actor, _ *none) (*body[[]integration.Connection], error) {
			return answer(a.Integrations.Connections(ctx, who))
		})
	add(a, op{id: "get-first-home-assistant", method: http.MethodGet, path: first, tag: tag, summary: "The first of the connected Home Assistants"},
		func(ctx context.Context, who account.Actor, _ *none) (*resource[integration.Connection], error) {
			c, err := a.Integrations.First(ctx, who)
			return connectionAnswer(c, "", err)
		})
	add(a, op{id: "create-home-assistant", method: http.MethodPost, path: first, tag: tag, status: http.StatusCreated, summary: "Connect a Home Assistant, which is asked whether it is there; the answer shows the secrets, once"}, a.createConnection)
	add(a, op{id: "replace-first-home-assistant", method: http.MethodPut, path: first, tag: tag, summary: "Put what is given in the place of the first; a secret that is left out stays"},
		func(ctx context.Context, who account.Actor, in *firstConnectionPut) (*resource[integration.Connection], error) {
			c, err := a.Integrations.First(ctx, who)
			if err != nil {
				return nil, err
			}
			return a.replaceConnection(ctx, who, c.ID, in.Body, in.IfMatched)
		})
	add(a, op{id: "delete-first-home-assistant", method: http.MethodDelete, path: first, tag: tag, summary: "Disconnect the first: nothing more is sent"},
		func(ctx context.Context, who account.Actor, in *IfMatched) (*body[integration.Connection], error) {
			c, err := a.Integrations.First(ctx, who)
			if err != nil {
				return nil, err
			}
			return answer(a.Integrations.Delete(ctx, who, c.ID, integration.Version(in.version())))
		})
	add(a, op{id: "get-home-assistant", method: http.MethodGet, path: one, tag: tag, summary: "One connection, without its secrets"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[integration.Connection], error) {
			c, err := a.Integrations.Connection(ctx, who, integration.ID(in.ID))
			return connectionAnswer(c, "", err)
		})
	add(a, op{id: "replace-home-assistant", method: http.MethodPut, path: one, tag: tag, summary: "Put what is given in the place of what is stored; a secret that is left out stays"},
		func(ctx context.Context, who account.Actor, in *connectionPut) (*resource[integration.Connection], error) {
			return a.replaceConnection(ctx, who, integration.ID(in.ID), in.Body, in.IfMatched)
		})
	add(a, op{id: "delete-home-assistant", method: http.MethodDelete, path: one, tag: tag, summary: "Disconnect: nothing more is sent, the log goes, and the devices leave their broker"},
		func(ctx context.Context, who account.Actor, in *change) (*body[integration.Connection], error) {
			return answer(a.Integrations.Delete(ctx, who, integration.ID(in.ID), integration.Version(in.version())))
		})
	add(a, op{id: "test-home-assistant", method: http.MethodPost, path: one + "/test", tag: tag, summary: "Send webhook.test with a confirm_url now, or a broker a message that nothing keeps; the answer says how it ended"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[integration.Tested], error) {
			return answer(a.Integrations.Test(ctx, who, integration.ID(in.ID)))
		})
	add(a, op{id: "confirm-home-assistant", method: http.MethodPost, path: integration.ConfirmPath + "{nonce}", tag: tag, summary: "What a Home Assistant calls when the test has reached it"},
		func(ctx context.Context, who account.Actor, in *ConfirmInput) (*body[integration.Confirmed], error) {
			return answer(a.Integrations.Confirm(ctx, who, in.Nonce))
		})
}

func (a *API) createConnection(ctx context.Context, who account.Actor, in *connectionInput) (*resource[integration.Connection], error) {
	org, err := who.Creating()
	if err != nil {
		return nil, err
	}
	c, err := a.Integrations.Create(ctx, who, org, in.Body)
	return connectionAnswer(c, "/api/integrations/home-assistant/"+string(c.ID), err)
}

func (a *API) replaceConnection(ctx context.Context, who account.Actor, id integration.ID, in integration.Input, m IfMatched) (*resource[integration.Connection], error) {
	c, err := a.Integrations.Replace(ctx, who, id, in, integration.Version(m.version()))
	return connectionAnswer(c, "", err)
}

func connectionAnswer(c integration.Connection, location string, err error) (*resource[integration.Connection], error) {
	return versioned(c, fleet.VersionOf(c.UpdatedAt), location), err
}
