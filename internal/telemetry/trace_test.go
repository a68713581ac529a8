package telemetry

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The key for New Relic is shown to New Relic alone.
func TestWhereTracesGo(t *testing.T) {
	t.Parallel()
	key := map[string]string{"api-key": "k"}
	for name, c := range map[string]struct {
		options TraceOptions
		address string
		headers map[string]string
	}{
		"a collector":              {TraceOptions{Endpoint: "http://localhost:4318/"}, "http://localhost:4318/v1/traces", nil},
		"a collector below a path": {TraceOptions{Endpoint: "https://otel.example.org/in"}, "https://otel.example.org/in/v1/traces", nil},
		"New Relic":                {TraceOptions{NewRelic: "k"}, "https://otlp.nr-data.net/v1/traces", key},
		"New Relic in Europe":      {TraceOptions{NewRelic: "k", Endpoint: "https://otlp.eu01.nr-data.net"}, "https://otlp.eu01.nr-data.net/v1/traces", key},
		"a collector, and a key":   {TraceOptions{NewRelic: "k", Endpoint: "https://nr-data.net.example.org"}, "https://nr-data.net.example.org/v1/traces", nil},
	} {
		address, headers := c.options.target()
		if diff := cmp.Diff(c.headers, headers); address != c.address || diff != "" {
			t.Error(name, address, diff)
		}
		if !c.options.Wanted() || (Untraced(c.options) == "") != Tracing {
			t.Error(name, Untraced(c.options))
		}
	}
	if (TraceOptions{Release: "1"}).Wanted() || Untraced(TraceOptions{}) != "" {
		t.Error("nobody asked for traces")
	}
}
