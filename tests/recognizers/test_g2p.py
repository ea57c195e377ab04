"""The pronunciations that the embedded recognizer's network expects."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.recognizers.embedded.g2p import own_ways, phones_of, with_own_ways
from voice_helper.recognizers.embedded.language_model import english_words
from voice_helper.recognizers.embedded.network import is_available
from voice_helper.recognizers.embedded.phones import SIGNS_OF_PHONE

pytestmark = pytest.mark.skipif(not is_available(), reason="hama has no package for this platform")


@pytest.mark.parametrize(
    ("signs", "phones"),
    [
        ("toʊ", "T OW"),
        ("stɹɛt͡ʃɪŋ", "S T R EH CH IH NG"),
        ("haʊ əs", "HH AW AH S"),
        ("d̪o", "D OW"),
        ("", ""),
        ("t?", ""),
    ],
)
def test_phonetic_symbols_become_phones(signs: str, phones: str) -> None:
    assert phones_of(signs) == phones


@given(st.text(alphabet="".join("".join(signs.split()) for signs in SIGNS_OF_PHONE.values()) + "̪ːx9 "))  # noqa: RUF001
def test_any_text_becomes_known_phones_or_nothing(signs: str) -> None:
    assert set(phones_of(signs).split()) <= SIGNS_OF_PHONE.keys()


def test_only_pronunciations_missing_from_the_dictionary_are_stored() -> None:
    ways = own_ways()
    assert len(ways) > 1_000
    assert ways["to"] == "T OW"
    known = english_words()
    assert [word for word, way in ways.items() if way in known.get(word, (0.0, ()))[1]] == []
    assert {phone for way in ways.values() for phone in way.split()} <= SIGNS_OF_PHONE.keys()


def test_a_word_keeps_its_given_pronunciations() -> None:
    ways = with_own_ways(["of", "calf"], {"of": ("AH V",), "charlie": ("CH AA R L IY",)})
    assert ways["of"] == ("AH V", "AO F")
    assert ways["charlie"] == ("CH AA R L IY",)
    assert "calf" not in ways  # the dictionary has the same pronunciation


def test_an_unknown_word_is_looked_up_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert with_own_ways(["cramposaurus"], {})["cramposaurus"][0].startswith("K R AE M P")
    monkeypatch.setitem(sys.modules, "hama", None)  # looking the word up again would load hama
    assert "cramposaurus" in with_own_ways(["cramposaurus"], {})


def test_without_hamas_own_engine_an_unknown_word_has_no_pronunciation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "hama", None)
    ways = with_own_ways(["cramposaurus", "calf"], {"of": ("AH V",)})
    assert "cramposaurus" not in ways
    assert ways["of"] == ("AH V", "AO F")
