"""Any input is either rejected with a message or processed, without a crash, a hang or excessive memory use.

`make fuzz` runs the property tests here many times more often; docs/safety-case.md has the counts.
"""

from __future__ import annotations

import contextlib
import shutil
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.programs import call
from tests.support.sound import RECORDINGS, recording, write_pcm
from voice_helper.audio.devices import WavSource
from voice_helper.content.documents import Problems
from voice_helper.content.wordings import read_wordings
from voice_helper.content.yaml_documents import read_document
from voice_helper.dialogue.state import State
from voice_helper.errors import AudioFileError, IntentsError
from voice_helper.skill import Skill
from voice_helper.skill.folder_reader import check_folder, load_content
from voice_helper.support.paths import intents_folder
from voice_helper.types import Heard, Say, Transcript
from voice_helper.understanding.hassil_adapter import parse_fault
from voice_helper.understanding.normalize import MAX_CHARACTERS

patient = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
WORDS = (
    "my", "chest", "hurts", "no", "not", "but", "can't", "breathe", "cramp", "leg", "and", "is", "it", "heat", "help",
    "swollen", "what", "about", "bananas", "stop", "next", "blood", "the", "a", "of", "if", "never", "without",
)  # fmt: skip
NASTY = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from("\x00\x07\x08\x1b\x7f\x9b\u202e\u2028\ufeff\U000e0001'\"<>{}[]()|\\%"),
        st.sampled_from("0123456789"),
    ),
    max_size=200,
)
SPEECH = st.lists(st.sampled_from(WORDS), min_size=1, max_size=40).map(" ".join)


# Text


@pytest.mark.slow
@patient
@given(st.one_of(NASTY, SPEECH))
def test_any_text_gets_a_meaning_and_an_answer(skill: Skill, text: str) -> None:
    match = skill.understanding.understand(text)
    assert 0.0 <= match.score <= 1.0
    _, actions = skill.conversation.step(State(), Heard(Transcript(text)))
    said = " ".join(row.text for action in actions if isinstance(action, Say) for row in action.rows)
    assert all(character.isprintable() for character in said)


@pytest.mark.slow
@patient
@given(SPEECH, NASTY)
@example("my", "\N{DOUBLE CIRCLED DIGIT ONE}")  # a digit in Unicode, but not a number in Python
def test_a_red_flag_is_detected_whatever_follows_it(skill: Skill, words: str, noise: str) -> None:
    match = skill.understanding.understand(f"I have chest pain. {words} {noise}")
    assert "emergency" in (match.intent, match.possible)


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "my chest hurts " * 7_000, "9" * 100_000, "(" * 100_000, "\x1b[31m" * 20_000, "no " * 33_000,
     "can't can't not " * 6_000, "\N{COMBINING ACUTE ACCENT}" * 100_000, "leg and " * 12_500],
    ids=["one word", "a sign again and again", "digits", "brackets", "escapes", "negations", "knots", "accents", "and"],
)  # fmt: skip
def test_a_hundred_thousand_characters_take_only_a_moment(skill: Skill, text: str) -> None:
    started = time.process_time()
    skill.understanding.understand(text)
    assert time.process_time() - started < 2.0


