package api

import (
	"context"
	"net/http"

	"navidocs/internal/account"
	"navidocs/internal/fleet"
	"navidocs/internal/webhook"
)

type webhookList struct {
	Paging
	Status string `query:"status" enum:"active,paused,held,disabled"`
}

type webhookInput struct {
	Body webhook.Input
}

type webhookPut struct {
	ByID
	IfMatched
	Body webhook.Input
}

type webhookPatch struct {
	ByID
	IfMatched
	Body webhook.Patch
}

type deliveryList struct {
	ByID
	Paging
	Status  string `query:"status" enum:"pending,succeeded,failed,held"`
	Type    string `query:"type" maxLength:"100" doc:"of the event"`
	EventID string `query:"event_id" maxLength:"64"`
}

type replayInput struct {
	ByID
	Body webhook.Range
}

func (a *API) webhookOperations() {
	const tag, all, one = "webhooks", "/api/webhooks", "/api/webhooks/{id}"
	add(a, op{id: "list-webhooks", method: http.MethodGet, path: all, tag: tag, summary: "The endpoints that are told of events, oldest first"},
		func(ctx context.Context, who account.Actor, in *webhookList) (*list[webhook.Webhook], error) {
			f := webhook.Filter{Status: webhook.Status(in.Status), Limit: in.Limit, Offset: in.Offset}
			all, total, err := a.Webhooks.Webhooks(ctx, who, f)
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "create-webhook", method: http.MethodPost, path: all, tag: tag, status: http.StatusCreated, summary: "Add an endpoint; the answer shows its secret, once"}, a.createWebhook)
	add(a, op{id: "get-webhook", method: http.MethodGet, path: one, tag: tag, summary: "One endpoint"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[webhook.Webhook], error) {
			w, err := a.Webhooks.Webhook(ctx, who, webhook.ID(in.ID))
			return webhookAnswer(w, "", err)
		})
	add(a, op{id: "replace-webhook", method: http.MethodPut, path: one, tag: tag, summary: "Put what is given in the place of what is stored; secret and status stay"},
		func(ctx context.Context, who account.Actor, in *webhookPut) (*resource[webhook.Webhook], error) {
			w, err := a.Webhooks.Replace(ctx, who, webhook.ID(in.ID), in.Body, webhook.Version(in.version()))
			return webhookAnswer(w, "", err)
		})
	add(a, op{id: "update-webhook", method: http.MethodPatch, path: one, tag: tag, summary: "Change what is given; a status of paused keeps events back"},
		func(ctx context.Context, who account.Actor, in *webhookPatch) (*resource[webhook.Webhook], error) {
			w, err := a.Webhooks.Update(ctx, who, webhook.ID(in.ID), in.Body, webhook.Version(in.version()))
			return webhookAnswer(w, "", err)
		})
	add(a, op{id: "delete-webhook", method: http.MethodDelete, path: one, tag: tag, summary: "Delete an endpoint, its log and what was kept for it"},
		func(ctx context.Context, who account.Actor, in *change) (*body[webhook.Webhook], error) {
			return answer(a.Webhooks.Delete(ctx, who, webhook.ID(in.ID), webhook.Version(in.version())))
		})
	add(a, op{id: "test-webhook", method: http.MethodPost, path: one + "/test", tag: tag, summary: "Send webhook.test now; the answer says how it ended"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[webhook.Delivery], error) {
			return answer(a.Webhooks.Test(ctx, who, webhook.ID(in.ID)))
		})
	add(a, op{id: "rotate-webhook-secret", method: http.MethodPost, path: one + "/rotate-secret", tag: tag, summary: "A new secret, shown once; the old one signs as well for 24 hours"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[webhook.Webhook], error) {
			w, err := a.Webhooks.RotateSecret(ctx, who, webhook.ID(in.ID))
			return webhookAnswer(w, "", err)
		})
	add(a, op{id: "resume-webhook", method: http.MethodPost, path: one + "/resume", tag: tag, summary: "Make it active and send all that was kept, the oldest first"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[webhook.Webhook], error) {
			w, err := a.Webhooks.Resume(ctx, who, webhook.ID(in.ID))
			return webhookAnswer(w, "", err)
		})
	a.deliveryOperations()
}

func (a *API) createWebhook(ctx context.Context, who account.Actor, in *webhookInput) (*resource[webhook.Webhook], error) {
	org, err := who.Creating()
	if err != nil {
		return nil, err
	}
	w, err := a.Webhooks.Create(ctx, who, org, in.Body)
	return webhookAnswer(w, "/api/webhooks/"+string(w.ID), err)
}

func webhookAnswer(w webhook.Webhook, location string, err error) (*resource[webhook.Webhook], error) {
	return versioned(w, fleet.VersionOf(w.UpdatedAt), location), err
}

func (a *API) deliveryOperations() {
	const tag, one = "webhooks", "/api/deliveries/{id}"
	add(a, op{id: "list-deliveries", method: http.MethodGet, path: "/api/webhooks/{id}/deliveries", tag: tag, summary: "Every attempt of 30 days, newest first"},
		func(ctx context.Context, who account.Actor, in *deliveryList) (*list[webhook.Delivery], error) {
			f := webhook.DeliveryFilter{
				Status: webhook.DeliveryStatus(in.Status), EventType: in.Type, EventID: in.EventID, Limit: in.Limit, Offset: in.Offset,
			}
			all, total, err := a.Webhooks.Deliveries(ctx, who, webhook.ID(in.ID), f)
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "replay-deliveries", method: http.MethodPost, path: "/api/webhooks/{id}/replay", tag: tag, status: http.StatusAccepted, summary: "Send the events of some time again, the oldest first"},
		func(ctx context.Context, who account.Actor, in *replayInput) (*body[webhook.Replayed], error) {
			return answer(a.Webhooks.ReplayRange(ctx, who, webhook.ID(in.ID), in.Body))
		})
	add(a, op{id: "get-delivery", method: http.MethodGet, path: one, tag: tag, summary: "One attempt, with what it sends"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[webhook.Delivery], error) {
			return answer(a.Webhooks.Delivery(ctx, who, webhook.DeliveryID(in.ID)))
		})
	add(a, op{id: "replay-delivery", method: http.MethodPost, path: one + "/replay", tag: tag, status: http.StatusAccepted, summary: "Send the event again: the same id, the present secret"},
		func(ctx context.Context, who account.Actor, in *ByID) (*resource[webhook.Delivery], error) {
			d, err := a.Webhooks.Replay(ctx, who, webhook.DeliveryID(in.ID))
			return &resource[webhook.Delivery]{Location: "/api/deliveries/" + string(d.ID), Body: d}, err
		})
}
