# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 3

.PHONY: demo test torture check format bench models-page docs clean

demo: .venv/.installed ## render a first video, free and without any key, and say where it is
	@mkdir -p demo
	@VIDEOGEN_HOME="$(CURDIR)/demo" $(BIN)/videogen-mcp generate --gateway local --duration 6 --generate-audio --seed 7 \
	  --output demo/first-video.mp4 \
	  "Shot 1: a red kite over a stormy sea, camera pans left. Cut to: a lighthouse at golden hour, slow zoom in"
	@echo "$(CURDIR)/demo/first-video.mp4"

test: .venv/.tools ## run the whole suite: what measures time last, with the machine for itself
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not torture and not alone"
	$(BIN)/python -m pytest -m "alone and not torture"

torture: .venv/.tools ## kill servers at 200 random moments, and some of several every three seconds; prints the counts
	$(BIN)/python -m pytest tests/torture -m torture

check: .venv/.tools ## lint, types, architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

format: .venv/.tools ## put the code into the project's form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/.tools ## measure, and fail where a figure is over its limit
	$(BIN)/python -m bench

models-page: .venv/.installed ## write the catalogue as one static page, for choosing a model
	@$(BIN)/python -m videogen_mcp.models_page build/models.html

docs: .venv/.tools ## write what docs/selection.md and docs/gateways.md quote from the code
	@$(BIN)/python -m tests.docs.selection_page
	@$(BIN)/python -m tests.docs.gateways_page

.venv/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; call make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.tools: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean: ## remove what was built and installed here
	rm -rf .venv build dist demo .pytest_cache .ruff_cache .hypothesis .import_linter_cache
