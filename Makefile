# Two commands matter: `make demo` and `make test`.
# Both set themselves up in .venv; a second run finds it ready.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# One more than there are processors: some tests wait for what takes real time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types contracts unit coverage soak bench draw schemas format lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## Create the virtual environment from the hashed lock

$(READY): requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	@echo "Setting up $(VENV) from requirements-dev.lock; this takes a minute or two, once."
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Run the service against the simulator and watch 34 calls
	$(BIN)/controller simulate demo

test: lint types contracts unit ## Everything that CI runs

lint: $(READY) ## ruff, as linter and as formatter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## mypy, strict, on the package and the tests
	$(BIN)/mypy

contracts: $(READY) ## Who may import whom
	$(BIN)/lint-imports

unit: $(READY) ## The tests: the core's own with branch coverage, which must be whole, the rest without
	$(BIN)/coverage erase
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m core --cov=controller/sansio --cov-fail-under=100
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not core"

coverage: $(READY) ## The same with everything traced; takes twice as long
	$(BIN)/coverage erase
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-fail-under=95

soak: $(READY) ## Play ten thousand calls in virtual time, one in five with a fault; ten minutes
	CONTROLLER_SOAK_CALLS=10000 $(BIN)/pytest tests/calls/test_soak.py

bench: $(READY) ## Measure the service beside the floor; prints a table
	$(BIN)/controller bench

draw: $(READY) ## Draw the README's pictures from the state tables
	$(BIN)/python docs/draw.py

schemas: $(READY) ## Write the JSON Schemas of controller.toml and of agent files
	$(BIN)/controller check --schema settings > docs/reference/schemas/controller.schema.json
	$(BIN)/controller check --schema agent > docs/reference/schemas/agent.schema.json

format: $(READY) ## Let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY) ## Resolve requirements.lock and requirements-dev.lock again (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --upgrade pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --upgrade --extra dev pyproject.toml -o requirements-dev.lock

clean: ## Remove what the other targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* dist
