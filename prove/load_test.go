package prove_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"navidocs/internal/document"
)

// load are clients that never ask twice, far from the server.
type load struct {
	c     *client
	stop  atomic.Bool
	all   sync.WaitGroup
	acked atomic.Int64 // boats that were made
	asked atomic.Int64
	mu    sync.Mutex
	lost  []string
	wrote []document.ID
}

func (a *load) failed(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost = append(a.lost, fmt.Sprintf(format, args...))
}

// boats makes boats over a transport that cannot ask again.
func (a *load) boats(tr *http.Transport) {
	defer tr.CloseIdleConnections()
	for !a.stop.Load() {
		err := a.boat(tr)
		if a.asked.Add(1); err != nil {
			a.failed("a boat: %v", err)
			continue
		}
		a.acked.Add(1)
	}
}

func (a *load) boat(tr *http.Transport) error {
	ctx, cancel := context.WithTimeout(a.c.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.c.url+"/api/boats", bytes.NewReader([]byte(`{"name":"Nemo"}`)))
	if err != nil {
		return err
	}
	req.GetBody = nil // nobody sends it again
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+a.c.token)
	res, err := tr.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %s", res.Status, &text)
	}
	return nil
}
