# Everything a person does with the checkout. `make setup` installs, `make run` starts the site, `make test` tests it.

PY := .venv/bin/python
INSTALLED := .venv/.installed
CLIENTS := .venv-clients/.installed
LISTS := requirements.txt requirements-dev.txt package.json package-lock.json

.PHONY: setup run test lint types imports suite stress parity bench

setup: $(INSTALLED)

$(INSTALLED): $(LISTS) tradingsite/install.py
	@sh tradingsite/install.sh

$(CLIENTS): $(INSTALLED) requirements-clients.txt
	@$(PY) tradingsite/install.py clients

run: setup
	@exec $(PY) manage.py up

test: lint types imports suite

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: setup
	$(PY) -m mypy .

imports: setup
	.venv/bin/lint-imports --no-logo

suite: setup $(CLIENTS)
	$(PY) -m pytest -q -n 2 --dist worksteal

stress: setup
	$(PY) -m pytest -q -n 2 --dist worksteal -m stress --timeout 7200

parity: setup
	$(PY) -m pytest -q -n 2 --dist worksteal -m parity

bench: setup
	$(PY) benchmarks/peers/install.py
	$(PY) benchmarks/bench.py
