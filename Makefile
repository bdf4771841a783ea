# `make run` is all a user needs; `make test` is all a developer must pass.
# Every target sets up what it needs and does nothing where that has been done.

SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
PROFILE ?= $(or $(PRECIS_PROFILE),embedded)

.PHONY: help run setup setup-dev apertium test test-full test-k8s test-image lint format bench quality proto clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

run: setup ## install what is missing, then serve (PORT=9000 and PROFILE=cpu change what)
	@exec env PRECIS_PROFILE=$(PROFILE) $(if $(PORT),PRECIS_PORT=$(PORT)) $(PY) -m service.cli serve

setup:
	@scripts/setup.sh embedded $(if $(filter-out embedded,$(PROFILE)),full)
	@$(if $(filter-out embedded,$(PROFILE)),scripts/compiler.sh,:)
	@scripts/apertium.sh

setup-dev:
	@scripts/setup.sh embedded full dev
	@scripts/compiler.sh
	@scripts/apertium.sh

apertium: ## try again to install the Apertium packages (needs root)
	@scripts/setup.sh embedded
	@scripts/apertium.sh --retry

test: lint ## lint, type check and every test that is not heavy and needs neither images nor Kubernetes' tools
	$(PY) -m pytest -q -m "not heavy and not image and not k8s" --timeout 120

test-full: setup-dev ## the heavy tests
	@scripts/setup.sh heavy
	@$(PY) -m scripts.environments requirements-clients.txt .make/clients
	@command -v promtool > /dev/null || [ "$$(id -u)" != 0 ] || scripts/apt_install.sh prometheus > /dev/null || true
	@command -v redis-server > /dev/null || [ "$$(id -u)" != 0 ] || scripts/apt_install.sh redis-server > /dev/null || true
	@ls /usr/lib/postgresql/*/bin/postgres > /dev/null 2>&1 || [ "$$(id -u)" != 0 ] || scripts/apt_install.sh postgresql > /dev/null || true
	@for program in chromium npm; do command -v $$program > /dev/null || [ "$$(id -u)" != 0 ] || scripts/apt_install.sh $$program > /dev/null || true; done
	@$(PY) -m scripts.axe_core .make/axe
	$(PY) -m pytest -q -m "heavy and not image and not k8s" --timeout 900

test-image: setup-dev ## build the images and run them hardened (needs root, or docker or podman with a registry)
	@scripts/setup.sh full
	@$(PY) -m scripts.environments requirements-tools.txt .make/tools
	@[ "$$(id -u)" != 0 ] || scripts/apt_install.sh podman runc conmon debootstrap golang-github-containers-common \
	  iptables containernetworking-plugins > /dev/null || true
	$(PY) -m pytest -q -m image -rP --timeout 2400

test-k8s: setup-dev ## render, validate and check the Kubernetes manifests
	@$(PY) -m scripts.k8s_tools
	@command -v redis-server > /dev/null || [ "$$(id -u)" != 0 ] || scripts/apt_install.sh redis-server > /dev/null || true
	$(PY) -m pytest -q -m k8s --timeout 300

lint: setup-dev ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: setup-dev ## put the code into its standard form
	$(PY) -m ruff check --fix-only -q .
	$(PY) -m ruff format .

bench: setup-dev ## measure; the tables of docs/BENCHMARKS.md
	$(PY) -m bench

quality: setup-dev ## measure outputs on the collections in DATA=folder; the tables of docs/QUALITY.md
	$(PY) -m bench.quality $(DATA) --markdown docs/QUALITY.md

proto: setup-dev ## make the protocol code from model.proto; refuses a change that old releases could not read
	$(PY) -m scripts.proto

clean: ## remove what make has made, the environment included
	rm -rf .venv .make .mypy_cache .ruff_cache .pytest_cache .hypothesis build
	find service tests scripts bench -name __pycache__ -type d -prune -exec rm -rf {} +
