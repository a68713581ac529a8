package ops

import "encoding/json"

// shortRoutes leaves out what takes its time: uploads, downloads, streams and
// the hashing of passwords. The rules say the same.
const shortRoutes = `route!~"POST /api/documents|.*/(content|progress|image|photos)|POST /api/auth/(login|register)"`

// panel is one picture of the dashboard.
type panel struct {
	title, unit string
	limit       float64 // where it turns red; 0 for nowhere
	queries     []query
}

type query struct{ expr, legend string }

func panels() []panel {
	return []panel{
		{"Release", "none", 0, []query{{`navidocs_build_info`, "{{version}}"}}},
		{"Parts that work", "bool_yes_no", 0, []query{{`navidocs_part_up`, "{{part}}"}}},
		{"Error budget left (30 days, 99.9 %)", "percentunit", 0, []query{{
			`1 - sum(increase(navidocs_http_request_duration_seconds_count{status=~"5.."}[30d])) / sum(increase(navidocs_http_request_duration_seconds_count[30d])) / 0.001`, "left",
		}}},

		{"Requests", "reqps", 0, []query{{`sum by (status) (rate(navidocs_http_request_duration_seconds_count[5m]))`, "{{status}}"}}},
		{"Answers, short routes", "s", .2, []query{
			{quantile("0.5", "navidocs_http_request_duration_seconds_bucket{"+shortRoutes+"}", "le"), "p50"},
			{quantile("0.95", "navidocs_http_request_duration_seconds_bucket{"+shortRoutes+"}", "le"), "p95"},
			{quantile("0.99", "navidocs_http_request_duration_seconds_bucket{"+shortRoutes+"}", "le"), "p99"},
		}},
		{"Errors of the server", "percentunit", .01, []query{{
			`sum(rate(navidocs_http_request_duration_seconds_count{status=~"5.."}[5m])) / sum(rate(navidocs_http_request_duration_seconds_count[5m]))`, "5xx",
		}}},
		{"Slowest routes, mean", "s", 0, []query{{
			`topk(10, sum by (route) (rate(navidocs_http_request_duration_seconds_sum[15m])) / sum by (route) (rate(navidocs_http_request_duration_seconds_count[15m])))`, "{{route}}",
		}}},
		{"Database, p95", "s", .1, []query{{quantile("0.95", "navidocs_db_duration_seconds_bucket", "le, kind"), "{{kind}}"}}},
		{"Database, calls", "ops", 0, []query{{`sum by (kind) (rate(navidocs_db_duration_seconds_count[5m]))`, "{{kind}}"}}},

		{"Jobs in the queue", "none", 0, []query{{`navidocs_queue_jobs`, "{{state}}"}}},
		{"Oldest job that is due", "s", 600, []query{{`navidocs_queue_oldest_seconds`, "oldest"}}},
		{"Queue paused", "bool_yes_no", 1, []query{{`navidocs_queue_paused`, "paused"}}},
		{"Jobs, p95", "s", 5, []query{{quantile("0.95", "navidocs_job_duration_seconds_bucket", "le, kind"), "{{kind}}"}}},
		{"Jobs by outcome", "ops", 0, []query{{`sum by (outcome) (rate(navidocs_job_duration_seconds_count[5m]))`, "{{outcome}}"}}},
		{"Backups: age", "s", 26 * 3600, []query{{`navidocs_backup_age_seconds`, "newest verified"}, {`navidocs_backup_drill_age_seconds`, "last drill"}}},
		{"Certificate, days left", "none", 0, []query{{`navidocs_certificate_days`, "days"}}},

		{"Processors", "percentunit", .8, []query{{
			`sum by (instance) (rate(navidocs_machine_cpu_seconds_total{mode="busy"}[5m])) / sum by (instance) (navidocs_machine_cpus)`, "busy",
		}}},
		{"Memory", "percentunit", .85, []query{{`navidocs_machine_memory_used_ratio`, "in use"}}},
		{"Disk of the data", "percentunit", .9, []query{{`navidocs_machine_disk_used_ratio`, "in use"}}},
		{"Database, size", "bytes", 0, []query{{`navidocs_database_bytes`, "database"}, {`navidocs_database_wal_bytes`, "write-ahead log"}}},
		{"Memory of the process", "bytes", 0, []query{{`process_resident_memory_bytes{job="navidocs"}`, "resident"}, {`go_memstats_heap_inuse_bytes{job="navidocs"}`, "heap"}}},
		{"Goroutines and open files", "none", 0, []query{{`go_goroutines{job="navidocs"}`, "goroutines"}, {`process_open_fds{job="navidocs"}`, "files"}}},

		{"Smoke test holds", "bool_yes_no", 0, []query{{`navidocs_smoke_ok`, "holds"}}},
		{"Smoke test, suites", "s", 0, []query{{`navidocs_smoke_seconds`, "{{suite}}"}}},
	}
}

func quantile(q, series, by string) string {
	return "histogram_quantile(" + q + ", sum by (" + by + ") (rate(" + series + "[5m])))"
}

// object is one of Grafana's.
type object = map[string]any

// Dashboard is the dashboard for Grafana, as the JSON that its import takes.
func Dashboard() ([]byte, error) {
	const across, width, height = 3, 8, 7
	var drawn []object
	for i, p := range panels() {
		drawn = append(drawn, p.draw(i+1, object{"x": i % across * width, "y": i / across * height, "w": width, "h": height}))
	}
	return json.MarshalIndent(object{
		"uid": "navidocs", "title": "NaviDocs", "tags": []string{"navidocs"}, "schemaVersion": 39, "editable": true,
		"refresh": "1m", "time": object{"from": "now-6h", "to": "now"}, "panels": drawn,
		"templating": object{"list": []object{{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}}},
	}, "", "  ")
}

// draw makes Grafana's panel of one: a number for what has no course worth
// seeing, a line for the rest.
func (p panel) draw(id int, place object) object {
	source := object{"type": "prometheus", "uid": "${source}"}
	var targets []object
	for i, q := range p.queries {
		targets = append(targets, object{"refId": string(rune('A' + i)), "expr": q.expr, "legendFormat": q.legend, "datasource": source})
	}
	kind := "timeseries"
	if p.title == "Release" || p.unit == "bool_yes_no" {
		kind = "stat"
	}
	steps, mode := []object{{"color": "green", "value": nil}}, "off"
	if p.limit > 0 {
		steps, mode = append(steps, object{"color": "red", "value": p.limit}), "dashed"
	}
	return object{
		"id": id, "title": p.title, "type": kind, "gridPos": place, "datasource": source, "targets": targets,
		"options": object{"textMode": "value_and_name"},
		"fieldConfig": object{"overrides": []object{}, "defaults": object{
			"unit": p.unit, "min": 0, "thresholds": object{"mode": "absolute", "steps": steps},
			"custom": object{"thresholdsStyle": object{"mode": mode}},
		}},
	}
}
