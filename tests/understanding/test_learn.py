from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.sky import ANSWERS, SENTENCES, write_sky
from voice_helper.cli.entry_point import cli
from voice_helper.content.files import GENERATED, generated_file
from voice_helper.errors import VoiceHelperError
from voice_helper.skill import learn_folder, open_skill
from voice_helper.skill.generated_files import LEARNED_FILE, PHRASES_FILE

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_sky(tmp_path / "intents" / "en")


@pytest.fixture(scope="module")
def learning(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Return a folder on which `learn` was run, once for all tests, and the result of the command."""
    folder = write_sky(tmp_path_factory.mktemp("learned") / "intents" / "en")
    (folder / "wordings.txt").write_text("[about_moon]\nthat pale thing up there\n", encoding="utf-8")
    return folder, CliRunner().invoke(cli, ["learn", str(folder)])


@pytest.fixture
def learned(learning: tuple[Path, Result], tmp_path: Path) -> Path:
    """Return a copy of this folder, which the test may change."""
    return Path(shutil.copytree(learning[0], tmp_path / "learned" / "en"))


def test_learn_says_where_it_stores_the_model(learning: tuple[Path, Result]) -> None:
    folder, ran = learning
    assert ran.exit_code == 0
    assert str(generated_file(folder, LEARNED_FILE)) in ran.output
    assert generated_file(folder, LEARNED_FILE).is_file()


def test_the_same_sentences_give_the_same_bytes(
    learning: tuple[Path, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(learning[0], tmp_path / "again" / "en"))
    shutil.rmtree(folder / GENERATED)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)  # an archive may contain the time
    learn_folder(folder)
    for name in (LEARNED_FILE, PHRASES_FILE):
        assert generated_file(folder, name).read_bytes() == generated_file(learning[0], name).read_bytes()


def test_a_log_gets_a_line_for_each_tenth(learning: tuple[Path, Result]) -> None:
    shares = re.findall(r"learning the sentences: (\d+) %", learning[1].stderr)
    assert shares[-1] == "100"
    assert [int(share) for share in shares] == sorted({int(share) for share in shares})


def test_the_trained_model_is_used_until_the_sentences_change(learned: Path) -> None:
    announced: list[str] = []
    assert open_skill("en", folder=learned, announce=announced.append).understanding.understand("moon").intent
    assert announced == []

    sentences = learned / "sentences" / "sky.yaml"
    sentences.write_text(SENTENCES.replace('"sun"', '"sun", "sunshine"'), encoding="utf-8")
    stale = open_skill("en", folder=learned, announce=announced.append)
    assert stale.understanding.understand("sunshine").intent == "about_sun", "new sentences count at once"
    assert ["voice-helper learn" in each for each in announced] == [True]


def test_the_model_is_trained_on_wordings_in_addition_to_templates(learned: Path) -> None:
    nearest = open_skill("en", folder=learned).understanding.nearest
    assert nearest.rank("what is that pale thing").scores()[0][0] == "about_moon"


def test_a_removed_intent_is_no_longer_found(learned: Path) -> None:
    without = SENTENCES[: SENTENCES.index("  about_sun")]
    (learned / "sentences" / "sky.yaml").write_text(without, encoding="utf-8")
    (learned / "answers.yaml").write_text(ANSWERS[: ANSWERS.index("  about_sun")], encoding="utf-8")
    skill = open_skill("en", folder=learned)
    assert {intent for intent, _ in skill.understanding.nearest.rank("is the sun hot").scores()} == {"about_moon"}


def test_a_damaged_file_is_reported_with_a_hint(folder: Path) -> None:
    (folder / GENERATED).mkdir()
    generated_file(folder, LEARNED_FILE).write_bytes(b"x" * 100)
    with pytest.raises(VoiceHelperError, match="damaged") as caught:
        open_skill("en", folder=folder)
    assert caught.value.hint == f"run: voice-helper learn {folder}"


def test_learn_rejects_a_folder_with_problems(folder: Path) -> None:
    (folder / "sentences" / "sky.yaml").write_text("language: en\nintents: [", encoding="utf-8")
    ran = CliRunner().invoke(cli, ["learn", str(folder)])
    assert ran.exit_code != 0
    assert not generated_file(folder, LEARNED_FILE).exists()
