# `make run` and `make test` install everything they need; README.md has the same in plain commands.
VENV := .venv
LOWEST := .venv-lowest
PY := $(VENV)/bin/python
# The first Python on PATH that is new enough. If there is none: python3, and the rule of $(PY) prints its version.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
PIP := $(PY) -m pip --disable-pip-version-check install --quiet

# Remove the stamps of a .venv whose Python no longer exists.
$(shell test -x $(PY) || rm -f $(VENV)/.stamp-*)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=python3.12     any target: make the environment with another Python"
	@echo "  PORT=8502             run: the port of the server"
	@echo "  ARGS='...'            run, test, docs, bench, mutants: further arguments of the command"
	@echo "  ARGS='tests/engine/flow -k plane'"
	@echo "                        test: part of the tests"
	@echo "  ARGS=\"-m 'not slow'\"  test: leave out the few tests that take most of the time; CI runs them"
	@echo "  TORCH='torch --index-url https://download.pytorch.org/whl/cpu'"
	@echo "                        bench: install PyTorch without CUDA, a much smaller build"

run: $(VENV)/.stamp-run  ## start the explorer and open it in the browser
	@exec $(PY) -m explorer $(if $(PORT),--server.port=$(PORT)) $(ARGS)

# One process per core, each with a server and a Chromium of its own; those that run out of tests take over from the others.
# Part of the tests, such as ARGS=tests/engine/flow, runs in one process: it would end before the others have started.
CORES := -n auto --dist worksteal

test: $(VENV)/.stamp-test  ## run the tests, also those in a real Chromium (without them: ARGS=--no-browser)
	$(if $(or $(findstring --no-browser,$(ARGS)),$(filter tests/engine%,$(ARGS))),,@$(PY) tests/browser.py)
	$(PY) -m pytest $(if $(findstring tests/,$(ARGS)),,$(CORES)) $(ARGS)

test-lowest: $(LOWEST)/.stamp  ## run the engine's tests, and open each page once, with the lowest versions allowed
	$(LOWEST)/bin/python -m pytest $(CORES) \
		$(shell grep -rL --include='test_*.py' 'explorer\|browser' tests) tests/explorer/views/test_pages.py $(ARGS)

lint: $(VENV)/.stamp-lint  ## check style, types and spelling
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) -m codespell_lib

format: $(VENV)/.stamp-lint  ## format the code, and fix the faults of style that ruff can fix
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

docs: $(VENV)/.stamp-docs  ## build the documentation into site/index.html; ARGS=serve shows it and follows changes
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs $(or $(ARGS),build)

bench: $(VENV)/.stamp-bench  ## time the engine against PyTorch, which it installs
	$(PY) bench/engine.py $(ARGS)

bench-flow: $(VENV)/.stamp-bench  ## time gradients by loss and Jacobians against PyTorch
	$(PY) bench/flow.py $(ARGS)

mutants: $(VENV)/.stamp-mutation $(VENV)/.stamp-test  ## put small faults into the engine, and list those that no test notices
	$(PY) bench/mutants.py $(ARGS)

clean:  ## remove the environments and all generated files
	rm -rf $(VENV) $(LOWEST) build dist site *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Unrolled needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>/dev/null || echo missing)."; \
		echo "Install a newer one and name it: make $(or $(MAKECMDGOALS),run) PYTHON=python3.12"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment, since its module venv is not installed."; \
		echo "On Debian and Ubuntu, as root: apt-get install python3-venv (or python3.12-venv, for Python 3.12)"; \
		exit 1; } >&2
	$(PYTHON) -m venv --clear $(VENV)

# The lower bounds of requirements.txt as exact versions: "numpy>=2.0,<3" becomes "numpy==2.0".
$(LOWEST)/.stamp: requirements.txt pyproject.toml $(VENV)/.stamp-test
	$(PYTHON) -m venv --clear $(LOWEST)
	@sed -n 's/^\([a-z]*\)>=\([0-9.]*\),.*/\1==\2/p' requirements.txt > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip --disable-pip-version-check install --quiet -r $(LOWEST)/lowest.txt -r $(VENV)/test.txt
	@touch $@

$(VENV)/.stamp-run: requirements.txt | $(PY)
	$(PIP) -r requirements.txt
	@touch $@

# The extra `test`, `lint`, `docs`, `bench` or `mutation` without the project itself, since an installed copy would hide wrong paths.
.PRECIOUS: $(VENV)/.stamp-%
$(VENV)/.stamp-%: pyproject.toml $(VENV)/.stamp-run
	$(if $(and $(TORCH),$(filter bench,$*)),$(PIP) $(TORCH))
	@$(PY) -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*p["optional-dependencies"]["$*"], sep="\n")' > $(VENV)/$*.txt
	$(PIP) -r requirements.txt -r $(VENV)/$*.txt
	@touch $@

.PHONY: help run test test-lowest lint format docs bench bench-flow mutants clean
