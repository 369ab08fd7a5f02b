# `make` alone lists the targets. Nothing is needed beforehand but Go, git, make
# and a shell: tools are built at pinned versions into .build/, which git
# ignores, and are there the next time.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BUILD := $(CURDIR)/.build
BIN := $(BUILD)/bin
# Tests find promtool and Prometheus here; what is installed goes first.
export PATH := $(PATH):$(BIN)

GOLANGCI_LINT_VERSION := v2.15.0
# A linter reads what the compiler writes, so another Go needs another build.
GOLANGCI_LINT := $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION)-$(shell go env GOVERSION)

# What the end-to-end test runs beside Debian's older releases. Prometheus's
# version is that of its module in e2e/tools/prometheus/go.mod (3.15.0 is
# v0.315.0). Alertmanager 0.32 and later do not build from the module alone.
PROMETHEUS_VERSION := 3.15.0
ALERTMANAGER_VERSION := 0.31.1
AMTOOL_VERSION := 0.34.2
# etcd's version is that of its module in e2e/tools/etcd/go.mod.
ETCD_VERSION := 3.7.3
CURRENT := $(BUILD)/current
ETCD := $(CURRENT)/.etcd-$(ETCD_VERSION)
# A stamp for each, so that another version is another build.
STAMPS := $(CURRENT)/.prometheus-$(PROMETHEUS_VERSION) \
	$(CURRENT)/.alertmanager-$(ALERTMANAGER_VERSION) $(CURRENT)/.amtool-$(AMTOOL_VERSION)
VERSION_FLAG := -s -w -X github.com/prometheus/common/version.Version

# What makes packages, and the bill of materials of a release. Newer releases of
# nfpm need modules that the public proxy does not give.
NFPM_VERSION := v2.45.0
NFPM := $(BIN)/nfpm-$(NFPM_VERSION)
CYCLONEDX_VERSION := v1.9.0
CYCLONEDX := $(BIN)/cyclonedx-gomod-$(CYCLONEDX_VERSION)
# Programs for other machines, and what is released.
CROSS := $(BUILD)/cross
DIST := dist
PLATFORMS ?=

COVERAGE_FLOOR := 85
# What only puts the parts together is tested from main, in-process.
WIRING := .,./exporter,./demo,./web
# An account is tested from the poller, as others use it.
ACCOUNTS := ./poller,./poller/account
FUZZ_TIME ?= 10s
BENCH ?= .
BENCH_COUNT ?= 1
# Property tests draw their cases from a seed, and tests run in an order drawn
# from it. One seed makes `make test` the same for everybody, so that a change
# is judged by what it changed; `make stress` is what looks for the rare case.
SEED ?= 1
STRESS_CHECKS ?= 1000
FRESHNESS_SEEDS ?= 3
CHAOS_ROUNDS ?= 100
CHAOS_SEED ?= 0
TAKEOVERS ?= 20
OUTPUT ?= prefetch_exporter
TOOL_OUTPUT ?= $(dir $(OUTPUT))prefetchtool
SHARE ?= $(BUILD)/share

VERSION := $(shell cat VERSION)
# When this commit was made, in seconds: what is released knows no other time.
COMMITTED = $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

# The linker flags of .promu.yml, with its template functions filled in.
NOW := $(shell date -u $${SOURCE_DATE_EPOCH:+-d @$$SOURCE_DATE_EPOCH} +%Y%m%d-%H:%M:%S)
BRANCH = $$(git rev-parse --abbrev-ref HEAD 2>/dev/null || echo unknown)
BUILDER = $$(id -un)@$$(uname -n)
LDFLAGS = $(shell sed -n 's/^ *\(-X .*\)/\1/p' .promu.yml | sed \
	-e 's|{{.Version}}|$(VERSION)|' \
	-e "s|{{.Revision}}|$$(git rev-parse HEAD 2>/dev/null || echo unknown)|" \
	-e "s|{{.Branch}}|$(BRANCH)|" \
	-e "s|{{user}}@{{host}}|$(BUILDER)|" \
	-e 's|{{date "20060102-15:04:05"}}|$(NOW)|')

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; \
	done

