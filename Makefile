# make help    what the targets do
#
# One build configuration, release: programs, plugins and tests are built once and used by every target.

SHELL := /bin/bash
CONFIGURATION := release
PREFIX := /usr
DESTDIR :=
SOURCES := Package.swift Sources Plugins Tests

.PHONY: help demo test check build deps models lint format install deb bench soak crash fuzz parity example-data clean
.DEFAULT_GOAL := help
# Two builds in one folder only wait for each other.
.NOTPARALLEL:

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F '|' '{ printf "  make %-14s%s\n", $$1, $$2 }'

demo: build models ## train on the example papers as a user would; DATA=DIR takes your own CSV files
	@scripts/demo $(if $(DATA),"$(DATA)")

test: deps models ## build and run all tests
	swift build -c $(CONFIGURATION) --build-tests
	scripts/systemd-tests
	swift test -c $(CONFIGURATION) --skip-build

check: lint test ## format lint, build with warnings as errors, tests

build: deps ## build the programs and the plugins
	swift build -c $(CONFIGURATION)

install: ## install what `make build` made; PREFIX=/usr/local, DESTDIR=DIR
	@packaging/install "$(DESTDIR)" "$(PREFIX)"

deb: build ## make a Debian package, into dist/
	@packaging/deb

deps: ## install the Debian packages that are missing
	@scripts/deps

models: deps ## fetch the base model into .intray/models, once
	@scripts/models

lint: ## check the format of the Swift sources
	swift format lint --strict --parallel --recursive $(SOURCES)

format: ## format the Swift sources
	swift format format --in-place --parallel --recursive $(SOURCES)

bench: build models ## measure against the peers, an hour or more; DATA=DIR, ONLY="NAME...", PAIRS=N, SCALE=X
	@Benchmarks/run $(if $(DATA),--data "$(DATA)") $(if $(PAIRS),--pairs $(PAIRS)) $(if $(SCALE),--scale $(SCALE)) $(ONLY)

soak: build ## drop 10,000 jobs at once, 100,000 files, a day of drops; measure the time from drop to start
	@scripts/load

crash: build ## kill daemon and workers before every call on the disk and at random; ONLY="daemon worker random translation"
	@scripts/crash $(ONLY)

fuzz: deps ## let a fuzzer look for bytes that break a parser, a minute each; ONLY="csv spec", SECONDS=600
	@scripts/fuzz $(or $(SECONDS),60) $(ONLY)

parity: deps models ## compare with tokenizers, NLTK, PyTorch, transformers; DATA=FILE takes your texts, too
	swift build -c $(CONFIGURATION) --build-tests
	@scripts/parity/run $(if $(DATA),"$(DATA)")

example-data: ## make the example papers again
	@scripts/make-examples Inbox/examples

clean: ## remove what was built; models, jobs and results stay
	rm -rf .build dist
