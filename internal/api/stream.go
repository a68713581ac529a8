package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"navidocs/internal/account"
)

// recheck is how often an open stream asks whether its reader still may read.
const recheck = 30 * time.Second

// What a browser waits before it opens a stream again: retry when it lost one,
// reconnect when we ended it because the server stops and the next one is there.
// The next stream begins with retry, so that reconnect does not last.
const (
	retry     = 3 * time.Second
	reconnect = 100 * time.Millisecond
)

// stream answers with server-sent events: send writes what there is, at once
// and whenever watch signals, until it has no more to come, the reader's session
// ends, or the server stops.
func (a *API) stream(ctx context.Context, who account.Actor, watch func(context.Context) <-chan struct{}, send func(context.Context, io.Writer) (more bool, err error)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		_, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "retry: %d\n\n", retry.Milliseconds())
		control := http.NewResponseController(w)
		news, tick := watch(ctx), time.NewTicker(recheck)
		defer tick.Stop()
		for {
			more, err := send(ctx, w)
			if err != nil || control.Flush() != nil || !more {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if _, err := a.Accounts.Again(ctx, who); err != nil {
					return
				}
			case _, ok := <-news:
				if !ok {
					if ctx.Err() == nil {
						comeBack(w)
					}
					return
				}
			}
		}
	}}
}

// comeBack tells the reader of a stream to open it again.
func comeBack(w io.Writer) {
	fmt.Fprintf(w, "retry: %d\nevent: reconnect\ndata: {}\n\n", reconnect.Milliseconds())
}