.PHONY: demo
demo: ## simulated vendors and the real exporter against them, on this machine
	@go build -ldflags '$(LDFLAGS)' -o $(BUILD)/demo .
	@$(BUILD)/demo --demo

.PHONY: demo-replicas
demo-replicas: $(ETCD) ## three exporters that share one quota on three members of etcd, against simulated vendors
	@go build -ldflags '$(LDFLAGS)' -o $(BUILD)/demo .
	@cd e2e && go build -o $(BUILD)/demoreplicas ./demoreplicas
	@cd e2e && exec $(BUILD)/demoreplicas -exporter=$(BUILD)/demo

.PHONY: build
build: ## both programs, ./prefetch_exporter and ./prefetchtool, with their version in them
	CGO_ENABLED=0 go build -trimpath -tags netgo -ldflags '$(LDFLAGS)' -o $(OUTPUT) .
	CGO_ENABLED=0 go build -trimpath -tags netgo -ldflags '$(LDFLAGS)' -o $(TOOL_OUTPUT) ./cmd/prefetchtool

# The folders are those below /usr/share in which man and the shells look.
.PHONY: share
share: build ## man pages and completion scripts of both programs, in SHARE (.build/share)
	@mkdir -p $(SHARE)/man/man1 $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	@for program in $(abspath $(OUTPUT)) $(abspath $(TOOL_OUTPUT)); do \
		name=$${program##*/}; \
		$$program --help-man > $(SHARE)/man/man1/$$name.1; \
		$$program --completion-script-bash > $(SHARE)/bash-completion/completions/$$name; \
		$$program --completion-script-zsh > $(SHARE)/zsh/site-functions/_$$name; \
		$$program --completion-script-fish > $(SHARE)/fish/vendor_completions.d/$$name.fish; \
	done

.PHONY: test
test: lint unit benchsmoke build deploy e2e ## everything that must pass: linters, unit tests, coverage, benchmarks once, end to end
	@echo 'make test: all passed.'

.PHONY: unit
unit: deps $(ETCD) ## unit tests with the race detector; no package under the coverage floor
	@mkdir -p $(BUILD)
	go test -race -timeout 30m -shuffle=$(SEED) $$(scripts/packages drawn) -rapid.seed=$(SEED)
	go test -race -timeout 30m -shuffle=$(SEED) $$(scripts/packages plain) .
	@echo 'Once more for the coverage: to count it under the race detector takes three times as long.'
	go test -coverprofile=$(BUILD)/drawn.out $$(scripts/packages drawn | grep -v '/poller$$') -rapid.seed=$(SEED)
	go test -coverprofile=$(BUILD)/parts.out $$(scripts/packages plain)
	go test -coverprofile=$(BUILD)/accounts.out -coverpkg=$(ACCOUNTS) ./poller -rapid.seed=$(SEED)
	go test -coverprofile=$(BUILD)/whole.out -coverpkg=$(WIRING) .
	scripts/coverage $(COVERAGE_FLOOR) $(BUILD)/drawn.out $(BUILD)/parts.out $(BUILD)/accounts.out $(BUILD)/whole.out

.PHONY: stress
stress: ## property tests with STRESS_CHECKS (1000) cases of a new seed: what `make test` cannot find twice
	go test -shuffle=on -count=1 -timeout 2h $$(scripts/packages drawn) -rapid.checks=$(STRESS_CHECKS)

.PHONY: soak
soak: ## a month in virtual time, and half an hour of the real program: does anything grow?
	go test -count=1 -timeout 1h ./poller -run '^TestSoak$$' -v -soak.days=30
	cd e2e && go test -count=1 -timeout 1h ./exporter -run '^TestSoak$$' -v -soak.time=30m

.PHONY: chaos
chaos: $(ETCD) ## replicas disturbed CHAOS_ROUNDS (100) times: killed, stopped, cut off; CHAOS_SEED=n repeats what was drawn
	cd e2e && go test -race -count=1 -timeout 3h ./replicas -run '^TestChaos$$' -v \
		-replicas.rounds=$(CHAOS_ROUNDS) -replicas.seed=$(CHAOS_SEED)

.PHONY: bench-replicas
bench-replicas: $(ETCD) ## what replicas cost: takeover, hand-over, requests to etcd, memory and CPU with 10,000 tasks
	$(MAKE) build OUTPUT=$(BUILD)/bench/prefetch_exporter
	cd e2e && go test -count=1 -timeout 2h -run '^$$' -bench 'Takeover|HandOver|Follow' -benchtime $(TAKEOVERS)x ./replicas \
		-replicas.exporter=$(BUILD)/bench/prefetch_exporter
	cd e2e && go test -count=1 -timeout 1h -run '^$$' -bench 'Charge|Commands|TenThousandTasks' ./replicas \
		-replicas.exporter=$(BUILD)/bench/prefetch_exporter

.PHONY: e2e
e2e: deps $(ETCD) $(STAMPS) ## the real program with real Prometheus and Alertmanager, old and new, and a vendor's SDK
	cd e2e && E2E_TOOLS=$(CURRENT) go test -race -count=1 ./...
	@cat $(BUILD)/e2e/stack.log

.PHONY: lint
lint: $(GOLANGCI_LINT) ## gofmt, go vet and every linter that .golangci.yml leaves on
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "not gofmt'd:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(GOLANGCI_LINT) run ./...
	cd e2e && go vet ./... && $(GOLANGCI_LINT) run ./...
	cd e2e/deploy && go vet ./... && $(GOLANGCI_LINT) run ./...

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## format the code and sort its imports
	$(GOLANGCI_LINT) fmt ./...
	cd e2e && $(GOLANGCI_LINT) fmt ./...
	cd e2e/deploy && $(GOLANGCI_LINT) fmt ./...

.PHONY: fuzz
fuzz: ## every fuzzer for FUZZ_TIME (10s)
	scripts/fuzz $(FUZZ_TIME)

.PHONY: bench
bench: ## benchmarks; BENCH=Scrape selects, BENCH_COUNT=10 repeats for benchstat
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCH_COUNT) -timeout 1h ./...

