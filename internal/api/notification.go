package api

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
	"navidocs/internal/notify"
)

type notificationsInput struct {
	Paging
	Channel   string `query:"channel" enum:"in_app,email,sms,push,ntfy"`
	Status    string `query:"status" enum:"queued,delivered,accepted,refused,bounced,complained,unknown"`
	EventType string `query:"event_type" maxLength:"100"`
	BoatID    string `query:"boat_id"`
	Unread    bool   `query:"unread"`
}

type unreadCount struct {
	Count int `json:"count"`
}

type readAll struct {
	Read int64 `json:"read" doc:"how many were marked"`
}

func (a *API) notificationOperations() {
	const tag = "notifications"
	add(a, op{id: "list-notifications", method: http.MethodGet, path: "/api/notifications", tag: tag, summary: "What you were told, newest first"},
		func(ctx context.Context, who account.Actor, in *notificationsInput) (*list[notify.Notification], error) {
			all, total, err := a.Notifications.Notifications(ctx, who, notify.Filter{
				Channel: notify.Channel(in.Channel), Status: notify.Status(in.Status), EventType: in.EventType, BoatID: in.BoatID, Unread: in.Unread,
				Limit: in.Limit, Offset: in.Offset,
			})
			return listed(&in.Paging, all, total, err)
		})
	add(a, op{id: "count-unread", method: http.MethodGet, path: "/api/notifications/unread-count", tag: tag, summary: "How many you have not read in the application"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*body[unreadCount], error) {
			n, err := a.Notifications.Unread(ctx, who)
			return answer(unreadCount{n}, err)
		})
	add(a, op{id: "stream-notifications", method: http.MethodGet, path: "/api/notifications/stream", tag: tag, summary: "Server-sent events: your notifications as they come"}, a.notificationStream)
	add(a, op{id: "read-all-notifications", method: http.MethodPut, path: "/api/notifications/read-all", tag: tag, summary: "Mark all as read"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*body[readAll], error) {
			n, err := a.Notifications.ReadAll(ctx, who)
			return answer(readAll{n}, err)
		})
	add(a, op{id: "read-notification", method: http.MethodPut, path: "/api/notifications/{id}/read", tag: tag, summary: "Mark one as read"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[notify.Notification], error) {
			return answer(a.Notifications.Read(ctx, who, notify.ID(in.ID)))
		})
	add(a, op{id: "delete-notification", method: http.MethodDelete, path: "/api/notifications/{id}", tag: tag, summary: "Remove one; what waits is not sent"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[notify.Notification], error) {
			return answer(a.Notifications.Delete(ctx, who, notify.ID(in.ID)))
		})
	add(a, op{id: "resend-notification", method: http.MethodPost, path: "/api/notifications/{id}/resend", tag: tag, summary: "Send one again, at once"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[notify.Notification], error) {
			return answer(a.Notifications.Resend(ctx, who, notify.ID(in.ID)))
		})
	add(a, op{id: "report-bounce", method: http.MethodPost, path: "/api/notifications/bounces", tag: tag, summary: "Tell of a mail that came back; for operators"},
		func(ctx context.Context, who account.Actor, in *struct{ Body notify.Report }) (*body[notify.Report], error) {
			return answer(in.Body, a.Notifications.Report(ctx, who, in.Body))
		})
	a.preferenceOperations()
	a.templateOperations()
	responses := a.huma.OpenAPI().Paths["/api/notifications/stream"].Get.Responses
	responses["200"].Content = map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: "string"}}}
	responses["200"].Description = "Events: notification, with one, under its id; those since Last-Event-ID first when you reconnect"
	a.mux.HandleFunc("GET /u/{token}", a.stopMails)
	a.mux.HandleFunc("POST /u/{token}", a.stopMails)
}

type preferencesInput struct{ Body notify.Wishes }

type phoneInput struct {
	Body struct {
		Phone string `json:"phone" minLength:"1" maxLength:"30" example:"+351912345678"`
	}
}

