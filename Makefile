VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3.11

.PHONY: build test lint format bench clean

build: $(VENV)/.installed ## every table, every data test, on The Complete Journey
	$(BIN)/dbt build

test: $(VENV)/.installed-dev lint ## what CI runs
	$(BIN)/pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.installed ## load throughput beside DuckDB's own scan, at two sizes
	PYTHONPATH=python $(BIN)/python -m grocery_recommender.benchmarks.ingestion --customers 5000
	PYTHONPATH=python $(BIN)/python -m grocery_recommender.benchmarks.ingestion --customers 50000

clean:
	rm -rf $(VENV) target logs warehouse published

$(VENV)/.installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@
