# The commands of this project. `make demo` and `make test` set up everything they need in .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
AIRFLOW ?= 3.3
VENV ?= .venv
BIN = $(VENV)/bin
JOBS ?= auto

.PHONY: help install demo test test-unit test-airflow-3.1 test-airflow-3.2 test-airflow-3.3 lint format airflow docs constraints clean

help:  ## Show this list
	@grep -E '^[a-zA-Z0-9_.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

install: $(VENV)/.installed-$(AIRFLOW)  ## Make .venv with everything that tests and benchmarks need

$(VENV)/.installed-$(AIRFLOW): pyproject.toml constraints/airflow-$(AIRFLOW).txt scripts/install
	scripts/install $(VENV) $(AIRFLOW) $(PYTHON)

demo: install  ## Run the digits example for three days in a real Airflow and print what came out
	$(BIN)/python scripts/demo.py

test: install  ## Run all tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-unit: install  ## Run the unit tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal tests/unit

test-airflow-3.1 test-airflow-3.2 test-airflow-3.3: test-airflow-%:  ## Run all tests on that Airflow, in .venv-airflow-<version>
	$(MAKE) test AIRFLOW=$* VENV=.venv-airflow-$*

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

clean:  ## Remove everything that was made here
	rm -rf .venv .venv-* .demo .airflow .pytest_cache .mypy_cache .ruff_cache .hypothesis
