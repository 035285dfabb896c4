# From a bare clone with Python >= 3.11 and make: `make demo` runs the main job, `make test` everything CI runs.
# Both make .venv and install the versions pinned in requirements/; a second call installs nothing.

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --require-virtualenv
# Python compiles modules when they are imported: few are, and all 14,000 would take 40 seconds on one core.
INSTALL = $(PIP) install --quiet --no-compile --constraint requirements/lock.txt --build-constraint requirements/build.txt
PINS = pyproject.toml requirements/lock.txt requirements/pip.txt requirements/build.txt
WORKERS = 2
# Programs compiled once are read by the other worker, by subprocesses, and by the next run.
CACHE = JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.pytest_cache/jax JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0.1
# What the first process compiles of Python all others read, also where bytecode is turned off (empty: it is on).
export PYTHONDONTWRITEBYTECODE =
# Each worker has one core: threads of linear algebra that wait for each other take most of the time otherwise.
THREADS = OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST = $(CACHE) $(THREADS) $(BIN)/python -m pytest --durations=15
# Tests that train for long are compiled as users compile. All others compile thousands of small programs, which takes
# longer than running them: they are compiled in a third of the time, into slower programs.
TRAINED = tests/claims tests/cli tests/test_documents.py \
  tests/sweeps/test_sweep.py tests/sweeps/test_executors.py tests/sweeps/test_depth.py \
  tests/frequency/test_kernel.py tests/networks/test_surgery.py
QUICK = XLA_FLAGS="--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"
# pyright is bundled in its package and its Node.js in another: with this it asks no network for a newer version.
QUIET_PYRIGHT = PYRIGHT_PYTHON_IGNORE_WARNINGS=1

.PHONY: help demo test install lint types layers unit doctest bench lock clean

help:
	@echo "make demo     install into $(VENV), then observe a network learning the shipped CO2 record"
	@echo "make test     install with the test tools, then lint, layers, types, doctest, unit"
	@echo "make lint | layers | types | unit | doctest     one of the checks"
	@echo "make bench    speed, against rivals in the same run"
	@echo "make lock     pin the versions that $(VENV) has into requirements/lock.txt"
	@echo "make clean    remove caches and build products; runs, galleries and $(VENV) stay"

demo: $(VENV)/.installed
	$(BIN)/simplebias observe co2

test:
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory layers
	@$(MAKE) --no-print-directory -j 2 types doctest  # types use one core, for 40 seconds
	@$(MAKE) --no-print-directory unit

install: $(VENV)/.installed-test

$(VENV)/.pip: requirements/pip.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "simplebias needs Python 3.11 or newer; say which: make PYTHON=python3.12 ..." >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --requirement requirements/pip.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.pip $(PINS)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.pip $(PINS)
	$(INSTALL) --group test --editable .
	@touch $@ $(VENV)/.installed

lint: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

layers: $(VENV)/.installed-test
	$(BIN)/lint-imports

types: $(VENV)/.installed-test
	$(QUIET_PYRIGHT) $(BIN)/pyright

unit: $(VENV)/.installed-test
	$(PYTEST) $(TRAINED) -n $(WORKERS)
	$(QUICK) $(PYTEST) tests $(TRAINED:%=--ignore=%) -n $(WORKERS)

doctest: $(VENV)/.installed-test
	$(PYTEST) --doctest-modules src -n $(WORKERS)

bench: $(VENV)/.installed-test
	@for file in benchmarks/bench_*.py; do echo "$(BIN)/python $$file"; $(BIN)/python $$file || exit 1; done

lock: $(VENV)/.installed-test
	$(BIN)/python requirements/make_lock.py

clean:
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find src tests benchmarks requirements -name __pycache__ -type d -prune -exec rm -rf {} +
