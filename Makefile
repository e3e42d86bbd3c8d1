# Everything that a person or CI runs. Needs Python 3.11 or later (PYTHON=... to choose one), pip and make; nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
WITNESSES = tests/lab/witnesses/requirements.txt
# One stamp for each set of packages: a target installs what it needs, and no more.
PROGRAM = $(VENV)/installed
TEST = $(VENV)/installed-test
CHECK = $(VENV)/installed-check

.NOTPARALLEL:
.PHONY: demo test slow anyday fuzz check reference clean

demo: $(PROGRAM)
	$(BIN)/tradectl demo

test: $(TEST)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" --durations=25

# What takes longer than a change should wait for: every benchmark in a small size, a slow server, processes that are stopped
# and woken between any two steps of an order, and more cases of what `make test` tries with a few.
slow: $(TEST)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

# The tests that read a real clock: at five unusual moments and two hours, on a machine of another year, and beside two busy loops.
anyday: $(TEST)
	$(BIN)/python -m tests.any_day

# Broken answers and frames of every broker's parser: FUZZ of each, and 200 lists of each broker over sockets.
FUZZ ?= 100000
fuzz: $(TEST)
	TRADECTL_FUZZ=$(FUZZ) $(BIN)/python -m pytest -n 2 --dist worksteal tests/property/brokers/test_fuzz.py tests/property/sandboxes/test_fuzzed_lists.py

check: $(CHECK)
	$(BIN)/ruff check tradectl tests benchmarks
	$(BIN)/ruff format --check tradectl tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

# Write again what is generated: docs/reference (from the program, and from what official clients send), crontab.example.
reference: $(TEST)
	$(BIN)/python -m tradectl.cli.reference
	$(BIN)/python -m tests.lab.witnesses

INSTALL = $(BIN)/pip install --disable-pip-version-check

# The progress is pip's own output. A new $(VENV) has pip last, so an interrupted one is made again.
$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(PROGRAM): pyproject.toml | $(BIN)/pip
	@echo "tradectl and what it needs, some 50 packages, go into $(VENV): about a minute, once"
	$(INSTALL) --editable .
	@touch $@

$(TEST): pyproject.toml $(WITNESSES) | $(BIN)/pip
	@echo "tradectl and what its tests need, some 120 packages, go into $(VENV): some minutes, once"
	$(INSTALL) --editable '.[test]'
	$(INSTALL) --no-deps --requirement $(WITNESSES)
	@touch $@ $(PROGRAM)

$(CHECK): pyproject.toml | $(BIN)/pip
	$(INSTALL) --editable '.[check]'
	@touch $@ $(PROGRAM)

clean:
	rm -rf $(VENV)
