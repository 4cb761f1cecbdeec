# The commands of the README. `make` lists them.
# A stamp in .venv stands for "this lock is installed"; it is newer than the lock, or make installs.

PYTHON ?= python3
UV ?= uv
ARGS ?=
SECONDS ?= 60
EXAMPLES ?= 50

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r
LOCK := $(UV) pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet
# An environment of its own: semgrep wants other versions of what the server runs on (click).
SAFE := $(VENV)/safe
# Nothing is fetched and nothing reported; its log and settings stay out of the home directory.
SEMGREP := SEMGREP_SETTINGS_FILE=$(CURDIR)/$(SAFE)/semgrep.yml \
	SEMGREP_LOG_FILE=$(CURDIR)/$(SAFE)/semgrep.log \
	PATH="$(CURDIR)/$(SAFE)/bin:$$PATH" \
	semgrep scan --metrics off --disable-version-check --error --quiet
# The type checker of the pages' scripts. Node is needed for it only; without it, it is left out.
JS := $(VENV)/js
NODE := $(shell command -v node && command -v npm)

# All tests in several processes, each with databases of its own; a file stays in one of them. The
# long ones come first (tests/conftest.py). Half of the time tests wait: three keep two cores busy.
WHOLE := --numprocesses 3 --dist loadfile --no-loadscope-reorder
# Tests start hundreds of processes; without compiled files each would compile the product anew.
unexport PYTHONDONTWRITEBYTECODE
PRODUCT := imsystem accounts rooms chat manage.py

.PHONY: help setup run test bench chaos soak fuzz lint lock clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

setup: $(VENV)/dev.stamp ## install everything for development and tests into .venv

run: $(VENV)/run.stamp ## run the whole system; options: make run ARGS="--port 9000"
	$(BIN)/python manage.py up $(ARGS)

test: $(VENV)/dev.stamp ## run all tests; a part: make test ARGS=tests/chat
	$(BIN)/python -m pytest $(or $(ARGS),$(WHOLE))

bench: $(VENV)/dev.stamp ## measure IMSystem beside its peers (10 minutes); all: make bench ARGS=--full
	$(BIN)/python -m bench $(ARGS)

chaos: $(VENV)/dev.stamp ## break every part under load; one case: make chaos ARGS="--case F8 --seeds 20"
	$(BIN)/python -m tests.faults $(ARGS)

fuzz: $(VENV)/dev.stamp ## odd frames and requests, 2 minutes; longer: make fuzz SECONDS=600 EXAMPLES=500
	$(BIN)/python -m tests.fuzz.frames --seconds $(SECONDS)
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/hostile/test_schema.py

soak: $(VENV)/dev.stamp ## half an hour of everything with a fault a minute: make soak ARGS="--minutes 5"
	$(BIN)/python -m tests.faults.soak $(ARGS)

# DEBUG: these commands import the settings, and a checkout has no secrets.
lint: $(VENV)/dev.stamp $(SAFE)/stamp $(if $(NODE),$(JS)/stamp) ## style, types, security rules, migrations, API schema
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict
	$(if $(NODE),$(JS)/node_modules/.bin/tsc --project .,@echo "Node.js is not installed: the types of static/js are not checked")
	$(SAFE)/bin/bandit --quiet --recursive --configfile pyproject.toml $(PRODUCT)
	$(SEMGREP) --test lint
	$(SEMGREP) --config lint/security.yml $(PRODUCT) templates
	DEBUG=on $(BIN)/python manage.py makemigrations --check --dry-run --settings tests.no_database
	DEBUG=on $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

lock: ## pin the newest allowed versions (needs uv): commit the result
	$(LOCK) --upgrade --output-file requirements.lock
	$(LOCK) --extra local --constraint requirements.lock --upgrade \
		--output-file requirements-local.lock
	$(LOCK) --extra local --group test --group bench --group lint --constraint requirements-local.lock \
		--upgrade --output-file requirements-dev.lock
	$(LOCK:pyproject.toml=) --group pyproject.toml:security --upgrade \
		--output-file requirements-safe.lock

clean: ## remove what the commands made, except the data in var/
	rm -rf $(VENV) staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +

$(VENV)/run.stamp: requirements-local.lock | $(BIN)/python
	$(INSTALL) $<
	@touch $@

# The development lock holds the same pins and more, so it stands for both.
$(VENV)/dev.stamp: requirements-dev.lock | $(BIN)/python
	$(INSTALL) $<
	@touch $(VENV)/run.stamp $@

$(SAFE)/stamp: requirements-safe.lock | $(BIN)/python
	$(BIN)/python -m venv $(SAFE)
	$(SAFE)/bin/python -m pip install --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(JS)/stamp: package.json package-lock.json | $(BIN)/python
	@mkdir -p $(JS)
	@cp package.json package-lock.json $(JS)
	@cd $(JS) && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "IMSystem needs Python 3.11, 3.12 or 3.13: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
