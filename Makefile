# The two that matter: make run, make test. Each target sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help setup dev run tour look lint test test-fast from-nothing torture torture-relay fuzz bench bench-relay package relay-page messages locks format clean

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: ## sets up what the window needs; says nothing where that is done
	@packaging/setup.sh run

dev:
	@packaging/setup.sh dev

run: setup ## opens the window, in practice mode: no account, no money moves
	@packaging/run.sh

tour: setup ## the real window by real keys on a virtual screen; pictures in build/tour (README=1 renews its picture)
	@packaging/tour.sh

look: dev ## every window at the sizes of real screens, with full data; pictures in build/look
	POS_APP_LOOK=build/look QT_QPA_PLATFORM=offscreen .venv/bin/python -m pytest -q tests/gui/test_fit.py

lint: dev ## style, types, layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

test: lint ## everything that must hold before a commit
	@.venv/bin/python packaging/test.py

test-fast: lint ## the rooms that need no other programs, and the window's
	@LONG_LIFE_DAYS=24 .venv/bin/python packaging/test.py unit daraja ledger exports engine receipts gui

from-nothing: ## make run and make test in a root made from nothing (as root; what CI does)
	@packaging/from_nothing.sh

torture: dev ## 1,000 times kill -9 over a failing network, ledger held against M-PESA's books
	.venv/bin/python tests/torture/run.py
	.venv/bin/python tests/torture/fuzz.py
	.venv/bin/python -m pytest -q -m "slow or not slow" tests/torture
	HYPOTHESIS_PROFILE=search .venv/bin/python -m pytest -q --timeout 3600 tests/unit tests/ledger/test_first_edition.py

torture-relay: dev ## 10,000 callbacks on each database while relay, till and PostgreSQL are killed with -9
	.venv/bin/python tests/torture/storm.py

# Its library has wheels for x86-64 Linux alone, so it is no part of the other set-ups.
fuzz: dev ## the readers of answers and callbacks, 1,000,000 inputs led by coverage
	.venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r packaging/locks/fuzz.lock
	.venv/bin/python tests/torture/fuzz_by_coverage.py -runs=1000000 -seed=1

bench: dev ## speed and memory as ratios to a floor of the same run
	.venv/bin/python tests/perf/bench.py

bench-relay: dev ## the relay: durable callbacks a second, time to the till, memory for 2,000 tills
	.venv/bin/python tests/perf/bench_relay.py

package: ## dist/pos-app, a folder that runs without Python, and a .deb of it, built in a root made from nothing
	packaging/linux/package.sh

relay-page: ## docs/relay.md line by line in a root made from nothing (as root)
	@packaging/relay/try_page.sh

messages: dev ## takes the texts out of the code and compiles the catalogues
	.venv/bin/python packaging/messages.py

locks: dev ## writes every lock by a resolver and tries each dry on every platform (UPGRADE=1: newest versions)
	.venv/bin/python packaging/locks/write.py $(if $(UPGRADE),--upgrade)

format: dev ## mends the style
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

clean: ## removes what was built
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
