# Everything is installed into $(VENV), built once, and repeated only when its inputs change.
#
#   make demo           set up, then run examples/quickstart.py
#   make test           set up, then run the tests and the doctests
#   make build          (the default) the editable install, kernels up to date
#   make lint format types docs bench
#   make debug-test     the tests of what calls kernels, which are built with bounds checks
#   make fuzz           random calls on kernels that AddressSanitizer and UBSan instrument
#   make coverage       the tests, and which lines of the Python code they leave out
#   make wheel-test     sdist -> wheel -> some tests and the doctests on it, installed elsewhere
#   make oldest-test    the estimators' tests on the oldest numpy, scipy and scikit-learn allowed
#   make freethreaded-test  the tests without the GIL, where FREETHREADED (python3.14t) is there
#   make clean          remove what was built (rm -rf .venv removes the rest)
#
# PYTHON chooses the interpreter, PYTEST_ARGS is handed to pytest, BENCH_ARGS to the benchmark;
# FUZZ_SECONDS is how long to fuzz, and a failure is repeated by its FUZZ_SEED.

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_SECONDS ?= 40
FUZZ_SEED ?= $(shell date +%s)
FREETHREADED ?= python3.14t

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# It links to the tree, in which the kernels are built once for all, by $(VENV)/.built.
EDITABLE := SGD_ESTIMATORS_LINK=1 $(PIP) install --no-build-isolation --editable
KERNELS := $(wildcard sgd_estimators/*.pxd $(addprefix sgd_estimators/_kernels/*,.pyx .pxd .h))
PACKAGE := $(filter-out %.so,$(wildcard sgd_estimators/*.* sgd_estimators/*/*.*))

# The array-API checks of scikit-learn need SciPy to be imported with this set.
export SCIPY_ARRAY_API = 1
export MPLBACKEND = Agg

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: build demo test lint format types docs bench debug-test fuzz coverage wheel-test \
	oldest-test freethreaded-test clean

build: $(VENV)/.built

demo: build
	$(BIN)/python examples/quickstart.py

test: build
	$(BIN)/pytest -n 2 $(PYTEST_ARGS)

# ---------------------------------------------------------------- setting up

# Says which system package is missing before anything is created.
define CHECK_SYSTEM
@command -v "$(PYTHON)" >/dev/null || { \
	echo "make: there is no '$(PYTHON)' here. Install Python 3.11 or newer"; \
	echo "  Debian, Ubuntu: apt-get install python3 python3-venv python3-dev"; \
	echo "  Fedora:         dnf install python3 python3-devel"; exit 1; } >&2
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "make: $(PYTHON) is older than 3.11; choose another: make PYTHON=python3.12"; exit 1; } >&2
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "make: $(PYTHON) cannot make virtual environments. Install venv"; \
	echo "  Debian, Ubuntu: apt-get install $(DEBIAN_PYTHON)-venv"; \
	echo "  Fedora:         dnf install python3"; exit 1; } >&2
@$(COMPILER) --version >/dev/null 2>&1 || { \
	echo "make: there is no C compiler here ($(COMPILER)). Install one"; \
	echo "  Debian, Ubuntu: apt-get install build-essential"; \
	echo "  Fedora:         dnf install gcc"; exit 1; } >&2
@echo '#include <Python.h>' | $(COMPILER) -fsyntax-only -I"$(INCLUDE)" -x c - 2>/dev/null || { \
	echo "make: Python.h, or the C library's headers, are missing. Install them"; \
	echo "  Debian, Ubuntu: apt-get install $(DEBIAN_PYTHON)-dev build-essential"; \
	echo "  Fedora:         dnf install python3-devel gcc"; exit 1; } >&2
endef

