# Everything that people and CI do, by name. `make help` lists it.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One way to build for everything but the race detector, which asks for cgo.
export CGO_ENABLED := 0

# The profile in cmd/navidocs makes the program a tenth faster and its first
# build a minute longer: only what is shipped or measured is built with it.
export GOFLAGS += -pgo=off

tool := go tool -modfile=tools/go.mod

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: ## serve the demo at http://localhost:3000
	go run ./cmd/navidocs serve --demo

.PHONY: build
build: ## build the one static binary, bin/navidocs (TAGS=otel: with traces)
	go build -pgo=auto -trimpath $(if $(TAGS),-tags $(TAGS)) -ldflags "-s -w" -o bin/navidocs ./cmd/navidocs

VERSION ?= 0.0.0
.PHONY: package
package: build ## build the Debian package, bin/navidocs_VERSION_ARCH.deb (VERSION=1.4.0)
	@# A module of its own: what it needs would change the versions of the other tools.
	VERSION=$(VERSION) GOARCH=$$(go env GOARCH) go tool -modfile=tools/nfpm.mod nfpm package --config packaging/nfpm.yaml --packager deb --target bin/

.PHONY: test
test: setup check ## check, then run every test, with the race detector and the real servers
	@# Built, not "go run", which leaves its program behind when it is ended.
	@go build -o bin/ ./internal/testkit/with ./internal/testkit/suite
	bin/with -- bin/suite

.PHONY: setup
setup:
	@scripts/setup

.PHONY: check
check: ## check the form: format, vet, lint, imports, modules, figures
	@unformatted=$$($(tool) gofumpt -l cmd internal $(wildcard features web prove bench api doc packaging)); \
	if [ -n "$$unformatted" ]; then \
		echo "not formatted (repair: make format):"; echo "$$unformatted"; exit 1; \
	fi
	go vet ./...
	@# What only another build has does not rot.
	go vet -tags otel ./internal/telemetry ./internal/app
	go test -count=1 -tags otel -run 'Trace' ./internal/telemetry ./internal/app
	CGO_ENABLED=0 GOOS=darwin go build ./cmd/... ./internal/...
	CGO_ENABLED=0 GOOS=windows go build ./cmd/... ./internal/...
	@# A cache of this checkout alone: shared ones name the files of other checkouts.
	GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/golangci-lint $(tool) golangci-lint run --allow-parallel-runners
	go test -count=1 -short ./internal ./doc
	go mod verify
	go run ./internal/testkit/figures

.PHONY: format
format: ## format the code
	$(tool) gofumpt -w cmd internal $(wildcard features web prove bench api doc packaging)

.PHONY: bench
bench: ## run the side-by-side benchmarks
	@if [ -e bench/run ]; then bash bench/run; else echo "bench: there is no bench/run"; fi

.PHONY: profile
profile: ## profile the benchmarks of the API anew, for the compiler
	go test -trimpath -run '^$$' -bench . -benchtime 3s -cpuprofile $(CURDIR)/cmd/navidocs/default.pgo -o /dev/null ./internal/api

.PHONY: prove
prove: setup ## run the long proofs: kill, load, upgrade, restore; and every test with the race detector
	@go build -o bin/ ./internal/testkit/with ./internal/testkit/suite
	bin/with -- go test -count=1 -timeout 4h -tags prove -v ./prove/...
	bin/with -- bin/suite -thorough
