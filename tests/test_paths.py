from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sound import CHECKOUT
from voice_helper.support.paths import cache_folder, data_folder, intents_folder, user_models_folder


@pytest.mark.parametrize("name", ["intents", "models"])
def test_data_is_found_in_the_checkout(name: str) -> None:
    assert data_folder(name) == CHECKOUT / name
    assert data_folder(name).is_dir()


def test_a_language_is_a_folder() -> None:
    assert intents_folder() == intents_folder("en") == CHECKOUT / "intents" / "en"
    assert (intents_folder("en") / "language.yaml").is_file()


def test_the_folder_of_an_unknown_language_is_returned_but_not_created() -> None:
    assert intents_folder("xx") == CHECKOUT / "intents" / "xx"
    assert not intents_folder("xx").exists()


def test_the_users_folders_are_named_after_the_program_and_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    assert "voice-helper" in cache_folder().parts
    assert user_models_folder().parts[-2:] == ("voice-helper", "models")
    assert list(tmp_path.iterdir()) == []
