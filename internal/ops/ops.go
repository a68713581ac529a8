// Package ops is what operators run an installation with. It knows how the
// program is run and never what it is about: no domain is imported here.
//
// It gives the rules and the dashboard by which Prometheus and Grafana watch
// what a server exports at /metrics.
package ops

import _ "embed"

//go:embed rules.yaml
var rules string

// Rules are the recording and alerting rules for Prometheus, as YAML.
func Rules() string { return rules }
