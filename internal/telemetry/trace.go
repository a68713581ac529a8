package telemetry

import (
	"net/url"
	"strings"
)

// newRelic is where New Relic takes traces, unless another of its addresses is
// named.
const newRelic = "https://otlp.nr-data.net"

// TraceOptions say where traces go and as whom.
type TraceOptions struct {
	// Endpoint is an OTLP service's address, over HTTP; "" for none, or New Relic's
	// where NewRelic is set.
	Endpoint string
	// NewRelic is the key for New Relic, which no other service is shown.
	NewRelic    string
	Release     string
	Environment string
	// Failed is told when traces could not be sent.
	Failed func(err error)
}

// Wanted reports whether traces are asked for.
func (o TraceOptions) Wanted() bool { return o.Endpoint != "" || o.NewRelic != "" }

// target is where traces are sent, with which headers.
func (o TraceOptions) target() (address string, headers map[string]string) {
	base := o.Endpoint
	if base == "" {
		base = newRelic
	}
	if u, err := url.Parse(base); err == nil && o.NewRelic != "" && (u.Hostname() == "nr-data.net" || strings.HasSuffix(u.Hostname(), ".nr-data.net")) {
		headers = map[string]string{"api-key": o.NewRelic}
	}
	return strings.TrimSuffix(base, "/") + "/v1/traces", headers
}

// Untraced is what operators are told whose binary cannot send the traces that
// they asked for; "" when all is well.
func Untraced(o TraceOptions) string {
	if Tracing || !o.Wanted() {
		return ""
	}
	return "traces are asked for (OTEL_EXPORTER_OTLP_ENDPOINT, NEW_RELIC_LICENSE_KEY), and this binary sends none: build it with make build TAGS=otel"
}
