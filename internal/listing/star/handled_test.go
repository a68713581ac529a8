package star_test

import (
	"net/http"
	"net/http/httptest"
)

// handled answers without a network.
type handled struct{ h http.Handler }

func (c handled) Do(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, req)
	return w.Result(), nil
}
