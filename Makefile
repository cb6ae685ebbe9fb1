# The commands of this project. `make demo` and `make test` set up everything they need in .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
AIRFLOW ?= 3.3
VENV ?= .venv
BIN = $(VENV)/bin
JOBS ?= auto

# Pytest's own arguments: which tests, e.g. SELECT=tests/unit/core
SELECT ?=
# A file's tests stay on one worker, which makes what they share once; files are taken in their order, whole DAGs first.
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
# Why a test is no part of `make test`: the kinds of tests/targets.py, each a target of its own.
REAL = servers browser deployment races installation long timing
# The servers that tests need (PostgreSQL, Redis, S3, Marquez), for that time.
WITH_SERVICES = $(BIN)/python scripts/services run --
# What another version of Airflow has to pass: core does not depend on it. See tests/airflow_surface.py.
SURFACE = airflow and not once

# Compiled files are kept, whatever the environment says: a run starts hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo services system-packages test test-unit test-core test-real test-all $(addprefix test-,$(REAL)) test-random \
	test-surface-3.1 test-surface-3.2 test-airflow-3.1 test-airflow-3.2 test-lowest test-prerelease \
	lint format airflow docs constraints lowest clean

help:  ## Show this list
	@grep -E '^[a-zA-Z0-9_.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

install: $(VENV)/.installed-$(AIRFLOW)  ## Make .venv with everything that tests and benchmarks need

$(VENV)/.installed-$(AIRFLOW): pyproject.toml $(wildcard constraints/airflow-$(AIRFLOW).txt) scripts/install
	scripts/install $(VENV) $(AIRFLOW) $(PYTHON)

demo: install  ## Run the digits example for three days in a real Airflow and print what came out
	$(BIN)/python scripts/demo.py

test: install  ## Run all tests that come out the same on every machine: no server, browser, running Airflow, luck or idle machine needed
	$(PYTEST) -m "not real" $(SELECT)

test-unit: install  ## Run the unit tests among them
	$(PYTEST) -m "not real" tests/unit

test-core: install  ## Run the tests of core among them, with Airflow out of reach
	CV_DATAOPS_TEST_WITHOUT_AIRFLOW=1 $(PYTEST) -m "not real and not once" $(SELECT)

test-surface-3.1 test-surface-3.2: test-surface-%:  ## Run those among them that touch Airflow on that version, in .venv-airflow-<version>
	$(MAKE) test-surface AIRFLOW=$* VENV=.venv-airflow-$*

.PHONY: test-surface
test-surface: install
	$(PYTEST) -m "$(SURFACE) and not real" $(SELECT)

test-servers: install system-packages  ## Run the tests that need S3, PostgreSQL, Redis, Marquez or an AWS
	$(WITH_SERVICES) $(PYTEST) -m servers $(SELECT)

test-browser: install system-packages  ## Run the tests that drive chromium: reports, lineage, Airflow's pages
	$(WITH_SERVICES) $(PYTEST) -m browser $(SELECT)

test-deployment: install system-packages  ## Run the tests in a running Airflow: deferral, killed workers, backfills, Celery
	$(WITH_SERVICES) $(PYTEST) -m deployment $(SELECT)

test-races: install  ## Run the tests in which many processes race, or are killed at arbitrary moments
	$(PYTEST) -m races $(SELECT)

test-installation: install  ## Run the tests that install into environments of their own, with every Airflow, from the package index
	$(PYTEST) -m installation $(SELECT)

test-long: install  ## Run the tests that take long, of what shorter ones say: three days in Airflow, exports read by other libraries
	$(PYTEST) -m long $(SELECT)

test-timing: install  ## Run the tests that measure time or memory, one at a time; on an idle machine
	$(BIN)/python -m pytest -m timing $(SELECT)

test-random: install  ## Run the property tests with other examples than `make test` takes
	$(PYTEST) -m "hypothesis and not real" --hypothesis-profile=random $(SELECT)

test-airflow-3.1 test-airflow-3.2: test-airflow-%: system-packages  ## Run all that touches Airflow on that version, in .venv-airflow-<version>
	$(MAKE) test-airflow AIRFLOW=$* VENV=.venv-airflow-$*

.PHONY: test-airflow
test-airflow: install
	$(WITH_SERVICES) $(PYTEST) -m "$(SURFACE)" $(SELECT)

test-lowest:  ## Run core, what touches Airflow and the digits example with the lowest versions that pyproject.toml admits
	$(MAKE) test-core AIRFLOW=lowest VENV=.venv-airflow-lowest
	$(MAKE) test-surface AIRFLOW=lowest VENV=.venv-airflow-lowest SELECT="tests/unit tests/integration tests/e2e/test_release_assets.py"

test-prerelease:  ## Run what touches Airflow and the digits example on its newest pre-release, with the newest of everything; may fail
	rm -f .venv-airflow-prerelease/.installed-prerelease
	$(MAKE) test-surface AIRFLOW=prerelease VENV=.venv-airflow-prerelease SELECT="tests/unit tests/integration tests/e2e/test_release_assets.py"

test-real: $(addprefix test-,$(REAL)) test-random test-airflow-3.1 test-airflow-3.2 test-lowest  ## Run the rest of the tests, and other versions
	$(MAKE) test-prerelease || echo "The newest pre-release of Airflow does not pass, which is allowed: see above."

test-all: test test-real  ## Run every test

system-packages:  ## Install, as root on Debian, what the tests of test-real need beside Python: chromium, PostgreSQL, Redis, …
	scripts/system-packages

services: install system-packages  ## Start the servers that tests of test-real need; stop them with scripts/services stop
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
