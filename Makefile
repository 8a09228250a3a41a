# `make demo` and `make test` each set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet -c constraints.txt
# files of tests side by side, since the tests of a file share their trained runs; one thread per worker
JOBS ?= $(shell $(PYTHON) -c 'import os; print(min(4, os.cpu_count() or 1))')
# XLA's optimizations cost a third of a suite whose networks run for seconds
PYTEST := JAX_DISABLE_MOST_OPTIMIZATIONS=1 OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

.PHONY: app bench demo test test-all test-browser test-corpus notebooks docs lint format clean

demo: .venv/.demo  ## run the main job on the toy corpus
	$(BIN)/sertk demo

test: .venv/.dev  ## run the whole suite, the model tests on both backends
	KERAS_BACKEND=tensorflow $(PYTEST)
	KERAS_BACKEND=jax $(PYTEST) -m "backend and not slow and not corpus" tests

test-all: test  ## with what takes minutes
	KERAS_BACKEND=tensorflow $(PYTEST) -m "slow or corpus or network" tests sertk tests/repository/packaging.py
	KERAS_BACKEND=jax $(PYTEST) -m "backend and slow" tests

test-browser: .venv/.dev app  ## the pages in headless Chromium
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -m browser tests/test_browser*.py tests/test_pages.py

test-corpus: .venv/.dev  ## on real files below SERTK_CORPORA
	$(PYTEST) -m corpus

# sertk/app/runtime.py pins the version and the sha256 of each file
app: .venv/.demo  ## fetch the JavaScript runtime of the listening page, 14 MB, with npm
	$(BIN)/python -m sertk.app.fetch

bench: .venv/.dev  ## measure against what a user would write, with RUN=runs/NAME also B5
	KERAS_BACKEND=tensorflow $(BIN)/python -m benchmarks $(if $(RUN),--run $(RUN))

notebooks: .venv/.dev  ## execute every notebook on the toy corpus
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -m notebook tests/test_notebooks.py

docs: .venv/.dev  ## build the documentation into site/, check its links, run the code of its pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	KERAS_BACKEND=tensorflow $(PYTEST) tests/site.py
	@echo 'Open site/index.html in a browser.'

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/python -m tests.no_sound
	$(BIN)/python -m pytest tests/repository/*.py docs/_make

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache runs

.venv/bin/python:
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "sertk needs Python 3.11 to 3.13, and this is %d.%d. Pass another: make PYTHON=python3.11" % v)'
	$(PYTHON) -m venv .venv

.venv/.demo: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e '.[tensorflow]'
	touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) -e '.[tensorflow,jax,dev]'
	touch $@
