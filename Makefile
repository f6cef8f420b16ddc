VENV := .venv
BIN := $(VENV)/bin
LINT_VENV := .venv-lint
LINT_BIN := $(LINT_VENV)/bin
CLIENTS_VENV := .venv-clients
RETAILERS := complete_journey lgsr
PYTHON ?= python3.11
# Tests in two processes, file by file in their order: the longest stands near the front.
IN_TWO := --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Each on one core: the threads of one would wait for those of the other.
test coverage: export OMP_NUM_THREADS = 1

.PHONY: build build-spark test test-spark coverage faults lint lint-sql format bench backtest tune report metrics docs clean

build: $(VENV)/.installed ## every table, every data test, on The Complete Journey
	$(BIN)/dbt build

build-spark: $(VENV)/.installed-spark ## every table, every data test, on Apache Spark (SPARK_MASTER); needs Java 17
	$(BIN)/dbt build --target spark --exclude-resource-type unit_test

test: $(VENV)/.installed-dev $(CLIENTS_VENV)/.installed lint ## what CI runs
	$(BIN)/pytest $(IN_TWO)

test-spark: $(VENV)/.installed-dev $(VENV)/.installed-spark ## the engines against each other on a small shop; needs Java 17
	$(BIN)/pytest tests/python/test_spark.py

coverage: $(VENV)/.installed-dev $(CLIENTS_VENV)/.installed ## the tests once more, with the share of the library that they run
	$(BIN)/pytest $(IN_TWO) --cov --cov-report=term-missing:skip-covered

faults: $(VENV)/.installed-dev ## builds that are killed, locked out, starved and shuffled, for many minutes
	$(BIN)/pytest -m faults tests/python/test_faults.py

lint: $(VENV)/.installed-dev ## style of Python
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lint-sql: export GROCERY_WAREHOUSE = :memory:
lint-sql: $(VENV)/.installed-dev $(LINT_VENV)/.installed ## style of SQL, and the house rules that the manifest can prove
	for retailer in $(RETAILERS); do \
		$(BIN)/dbt parse --quiet --vars "{retailer: $$retailer}" --target-path target/lint && \
		$(LINT_BIN)/dbt-bouncer run || exit 1; \
	done
	$(LINT_BIN)/sqlfluff lint --processes 2 --disable-progress-bar models tests
	$(LINT_BIN)/sqlfluff lint --disable-progress-bar --config .ci/sqlfluff-lgsr.cfg models/staging/lgsr

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: WAREHOUSE = warehouse/complete_journey.duckdb
bench: $(VENV)/.installed ## features, loading at two sizes, and all stages of a build, beside floors measured in the same run
	if test -f $(WAREHOUSE); then PYTHONPATH=python $(BIN)/python -m grocery_recommender.benchmarks.features $(WAREHOUSE); \
	else echo "features are not measured: there is no $(WAREHOUSE), make build first"; fi
	PYTHONPATH=python $(BIN)/python -m grocery_recommender.benchmarks.ingestion --customers 5000
	PYTHONPATH=python $(BIN)/python -m grocery_recommender.benchmarks.ingestion --customers 50000
	PYTHONPATH=python $(BIN)/python -m grocery_recommender.benchmarks.stages --customers 5000

backtest: $(VENV)/.installed ## the last weeks re-made one by one in a copy of the warehouse, and their figures pooled: make backtest WEEKS=4
	PYTHONPATH=python $(BIN)/python -m grocery_recommender.backtest $(if $(WEEKS),--weeks $(WEEKS))

tune: $(VENV)/.installed-tune ## search the boosters' parameters on earlier weeks; the next build reads them
	PYTHONPATH=python $(BIN)/python -m grocery_recommender.tune

report: $(VENV)/.installed-report ## the published week as one HTML file
	PYTHONPATH=python $(BIN)/python -m grocery_recommender.report

metrics: $(VENV)/.installed-metrics ## check the semantic models against the warehouse, and answer from them
	$(BIN)/dbt parse --quiet
	$(BIN)/mf validate-configs
	$(BIN)/mf query --metrics expected_purchases,customers_with_lists,expected_purchases_per_customer \
		--group-by metric_time__week,recommendation__kind_of_item

docs: $(VENV)/.installed ## every table and column as one HTML file
	$(BIN)/dbt docs generate --static
	@echo target/static_index.html

clean:
	rm -rf $(VENV) $(LINT_VENV) $(CLIENTS_VENV) target logs warehouse published

$(VENV)/.installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	$(BIN)/python -c "import implicit, lightgbm"  # Both need libgomp.so.1 of the system; a build would miss it late.
	touch $@

$(VENV)/.installed-report: requirements-report.txt $(VENV)/.installed
	$(BIN)/pip install --quiet --requirement requirements-report.txt
	touch $@

$(VENV)/.installed-tune: requirements-tune.txt $(VENV)/.installed
	$(BIN)/pip install --quiet --requirement requirements-tune.txt
	touch $@

# The .pth file lets dbt, and the executors, find the plugin python/dbt_spark_session.py.
$(VENV)/.installed-spark: requirements-spark.txt $(VENV)/.installed
	$(BIN)/pip install --quiet --requirement requirements-spark.txt
	echo $(CURDIR)/python > $$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/grocery_recommender.pth
	touch $@

$(VENV)/.installed-metrics: requirements-metrics.txt $(VENV)/.installed
	$(BIN)/pip install --quiet --requirement requirements-metrics.txt
	touch $@

$(LINT_VENV)/.installed: requirements-lint.txt
	$(PYTHON) -m venv $(LINT_VENV)
	$(LINT_BIN)/pip install --quiet --requirement requirements-lint.txt
	touch $@

$(CLIENTS_VENV)/.installed: requirements-clients.txt
	$(PYTHON) -m venv $(CLIENTS_VENV)
	$(CLIENTS_VENV)/bin/pip install --quiet --requirement requirements-clients.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-report.txt requirements-tune.txt $(VENV)/.installed
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@
