# make demo    the main job over examples/shop, offline
# make test    all tests
# make interop build cosign, notation, gh and others from source, and verify each other's work (needs Go; 20 minutes)
# make admission  try the exported policies with Kubernetes' own CEL library on every example (needs Go; 2 minutes)
# make check   format, lint, types, layers, generated files, our own workflows and manifests
# make docs    write what is generated: rules/catalog.json, docs/rules/, README blocks, docs/terminal.svg
# make bench   measure what DESIGN calls budgets, beside two peers
#
# Everything is installed into .venv, hash-checked, by tools/install.sh (uv is used if it is there, pip otherwise).
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# Wheels that carry a program (zizmor, hadolint, actionlint …) put it beside the interpreter.
export PATH := $(CURDIR)/$(BIN):$(PATH)
PYTEST_ARGS ?= -n auto -rs

.PHONY: help install demo test interop admission check docs bench requirements wheels clean
help:
	@sed -n '1,/^$$/{s/^# \{0,1\}//p}' Makefile | head -n 9

install: $(VENV)/.ci
	@echo "ready: $(BIN)/ci-guard"

# Two sets of packages, one folder: whoever has the larger set needs no second install.
$(VENV)/.ci: requirements/ci.txt tools/install.sh
	@[ $(VENV)/.dev -nt requirements/dev.txt ] || bash tools/install.sh $(VENV) requirements/ci.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt tools/install.sh
	@echo "installing the locked packages into $(VENV) …"
	@bash tools/install.sh $(VENV) requirements/dev.txt
	@touch $(VENV)/.ci $@

demo: $(VENV)/.ci
	@bash tools/demo.sh $(BIN)/ci-guard

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

INTEROP := $(CURDIR)/.interop
$(INTEROP)/.built: tests/interop/build.sh $(wildcard tests/interop/*/main.go tests/interop/*/go.mod)
	mkdir -p $(INTEROP)
	bash tests/interop/build.sh $(INTEROP)
	cd tests/interop/registry && go build -o $(INTEROP)/registry .
	cd tests/interop/notary && go build -o $(INTEROP)/notary .
	@touch $@

interop: $(VENV)/.dev $(INTEROP)/.built
	CI_GUARD_INTEROP=$(INTEROP) CI_GUARD_GO_REGISTRY=$(INTEROP)/registry \
	  $(BIN)/python -m pytest $(PYTEST_ARGS) tests/interop tests/services

admission: $(VENV)/.dev
	$(BIN)/python -m pytest -rPs tests/export

check: $(VENV)/.dev
	ruff format --check .
	ruff check .
	mypy
	$(BIN)/python -m pytest tests/test_layers.py tests/test_style.py
	$(BIN)/ci-guard rules catalog --check
	$(BIN)/ci-guard rules docs --check
	$(BIN)/python tools/generate.py --check
	$(BIN)/python tools/requirements.py
	zizmor --offline --quiet --persona=auditor .github action.yml .pre-commit-hooks.yaml .pre-commit-config.yaml
	actionlint
	check-jsonschema --builtin-schema vendor.github-actions action.yml
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	hadolint Dockerfile
	pre-commit validate-manifest .pre-commit-hooks.yaml
	pre-commit validate-config .pre-commit-config.yaml
	@echo "check: all good"

docs: $(VENV)/.dev
	$(BIN)/ci-guard rules catalog
	$(BIN)/ci-guard rules docs
	$(BIN)/python tools/generate.py

bench: $(VENV)/.ci
	@bash tools/install.sh build/bench-venv benchmarks/requirements.txt
	@$(BIN)/python benchmarks/cold_start.py --json build/cold_start.json
	@$(BIN)/python benchmarks/growth.py

# The only target that asks an index: write the locks anew. No index URL is written into them.
requirements:
	@command -v uv >/dev/null || { echo "make requirements needs uv"; exit 2; }
	@bash tools/lock.sh

# For a build of the Dockerfile without network.
wheels: requirements/ci.txt tools/wheels.sh
	bash tools/wheels.sh $@

clean:
	rm -rf $(VENV) build dist wheels .mypy_cache .pytest_cache .ruff_cache .hypothesis
