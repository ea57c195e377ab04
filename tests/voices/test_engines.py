from __future__ import annotations

import gc
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_SECONDS, wait_until
from tests.support.programs import Run
from tests.support.sound import as_array, loudness, seconds_of
from voice_helper.errors import EngineMissingError, install_hint
from voice_helper.runtime.speaker import sentences_of
from voice_helper.skill.folder_reader import Content
from voice_helper.testing import check_voice
from voice_helper.voices import VOICE_NAMES, WORDS_PER_MINUTE, NoVoice, ReadingPace, Voice, VoiceWithMemory, open_voice
from voice_helper.voices import pyttsx3 as pyttsx3_voice
from voice_helper.voices.pyttsx3 import Pyttsx3Voice

SENTENCE = "Gently pull your toes towards your shin."


@pytest.fixture(scope="module", params=["pyttsx3", "natural"])
def voice(request: pytest.FixtureRequest) -> Voice:
    if request.param == "natural":
        pytest.importorskip("hibari", reason="the extra natural is not installed")
    return open_voice(request.param)


@pytest.fixture(scope="module")
def spoken(voice: Voice, content: Content) -> dict[str, bytes]:
    """Return the audio of every sentence in the answers, synthesized one after the other."""
    rows = [row.text for entry in content.answers.entries.values() for row in entry.rows if "{" not in row.text]
    return {text: voice.speak(text, WORDS_PER_MINUTE) for row in rows for text in sentences_of(row)}


def test_it_follows_the_protocol(voice: Voice) -> None:
    check_voice(voice)


def test_a_sentence_is_not_silence(voice: Voice) -> None:
    pcm = voice.speak(SENTENCE, WORDS_PER_MINUTE)
    assert 1.5 < seconds_of(pcm) < 5.0
    assert loudness(pcm) > 500
    assert as_array(pcm).max() < 32767


@pytest.mark.slow
def test_every_sentence_of_the_answers_is_spoken(spoken: dict[str, bytes]) -> None:
    assert len(spoken) > 50
    assert [text for text, pcm in spoken.items() if loudness(pcm) < 500] == []


@pytest.mark.slow
def test_the_pace_is_150_words_a_minute_within_a_tenth(spoken: dict[str, bytes]) -> None:
    words = sum(len(text.split()) for text in spoken)
    minutes = sum(seconds_of(pcm) for pcm in spoken.values()) / 60
    assert words / minutes == pytest.approx(150, rel=0.1)


def test_a_slower_or_faster_pace_changes_the_length(voice: Voice) -> None:
    slow, usual, fast = (seconds_of(voice.speak(SENTENCE, pace)) for pace in (120, 150, 180))
    assert slow > 1.1 * usual
    assert usual > 1.1 * fast


def test_a_repeated_sentence_sounds_the_same(voice: Voice) -> None:
    first, second = voice.speak(SENTENCE, WORDS_PER_MINUTE), voice.speak(SENTENCE, WORDS_PER_MINUTE)
    assert seconds_of(second) == pytest.approx(seconds_of(first), rel=0.01)
    assert loudness(second) == pytest.approx(loudness(first), rel=0.05)


def test_the_audio_ends_with_the_words(voice: Voice) -> None:
    pcm = voice.speak(SENTENCE, WORDS_PER_MINUTE)
    assert loudness(pcm[-2 * 800 :]) > 20