type codeInput struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"10"`
	}
}

type phoneAnswer struct {
	Sent bool `json:"sent"`
}

func (a *API) preferenceOperations() {
	const tag, path = "notifications", "/api/notification-preferences"
	add(a, op{id: "get-notification-preferences", method: http.MethodGet, path: path, tag: tag, summary: "By what, when and of what you are told"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*body[notify.Preferences], error) {
			return answer(a.Notifications.Preferences(ctx, who))
		})
	add(a, op{id: "put-notification-preferences", method: http.MethodPut, path: path, tag: tag, summary: "Choose by what, when and of what you are told"},
		func(ctx context.Context, who account.Actor, in *preferencesInput) (*body[notify.Preferences], error) {
			return answer(a.Notifications.SetPreferences(ctx, who, in.Body))
		})
	add(a, op{id: "set-phone", method: http.MethodPut, path: path + "/phone", tag: tag, summary: "Give a number for text messages; a code is sent to it"},
		func(ctx context.Context, who account.Actor, in *phoneInput) (*body[phoneAnswer], error) {
			return answer(phoneAnswer{true}, a.Notifications.SetPhone(ctx, who, in.Body.Phone))
		})
	add(a, op{id: "confirm-phone", method: http.MethodPost, path: path + "/phone/confirm", tag: tag, summary: "Confirm the number with the code"},
		func(ctx context.Context, who account.Actor, in *codeInput) (*body[notify.Preferences], error) {
			return answer(a.Notifications.ConfirmPhone(ctx, who, in.Body.Code))
		})
	add(a, op{id: "forget-phone", method: http.MethodDelete, path: path + "/phone", tag: tag, summary: "End text messages"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*body[notify.Preferences], error) {
			return answer(a.Notifications.ForgetPhone(ctx, who))
		})
	add(a, op{id: "resume-mail", method: http.MethodPost, path: path + "/email/resume", tag: tag, summary: "Send mail to your address again, after it came back"},
		func(ctx context.Context, who account.Actor, _ *struct{}) (*body[notify.Preferences], error) {
			return answer(a.Notifications.ResumeMail(ctx, who))
		})
	add(a, op{id: "subscribe-push", method: http.MethodPost, path: "/api/push-subscriptions", tag: tag, status: http.StatusCreated, summary: "Take this browser in"},
		func(ctx context.Context, who account.Actor, in *struct{ Body notify.Subscription }) (*body[notify.SubscriptionInfo], error) {
			return answer(a.Notifications.Subscribe(ctx, who, in.Body))
		})
	add(a, op{id: "unsubscribe-push", method: http.MethodDelete, path: "/api/push-subscriptions", tag: tag, summary: "Forget this browser"},
		func(ctx context.Context, who account.Actor, in *endpointInput) (*body[endpointGone], error) {
			return answer(endpointGone{true}, a.Notifications.Unsubscribe(ctx, who, in.Endpoint))
		})
}

type endpointInput struct {
	Endpoint string `query:"endpoint" required:"true" maxLength:"2000" doc:"the subscription's endpoint"`
}

type endpointGone struct {
	Forgotten bool `json:"forgotten"`
}

type templatesInput struct {
	EventType string `query:"event_type" maxLength:"100"`
	Channel   string `query:"channel" enum:"in_app,email,sms,push,ntfy"`
	Language  string `query:"language" enum:"en,fr,de,it,es"`
}

type templateInput struct {
	ByID
	Body notify.TemplateInput
}

func (a *API) templateOperations() {
	const tag, path = "notifications", "/api/notification-templates"
	add(a, op{id: "list-notification-templates", method: http.MethodGet, path: path, tag: tag, summary: "What your organization's people are told"},
		func(ctx context.Context, who account.Actor, in *templatesInput) (*body[[]notify.Template], error) {
			org, err := who.Creating()
			if err != nil {
				return nil, err
			}
			return answer(a.Notifications.Templates(ctx, who, org, notify.TemplateFilter{EventType: in.EventType, Channel: notify.Channel(in.Channel), Language: in.Language}))
		})
	add(a, op{id: "get-notification-template", method: http.MethodGet, path: path + "/{id}", tag: tag, summary: "One template"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[notify.Template], error) {
			org, err := who.Creating()
			if err != nil {
				return nil, err
			}
			return answer(a.Notifications.Template(ctx, who, org, in.ID))
		})
	add(a, op{id: "put-notification-template", method: http.MethodPut, path: path + "/{id}", tag: tag, summary: "Say it in your organization's own words"},
		func(ctx context.Context, who account.Actor, in *templateInput) (*body[notify.Template], error) {
			org, err := who.Creating()
			if err != nil {
				return nil, err
			}
			return answer(a.Notifications.SetTemplate(ctx, who, org, in.ID, in.Body))
		})
	add(a, op{id: "reset-notification-template", method: http.MethodDelete, path: path + "/{id}", tag: tag, summary: "Go back to the words that came with NaviDocs"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[notify.Template], error) {
			org, err := who.Creating()
			if err != nil {
				return nil, err
			}
			return answer(a.Notifications.ResetTemplate(ctx, who, org, in.ID))
		})
	add(a, op{id: "preview-notification-template", method: http.MethodPost, path: path + "/{id}/preview", tag: tag, summary: "Fill words in with real data; keeps and sends nothing"},
		func(ctx context.Context, who account.Actor, in *templateInput) (*body[notify.Preview], error) {
			org, err := who.Creating()
			if err != nil {
				return nil, err
			}
			return answer(a.Notifications.PreviewTemplate(ctx, who, org, in.ID, in.Body))
		})
}

type streamInput struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"100" doc:"id of the last one that you have"`
}

