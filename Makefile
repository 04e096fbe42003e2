# The whole contributor interface. `make` alone lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
REPORT ?= resilience-report
CONFORMANCE ?= conformance-report
CLIENTS ?= clients-report
VELERO_REPORT ?= velero-report
APPS_REPORT ?= apps-report
PROCESSORS := $(shell nproc 2>/dev/null || echo 1)
# Half of the time tests wait, for processes that start and end: two workers keep a processor busy. Each takes 0.5 GB.
WORKERS ?= $(shell [ $(PROCESSORS) -ge 4 ] && echo 9 || echo $$((2 * $(PROCESSORS) + 1)))
# What holds a service to a clock waits most of its time, and takes a third of a processor: each has one.
CLOCKED ?= $(shell [ $(PROCESSORS) -ge 4 ] && echo 4 || { [ $(PROCESSORS) -ge 2 ] && echo 2; } || echo 0)
# So do scenarios: a worker takes a third of a processor, too. More than four find nothing to do.
DEMO_WORKERS ?= $(shell [ $(PROCESSORS) -ge 8 ] && echo 4 || { [ $(PROCESSORS) -ge 2 ] && echo 2; } || echo 0)
LOCKING := --quiet --generate-hashes --universal --python-version 3.11 --no-header --upgrade
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start thousands of interpreters. Images of CI forbid bytecode, and each would compile us anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo library test lint zoo ledger bench bench-verdicts bench-backup referee-conformance referee-stores referee-clients referee-velero referee-apps mutants killed matrix lock sbom docs clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

demo: $(VENV)/.demo  ## install, break things on the embedded sandbox, restore a backup: no Kubernetes needed
	$(BIN)/python -m pytest scenarios/ backups/ -n $(DEMO_WORKERS) --resilience-report $(REPORT)
	@echo "next: . $(BIN)/activate && resilience init mine && pytest mine/"

library: $(VENV)/.demo  ## each scenario and plan of the library once, on the embedded sandbox
	$(BIN)/python -m pytest scenarios/library backups/library --resilience-report $(REPORT)

test: $(VENV)/.test lint  ## install what the tests need and run them all
	$(BIN)/python -m pytest tests/ -n $(WORKERS) -m "not alone"
	$(BIN)/python -m pytest tests/ -n $(CLOCKED) -m alone

lint: $(VENV)/.lint  ## types and style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

zoo: $(VENV)/.test  ## 50 services, each with one known defect or none, ten times: the confusion matrix (ROUNDS=10, BUSY=4 for busy processes next to it)
	$(BIN)/python -m pytest tests/zoo --zoo-rounds $(or $(ROUNDS),10) --zoo-workers $(or $(ZOO_WORKERS),$(DEMO_WORKERS)) --zoo-busy $(or $(BUSY),0)

ledger: $(VENV)/.test  ## the ledger's store, correct and with five defects, fifty times each
	LEDGER_SEEDS=50 $(BIN)/python -m pytest tests/ledger/test_trials.py

bench: $(VENV)/.test  ## speed, memory and growth, compared with a peer or the physical limit
	$(BIN)/python -m benchmarks

bench-verdicts: $(VENV)/.test  ## wrong and usable verdicts next to 4 and 8 busy processes (ROUNDS=5)
	$(BIN)/python -m benchmarks verdicts

bench-backup: $(VENV)/.test  ## snapshots and restores, compared with the raw requests they consist of
	$(BIN)/python -m benchmarks backup

referee-conformance: $(VENV)/.test  ## Kubernetes' own [Conformance] specs against the sandbox: E2E_TEST=path of e2e.test
	@test -x "$(E2E_TEST)" || \
	  { echo "E2E_TEST must be the path of a binary: in a Kubernetes 1.36 tree, run 'go test -c -vet=off ./test/e2e'"; exit 2; }
	$(BIN)/python -m tests.referee.conformance $(E2E_TEST) --out $(CONFORMANCE)

referee-clients: $(VENV)/.test  ## Python clients' own suites against the sandbox: OFFICIAL, KR8S, LIGHTKUBE=paths of their trees
	@test -n "$(OFFICIAL)$(KR8S)$(LIGHTKUBE)" || \
	  { echo "at least one of OFFICIAL, KR8S and LIGHTKUBE must be a tree of that client's repository"; exit 2; }
	$(BIN)/python -m tests.referee.clients --out $(CLIENTS) $(if $(OFFICIAL),--official $(OFFICIAL)) \
	  $(if $(KR8S),--kr8s $(KR8S)) $(if $(LIGHTKUBE),--lightkube $(LIGHTKUBE))

