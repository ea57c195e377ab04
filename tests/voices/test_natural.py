"""The natural voice (extra `natural`), whose speech is recognized again. test_engines tests what all voices share."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

import pytest

from tests.support.programs import Run
from tests.support.sound import as_array, chunks_of, embedded, recorded, seconds_of, silence
from voice_helper.audio.devices import SilentPlayer
from voice_helper.dialogue.state import State
from voice_helper.errors import EngineMissingError
from voice_helper.runtime.assistant import Assistant, LoopEvent
from voice_helper.runtime.speaker import PAUSE_SAMPLES, Speaker
from voice_helper.skill import Skill
from voice_helper.voices import WORDS_PER_MINUTE, Voice, open_voice

pytest.importorskip("hibari", reason="the extra natural is not installed")

pytestmark = pytest.mark.slow

SENTENCES = (
    "Gently pull your toes towards your shin.",
    "The article says heat can ease cramps.",
    "Drink some water.",
    "Hold for twenty seconds.",
)


@pytest.fixture(scope="module")
def voice() -> Voice:
    return open_voice("natural")


@dataclass
class NotedVoice:
    """A voice that records when it is asked to speak a sentence."""

    voice: Voice
    happened: list[str]
    name: str = "natural"

    def speak(self, text: str, words_per_minute: float) -> bytes:
        self.happened.append("speak")
        return self.voice.speak(text, words_per_minute)


class NotedPlayer(SilentPlayer):
    """A player that records when audio arrives, and which."""

    def __init__(self, happened: list[str] | None = None) -> None:
        super().__init__(keep=True)
        self.came: list[bytes] = []
        self._happened = happened if happened is not None else []

    def play(self, pcm: bytes, loudness: float = 1.0) -> None:
        self.came.append(pcm)
        self._happened.append("play")
        super().play(pcm, loudness)


def heard(skill: Skill, pcm: bytes) -> str:
    """Return the transcript by the embedded recognizer, with a short silence around the audio as in a conversation."""
    recognizer = embedded(skill)
    for chunk in chunks_of(silence(0.3) + pcm + silence(0.3)):
        recognizer.accept(chunk)
    return recognizer.finish().text


@pytest.mark.parametrize("sentence", SENTENCES)
def test_its_speech_is_recognized_correctly(voice: Voice, skill: Skill, sentence: str) -> None:
    said = sentence.casefold().rstrip(".").split()
    back = heard(skill, voice.speak(sentence, WORDS_PER_MINUTE)).split()
    assert SequenceMatcher(None, said, back).ratio() > 0.75, back


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Stretch it for 20 sec., approx. 3 times.", "twenty seconds approximately three times"),
        ("Does 5 mg of magnesium help?", "does five milligrams of magnesium help"),
        ("Take 1.5 hrs. of rest.", "take one point five hours of rest"),
    ],
)
def test_figures_and_abbreviations_are_spoken_as_words(voice: Voice, skill: Skill, written: str, said: str) -> None:
    assert said in heard(skill, voice.speak(written, WORDS_PER_MINUTE))


def test_each_sentence_is_played_before_the_next_one_is_spoken(voice: Voice) -> None:
    """`bench.latency` measures how soon the first audio comes."""
    happened = list[str]()
    player = NotedPlayer(happened)
    length, words = Speaker(NotedVoice(voice, happened), player).say(" ".join(SENTENCES), PAUSE_SAMPLES)
    assert happened == ["speak", "play"] * len(SENTENCES)
    assert sum(map(len, player.came)) == 2 * length
    assert [word.word for word in words] == " ".join(SENTENCES).casefold().replace(".", "").split()


def test_the_pauses_between_sentences_are_those_of_every_voice(voice: Voice) -> None:
    player = NotedPlayer()
    length, words = Speaker(voice, player).say(" ".join(SENTENCES), PAUSE_SAMPLES)
    samples = as_array(player.finish())
    starts = [word.starts for word in words if word.word in {"the", "drink", "hold"}]
    assert len(starts) == 3
    assert words[-1].ends == length - PAUSE_SAMPLES
    for start in starts:
        pause = samples[start : start + PAUSE_SAMPLES]  # the first pause comes before all words
        assert abs(pause).max() == 0
    spoken = sum(seconds_of(voice.speak(sentence, WORDS_PER_MINUTE)) for sentence in SENTENCES)
    assert seconds_of(player.finish()) == pytest.approx(spoken + 4 * 0.5, abs=0.01)


def test_stop_in_the_middle_of_a_sentence_silences_it(voice: Voice, skill: Skill) -> None:
    happened: list[LoopEvent] = []
    player = SilentPlayer(keep=True)
    assistant = Assistant(
        skill.conversation, embedded(skill), Speaker(voice, player), state=State(hands_free=True), headset=True,
        tell=happened.append,
    )  # fmt: skip
    assistant.begin_guide("calf")
    stop = recorded("stop")
    for chunk in chunks_of(silence(1.0) + stop + silence(1.0)):
        assistant.take(chunk)
    (cut,) = [each for each in happened if each.event == "hush"]
    (first, *_) = [each for each in happened if each.event == "say"]
    assert 1.0 < cut.at_seconds < 1.0 + seconds_of(stop) + 0.5
    assert float(str(first.fields["until"])) > cut.at_seconds
    assert not player.is_playing
    assert [each.fields["reason"] for each in happened if each.event == "end"] == ["stopped"]


def test_auto_chooses_the_natural_voice_if_it_is_installed() -> None:
    assert open_voice("auto").name == "natural"


def test_in_another_language_auto_chooses_the_systems_voice() -> None:
    assert open_voice("auto", "es").name == "pyttsx3"
    with pytest.raises(EngineMissingError, match='speaks English only, not "es"') as caught:
        open_voice("natural", "es")
    assert caught.value.hint == "use another one: --voice pyttsx3"


@pytest.mark.slow
def test_voices_and_doctor_list_it(run: Run) -> None:
    assert "natural  (used)" in run("voices", "--voice", "natural").lines
    assert '"natural voice", "ok": true' in run("doctor", "--json").out