// notificationStream sends the actor's notifications in the application as they
// come, those missed since Last-Event-ID first.
func (a *API) notificationStream(ctx context.Context, who account.Actor, in *streamInput) (*huma.StreamResponse, error) {
	last := notify.ID(in.LastEventID)
	if last == "" {
		newest, _, err := a.Notifications.Notifications(ctx, who, notify.Filter{Channel: notify.InApp, Limit: 1})
		if err != nil {
			return nil, err
		}
		if last = "0"; len(newest) > 0 {
			last = newest[0].ID
		}
	}
	watch := func(ctx context.Context) <-chan struct{} { return a.config.Notified(ctx, who.UserID) }
	return a.stream(ctx, who, watch, func(ctx context.Context, who account.Actor, w io.Writer) (more bool, err error) {
		last, err = a.sendNews(ctx, w, who, last)
		return true, err
	}), nil
}

// sendNews writes what came after the last one; a comment when nothing did, so
// that a broken line is noticed.
func (a *API) sendNews(ctx context.Context, w io.Writer, who account.Actor, last notify.ID) (notify.ID, error) {
	for {
		news, _, err := a.Notifications.Notifications(ctx, who, notify.Filter{Channel: notify.InApp, After: last, Limit: 100})
		if err != nil {
			return last, err
		}
		for _, n := range news {
			text, err := marshal(n)
			if err != nil {
				return last, err
			}
			if _, err := fmt.Fprintf(w, "id: %s\nevent: notification\ndata: %s\n\n", n.ID, text); err != nil {
				return last, err
			}
			last = n.ID
		}
		if len(news) < 100 {
			_, err := fmt.Fprint(w, ": alive\n\n")
			return last, err
		}
	}
}

var stopPage = template.Must(template.New("stop").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>NaviDocs: stop these mails</title></head>
<body style="font-family:Helvetica,Arial,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;line-height:1.5">
{{if .Problem}}<h1>This link does not work</h1><p>{{.Problem}}</p>
{{else if .Done}}<h1>Done</h1><p>You get no more mails about {{range $i, $e := .Events}}{{if $i}}, {{end}}{{$e}}{{end}}. In the application you are still told; there you can turn the mails on again.</p>
{{else}}<h1>Stop these mails?</h1><p>Mails about {{range $i, $e := .Events}}{{if $i}}, {{end}}{{$e}}{{end}} will no longer come.</p>
<form method="post"><button style="min-height:48px;padding:0 1.5rem;font-size:1rem">Stop these mails</button></form>{{end}}
</body></html>
`))

type stopView struct {
	Problem string
	Done    bool
	Events  []string
}

// stopMails is the one-click form of mails (RFC 8058): a GET shows a page and
// changes nothing, for scanners open links; a POST stops the mails, without
// cookies or a sign-in.
func (a *API) stopMails(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	var v stopView
	var err error
	if v.Done = r.Method == http.MethodPost; v.Done {
		v.Events, err = a.Notifications.Stop(r.Context(), token)
	} else {
		v.Events, err = a.Notifications.Stopping(token)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
	if err != nil {
		p := problem(r.Context(), err)
		requestOf(r.Context()).cause = p.cause
		v.Problem = p.Detail
		w.WriteHeader(p.Status)
	}
	_ = stopPage.Execute(w, v) // the reader is gone
}
