# Everything happens in .venv, which is made on first use and renewed when pyproject.toml or a lock changes.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install
UV := uv==0.13.9
COMPILE := .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
# What benchmarks.peers measures beside us; they pin apart, so each group has an environment of its own.
PEERS := vendors litellm langchain pydantic-ai

export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PYTHONUNBUFFERED := 1

# $(call quietly,what for,command): the log is shown only when the command fails.
quietly = $(2) > .venv/install.log 2>&1 || { cat .venv/install.log >&2; echo "make: could not $(1): see above." >&2; exit 1; }

.PHONY: help demo test live lint format bench bench-check bench-peers bench-report notebooks lock clean

help: ## say what can be done here
	@echo "tokenrill: stream any AI provider as an Rx observable. Needs Python 3.11 or newer, and nothing else."
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-20s%s\n", $$1, $$2 }'
	@echo
	@echo "Another Python: make test PYTHON=python3.13. More: README.md to use it, CONTRIBUTING.md to change it."

demo: .venv/demo.stamp ## see it stream, with no key and no network
	@$(BIN)/python -m tokenrill demo

test: .venv/test.stamp ## run every test; ends with what could not be run, and why
	@$(BIN)/python -m pytest -rfEs

live: .venv/test.stamp ## ask each real provider whose key is set one short question (costs a little)
	@TOKENRILL_LIVE=1 $(BIN)/python -m pytest -rfEs tests/live

lint: .venv/test.stamp ## check the format (ruff), the code (ruff) and the types (pyright, strict)
	@status=0; \
	$(BIN)/ruff format --quiet --check . || { status=1; echo "lint: not formatted: make format repairs it." >&2; }; \
	$(BIN)/ruff check --quiet . || status=1; \
	$(BIN)/pyright || status=1; \
	[ $$status = 0 ] && echo "lint: the format, the code and the types are in order."; exit $$status

format: .venv/test.stamp ## write the format, and repair what ruff can
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format .

bench: .venv/test.stamp ## measure speed and memory (some minutes)
	@$(BIN)/python -m benchmarks

bench-check: .venv/test.stamp bench-peers ## the same, and fail where a budget is not kept
	@$(BIN)/python -m benchmarks --check

bench-peers: $(PEERS:%=.venv/peers/%/installed.stamp) ## install the clients we are measured against
	@echo "bench-peers: all are installed; $(BIN)/python -m benchmarks.peers measures them."

bench-report: .venv/test.stamp bench-peers ## measure all, and write docs/performance.md and its pictures anew
	@$(BIN)/python -m benchmarks --json .venv/bench.json
	@$(BIN)/python -m benchmarks.report .venv/bench.json

notebooks: .venv/test.stamp ## run every notebook from top to bottom, as a reader would
	@for notebook in $(wildcard notebooks/*.ipynb); do \
		$(BIN)/jupyter execute $$notebook > .venv/notebook.log 2>&1 || { cat .venv/notebook.log >&2; exit 1; }; \
		echo "$$notebook runs."; \
	done

lock: .venv/python.stamp ## pin anew every dependency, with hashes (needs a network)
	@test -x .venv/lock/bin/uv || $(PYTHON) -m venv .venv/lock
	@$(call quietly,install uv,.venv/lock/bin/python -m pip --disable-pip-version-check install $(UV))
	@$(COMPILE) pyproject.toml --upgrade --extra cli --extra notebook --group test --output-file requirements/test.txt
	@$(COMPILE) pyproject.toml --extra cli --group build --constraint requirements/test.txt --output-file requirements/demo.txt
	@for peer in $(PEERS); do \
		$(COMPILE) requirements/peers-$$peer.in --upgrade --output-file requirements/peers-$$peer.txt || exit 1; \
	done
	@echo "lock: wrote requirements/*.txt; now run make test."

clean: ## remove .venv and all that was built
	@rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/python.stamp:
	@command -v $(PYTHON) > /dev/null || { echo "make: there is no $(PYTHON) here: install Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: $(PYTHON) is $$($(PYTHON) --version 2>&1), but tokenrill needs 3.11 or newer: try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@mkdir -p .venv/typing && ln -sfn ../.. .venv/typing/tokenrill
	@touch $@

.venv/%.stamp: requirements/%.txt pyproject.toml .venv/python.stamp
	@echo "make: installing what requirements/$*.txt lists into .venv ..."
	@$(call quietly,install the dependencies,$(PIP) --require-hashes -r requirements/$*.txt)
	@$(call quietly,install tokenrill,$(PIP) --no-deps --no-build-isolation --editable .)
	@touch $@

.venv/peers/%/installed.stamp: requirements/peers-%.txt .venv/python.stamp
	@echo "make: installing what requirements/peers-$*.txt lists into .venv/peers/$* ..."
	@mkdir -p .venv/peers && rm -rf .venv/peers/$* && $(PYTHON) -m venv .venv/peers/$*
	@$(call quietly,install the peers,.venv/peers/$*/bin/python -m pip --disable-pip-version-check --no-input install \
		--require-hashes -r requirements/peers-$*.txt)
	@touch $@
