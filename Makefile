# `make demo` and `make test` set up all they need in .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types pytest golden clean

demo: .venv/run
	$(BIN)/gitopsc compile sample-project
	@echo; echo "What came out (sample-project/deploy):"; cd sample-project/deploy && find . -type f | sort
	@echo; echo "A Job (manifests/staging/announce.yaml):"; cat sample-project/deploy/manifests/staging/announce.yaml
	@echo; echo "The lineage (gitopsc graph sample-project):"; $(BIN)/gitopsc graph sample-project

test: lint types pytest

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/mypy

pytest: .venv/dev
	$(BIN)/pytest

golden: .venv/dev  ## rewrite the expected outputs; review them as code
	$(BIN)/pytest -q --update tests/test_golden.py tests/test_errors.py
	$(BIN)/gitopsc compile sample-project

clean:
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/run