ask_python = $$($(PYTHON) -c 'import os, sys, sysconfig; print($(1))')
DEBIAN_PYTHON = $(call ask_python,"python%d.%d" % sys.version_info[:2])
COMPILER = $(call ask_python,os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
INCLUDE = $(call ask_python,sysconfig.get_path("include"))

# Requirements of pyproject.toml as words; the floors are the runtime ones, pinned.
ask_pyproject = $$($(BIN)/python -c 'import tomllib; \
	p = tomllib.load(open("pyproject.toml", "rb")); print(*$(1))')
BUILD_REQUIRES = $(call ask_pyproject,p["build-system"]["requires"])
FLOORS = $(call ask_pyproject,("==".join(r.split(">=")) for r in p["project"]["dependencies"]))

# The pip and setuptools of a fresh environment are too old for an editable Cython build.
$(VENV)/.installed: pyproject.toml
	$(CHECK_SYSTEM)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip
	$(PIP) install --upgrade $(BUILD_REQUIRES)
	$(EDITABLE) '.[test,plot,export]'
	@touch $@

$(VENV)/.built: $(VENV)/.installed setup.py $(KERNELS)
	$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

# The tools of a dependency group.
$(VENV)/.group-%: $(VENV)/.installed
	$(PIP) install --group $*
	@touch $@

# The packages of another extra.
$(VENV)/.extra-%: $(VENV)/.installed
	$(EDITABLE) '.[$*]'
	@touch $@

# Each peer by itself: one that does not install is reported by the benchmark.
PEERS := cyanure snapml glum skglm vowpalwabbit torch
$(VENV)/.peers: $(VENV)/.installed
	for peer in $(PEERS); do $(PIP) install $$peer || echo "$$peer does not install"; done
	@touch $@

# ------------------------------------------------------------------ checking

# cython-lint runs pycodestyle by its bare name.
lint: $(VENV)/.group-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PATH="$(abspath $(BIN)):$$PATH" cython-lint sgd_estimators examples

format: $(VENV)/.group-lint
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(VENV)/.group-types
	$(BIN)/mypy

docs: build $(VENV)/.extra-docs
	$(BIN)/sphinx-build -W --keep-going -n -q -b html docs build/docs

# Writes its tables and its picture to docs/; BENCH_ARGS="--data DIR" adds a folder of sets.
bench: build $(VENV)/.extra-bench $(VENV)/.peers
	$(BIN)/python benchmarks/epoch.py --quick
	$(BIN)/python benchmarks/fit.py --quick
	$(BIN)/python benchmarks/against_peers $(BENCH_ARGS)

# What these test is above the kernels, and the same on any build of them.
ABOVE := common demo docs display display_descent export labels lecture migration search

# A build beside the release build, put before it on the path. It runs from its own folder,
# so that no subprocess of a test imports the release kernels from the current one.
debug-test: $(VENV)/.installed
	SGD_ESTIMATORS_DEBUG=1 $(BIN)/python setup.py --quiet \
		build --build-base build/debug --build-lib build/debug/lib
	cd build/debug && PYTHONPATH="$(CURDIR)/build/debug/lib" \
		"$(abspath $(BIN))/pytest" -n 2 -m "not slow" -c ../../pyproject.toml ../../tests \
		$(ABOVE:%=--ignore=../../tests/test_%.py) $(PYTEST_ARGS)

# Another such build, for gcc; Python itself is not instrumented, so its runtime comes first.
runtime = $$($(COMPILER) -print-file-name=$(1))
fuzz: $(VENV)/.installed
	SGD_ESTIMATORS_SANITIZE=1 $(BIN)/python setup.py --quiet \
		build --build-base build/sanitize --build-lib build/sanitize/lib
	cd build/sanitize && LD_PRELOAD="$(call runtime,libasan.so) $(call runtime,libubsan.so)" \
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
		PYTHONPATH="$(CURDIR)/build/sanitize/lib" \
		"$(abspath $(BIN))/python" ../../tests/fuzz.py $(FUZZ_SECONDS) $(FUZZ_SEED)

coverage: build
	$(BIN)/pytest -n 2 --cov=sgd_estimators --cov-report=term-missing:skip-covered \
		--cov-fail-under=95 $(PYTEST_ARGS)

# --------------------------------------------------------------------- wheel

build/.wheel: $(VENV)/.group-build setup.py pyproject.toml MANIFEST.in $(PACKAGE)
	rm -rf dist
	$(BIN)/python -m build --quiet
	@touch $@

# The tests of an installed wheel: $(call test_wheel,venv,more requirements,what to run)
define test_wheel
$(PYTHON) -m venv --clear $(1)
$(1)/bin/python -m pip --quiet install --upgrade pip
$(1)/bin/python -m pip --quiet install "$$(echo dist/*.whl)[test,plot]" $(2)
$(1)/bin/python -m pip list | grep -iE '^(numpy|scipy|scikit-learn|sgd.estimators) '
copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT \
	&& cp -R tests examples pyproject.toml README.md "$$copy" && cd "$$copy" \
	&& "$(CURDIR)/$(1)/bin/pytest" -n 2 $(3) $(PYTEST_ARGS)
endef

# Its code is that of `make test`: what may differ is what is in it, and what it meets.
INSTALLED := $(addprefix tests/test_,estimators.py callbacks.py run.py labels.py)
wheel-test: build/.wheel
	$(call test_wheel,build/wheel-venv,,-m "not slow" $(INSTALLED) --pyargs sgd_estimators)

# The oldest numpy and scipy have wheels for Python 3.11 only.
oldest-test: build/.wheel
	$(call test_wheel,build/oldest-venv,$(FLOORS),tests/test_common.py $(INSTALLED))

# polars has no free-threaded wheels.
FREE := build/freethreaded-venv
freethreaded-test:
	@command -v "$(FREETHREADED)" >/dev/null || { \
		echo "make: skipped: there is no '$(FREETHREADED)'; FREETHREADED=... names another"; \
		exit 0; }; \
	$(FREETHREADED) -m venv --clear $(FREE) && \
	$(FREE)/bin/python -m pip --quiet install . pytest hypothesis cloudpickle pandas \
		tqdm 'Cython>=3.3,<3.4' 'setuptools>=77' && \
	copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT \
		&& cp -R tests examples pyproject.toml README.md "$$copy" && cd "$$copy" \
		&& "$(CURDIR)/$(FREE)/bin/python" -W error -c \
			"import sys, sgd_estimators; assert not sys._is_gil_enabled()" \
		&& "$(CURDIR)/$(FREE)/bin/pytest" tests $(PYTEST_ARGS)

clean:
	rm -rf build dist docs/generated docs/gallery *.egg-info $(VENV)/.built
	find sgd_estimators examples -name '*.so' -delete
