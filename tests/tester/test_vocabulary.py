from __future__ import annotations

from pathlib import Path

import pytest

from tests.recognizers.test_contract import vosk_model
from tests.support.programs import Run
from voice_helper.errors import ModelMissingError
from voice_helper.skill.folder_reader import Content, load_content
from voice_helper.tester.vocabulary import unheard_words

SENTENCES = """language: en
intents:
  greeting:
    data:
      - sentences:
          - "hello (old|young) chap[s|py]"
          - "hullabaloo brrr"
          - "i('ve| have) anaemia"
          - "it is a d v t"
"""
ANSWERS = """language: en
disclaimers: {full: "Full.", short: "Short."}
not_understood: {again: "Again?", samples: ["One"], waiting: {text: "Waiting.", kind: talk}}
answers: {greeting: {disclaimer: none, rows: [{text: "Hello.", kind: talk}]}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small English folder, in a home folder without models."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("VOSK_MODEL_PATH", raising=False)
    folder = tmp_path / "intents" / "en"
    (folder / "sentences").mkdir(parents=True)
    language = "language: en\nspellings: {anaemia: anemia, chappy: chap}\n"
    (folder / "language.yaml").write_text(language, encoding="utf-8")
    (folder / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    (folder / "sentences" / "all.yaml").write_text(SENTENCES, encoding="utf-8")
    return folder


def test_every_word_of_the_shipped_templates_can_be_recognized(content: Content) -> None:
    looked_at, _ = unheard_words(content)
    assert looked_at[0].recognizer == "embedded and pocketsphinx"
    assert [word for word, _ in looked_at[0].words] == [], "add their pronunciations to pronunciation.yaml"
    assert len(content.sentences.words) > 3000


def test_every_word_that_is_ever_drawn_is_among_the_words(content: Content) -> None:
    sentences = content.sentences
    some = sentences.templates[::10]
    assert {word for template in some for text in sentences.draw(template, 12) for word in text.split()} <= {
        word for template in some for word in sentences.words_of(template)
    }


def test_the_words_of_a_template_are_whole_where_its_pieces_are_joined(folder: Path) -> None:
    assert list(load_content(folder).sentences.words) == [
        "a", "anaemia", "brrr", "chap", "chappy", "chaps", "d", "have", "hello", "hullabaloo", "i", "i've", "is", "it",
        "old", "t", "v", "young",
    ]  # fmt: skip


def test_a_word_without_a_pronunciation_is_reported_with_file_and_line(run: Run, folder: Path) -> None:
    ran = run("check", folder, "--words")
    assert ran.code == 0
    assert "cannot recognize 1 of 18 words" in ran.out  # anaemia is recognized as anemia, chappy as chap
    assert "sentences/all.yaml:7: brrr" in ran.out
    assert "no Vosk model" in ran.err
    (folder / "pronunciation.yaml").write_text('language: en\nwords: {brrr: "B R ER"}\n', encoding="utf-8")
    assert "can recognize all 18 words" in run("check", folder, "--words").out


@pytest.mark.slow
def test_a_vosk_model_is_asked_for_the_words_outside_its_vocabulary(run: Run, folder: Path) -> None:
    ran = run("check", folder, "--words", "--model", vosk_model())
    assert f"vosk with {vosk_model()}: cannot recognize" in " ".join(ran.out.split())
    assert "sentences/all.yaml:6: hello" in ran.out


def test_an_invalid_model_is_reported(folder: Path) -> None:
    with pytest.raises(ModelMissingError, match="is not a Vosk model"):
        unheard_words(load_content(folder), folder)


def test_english_recognizers_are_not_checked_for_another_language(spanish_folder: Path, folder: Path) -> None:
    looked_at, skipped = unheard_words(load_content(spanish_folder))
    assert looked_at == []
    assert any("English only" in reason for reason in skipped)
