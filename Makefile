SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: run test check fixtures player binary conformance bench fuzz help clean described

# Where a folder of real media and the checker for it may lie; what needs them says so when they are not there.
SHARED ?= ../shared
LISTEN ?= 127.0.0.1:8080
SECONDS ?= 600
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Where .ci/need puts a newer node than the system has.
export NODE_HOME := $(abspath $(TARGET))/node
export PATH := $(HOME)/.cargo/bin:$(NODE_HOME)/bin:$(PATH)
# Every test that runs the program runs this one build of it.
export SEGUE_BIN ?= $(abspath $(TARGET))/debug/segue

run: player ## make the demo films, build, and serve them on http://127.0.0.1:8080 (LISTEN=...)
	@.ci/need cc ffmpeg python3 cargo
	fixtures/make.sh films
	cargo build --release --locked -p gateway --bin segue
	exec $(TARGET)/release/segue serve fixtures/media/films --listen $(LISTEN)

test: check fixtures binary ## check, and every test: Rust, command line, HTTP, browser, real media
	@.ci/need chromium chromedriver
	cargo nextest run --locked --workspace
	cargo test --locked --workspace --doc --quiet
	cd player && npm test --silent
	@$(MAKE) --no-print-directory conformance described

check: player ## formatting, clippy with warnings denied, rustdoc, TypeScript, scripts
	@.ci/need cc python3 cargo cargo-fmt cargo-clippy shellcheck
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items --quiet
	cd player && npm run --silent check
	shellcheck .ci/run .ci/need fixtures/make.sh tests/conformance.sh tests/fuzz.sh tests/bench/*.sh tests/schemathesis/*.sh

player: player/dist/pages/watch.html

# The gateway embeds it, so it comes first, and again only when something it is made of has changed.
player/dist/pages/watch.html: player/node_modules/.installed player/build.mjs \
		$(shell find player/src player/pages -type f ! -name '*.test.ts')
	@.ci/need node
	cd player && node build.mjs --no-types

player/node_modules/.installed: player/package-lock.json
	@.ci/need node npm
	cd player && npm ci --ignore-scripts --loglevel=error
	touch $@

# The same selection as `cargo nextest run --workspace`, so that nothing is built a second time.
binary: player
	@.ci/need cc cargo cargo-nextest
	cargo build --locked --workspace --bins --tests --quiet

# What the description at /openapi.json says has to be what is served.
described: fixtures binary $(TARGET)/schemathesis/.installed
	tests/schemathesis/run.sh $(abspath $(TARGET))/schemathesis/bin/schemathesis $(CURDIR)/fixtures/media/edge/co64.mp4

$(TARGET)/schemathesis/.installed: tests/schemathesis/requirements.txt
	@.ci/need python3 venv
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

fixtures:
	@.ci/need curl ffmpeg python3
	fixtures/make.sh all

# 256 MiB and 10 s a file: a hostile size is refused, not allocated.
conformance: fixtures binary
	SHARED=$(SHARED) tests/conformance.sh fixtures/media fixtures/INDEX.tsv
	SHARED=$(SHARED) tests/conformance.sh $(SHARED)/media $(SHARED)/media/INDEX.tsv

bench: player ## time and memory beside cp, other packagers and other players, then the library's own benches
	@.ci/need cc curl ffmpeg python3 pip time nginx wrk cargo chromium
	cargo build --release --locked -p gateway --bin segue
	SEGUE_BIN=$(abspath $(TARGET))/release/segue tests/bench/packagers.sh
	SEGUE_BIN=$(abspath $(TARGET))/release/segue tests/bench/serve.sh
	SEGUE_BIN=$(abspath $(TARGET))/release/segue tests/bench/ingest.sh
	cargo bench --locked -p segmenter
	cargo bench --locked -p gateway --bench store
	SEGUE_BIN=$(abspath $(TARGET))/release/segue tests/bench/players.sh

fuzz: ## fuzz each target for a while (SECONDS=600, TARGETS="scan moov moof engine wire")
	@.ci/need cc ffmpeg python3 cargo cargo-fuzz
	fixtures/make.sh edge
	SHARED=$(SHARED) SECONDS_EACH=$(SECONDS) tests/fuzz.sh $(TARGETS)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

clean: ## remove what was built and the films that were made
	rm -rf player/dist player/node_modules fixtures/media $(foreach part,target corpus artifacts,segmenter/fuzz/$(part) gateway/fuzz/$(part))
	cargo clean --quiet
