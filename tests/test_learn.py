from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.sky import ANSWERS, SENTENCES, write_sky
from voice_helper.cli import cli
from voice_helper.errors import VoiceHelperError
from voice_helper.skill import LEARNED_FILE, learn_folder, open_skill


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sky(tmp_path / "intents" / "en")


def test_what_was_learned_lies_in_the_folder_until_the_sentences_change(folder: Path) -> None:
    path = learn_folder(folder)
    assert path == folder / LEARNED_FILE
    announced: list[str] = []
    assert open_skill("en", folder=folder, announce=announced.append).understanding.understand("moon").intent
    assert announced == []

    sentences = folder / "sentences" / "sky.yaml"
    sentences.write_text(SENTENCES.replace('"sun"', '"sun", "sunshine"'), encoding="utf-8")
    stale = open_skill("en", folder=folder, announce=announced.append)
    assert stale.understanding.understand("sunshine").intent == "about_sun", "new sentences count at once"
    assert ["voice-helper learn" in each for each in announced] == [True]


def test_an_intent_that_is_gone_is_no_longer_meant(folder: Path) -> None:
    learn_folder(folder)
    without = SENTENCES[: SENTENCES.index("  about_sun")]
    (folder / "sentences" / "sky.yaml").write_text(without, encoding="utf-8")
    (folder / "answers.yaml").write_text(ANSWERS[: ANSWERS.index("  about_sun")], encoding="utf-8")
    skill = open_skill("en", folder=folder)
    assert {intent for intent, _ in skill.understanding.nearest.rank("is the sun hot").scores()} == {"about_moon"}


def test_a_damaged_file_is_named_with_what_to_do(folder: Path) -> None:
    (folder / LEARNED_FILE).write_bytes(b"x" * 100)
    with pytest.raises(VoiceHelperError, match="damaged") as caught:
        open_skill("en", folder=folder)
    assert caught.value.hint == f"run: voice-helper learn {folder}"


def test_learning_says_where_it_keeps_what_it_learned(folder: Path) -> None:
    ran = CliRunner().invoke(cli, ["learn", str(folder)])
    assert ran.exit_code == 0
    assert str(folder / LEARNED_FILE) in ran.output
    assert (folder / LEARNED_FILE).is_file()


def test_a_folder_with_problems_is_not_learned_from(folder: Path) -> None:
    (folder / "sentences" / "sky.yaml").write_text("language: en\nintents: [", encoding="utf-8")
    ran = CliRunner().invoke(cli, ["learn", str(folder)])
    assert ran.exit_code != 0
    assert not (folder / LEARNED_FILE).exists()
