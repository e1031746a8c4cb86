# Six commands for a newcomer. Everything runs in .venv, which the first of them makes.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint fmt bench
help: ## show this
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 8

.venv/ready: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: .venv/ready ## draw streets, documents and a shop, and search, ask and dress
	$(BIN)/python data/demo.py

test: .venv/ready ## run the tests; no network is needed
	$(BIN)/python -m pytest

lint: .venv/ready ## ruff, ruff format and mypy --strict
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

fmt: .venv/ready ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/ready ## print speeds as ratios, into build/bench.json too; ARGS="--scale 30000 300000": what grows
	$(BIN)/python -m tests.benchmarks $(ARGS)