@pytest.mark.slow
@patient
@given(st.lists(st.sampled_from(WORDS), min_size=50, max_size=MAX_CHARACTERS // 3).map(" ".join))
def test_no_combination_of_words_makes_the_rules_slow(skill: Skill, text: str) -> None:
    started = time.process_time()
    skill.understanding.safety.find(skill.understanding.safety.language.normalize(text))
    assert time.process_time() - started < 2.0


REMARK = "my calf was sore after the long way home and i put my feet up "


@pytest.mark.parametrize("length", [990, 1_200, 1_790, 5_000, 60_000])
@pytest.mark.parametrize("between", [" ", "\u00a0", "\n", " \u200b"])
def test_a_sign_is_found_wherever_it_is_in_a_long_text(skill: Skill, length: int, between: str) -> None:
    text = (REMARK * (length // len(REMARK) + 1))[:length] + " and now i have chest pain and can't breathe "
    assert skill.understanding.understand((text + REMARK * 20).replace(" ", between)).intent == "emergency"


def test_a_sign_after_an_endless_word_is_found(skill: Skill) -> None:
    text = "a" * 3_000 + " my chest hurts and i can't breathe " + "b" * 3_000 + " c"
    assert skill.understanding.understand(text).intent == "emergency"


def test_the_worst_sign_of_a_long_text_is_acted_on(skill: Skill) -> None:
    text = "my calf is swollen and red. " + REMARK * 20 + "my chest hurts and i can't breathe"
    assert skill.understanding.understand(text).intent == "emergency"


def test_a_long_text_without_a_sign_means_what_its_start_means(skill: Skill) -> None:
    match = skill.understanding.understand("does heat help? " + " " * 1_000 + "thank you " * 100)
    assert not match.certainty


def test_the_reply_says_if_a_text_was_not_read_completely(skill: Skill) -> None:
    unread = skill.content.answers.unread.text
    assert unread
    for text in (REMARK * 30, REMARK * 30 + "my chest hurts"):
        assert said(skill, text).count(unread) == 1
    assert unread not in said(skill, "does heat help")
    assert unread not in said(skill, "does heat help".ljust(1_100))


def said(skill: Skill, text: str) -> str:
    _, actions = skill.conversation.step(State(), Heard(Transcript(text)))
    return " ".join(row.text for action in actions if isinstance(action, Say) for row in action.rows)


def test_a_sign_at_the_start_of_a_very_long_text_is_acted_on(tmp_path: Path) -> None:
    ran = call(["ask", "--voice", "none", "my chest hurts " + "and so on " * 9_000], folder=tmp_path)
    assert ran.code == 0
    assert "emergency" in ran.out


# Intents folders


@patient
@given(st.one_of(NASTY, st.text(alphabet="ab:-{}[]&*!|>#'\" \n\t", max_size=300)))
def test_any_text_is_read_as_yaml_or_rejected_with_its_line(text: str) -> None:
    problems = Problems()
    read_document(text, "file.yaml", problems)
    assert all(line.startswith("file.yaml:") for line in problems.lines())


@patient
@given(st.lists(NASTY, max_size=8))
def test_any_lines_are_read_as_wordings_or_rejected_with_their_line(lines: list[str]) -> None:
    problems = Problems()
    for wording in read_wordings(lines, "wordings.txt", problems):
        assert wording.intent
    assert all(line.startswith("wordings.txt:") for line in problems.lines())


@patient
@given(st.text(alphabet="ab ()[]{}<>|:;'\\\"", max_size=40))
@example("{}")
@example("does <> help")
def test_any_template_is_read_or_reported_as_invalid(text: str) -> None:
    fault = parse_fault(text)
    assert fault is None or fault.startswith("is not a template: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "anchors (&) and aliases (*)"),
        ("language: !!python/object/apply:os.system ['touch owned']\n", "!!python"),
        ("language: !!binary aGVsbG8=\n", "tag"),
        ("[" * 5_000 + "]" * 5_000, ""),
        ("- " * 5_000 + "x", ""),
        ("a: " + "x" * 3_000_000, "larger than"),
        ("{" * 2_000, ""),
    ],
    ids=["bomb", "python tag", "binary tag", "brackets", "dashes", "large", "braces"],
)
def test_a_hostile_file_in_a_folder_is_reported(tmp_path: Path, text: str, message: str) -> None:
    folder = tmp_path / "en"
    shutil.copytree(intents_folder("en"), folder)
    (folder / "facts.yaml").write_text(text, encoding="utf-8")
    ran = call(["check", str(folder)], folder=tmp_path)
    assert ran.code == 1
    assert "facts.yaml:1: " in ran.out
    assert message.replace("!!python", "tag:yaml.org,2002:python") in ran.out
    assert not (tmp_path / "owned").exists()


@pytest.mark.slow
def test_a_link_out_of_the_folder_is_only_read_as_text(tmp_path: Path) -> None:
    folder = tmp_path / "en"
    shutil.copytree(intents_folder("en"), folder)
    (folder / "sentences" / "talk.yaml").unlink()
    (folder / "sentences" / "talk.yaml").symlink_to("/dev/null")
    content, problems = check_folder(folder)
    assert content is None
    assert problems


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("[emergncy]\nmy chest hurts\n", '[emergncy] is not an intent, did you mean "emergency"?'),
        ("[emergency pop]\nmy chest hurts\n", "pop is not a family of emergency"),
        ("my chest hurts\n", "is under no heading"),
        ("[remedy_heat\nwarm it\n", "must be [intent]"),
        ("[remedy_heat]\nwarm it\nwarm it\n", "stands in line 2 already"),
        ("[remedy_heat]\n" + "warm " * 100 + "\n", "longer than"),
    ],
)
def test_a_mistake_in_the_wordings_is_named_with_its_line(tmp_path: Path, lines: str, message: str) -> None:
    folder = tmp_path / "en"
    shutil.copytree(intents_folder("en"), folder)
    (folder / "wordings.txt").write_text(lines, encoding="utf-8")
    with pytest.raises(IntentsError) as caught:
        load_content(folder)
    assert any("wordings.txt:" in problem and message in problem for problem in caught.value.problems)


# Sound files


def write_lying(path: Path, **fields: int) -> None:
    """Write a small WAV file with a false header."""
    raw = bytearray(write_pcm(path, bytes(3_200)).read_bytes())
    places = {"riff": (4, "<I"), "form": (20, "<H"), "channels": (22, "<H"), "rate": (24, "<I"), "block": (32, "<H"),
              "bits": (34, "<H"), "data": (40, "<I")}  # fmt: skip
    for name, value in fields.items():
        offset, form = places[name]
        struct.pack_into(form, raw, offset, value)
    path.write_bytes(bytes(raw))


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [{"data": 0xFFFFFFFF}, {"data": 0}, {"riff": 0}, {"channels": 0}, {"channels": 65_535},
     {"rate": 0}, {"rate": 1}, {"rate": 0xFFFFFFFF}, {"block": 0}, {"bits": 0}, {"bits": 77}, {"form": 0x5A5A},
     {"channels": 2, "bits": 32}, {"channels": 255, "rate": 192_000}],
    ids=str,
)  # fmt: skip
def test_a_false_wav_header_is_rejected_or_read_within_the_file(tmp_path: Path, fields: dict[str, int]) -> None:
    path = tmp_path / "lying.wav"
    write_lying(path, **fields)
    ran = call(["ask", "--voice", "none", "--wav", path], folder=tmp_path)
    assert ran.code == 1
    assert "lying.wav" in ran.err


@patient
@given(st.data())
def test_a_damaged_recording_is_rejected_or_read(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(recording("stop").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.one_of(st.integers(0, 60), st.integers(0, len(raw) - 1)))
        raw[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    path = tmp_path / "damaged.wav"
    path.write_bytes(bytes(raw[: cut or None]))
    with contextlib.suppress(AudioFileError):
        seconds = sum(chunk.seconds for chunk in WavSource(path).chunks())
        assert seconds < 60


@pytest.mark.slow
def test_terminal_escapes_in_a_file_name_are_not_printed(tmp_path: Path) -> None:
    path = tmp_path / "\x1b]0;owned\x07\x1b[2Jquestion.wav"
    shutil.copy(RECORDINGS / "bananas.wav", path)
    ran = call(["ask", "--voice", "none", "--wav", path, "--debug-recording", "kept\x1b[31m"], folder=tmp_path)
    assert ran.code == 0
    assert "remedy_foods" in ran.out
