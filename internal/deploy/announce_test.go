package deploy_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"navidocs/internal/deploy"
	"navidocs/internal/egress"
	"navidocs/internal/fault"
)

func TestARoomIsTold(t *testing.T) {
	t.Parallel()
	status, said := http.StatusOK, map[string]string{}
	room := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(room.Close)
	client, err := egress.New(egress.Options{Allow: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	a := deploy.Announcement{Title: "NaviDocs 1.4.0 is being deployed", Lines: []string{"by anna", "was 1.3.2"}}
	if err := deploy.Post(t.Context(), client, room.URL, a); err != nil {
		t.Fatal(err)
	}
	if want := "NaviDocs 1.4.0 is being deployed\nby anna\nwas 1.3.2"; said["text"] != want {
		t.Errorf("got %q, want %q", said["text"], want)
	}
	status = http.StatusForbidden
	if err := deploy.Post(t.Context(), client, room.URL, a); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
	if err := deploy.Post(t.Context(), client, "http://169.254.169.254/", a); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
