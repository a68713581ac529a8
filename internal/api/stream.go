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

// stream answers with server-sent events: send writes what there is for the
// reader as they are then, at once and whenever watch signals, until it has no
// more to come or the reader may not see it any more, the reader's session ends,
// or the server stops.
func (a *API) stream(ctx context.Context, who account.Actor, watch func(context.Context) <-chan struct{}, send func(context.Context, account.Actor, io.Writer) (more bool, err error)) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		_, w := humago.Unwrap(hctx)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "retry: %d\n\n", retry.Milliseconds())
		control := http.NewResponseController(w)
		news, check := watch(ctx), time.NewTimer(untilRecheck(who))
		defer check.Stop()
		for {
			more, err := send(ctx, who, w)
			if err != nil || control.Flush() != nil || !more {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-check.C:
				if who, err = a.Accounts.Again(ctx, who); err != nil {
					return
				}
				check.Reset(untilRecheck(who))
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

// untilRecheck is how long a reader is taken for who they were: until a grant of
// theirs ends, recheck at most.
func untilRecheck(who account.Actor) time.Duration {
	wait := recheck
	for _, g := range who.Grants {
		if g.Until != nil {
			wait = min(wait, max(0, time.Until(*g.Until))+time.Millisecond) //nolint:forbidigo // for a timer
		}
	}
	return wait
}

// comeBack tells the reader of a stream to open it again.
func comeBack(w io.Writer) {
	fmt.Fprintf(w, "retry: %d\nevent: reconnect\ndata: {}\n\n", reconnect.Milliseconds())
}
