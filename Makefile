# Everything a person does with the checkout. `make setup` installs, `make run` starts the site, `make test` tests it.

PY := .venv/bin/python
TEST_PY := .venv-test/bin/python
INSTALLED := .venv/.installed
TEST_TOOLS := .venv-test/.installed
CLIENTS := .venv-clients/.installed
PYTEST := $(TEST_PY) -m pytest -q -n 2 --dist worksteal

.PHONY: setup run test test-long lint types imports suite coverage stress parity bench smoke lock lock-check

setup: $(INSTALLED)

$(INSTALLED): requirements.txt requirements/uv.txt requirements/node.txt package.json package-lock.json scripts/install.py
	@sh scripts/install.sh

$(TEST_TOOLS): $(INSTALLED) requirements/test.txt
	@$(PY) scripts/install.py test

$(CLIENTS): $(INSTALLED) requirements/clients.txt
	@$(PY) scripts/install.py clients

run: setup
	@exec $(PY) manage.py up

test: lint types imports suite

# What `make test` has no time for; under 25 minutes on two quiet cores.
test-long: $(TEST_TOOLS) $(CLIENTS)
	$(PYTEST) -m long
	@$(MAKE) --no-print-directory coverage

lint: $(TEST_TOOLS)
	$(TEST_PY) -m ruff check .
	$(TEST_PY) -m ruff format --check .
	.venv-test/bin/djlint templates --check --quiet
	.venv-test/bin/djlint templates --lint --quiet
	node_modules/@biomejs/cli-*/biome check --error-on-warnings static
	$(TEST_PY) scripts/check_structure.py
	$(TEST_PY) scripts/check_commits.py

types: $(TEST_TOOLS)
	$(TEST_PY) -m mypy .

imports: $(TEST_TOOLS)
	.venv-test/bin/lint-imports --no-logo

suite: $(TEST_TOOLS) $(CLIENTS)
	$(PYTEST)

# The quick tests with branch coverage; fails under the floor in pyproject.toml.
coverage: $(TEST_TOOLS)
	@mkdir -p var/coverage
	$(PYTEST) --cov --cov-report=term:skip-covered -m "not slow and not browser"

stress: $(TEST_TOOLS)
	$(PYTEST) -m stress --timeout 7200

parity: $(TEST_TOOLS)
	$(PYTEST) -m parity

bench: $(TEST_TOOLS)
	$(TEST_PY) benchmarks/peers/install.py
	$(TEST_PY) benchmarks/bench.py

# Install into a temporary clone under another Python, then a backtest and a bot's tick: make smoke PYTHON=python3.13
smoke:
	@sh scripts/smoke.sh $(PYTHON)

# Write requirements.txt and requirements/*.txt anew from their .in files.
lock:
	@sh scripts/install.sh lock

# Download every list for each Python and processor that is supported, wheels only.
lock-check: $(INSTALLED)
	@$(PY) scripts/check_lock.py
