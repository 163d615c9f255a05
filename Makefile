# Two commands for everyone: `make demo` and `make test`. Both need Python 3.11 or later, make and a package index, and make .venv themselves.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CONSTRAINTS := --constraint constraints.txt

.PHONY: demo test test-real lint format bench clean

demo: .venv/runs
	@$(BIN)/python -m examples.orders.demo

test: .venv/tests lint
	$(BIN)/python -m pytest -m "not real" -n 2

test-real: .venv/tests
	$(BIN)/python -m tools.test_real

lint: .venv/tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

format: .venv/tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/tests
	$(BIN)/python -m benchmarks.kafka
	$(BIN)/python -m benchmarks.amqp
	$(BIN)/python -m benchmarks.sqs
	$(BIN)/python -m benchmarks.library

clean:
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# The markers say what an existing .venv already has, so that the second run starts at once.
.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: install it, or name it with PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(f"Python 3.11 or later is needed; {sys.executable} is {sys.version.split()[0]}" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install "pip>=25.1"

.venv/runs: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install $(CONSTRAINTS) --editable ".[all]"
	@touch $@

.venv/tests: .venv/runs
	$(PIP) install $(CONSTRAINTS) --group dev
	@touch $@