.PHONY: benchsmoke
benchsmoke: $(ETCD) ## every benchmark once and small, so that they keep working
	go test -short -run '^$$' -bench . -benchtime 1x ./...
	cd e2e && go test -short -run '^$$' -bench . -benchtime 1x ./exporter ./replicas

.PHONY: freshness
freshness: ## how soon the metrics tell the truth: every scenario in virtual time, minutes of work
	@mkdir -p $(BUILD)/freshness
	GOGC=400 go test ./freshness -run '^TestFreshness$$' -count=1 -timeout 60m \
		-freshness.full -freshness.seeds=$(FRESHNESS_SEEDS) -freshness.out=$(BUILD)/freshness
	@cat $(BUILD)/freshness/freshness.md

.PHONY: etcd
etcd: deps $(ETCD) ## the etcd that tests of replicas run: the current release, and Debian's

# Whoever builds this commit with this release of Go gets the same bytes.
.PHONY: crossbuild
crossbuild: BRANCH = HEAD
crossbuild: BUILDER = release
crossbuild: NOW = $(shell date -u -d @$(COMMITTED) +%Y%m%d-%H:%M:%S)
crossbuild: ## the programs for PLATFORMS (all of .promu.yml), into .build/cross
	@rm -rf $(CROSS)
	@LDFLAGS='$(LDFLAGS)' scripts/crossbuild $(CROSS) $(PLATFORMS)

.PHONY: packages
packages: PLATFORMS = linux/$(shell go env GOHOSTARCH)
packages: crossbuild $(NFPM) ## the Debian and the RPM package for this machine, into dist
	SOURCE_DATE_EPOCH=$(COMMITTED) scripts/nfpm $(NFPM) $(CROSS) $(PLATFORMS) $(DIST)

# The Debian that packages are installed in, and that stands in for golang's image.
DEBIAN := $(BUILD)/debian/bookworm
DEBIAN_PACKAGES := systemd,systemd-sysv,dbus,curl,passwd,procps,rpm,make,git,ca-certificates

