# Everything from a checkout and Python 3.11: `make demo`, `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
READY := $(VENV)/.ready
PYTEST := $(PY) -m pytest

# pytest's exit code 5: nothing selected, which is no failure where a group of tests may be empty
NONE_IS_FINE := || test $$? -eq 5

.DEFAULT_GOAL := help
.PHONY: help venv lock demo test test-peers servers soak check format bench bench-remote bench-mount wheel wheels clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

# Anew, not on top: what pyproject.toml no longer names must not linger and hide a missing dependency.
$(READY): pyproject.toml requirements.lock
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(PY) -m pip check || { echo 'requirements.lock does not fit pyproject.toml: make lock' >&2; exit 1; }
	touch $@

venv: $(READY) ## .venv with bakup (editable) and what its tests need

# uv.lock would name registry hosts; this form has hashes and no addresses.
lock: ## requirements*.lock anew from pyproject.toml: every version, every platform, with hashes
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	build/lock/bin/uv pip compile --quiet --system-certs --no-config --universal --python-version 3.11 \
	    --group dev --extra mount --extra serve --extra stores \
	    --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade \
	    --output-file requirements.lock pyproject.toml
	build/lock/bin/uv pip compile --quiet --system-certs --no-config --universal --python-version 3.11 --group servers \
	    --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade \
	    --output-file requirements-servers.lock
	rm -rf build/lock

demo: $(READY) ## back up real files, lose everything local, bring it all back, compare
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

# Without ARGS in small processes, side by side: tests/run.py says why.
test: $(READY) ## the tests that need nothing but Python
	$(if $(ARGS),$(PYTEST),$(PY) -m tests.run) -ra -m 'not peer and not soak' $(ARGS)

test-peers: $(READY) ## the tests beside other programs, servers, Pythons
	bash bench/install.sh
	bash tests/install.sh
	bash tests/servers/install.sh
	bash tests/atbu/install.sh
	$(if $(ARGS),$(PYTEST),$(PY) -m tests.run --files 1 --at-once 3) -ra -m peer $(ARGS) $(NONE_IS_FINE)

servers: $(READY) ## the stores of the tests on loopback until ctrl-C, and how bakup is told of each: ONLY="ceph sftp"
	bash tests/servers/install.sh
	bash tests/atbu/install.sh
	$(PY) -m tests.servers $(ONLY)

soak: $(READY) ## the tests that take many minutes
	$(PYTEST) -ra -m soak $(ARGS) $(NONE_IS_FINE)

check: $(READY) ## formatting, lint, types, layers, stale docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --package bench --package migrations
	$(BIN)/lint-imports
	$(PY) tools/reference.py --check

format: $(READY) ## let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## times, sizes, memory beside restic, Borg, rsync: RUNS=5 ONLY=bakup,restic ROWS=first,again
	bash bench/install.sh
	$(PY) -m bench.run $(if $(RUNS),--runs $(RUNS)) $(if $(ONLY),--only $(ONLY)) $(if $(ROWS),--rows $(ROWS))

bench-remote: $(READY) ## stores over the network, beside restic: ROWS=stream,far,rebuild RUNS=3 GIB=2,10 UPLOAD_MIB=80 SECTORS=10000
	bash bench/install.sh
	bash tests/servers/install.sh
	$(PY) -m bench.remote $(if $(ROWS),--rows $(ROWS)) $(if $(RUNS),--runs $(RUNS)) $(if $(GIB),--gib $(GIB)) \
	    $(if $(UPLOAD_MIB),--upload-mib $(UPLOAD_MIB)) \
	    $(if $(SECTORS),--sectors $(SECTORS))

bench-mount: $(READY) ## grep -r over a mounted backup, beside restic: ARGS="/usr/share/doc --runs 3"
	bash bench/install.sh
	$(PY) -m bench.mount $(ARGS)

wheel: $(READY) ## dist/bakup-*.whl
	rm -rf dist build/lib build/bdist.*
	$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@ls -l dist

wheels: $(READY) ## does every dependency come as a wheel on every platform?
	$(PY) tools/wheels.py

clean: ## remove what make made
	rm -rf $(VENV) .venv-servers build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
