"""Each engine is one record: its module, the README, the extras and the tests agree with it."""

from __future__ import annotations

import importlib
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.recognizers.test_contract import OPENERS
from voice_helper.recognizers import ENGINE_NAMES, EngineRequest, OpenedRecognizer, open_recognizer
from voice_helper.support.engines import (
    RECOGNIZERS,
    VOICES,
    RecognizerRecord,
    VoiceRecord,
    package_of,
    recognizer_named,
    voice_named,
)
from voice_helper.testing import ScriptedRecognizer
from voice_helper.types import Phrases
from voice_helper.voices import VOICE_NAMES

CHECKOUT = Path(__file__).parent.parent
EVERY = (*RECOGNIZERS, *VOICES)


def line_of(record: RecognizerRecord) -> str:
    """Return a recognizer as a line of the table in the README."""
    installed = f'`pip install -e ".[{record.extra}]"`' if record.extra else ""
    return f"| `{record.name}` | {record.hears} | {f'{installed} {record.needs}'.strip()} |"


def test_the_readme_lists_every_recognizer() -> None:
    lines = (CHECKOUT / "README.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("| `--engine` | recognizes | needs |") + 2
    listed = [line for line in lines[start : lines.index("", start)] if not line.startswith("| `auto`")]
    assert sorted(listed) == sorted(map(line_of, RECOGNIZERS))


def test_every_recognizer_is_in_the_contract_test() -> None:
    assert OPENERS.keys() == {each.name for each in RECOGNIZERS}


@pytest.mark.parametrize("record", EVERY, ids=lambda record: record.name)
def test_the_module_of_a_record_imports_without_its_package_and_opens_it(
    record: RecognizerRecord | VoiceRecord,
) -> None:
    module = importlib.import_module(record.module)
    assert callable(module.open_engine)
    if isinstance(record, RecognizerRecord):
        assert hasattr(module, "check") or record.extra or record.model
        assert hasattr(module, "unknown_words") == (record.vocabulary == "model")


@pytest.mark.parametrize("record", EVERY, ids=lambda record: record.name)
def test_the_package_of_a_record_is_a_dependency_or_in_its_extra(record: RecognizerRecord | VoiceRecord) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["optional-dependencies"][record.extra] if record.extra else project["dependencies"]
    assert any(line.startswith(record.package) for line in wanted)


def test_names_lead_to_records_and_nothing_else_does() -> None:
    assert [each.name for each in RECOGNIZERS if recognizer_named(each.name) is each] == list(ENGINE_NAMES[1:])
    assert [each.name for each in VOICES if voice_named(each.name) is each] == list(VOICE_NAMES[1:-1])
    assert recognizer_named("auto") is None
    assert voice_named("auto") is None
    assert package_of("whisper") == "faster-whisper"
    assert package_of("somebody's own") == "somebody's own"


def test_the_import_name_of_an_installed_package_is_right() -> None:
    assert find_spec(next(each.imports for each in RECOGNIZERS if each.name == "embedded"))


def test_a_model_for_an_engine_without_models_is_not_used_and_a_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = OpenedRecognizer(ScriptedRecognizer(), ScriptedRecognizer)
    requests: list[EngineRequest] = []

    def open_engine(request: EngineRequest) -> OpenedRecognizer:
        requests.append(request)
        return opened

    monkeypatch.setattr("voice_helper.recognizers.pocketsphinx.open_engine", open_engine)
    choice = open_recognizer("pocketsphinx", phrases=Phrases((), ()), model=Path("my-model"))
    assert choice.advice == "pocketsphinx uses no model, so my-model is not used"
    assert [request.model for request in requests] == [None]
