# Everything is done inside .venv, which each target makes when it is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check \
	--no-input --require-hashes --no-deps --no-compile
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate
# A tool that looks at the product is no part of it: it has an environment of its own.
AUDIT := $(VENV)/audit
INDEX_HOSTS := (pypi\.org|pythonhosted\.org|pypi\.python\.org)

# Tests and `make run` start many processes, each of which would compile Django anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-system coverage test-long lint format lock audit bench bench-peers soak screenshots clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */\1|/' \
		| awk -F'|' '{ printf "make %-12s%s\n", $$1, $$2 }'

run: $(VENV)/.run-installed  ## start everything; Ctrl-C stops it
	@$(BIN)/python -m config.run --end-with-parent

# They wait now and then: three keep two cores busy.
test: $(VENV)/.test-installed  ## run the tests, but for those of the whole
	@$(BIN)/python -m pytest -n 3 $(ARGS)

test-system: $(VENV)/.test-installed  ## run those: processes, outages, browsers, every page
	@$(BIN)/python -m pytest -n 3 -m "(system or browser) and not long" $(ARGS)

coverage: $(VENV)/.test-installed  ## run both and say which lines they reached
	@$(BIN)/python -m pytest -n 2 -m "not long" --cov --cov-report=term $(ARGS)

test-long: $(VENV)/.test-installed  ## run the tests that take minutes
	@$(BIN)/python -m pytest -m long --timeout=1800 $(ARGS)

lint: $(VENV)/.test-installed  ## ruff, mypy, bandit, import-linter, migrations, index hosts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/bandit -q -r config gateway tenants catalog usage workflows -c pyproject.toml
	$(BIN)/lint-imports --no-cache
	SIGNALBOX_EMBEDDED=off $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	git grep -nIE --no-index --exclude-standard '$(INDEX_HOSTS)'; test $$? -eq 1

format: $(VENV)/.test-installed  ## let ruff format and fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.lock-installed  ## resolve, pin and hash the requirements again
	$(LOCK) $(ARGS) requirements/lock.in --output-file requirements/lock.txt
	$(LOCK) $(ARGS) requirements/run.in --output-file requirements/run.txt
	$(LOCK) $(ARGS) requirements/test.in --constraint requirements/run.txt --output-file requirements/test.txt
	$(LOCK) $(ARGS) requirements/audit.in --output-file requirements/audit.txt

# It passes over nothing: a package that the service does not tell of is a failure.
audit: $(AUDIT)/.installed  ## look the locked packages up among known vulnerabilities
	@said=$$($(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes \
		--progress-spinner off --requirement requirements/run.txt $(ARGS) 2>&1); \
	status=$$?; echo "$$said"; case "$$status:$$said" in \
		0:*) ;; \
		*" known vulnerabilit"*) \
			echo "make audit: raise the packages named above and run make lock." >&2; exit 1 ;; \
		*) echo "make audit: NOT CHECKED. The vulnerability service did not tell of every" \
			"package, as said above; run it where the internet can be reached." >&2; exit 1 ;; \
	esac

bench: $(VENV)/.test-installed  ## measure, and write docs/benchmarks.md
	@$(BIN)/python -m tests.benchmarks $(ARGS)

bench-peers: $(VENV)/.test-installed  ## the same load on LiteLLM and Portkey, installed for it
	@$(BIN)/python -m tests.benchmarks.peers $(ARGS)

soak: $(VENV)/.test-installed  ## ten minutes of everything at once; fails on a leak
	@$(BIN)/python -m tests.benchmarks.soak $(ARGS)

screenshots: $(VENV)/.test-installed  ## photograph the running product for the README
	@$(BIN)/python -m tests.screenshots

clean:  ## remove the virtual environment and the caches, never the data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.hypothesis .test-database .coverage .coverage.* htmlcov coverage.xml

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Signalbox needs Python 3.11 or newer; name one with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(AUDIT)/.installed: requirements/audit.txt | $(BIN)/python
	@echo "Installing $< into $(AUDIT) …"
	@$(BIN)/python -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install -qq --disable-pip-version-check \
		--no-input --require-hashes --no-deps --no-compile --requirement $<
	@touch $@

$(VENV)/.%-installed: requirements/%.txt | $(BIN)/python
	@echo "Installing $< into $(VENV) …"
	@$(INSTALL) --requirement $<
	@touch $@