mutants: $(VENV)/.test  ## try small wrong changes to guards, journal, drains and undos: SECONDS_OF_MUTANTS=how long, MUTANTS=more options
	$(BIN)/python -m tests.mutants --seconds $(or $(SECONDS_OF_MUTANTS),1500) $(MUTANTS)

killed: $(VENV)/.test  ## kill every verb and command at random moments, and report what is left: MOMENTS=100
	$(BIN)/python -m tests.killed --moments $(or $(MOMENTS),100)

referee-velero: $(VENV)/.test  ## a real Velero server on the sandbox, each reading the other's backups: VELERO=binary PLUGINS=folder of its AWS plugin
	@test -x "$(VELERO)" -a -x "$(PLUGINS)/velero-plugin-for-aws" || \
	  { echo "VELERO must be the velero binary, PLUGINS a folder with velero-plugin-for-aws; see docs/explanation/referee.md"; exit 2; }
	$(BIN)/python -m tests.referee.velero $(VELERO) $(PLUGINS) --out $(VELERO_REPORT)

referee-stores: $(VENV)/.test  ## the contract of stores against Azurite: AZURITE=path of azurite-blob
	@test -x "$(AZURITE)" || \
	  { echo "AZURITE must be the path of azurite-blob: in a folder of its own, run 'npm install azurite'"; exit 2; }
	$(BIN)/python -m tests.referee.stores $(AZURITE)

referee-apps: $(VENV)/.test  ## public application sets on the sandbox: APPS=folder of clones, see tests/referee/apps.toml
	@test -d "$(APPS)" || \
	  { echo "APPS must be a folder with a clone of each repository in tests/referee/apps.toml, as OWNER+NAME"; exit 2; }
	$(BIN)/python -m tests.referee.apps $(APPS) --out $(APPS_REPORT)

matrix: $(VENV)/.test  ## the plugin's tests on each supported pytest
	$(BIN)/python -m tests.matrix

lock: $(VENV)/pyvenv.cfg  ## update the pinned packages of the image and their hashes: deploy/*.lock
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile $(LOCKING) pyproject.toml --extra age -o deploy/requirements.lock
	$(BIN)/uv pip compile $(LOCKING) --group pyproject.toml:image -o deploy/build.lock

sbom:  ## bill of materials of the image's packages (CycloneDX): SBOM=file
	$(PYTHON) deploy/sbom.py $(or $(SBOM),resilience.cdx.json)

docs: $(VENV)/.test  ## regenerate the reference and the schemas from the code
	$(BIN)/python -m resilience.reference.verbs_reference docs/reference scenarios backups
	$(BIN)/python -m resilience.reference.options_reference docs/reference
	$(BIN)/python -m tests.zoo.pages docs/zoo

clean:  ## remove what the targets above made
	rm -rf $(VENV) $(REPORT) build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Debian keeps `venv` in a package of its own: install it where we may, else say how.
$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -q && apt-get install -qy python3-venv; } || \
	  { echo "Python's venv module is missing; install it with: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A program that tests need and this machine lacks, by its Debian package. What is there is never
# replaced, whoever installed it, and what cannot be had leaves its own tests out.
lacking = command -v $(1) >/dev/null || \
  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
    apt-get update -q && apt-get install -qy --no-upgrade $(2); } || \
  echo "$(1) cannot be had here; install it to run the tests that need it"

$(VENV)/.demo: pyproject.toml $(VENV)/pyvenv.cfg
	$(BIN)/pip install -q -e '.[parallel]'
	@touch $@

$(VENV)/.lint: pyproject.toml $(VENV)/pyvenv.cfg
	$(BIN)/pip install -q -e '.[test,lint]'
	@touch $@

$(VENV)/.test: pyproject.toml tests/e2e/newest_kubectl.py $(VENV)/pyvenv.cfg
	$(BIN)/pip install -q -e '.[test]'
	@$(call lacking,kubectl,kubernetes-client)
	@$(call lacking,restic,restic)
	@$(call lacking,chromium,chromium)
	@$(call lacking,redis-server,redis-server)
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { $(call lacking,initdb,postgresql); }
	@$(BIN)/python tests/e2e/newest_kubectl.py $(BIN)/kubectl-newest || \
	  echo "the newest kubectl cannot be had here; its tests are left out"
	@touch $@ $(VENV)/.demo