.PHONY: deploy
deploy: deps $(STAMPS) ## manifests, compose files, units and workflows, read by the tools of each
	cd e2e/deploy && PATH=$(CURRENT):$$PATH go test .

.PHONY: packagetest
packagetest: ## as root: packages installed, upgraded and removed under systemd, and the image built and started
	@scripts/deps $(BIN) packages
	@$(MAKE) --no-print-directory $(DEBIAN)/.made $(NFPM)
	cd e2e/deploy && E2E_DEBIAN=$(DEBIAN) go test -count=1 -v ./installed

.PHONY: release
release: crossbuild $(NFPM) $(CYCLONEDX) ## archives, packages, bills of materials and checksums for every platform, into dist
	SOURCE_DATE_EPOCH=$(COMMITTED) scripts/release $(NFPM) $(CYCLONEDX) $(CROSS) $(DIST)

.PHONY: deps
deps: ## what the tests need and Go cannot install: Debian's Prometheus, Alertmanager, etcd and prometheus_client, curl, jq, openssl, a C compiler
	@scripts/deps $(BIN)

.PHONY: clean
clean: ## remove everything that was built, tools included
	rm -rf $(BUILD) $(DIST) prefetch_exporter prefetchtool

# `go install` cannot name its output, and a half-built tool must not look done.
$(GOLANGCI_LINT):
	@mkdir -p $(BIN)
	@echo 'Building golangci-lint $(GOLANGCI_LINT_VERSION), once; this takes a few minutes.'
	GOBIN=$(BIN)/install go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(BIN)/install/golangci-lint $@
	rmdir $(BIN)/install

$(DEBIAN)/.made: Makefile
	rm -rf $(DEBIAN)
	@mkdir -p $(dir $(DEBIAN))
	mmdebstrap --quiet --variant=minbase --include=$(DEBIAN_PACKAGES) bookworm $(DEBIAN)
	touch $@

$(NFPM):
	@mkdir -p $(BIN)
	GOBIN=$(BIN)/install-nfpm go install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	mv $(BIN)/install-nfpm/nfpm $@
	rmdir $(BIN)/install-nfpm

$(CYCLONEDX):
	@mkdir -p $(BIN)
	GOBIN=$(BIN)/install-cyclonedx go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION)
	mv $(BIN)/install-cyclonedx/cyclonedx-gomod $@
	rmdir $(BIN)/install-cyclonedx

# Without the clients of service discoveries that no test uses.
$(CURRENT)/.prometheus-%: e2e/tools/prometheus/go.mod
	@mkdir -p $(CURRENT)
	@echo 'Building Prometheus $*, once; this takes a few minutes.'
	cd e2e/tools/prometheus && go build -tags remove_all_sd,netgo -ldflags '$(VERSION_FLAG)=$*' -o $(CURRENT)/ tool
	touch $@

$(CURRENT)/.alertmanager-%:
	@echo 'Building Alertmanager $*, once; this takes a few minutes.'
	GOBIN=$(CURRENT) go install -ldflags '$(VERSION_FLAG)=$*' github.com/prometheus/alertmanager/cmd/alertmanager@v$*
	touch $@

$(CURRENT)/.amtool-%:
	@echo 'Building amtool $*, once; this takes a few minutes.'
	GOBIN=$(CURRENT) go install -ldflags '$(VERSION_FLAG)=$*' github.com/prometheus/alertmanager/cmd/amtool@v$*
	touch $@

# A module's program is named after its folder, which for etcd is "server".
$(CURRENT)/.etcd-%: e2e/tools/etcd/go.mod
	@mkdir -p $(CURRENT)/etcd.new
	@echo 'Building etcd $*, once; this takes a minute.'
	cd e2e/tools/etcd && go build -o $(CURRENT)/etcd.new/ tool
	mv $(CURRENT)/etcd.new/server $(CURRENT)/etcd
	mv $(CURRENT)/etcd.new/etcdctl $(CURRENT)/etcd.new/etcdutl $(CURRENT)/
	rmdir $(CURRENT)/etcd.new
	touch $@
