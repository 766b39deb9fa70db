# What a person runs: `make demo`, then `make check`. The rest is for working on sealring.
GO      ?= go
BIN     := bin/sealring
TOOL    := $(GO) tool -modfile=tools/go.mod
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)

.PHONY: build demo check static test e2e terraform pg bench fuzz fuzz-ci crash vuln clean

build: ## the static binary
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN) ./cmd/sealring

demo: build ## the main job from nothing to the end, in a temporary directory
	./$(BIN) demo

check: static test e2e $(if $(filter true,$(CI)),fuzz-ci) ## everything CI runs; there also some fuzzing

static: ## formatting, vet, lint
	@test -z "$$(gofmt -l cmd internal e2e)" || { gofmt -l cmd internal e2e; echo "run gofmt"; exit 1; }
	$(GO) vet -tags 'e2e azurerm' ./...
	$(GO) vet -tags failpoints ./internal/store
	$(TOOL) golangci-lint run

test: ## unit tests with the race detector, on SQLite and PostgreSQL
	./scripts/with-postgres $(GO) test -race -count=1 -timeout 20m ./cmd/... ./internal/...
	$(GO) test -count=1 -run Allocation ./internal/token

e2e: build ## third-party clients against the built binary
	./e2e/clients/install.sh
	./scripts/with-postgres $(GO) test -tags e2e -count=1 -timeout 35m -parallel 4 -v ./e2e

terraform: build ## Terraform with azurerm too, which takes a quarter of an hour to build the first time, and ten minutes to run
	./e2e/clients/install.sh azurerm
	$(GO) test -tags 'e2e azurerm' -count=1 -timeout 40m -v -run '^(TestTerraform|TestAzurerm)' ./e2e

pg: ## the store suites on a private PostgreSQL
	./scripts/with-postgres $(GO) test -count=1 ./internal/...

bench: build ## figures for docs/performance.md, as ratios in one run
	$(GO) test -run '^$$' -bench . -benchtime 1s ./internal/... | grep -E '^(Benchmark|pkg:)'
	$(GO) test -tags bench -count=1 -v ./e2e | grep -vE '^(=== | *---|PASS|ok)'

fuzz: ## every fuzz target, ten minutes of processor time each; hours. FUZZTIME=20s: so long on the clock each
	./scripts/fuzz $(or $(FUZZTIME),cpu 600 $(FUZZDONE))

fuzz-ci:
	./scripts/fuzz ci

crash: ## kill the server CYCLES times per store and compare every answered write (docs/durability.md); half an hour
	CYCLES=$(or $(CYCLES),500) ./scripts/with-postgres $(GO) test -tags e2e -count=1 -timeout 6h -v -run '^TestCrash' ./e2e

vuln: ## known vulnerabilities; needs the vulnerability database on the network
	$(TOOL) govulncheck ./...

clean:
	rm -rf bin
