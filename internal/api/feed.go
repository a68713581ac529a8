package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
	"navidocs/internal/integration"
)

type feedInput struct {
	Body *integration.NewFeed
}

// CalendarInput names a calendar by its secret alone.
type CalendarInput struct {
	Token       string `path:"token" maxLength:"100"`
	IfNoneMatch string `header:"If-None-Match"`
}

type calendarOutput struct {
	Status       int
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	ContentType  string `header:"Content-Type"`
	Robots       string `header:"X-Robots-Tag"`
	Body         []byte
}

func (a *API) feedOperations() {
	const tag, all, one = "calendars", "/api/feeds", "/api/feeds/{id}"
	add(a, op{id: "list-feeds", method: http.MethodGet, path: all, tag: tag, summary: "Your calendars, oldest first"},
		func(ctx context.Context, who account.Actor, _ *none) (*body[[]integration.Feed], error) {
			return answer(a.Integrations.Feeds(ctx, who))
		})
	add(a, op{id: "create-feed", method: http.MethodPost, path: all, tag: tag, status: http.StatusCreated, summary: "A calendar of what ends when, in your name; the answer shows its address, once"},
		func(ctx context.Context, who account.Actor, in *feedInput) (*resource[integration.Feed], error) {
			var n integration.NewFeed
			if in.Body != nil {
				n = *in.Body
			}
			f, err := a.Integrations.CreateFeed(ctx, who, n)
			return &resource[integration.Feed]{Location: all + "/" + string(f.ID), Body: f}, err
		})
	add(a, op{id: "delete-feed", method: http.MethodDelete, path: one, tag: tag, summary: "End a calendar: its address is unknown from now on"},
		func(ctx context.Context, who account.Actor, in *ByID) (*body[integration.Feed], error) {
			return answer(a.Integrations.DeleteFeed(ctx, who, integration.FeedID(in.ID)))
		})
	add(a, op{id: "get-calendar", method: http.MethodGet, path: "/feeds/{token}/calendar.ics", tag: tag, summary: "The calendar (RFC 5545), with what its owner may see now"}, a.calendar)
	a.huma.OpenAPI().Paths["/feeds/{token}/calendar.ics"].Get.Responses["200"].Content = map[string]*huma.MediaType{
		"text/calendar": {Schema: &huma.Schema{Type: huma.TypeString}},
	}
	a.huma.OpenAPI().Paths["/feeds/{token}/calendar.ics"].Get.Responses["304"] = &huma.Response{Description: "It is as you have it"}
}

func (a *API) calendar(ctx context.Context, _ account.Actor, in *CalendarInput) (*calendarOutput, error) {
	text, err := a.Integrations.Calendar(ctx, in.Token)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	out := &calendarOutput{
		Status: http.StatusOK, ETag: `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`, CacheControl: "private, no-cache",
		ContentType: "text/calendar; charset=utf-8", Robots: "noindex", Body: text,
	}
	for part := range strings.SplitSeq(in.IfNoneMatch, ",") { // weak comparison (RFC 9110, 13.1.2)
		if tag := strings.TrimPrefix(strings.TrimSpace(part), "W/"); tag == out.ETag || tag == "*" {
			out.Status, out.Body = http.StatusNotModified, nil
		}
	}
	return out, nil
}
