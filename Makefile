# make reproduce   set up .venv with what that needs, run the main job, end in a report to look at
# make test        set up .venv for the tests, run them
# make lint        set up .venv for the checks of the source, run them
# make mutation    the tests against mutants of the source
# make soak        the long tests: every command under thousands of inputs, the report on two kernels
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TESTS  := $(VENV)/.test-ready
LINT   := $(VENV)/.lint-ready
DOCS   := $(VENV)/.docs-ready
PIP    := $(BIN)/python -m pip --disable-pip-version-check
SETUP  := pyproject.toml constraints.txt

.PHONY: reproduce test soak mutation lint browser-test docs docs-pages clean
.DELETE_ON_ERROR:

# An environment that lacks pip (made by a run that was stopped) or lies elsewhere (of a copied checkout) is made anew.
define environment
@test -w . || { echo "$(CURDIR) cannot be written; copy it to a folder that can" >&2; exit 2; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
  { echo "tightrate needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make environments: install its venv\
 package (Debian, Ubuntu: apt-get install python3-venv) or set PYTHON to another one" >&2; exit 2; }
@if ! $(BIN)/python -m pip --version >/dev/null 2>&1 || { grep -q '^command = ' $(VENV)/pyvenv.cfg && \
  ! grep -q -- '-m venv .*$(abspath $(VENV))$$' $(VENV)/pyvenv.cfg; }; then \
  echo "making $(VENV) ..."; rm -rf $(VENV); $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }; fi
endef

# The stamp is set when everything is there.
define install
@echo "installing into $(VENV) ..."
@$(PIP) install --constraint constraints.txt --editable '.$(1)'
@echo '$(CURDIR)' > $@
endef

# A stamp from another folder is that of a copied checkout, whose environment belongs to the original.
STRANGE := $(foreach stamp,$(READY) $(TESTS) $(LINT) $(DOCS),$(if \
  $(filter-out $(CURDIR),$(shell cat $(stamp) 2>/dev/null)),$(stamp)))
$(if $(strip $(STRANGE)),$(shell rm -f $(STRANGE)))

$(READY): $(SETUP)
	$(environment)
	$(call install,[data])

$(TESTS): $(SETUP)
	$(environment)
	$(call install,[test])

$(LINT): $(SETUP)
	$(environment)
	$(call install,[lint])

$(DOCS): $(SETUP)
	$(environment)
	$(call install,[docs])

reproduce: $(READY)
	@$(BIN)/tightrate reproduce --out report

test: $(TESTS)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not browser and not soak'

# About half an hour on two cores, then whether verdicts depend on the seed: all quick claims on SEEDS seeds (about 3 CPU
# minutes each).
SEEDS ?= 20
soak: $(TESTS)
	@$(BIN)/python -m pytest -n 2 -m soak
	@$(BIN)/python -m tightrate.verify.soak --seeds $(SEEDS)

# Mutants of the modules in pyproject.toml, or of ONLY; some seconds for each of several hundred a module, or of SAMPLE.
mutation: $(TESTS)
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[mutation]'
	@$(BIN)/python tests/mutation_testing.py $(if $(SAMPLE),--sample $(SAMPLE)) $(ONLY)

lint: $(LINT)
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports

# Needs Debian's chromium (apt-get install chromium) or any Chromium on the PATH.
browser-test: $(TESTS)
	@$(BIN)/python -m pytest -x tests/browser -m browser

# The site, in docs/_build/html; a warning is an error.  Links to the proofs are found where their folder is no link.
docs: $(DOCS)
	@rm -rf .site && cp -RL docs .site
	@$(BIN)/python -m sphinx -W --keep-going -q -b html .site docs/_build/html
	@rm -rf .site
	@echo "The site: docs/_build/html/index.html"

# Everything in docs/ and the README that is printed by a command, printed again.
docs-pages: $(TESTS)
	@COLUMNS=100 NO_COLOR=1 $(BIN)/tightrate reproduce --out report
	@cp report/reproduction.md report/verdicts.json docs/
	@$(BIN)/python -m tightrate.figures.site_page report docs
	@$(BIN)/python -m tightrate.rates.pages.paper_pages docs/papers
	@$(BIN)/python -m tightrate.rates.pages.catalogue_audit docs
	@$(BIN)/python -m tightrate.simulator.algorithm_pages docs/algorithms
	@$(BIN)/python -m tightrate.rates.manuscripts.rule_pages docs/lint
	@$(BIN)/python docs/refresh.py

clean:
	rm -rf $(VENV) report build dist .site .pytest_cache .mypy_cache .ruff_cache .hypothesis
