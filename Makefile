# The commands of this project. `make demo` and `make test` set up everything they need in .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
AIRFLOW ?= 3.3
VENV ?= .venv
BIN = $(VENV)/bin
JOBS ?= auto

# Pytest's own arguments: which tests, e.g. SELECT=tests/unit/core
SELECT ?=
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
# The servers that tests need (PostgreSQL, Redis, S3, Marquez), for that time.
WITH_SERVICES = $(BIN)/python scripts/services run --
# What a further version of Airflow has to pass: core does not depend on it. See tests/airflow_surface.py.
SURFACE = -m "airflow and not once"
# The same, of whole DAGs only the demo's.
SMOKE = tests/unit tests/integration tests/e2e/test_demo.py $(SURFACE)

.PHONY: help install demo services test test-unit test-core test-airflow-3.1 test-airflow-3.2 test-airflow-3.3 test-lowest test-prerelease \
	test-matrix lint format airflow docs constraints lowest clean

help:  ## Show this list
	@grep -E '^[a-zA-Z0-9_.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

install: $(VENV)/.installed-$(AIRFLOW)  ## Make .venv with everything that tests and benchmarks need

$(VENV)/.installed-$(AIRFLOW): pyproject.toml $(wildcard constraints/airflow-$(AIRFLOW).txt) scripts/install
	scripts/install $(VENV) $(AIRFLOW) $(PYTHON)

demo: install  ## Run the digits example for three days in a real Airflow and print what came out
	$(BIN)/python scripts/demo.py

test: install  ## Run all tests, with the servers that they need (PostgreSQL, Redis, S3, Marquez) for that time
	$(WITH_SERVICES) $(PYTEST) $(SELECT)

test-unit: install  ## Run the unit tests
	$(PYTEST) tests/unit

test-core: install  ## Run the tests of core, with Airflow out of reach
	CV_DATAOPS_TEST_WITHOUT_AIRFLOW=1 $(WITH_SERVICES) $(PYTEST) $(SELECT)

test-airflow-3.1:  ## Run what touches Airflow on that version, in .venv-airflow-3.1; so for 3.2 and 3.3
test-airflow-3.1 test-airflow-3.2 test-airflow-3.3: test-airflow-%:
	$(MAKE) test AIRFLOW=$* VENV=.venv-airflow-$* SELECT='$(SURFACE)'

test-lowest:  ## Run core, what touches Airflow and the demo with the lowest versions that pyproject.toml admits
	$(MAKE) test-core AIRFLOW=lowest VENV=.venv-airflow-lowest SELECT='-m "not once"'
	$(MAKE) test AIRFLOW=lowest VENV=.venv-airflow-lowest SELECT='$(SMOKE)'

test-prerelease:  ## Run what touches Airflow and the demo on its newest pre-release, with the newest of everything; may fail
	rm -f .venv-airflow-prerelease/.installed-prerelease
	$(MAKE) test AIRFLOW=prerelease VENV=.venv-airflow-prerelease SELECT='$(SMOKE)'

test-matrix: test test-airflow-3.1 test-airflow-3.2 test-lowest  ## Run everything on 3.3, and the rest of the matrix
	$(MAKE) test-prerelease || echo "The newest pre-release of Airflow does not pass, which is allowed: see above."

services: install  ## Start the servers that integration tests need; stop them with scripts/services stop
	$(BIN)/python scripts/services start

lint: install  ## Check style, types, imports and that generated docs are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/check_imports.py
	$(BIN)/python scripts/make_docs.py --check

format: install  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install  ## Write the generated pages of docs/
	$(BIN)/python scripts/make_docs.py

airflow: install  ## Start a real Airflow with the example DAGs; prints address and login
	$(BIN)/python scripts/standalone.py

constraints: install  ## Write the versions of .venv as the tested set of $(AIRFLOW)
	{ head -1 constraints/airflow-$(AIRFLOW).txt; scripts/freeze $(VENV); } > $(VENV)/constraints.new && mv $(VENV)/constraints.new constraints/airflow-$(AIRFLOW).txt

lowest: install  ## Write the lowest versions that pyproject.toml admits, constraints/airflow-lowest.txt
	scripts/lowest $(BIN)/python "$$(command -v uv || echo $(BIN)/uv)" > $(VENV)/lowest.new && mv $(VENV)/lowest.new constraints/airflow-lowest.txt

clean:  ## Remove everything that was made here
	-scripts/services stop
	rm -rf .venv .venv-* .services .demo .airflow .pytest_cache .mypy_cache .ruff_cache .hypothesis
