package app

import (
	"context"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/keeper"
)

// The topics by which processes wake each other's streams.
func documentTopic(id document.ID) string { return "document:" + string(id) }

func notifiedTopic(id account.UserID) string { return "notified:" + string(id) }

// changed wakes whoever watches a document.
func (a *App) changed(id document.ID) { a.publish(documentTopic(id)) }

// notified wakes the streams of a person's notifications.
func (a *App) notified(id account.UserID) { a.publish(notifiedTopic(id)) }

func (a *App) publish(topic string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) //nolint:forbidigo // a wake-up after a commit belongs to no request
	defer cancel()
	if err := a.kv.Publish(ctx, topic); err != nil {
		a.options.Log.Warn("wake-up lost", "topic", topic, "error", err)
	}
}

// watch signals changes of a document until ctx ends or the server that answers
// drains: its reader then comes back to the next one.
func (a *App) watch(ctx context.Context, id document.ID) <-chan struct{} {
	return a.subscribe(ctx, documentTopic(id))
}

// watchNotified signals a person's new notifications in the same way.
func (a *App) watchNotified(ctx context.Context, id account.UserID) <-chan struct{} {
	return a.subscribe(ctx, notifiedTopic(id))
}

func (a *App) subscribe(ctx context.Context, topic string) <-chan struct{} {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-keeper.Draining(ctx):
		case <-ctx.Done():
		}
	}()
	return a.kv.Subscribe(ctx, topic)
}
