# make reproduce   set up .venv, run the main job, end in a report to look at
# make test        set up .venv, run the tests
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PIP    := $(BIN)/python -m pip --disable-pip-version-check

DOCS   := $(VENV)/.docs-ready

.PHONY: reproduce test lint soak browser-test docs docs-pages clean

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tightrate needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..."
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

reproduce: $(READY)
	@$(BIN)/tightrate reproduce --out report

test: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not browser'

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

# Whether verdicts depend on the seed: all quick claims on SEEDS seeds (about 3 CPU minutes each).
SEEDS ?= 20
soak: $(READY)
	@$(BIN)/python -m tightrate.verify.soak --seeds $(SEEDS)

# Needs Debian's chromium (apt-get install chromium) or any Chromium on the PATH.
browser-test: $(READY)
	@$(BIN)/python -m pytest -x tests/browser -m browser

$(DOCS): $(READY)
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

# The site, in docs/_build/html; a warning is an error.
docs: $(DOCS)
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "The site: docs/_build/html/index.html"

# Everything in docs/ and the README that is printed by a command, printed again.
docs-pages: $(READY)
	@COLUMNS=100 NO_COLOR=1 $(BIN)/tightrate reproduce --out report
	@cp report/reproduction.md report/verdicts.json docs/
	@mkdir -p docs/figures && cp report/figures/*.png docs/figures/
	@$(BIN)/python -m tightrate.rates.pages.paper_pages docs/papers
	@$(BIN)/python -m tightrate.rates.pages.catalogue_audit docs
	@$(BIN)/python -m tightrate.simulator.algorithm_pages docs/algorithms
	@$(BIN)/python -m tightrate.rates.manuscripts.rule_pages docs/lint
	@$(BIN)/python docs/refresh.py

clean:
	rm -rf $(VENV) report build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