def test_sentences_from_many_threads_are_all_spoken(voice: Voice) -> None:
    expected = {text: seconds_of(voice.speak(text, 150)) for text in ("Hold.", "And rest.", "Five more.", SENTENCE)}
    found: list[tuple[str, float]] = []

    def speak(text: str) -> None:
        found.append((text, seconds_of(voice.speak(text, 150))))

    threads = [threading.Thread(target=speak, args=(text,)) for text in list(expected) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert sorted(text for text, _ in found) == sorted(list(expected) * 3)
    for text, seconds in found:
        assert seconds == pytest.approx(expected[text], rel=0.02)


def test_two_voices_in_one_process_both_speak(voice: Voice) -> None:
    other = open_voice(voice.name)
    assert loudness(other.speak("Hold.", 150)) > 500
    assert loudness(voice.speak("Hold.", 150)) > 500


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_a_text_without_words_has_no_audio(voice: Voice, text: str) -> None:
    assert voice.speak(text, WORDS_PER_MINUTE) == b""


@pytest.mark.parametrize("text", ["...", "?!", "<speak>a & b</speak>", "[[h@l'oU]]", "\x1b[31m calf", "스트레칭", "🦵"])
def test_odd_texts_do_not_break_the_voice(voice: Voice, text: str) -> None:
    voice.speak(text, WORDS_PER_MINUTE)
    assert loudness(voice.speak("Hold.", WORDS_PER_MINUTE)) > 500


def test_speaking_prints_nothing(voice: Voice, capfd: pytest.CaptureFixture[str]) -> None:
    voice.speak(SENTENCE, WORDS_PER_MINUTE)
    open_voice(voice.name).speak("Hold.", WORDS_PER_MINUTE)
    assert capfd.readouterr() == ("", "")


def test_no_file_is_left_behind(voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert voice.speak(SENTENCE, WORDS_PER_MINUTE)
    assert list(tmp_path.iterdir()) == []


def test_the_systems_voices_have_names() -> None:
    names = Pyttsx3Voice().voices()
    assert names
    assert all(names)


def test_the_voice_none_says_nothing() -> None:
    assert NoVoice().speak(SENTENCE, WORDS_PER_MINUTE) == b""


@pytest.mark.parametrize("name", VOICE_NAMES)
def test_every_named_voice_opens(name: str) -> None:
    if name == "natural":
        pytest.importorskip("hibari", reason="the extra natural is not installed")
    assert open_voice(name).name in VOICE_NAMES[1:] if name == "auto" else (name,)


def test_the_error_for_an_unknown_voice_names_the_known_ones() -> None:
    with pytest.raises(EngineMissingError, match='there is no voice "robot"') as caught:
        open_voice("robot")
    assert caught.value.hint == "voices: auto, natural, pyttsx3, none"


def test_without_its_extra_the_natural_voice_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hibari", None)
    assert open_voice("auto").name == "pyttsx3"
    ran = run("voices", "--voice", "natural")
    assert ran.code == 1
    assert 'pip install -e ".[natural]"' in ran.err
    assert f"natural  (not installed: {install_hint('natural')})" in run("voices").lines


def test_if_the_natural_voice_does_not_load_auto_chooses_another(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hibari", reason="the extra natural is not installed")
    monkeypatch.setitem(sys.modules, "hibari.voices", None)
    assert open_voice("auto").name == "pyttsx3"


def test_a_shared_voice_synthesizes_a_sentence_once_per_pace(voice: Voice) -> None:
    class Counting:
        name = voice.name
        asked = 0

        def speak(self, text: str, words_per_minute: float) -> bytes:
            self.asked += 1
            return voice.speak(text, words_per_minute)

    counting = Counting()
    remembers = VoiceWithMemory(counting)
    first = [remembers.speak(SENTENCE, pace) for pace in (150, 120)]
    assert [remembers.speak(SENTENCE, pace) for pace in (150, 120)] == first
    assert counting.asked == 2


def test_displayed_text_stays_as_long_as_its_speech_would_take() -> None:
    sound = ReadingPace().speak("Sit or lie somewhere safe.", 150)
    assert seconds_of(sound) == pytest.approx(2.0)
    assert not any(sound)


def test_a_system_voice_that_starts_too_slowly_is_a_missing_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    may_start = threading.Event()
    monkeypatch.setattr(pyttsx3_voice, "_start_engine", may_start.wait)
    monkeypatch.setattr(pyttsx3_voice, "_START_SECONDS", 0.01)
    with pytest.raises(EngineMissingError, match="the system's voice does not start: it takes too long"):
        Pyttsx3Voice()
    may_start.set()


def test_each_system_voice_has_its_own_engine_and_ends_its_thread() -> None:
    def engines() -> int:
        return sum(thread.name == "pyttsx3" for thread in threading.enumerate())

    before = engines()
    first, other = Pyttsx3Voice(), Pyttsx3Voice()
    sounds = [each.speak("Hold.", 150) for each in (first, other, first)]
    assert all(loudness(sound) > 300 for sound in sounds)
    assert engines() == before + 2
    del first
    gc.collect()
    wait_until(lambda: engines() == before + 1)
    assert loudness(other.speak("Hold.", 150)) > 300
