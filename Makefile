# Two commands do everything on a fresh machine: make demo, make test. Both build .venv with plain pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two workers; each file stays with one of them, for what its tests share.
PYTEST_ARGS ?= -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-lowest lint format fuzz bench bench-understanding bench-safety bench-hearing bench-session bench-footprint bench-growth bench-latency clean

demo: $(VENV)/.installed
	$(BIN)/voice-helper demo --voice pyttsx3 --save answer.wav

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# The lowest versions that pyproject.toml allows, in an environment of their own: a question typed and one heard, the demo
# with both voices, the words checked, and the tests of the core.
LOWEST := .venv-lowest
test-lowest: $(VENV)/.installed-dev
	$(BIN)/python -m tests.lowest > $(VENV)/lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -c $(VENV)/lowest.txt -e ".[natural,web,whisper]" pytest pytest-xdist hypothesis types-PyYAML packaging
	$(LOWEST)/bin/voice-helper ask "would a warm flannel be any good" --voice none
	$(LOWEST)/bin/voice-helper demo --voice pyttsx3 --save $(VENV)/lowest.wav
	$(LOWEST)/bin/voice-helper demo --voice natural --save $(VENV)/lowest.wav
	$(LOWEST)/bin/voice-helper check intents/en
	$(LOWEST)/bin/python -m pytest -q $(LOWEST_TESTS)

LOWEST_TESTS := tests/test_answers.py tests/test_audio.py tests/test_cache.py tests/test_content.py tests/test_conversation.py \
	tests/test_endpoint.py tests/test_guide.py tests/test_safety.py tests/test_text.py tests/test_understand.py tests/test_voices.py

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The property tests of hostile input, 2,000 examples each, 10,000 random walks through the guided session, damaged input
# at every door for some minutes each, and 200 starts that are killed and started again.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/test_hostile_input.py -q --hypothesis-profile=fuzz --hypothesis-show-statistics
	$(BIN)/python -m pytest tests/test_guide.py -q -k whatever_is_said --hypothesis-profile=walks
	$(BIN)/python -m bench.fuzz --seconds 240 --most 400000
	$(BIN)/python -m bench.kills 200

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

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,bench]"
	touch $@

clean:
	rm -rf $(VENV) answer.wav build dist
