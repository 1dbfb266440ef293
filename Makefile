# `make demo` and `make test` set up all they need in .venv.

PYTHON ?= python3
BIN := .venv/bin
INPUTS ?= 100000

# Tests start hundreds of processes, which start three times as fast from bytecode, as installed ones do.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: docs demo test lint types pytest slow golden fuzz fuzz-guided checkov page editors pictures sdk merges installs images benchmarks clean

demo: .venv/run  ## compile, one line changed and what that does, the jobs and the service, here
	@sh docs/demo.sh $(CURDIR)/$(BIN)/gitopsc

test: lint types pytest

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/mypy

pytest: .venv/dev
	$(BIN)/pytest -n auto --dist worksteal -m "not slow"

slow: .venv/dev  ## processes and servers, kills, random edits, every hostile value in every field
	$(BIN)/pytest -n auto --dist worksteal -m slow

golden: .venv/dev  ## rewrite the expected outputs; review them as code
	$(BIN)/pytest -q --update tests/test_golden.py tests/test_errors.py
	$(BIN)/gitopsc compile sample-project

fuzz: .venv/dev  ## 5,000 random examples of each kind, and not the same ones each time
	GITOPSC_FUZZ=5000 $(BIN)/pytest -q --hypothesis-show-statistics tests/test_fuzz.py

fuzz-guided: .venv/dev  ## INPUTS inputs, changed as coverage tells; nothing may be raised
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris>=2.3'
	$(BIN)/python tests/fuzz_guided.py $(INPUTS)

checkov: .venv/checkov/run  ## a policy checker over all output; tests/checkov.yaml has what is skipped, and why
	.venv/checkov/bin/checkov --config-file tests/checkov.yaml

page: .venv/page  ## the lineage page in a browser: Chromium, or the one that GITOPSC_CHROMIUM names
	GITOPSC_CHROMIUM="$${GITOPSC_CHROMIUM:-$$(command -v chromium || command -v google-chrome)}" $(BIN)/pytest -q tests/test_report_page.py

editors: .venv/dev  ## the settings of docs/editors.md in Emacs, where it is, with eglot and yaml-mode
	$(BIN)/pytest -q tests/test_language_server.py -k emacs

pictures: .venv/page  ## docs/pictures, out of what the tests of the page draw, and what a terminal shows
	$(BIN)/python docs/terminal_picture.py
	GITOPSC_PICTURES=docs/pictures GITOPSC_CHROMIUM="$${GITOPSC_CHROMIUM:-$$(command -v chromium || command -v google-chrome)}" $(BIN)/pytest -q tests/test_report_page.py

docs: .venv/docs/run  ## the documentation as a site with search, in .venv/site
	.venv/docs/bin/python docs/site.py .venv/pages
	.venv/docs/bin/zensical build --strict --clean

sdk: .venv/dev .venv/sdk/run  ## the platform's real SDK beside the runner's stand-in of it
	GITOPSC_SDK=.venv/sdk/bin/python $(BIN)/pytest -q tests/test_runner_sdk_beside.py

installs: .venv/dev  ## the wheel and the source distribution, by uv and by pipx
	.ci/installs

merges: .venv/dev  ## 200 random pairs of branches, merged, rebased and picked
	GITOPSC_PAIRS=200 $(BIN)/pytest -q -n auto tests/test_merges.py tests/test_finish_merge.py

images:  ## builds the sample's images; BUILDER and FLAGS say by what and how
	$(PYTHON) .ci/build_images.py sample-project --builder "$(BUILDER)" --flags "$(FLAGS)"

benchmarks: .venv/dev  ## the tables of docs/figures.md
	$(BIN)/python benchmarks/figures.py
	$(BIN)/python benchmarks/figures.py --sizes 1000,3000 --project-size 3000
	$(BIN)/python benchmarks/runner.py
	$(BIN)/python benchmarks/screening.py

clean:
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/docs/run: pyproject.toml
	$(PYTHON) -m venv .venv/docs
	.venv/docs/bin/python -m pip install --quiet --disable-pip-version-check --editable . 'zensical>=0.0.70'
	@touch $@

.venv/checkov/run:
	$(PYTHON) -m venv .venv/checkov
	.venv/checkov/bin/python -m pip install --quiet --disable-pip-version-check 'checkov>=3.2'
	@touch $@

.venv/page: .venv/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'playwright>=1.45' 'markdown-it-py>=3'
	@touch $@

.venv/sdk/run:
	$(PYTHON) -m venv .venv/sdk
	.venv/sdk/bin/python -m pip install --quiet --disable-pip-version-check 'digitalhub>=0.15,<0.16' 'digitalhub-runtime-python>=0.15,<0.16' pandas
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/run
