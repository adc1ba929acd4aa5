# The two that matter: make run, make test. Each target sets up what it needs.
.PHONY: setup run test lint format tour bench torture package clean words

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

format: dev
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

words: dev
	@packaging/words.sh

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
