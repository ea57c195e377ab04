# Two commands do everything on a fresh machine: make demo, make test. Both build .venv with plain pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two workers; each file stays with one of them, for what its tests share.
PYTEST_ARGS ?= -n 2 --dist loadfile --no-loadscope-reorder

# OpenVoiceOS has an environment of its own: it pins what others do not, and its plugin for pytest wants all of it.
OVOS_VENV := .venv-ovos

.PHONY: demo test test-ovos lint format fuzz bench bench-understanding bench-safety bench-hearing bench-session bench-footprint bench-growth bench-latency bench-day bench-small-board bench-instructions clean

demo: $(VENV)/.installed
	$(BIN)/voice-helper demo --voice pyttsx3 --save answer.wav

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-ovos: $(OVOS_VENV)/.installed
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(OVOS_VENV)/bin/python -m pytest tests/openvoiceos

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The property tests of hostile input, 2,000 examples each, and 10,000 random walks through the guided session.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/test_hostile_input.py -q --hypothesis-profile=fuzz --hypothesis-show-statistics
	$(BIN)/python -m pytest tests/test_guide.py -q -k whatever_is_said --hypothesis-profile=walks

bench: bench-understanding bench-safety bench-hearing

bench-understanding: $(VENV)/.installed-dev
	$(BIN)/python -m bench.understanding $(LINES)

bench-safety: $(VENV)/.installed-dev
	$(BIN)/python -m bench.safety $(LINES)

bench-hearing: $(VENV)/.installed-bench
	$(BIN)/python -m bench.hearing $(LINES)

bench-session: $(VENV)/.installed-bench
	$(BIN)/python -m bench.session

bench-latency: $(VENV)/.installed-bench
	$(BIN)/python -m bench.latency

bench-footprint: $(VENV)/.installed-dev
	$(BIN)/python -m bench.footprint

bench-growth: $(VENV)/.installed-dev
	$(BIN)/python -m bench.growth

bench-day: $(VENV)/.installed-dev
	$(BIN)/python -m bench.day

bench-small-board: $(VENV)/.installed-dev
	$(BIN)/python -m bench.small_board

bench-instructions: $(VENV)/.installed-dev
	$(BIN)/python -m bench.instructions

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

$(OVOS_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(OVOS_VENV)
	$(OVOS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[ovos-test]"
	touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,bench]"
	touch $@

clean:
	rm -rf $(VENV) $(OVOS_VENV) answer.wav build dist
