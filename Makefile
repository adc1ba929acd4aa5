# The two that matter: make run, make test. Each target sets up what it needs.
.PHONY: setup dev run tour lint test torture torture-relay fuzz bench bench-relay package messages format clean

setup:
	@packaging/setup.sh run

dev:
	@packaging/setup.sh dev

run: setup
	@packaging/run.sh

tour: setup
	@packaging/tour.sh

lint: dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

test: lint
	@packaging/test.sh

torture: dev
	.venv/bin/python tests/torture/run.py
	.venv/bin/python tests/torture/fuzz.py
	HYPOTHESIS_PROFILE=search .venv/bin/python -m pytest -q --timeout 3600 tests/unit

torture-relay: dev
	.venv/bin/python tests/torture/storm.py

# Led by coverage; its library has wheels for x86-64 Linux alone, so it is no part of the other set-ups.
fuzz: dev
	.venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r packaging/requirements-fuzz.lock
	.venv/bin/python tests/torture/fuzz_by_coverage.py -runs=1000000 -seed=1

bench: dev
	.venv/bin/python tests/perf/bench.py

bench-relay: dev
	.venv/bin/python tests/perf/bench_relay.py

package: dev
	packaging/linux/package.sh

messages: dev
	.venv/bin/python packaging/messages.py

format: dev
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
