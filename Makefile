# Everything that a person or CI runs. Needs Python 3.11 or later (PYTHON=... to choose one), pip and make; nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/installed

.PHONY: demo test slow anyday fuzz check reference clean

demo: $(STAMP)
	$(BIN)/tradectl demo

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

# What takes longer than a change should wait for: every benchmark in a small size, a slow server, processes that are stopped
# and woken between any two steps of an order, and more cases of what `make test` tries with a few.
slow: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

# The tests that read a real clock: at five unusual moments and two hours, on a machine of another year, and beside two busy loops.
anyday: $(STAMP)
	$(BIN)/python -m tests.any_day

# Broken answers and frames of every broker's parser: FUZZ of each, and 200 lists of each broker over sockets.
FUZZ ?= 100000
fuzz: $(STAMP)
	TRADECTL_FUZZ=$(FUZZ) $(BIN)/python -m pytest -n 2 --dist worksteal tests/property/brokers/test_fuzz.py tests/property/sandboxes/test_fuzzed_lists.py

check: $(STAMP)
	$(BIN)/ruff check tradectl tests benchmarks
	$(BIN)/ruff format --check tradectl tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

# Write again what is generated: docs/reference (from the program, and from what official clients send), crontab.example.
reference: $(STAMP)
	$(BIN)/python -m tradectl.cli.reference
	$(BIN)/python -m tests.lab.witnesses

$(STAMP): pyproject.toml tests/lab/witnesses/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --requirement tests/lab/witnesses/requirements.txt
	touch $(STAMP)

clean:
	rm -rf $(VENV)
