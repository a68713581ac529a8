//go:build otel

package app_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"navidocs/internal/apptest"
	"navidocs/internal/testkit"
)

// taker stands for a collector.
type taker struct {
	mu    sync.Mutex
	spans map[string]*tracepb.Span // the first of each name
	all   []*tracepb.Span
	text  strings.Builder
}

func (c *taker) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var request collector.ExportTraceServiceRequest
	unzipped, err := gzip.NewReader(r.Body)
	if err != nil {
		return
	}
	body, err := io.ReadAll(unzipped)
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(&c.text, request.String())
	for _, of := range request.GetResourceSpans() {
		for _, in := range of.GetScopeSpans() {
			for _, span := range in.GetSpans() {
				c.all = append(c.all, span)
				if c.spans[span.GetName()] == nil {
					c.spans[span.GetName()] = span
				}
			}
		}
	}
}

func (c *taker) span(name string) *tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans[name]
}

func attribute(s *tracepb.Span, key string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == key {
			return strings.TrimSpace(a.GetValue().String())
		}
	}
	return ""
}

// Requests, transactions and jobs are traced, by patterns and kinds: no token of a
// path, no name and no error's text is in what a collector gets.
//
//nolint:paralleltest // the settings are the process's
func TestTraces(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "20") // ms
	c := &taker{spans: map[string]*tracepb.Span{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	s := apptest.New(t, apptest.Options{Settings: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL}})
	ada := s.User("hortensia@secret.example", "", "")
	ada.Read(ada.Upload("Hortensia.txt", []byte("Hortensia's words")).ID)
	s.Anonymous().Do("GET", "/p/secret-token-of-a-package", nil)
	ada.Do("GET", "/api/boats/Hortensia?q=Hortensia", nil, "User-Agent: Hortensia's browser", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	testkit.Eventually(t, func() error {
		for _, name := range []string{"POST /api/documents", "GET /p/{token}", "GET /api/boats/{id}", "job document.inspect", "transaction"} {
			if c.span(name) == nil {
				return fmt.Errorf("there is no span %s", name)
			}
		}
		return nil
	})
	upload, boat, job := c.span("POST /api/documents"), c.span("GET /api/boats/{id}"), c.span("job document.inspect")
	if attribute(upload, "http.request.method") != `string_value:"POST"` || attribute(upload, "http.route") != `string_value:"/api/documents"` || attribute(upload, "http.response.status_code") != "int_value:201" || upload.GetKind() != tracepb.Span_SPAN_KIND_SERVER {
		t.Error(upload)
	}
	if attribute(boat, "http.response.status_code") != "int_value:404" || boat.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR || len(boat.GetParentSpanId()) > 0 {
		t.Error(boat)
	}
	if attribute(job, "navidocs.job.outcome") != `string_value:"completed"` || attribute(job, "navidocs.job.attempt") != "int_value:1" {
		t.Error(job)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	within := map[string]int{} // transactions by what they belong to
	for _, span := range c.all {
		for _, above := range []*tracepb.Span{upload, job} {
			if span.GetName() == "transaction" && string(span.GetParentSpanId()) == string(above.GetSpanId()) {
				within[above.GetName()]++
			}
		}
	}
	if within["POST /api/documents"] == 0 || within["job document.inspect"] == 0 {
		t.Error("transactions are not within what caused them:", within)
	}
	for _, word := range []string{"secret", "ortensia", ada.Token, "127.0.0.1", "INSERT"} {
		if strings.Contains(c.text.String(), word) {
			t.Errorf("%q was sent", word)
		}
	}
}
