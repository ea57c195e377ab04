from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import VOICE_HELPER, Ran, Run, call, checked, environment
from tests.support.sound import (
    CHECKOUT,
    loudness,
    noise,
    pcm_of,
    recorded,
    recording,
    seconds_of,
    silence,
    write_pcm,
)
from voice_helper.audio.devices import import_sounddevice
from voice_helper.cli.entry_point import cli
from voice_helper.cli.options import FilePath
from voice_helper.errors import SoundDeviceError, VoiceHelperError
from voice_helper.support.paths import cache_folder
from voice_helper.tester.run import read_cases
from voice_helper.understanding.understand import USUAL_THRESHOLDS

ASK_KEYS = [
    "transcript", "confidence", "engine", "intent", "slots", "score", "decided_by", "family", "template", "runner_up",
    "rows", "disclaimer", "spoken",
]  # fmt: skip
COMMANDS = (
    "start",
    "setup",
    "ask",
    "listen",
    "guide",
    "test-intents",
    "check",
    "learn",
    "doctor",
    "voices",
    "serve",
    "demo",
    "export",
)
ESCAPES = "\x1b[31mdoes\x07 heat\x1b]0;title\x07 help\x9b2J"

KEPT = cache_folder().parent
"""The developer's own cache, because drawing the phrases again would take some seconds."""


def forms(text: str) -> list[dict[str, Any]]:
    """Parse lines of JSON. Anything else in the output fails the test."""
    return [json.loads(line) for line in text.splitlines()]


# Help and wrong usage


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run: Run, command: str) -> None:
    ran = run(command, "--help")
    assert ran.code == 0
    assert f"Example: voice-helper {command}" in " ".join(ran.out.split())


def test_the_help_names_every_command_and_the_disclaimer(run: Run) -> None:
    ran = run("--help")
    assert ran.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in ran.out
    assert "for education only" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["ask", "--nonsense"],
        ["ask", "does heat help", "--wav", "question.wav"],
        ["ask", "does heat help", "--engine", "\x1b[31mmagic"],
        ["ask", "does heat help", "--voice", "robot"],
        ["ask", "does heat help", "--rate", "5"],
        ["guide", "--place", "elbow"],
        ["test-intents", "x.txt", "--fail-under", "2"],
        ["test-intents", "x.txt", "--format", "xml"],
        ["serve", "web", "--port", "70000"],
        ["serve", "web", "--most", "0"],
        ["serve", "wyoming", "--most", "0"],
        ["export", "homeassistant"],
    ],
)
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str]) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert "Error" in ran.err


def paths_of(command: click.Command) -> Iterator[click.Path]:
    """The type of every path that a command and its subcommands take."""
    yield from (each.type for each in command.params if isinstance(each.type, click.Path))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from paths_of(inner)


def test_every_path_is_looked_up_before_it_is_used() -> None:
    assert {type(each) for each in paths_of(cli)} == {FilePath}


@pytest.mark.parametrize("path", ["why do my calves cramp at night " * 10, "a" * 200 + "/b" * 2_000, "itself", "\0"])
def test_what_no_file_can_be_named_is_wrong_usage(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "itself").symlink_to("itself")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(click.BadParameter, match=f'^"{path.strip(chr(0))[:10]}.*" is not usable as a path: ') as caught:
        FilePath().convert(path, None, None)
    assert len(caught.value.message) < 150


def test_a_question_in_the_place_of_a_path_is_wrong_usage(run: Run) -> None:
    ran = run("ask", "--wav", "why do my calves cramp at night " * 10)
    assert ran.code == 2
    assert "is not usable as a path: File name too long" in " ".join(ran.err.split())


def test_a_screen_without_a_size_shows_the_answer(tmp_path: Path) -> None:
    ran = call(["ask", "chest pain", "--voice", "none"], folder=tmp_path, more={"COLUMNS": "0", "LINES": "0"})
    assert "Call your local emergency number now." in ran.out


# ask


def test_the_runner_up_is_shown_if_it_was_needed_or_requested(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (near,) = forms(run("ask", "could warmth be any good", "--json").out)
    assert list(near["runner_up"]) == ["intent", "score"]
    (asked,) = forms(run("ask", "does heat help", "--json", "--explain").out)
    assert list(asked["runner_up"]) == ["intent", "score"]
    assert "runner-up:" in run("ask", "does heat help", "--explain").out

    def load(*arguments: object) -> None:
        raise AssertionError("the sentence model is loaded")

    monkeypatch.setattr("voice_helper.understanding.minilm.SentenceNetwork.__init__", load)
    assert run("ask", "does heat help", "--json").code == 0


def test_a_typed_question_as_json_has_exactly_these_keys_in_this_order(run: Run) -> None:
    ran = run("ask", "does heat help", "--json")
    assert (ran.code, ran.err) == (0, "")
    (answer,) = forms(ran.out)
    assert list(answer) == ASK_KEYS
    assert (answer["transcript"], answer["confidence"], answer["engine"]) == ("does heat help", None, None)
    assert (answer["intent"], answer["decided_by"], answer["score"]) == ("remedy_heat", "exact", 1.0)
    assert answer["disclaimer"] == "full"
    assert answer["runner_up"] is None
    for row in answer["rows"]:
        assert list(row) in (["text", "kind"], ["text", "kind", "fact"], ["text", "kind", "source"])
    assert answer["spoken"].startswith(" ".join(row["text"] for row in answer["rows"]))


def test_an_unsure_answer_names_its_two_candidates(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    never_sure = replace(USUAL_THRESHOLDS, sure=0.0, margin=1.0, unsure=0.0)
    monkeypatch.setattr("voice_helper.skill.folder_reader.read_thresholds", lambda item, problems: never_sure)
    (answer,) = forms(run("ask", "does it help", "--json").out)
    assert (answer["intent"], answer["decided_by"]) == ("unsure", "unsure")
    assert list(answer) == [*ASK_KEYS, "candidates"]
    assert len(answer["candidates"]) == len(set(answer["candidates"])) == 2
    assert answer["spoken"].startswith("Did you mean")


def test_a_question_that_is_not_understood_has_the_intent_none(run: Run) -> None:
    ran = run("ask", "qwxz vrrgl", "--json")
    (answer,) = forms(ran.out)
    assert ran.code == 0
    assert (answer["intent"], answer["decided_by"], answer["template"]) in [
        ("none", "none", None),
        ("none", "none", answer["template"]),
    ]
    assert list(answer) == ASK_KEYS
    assert answer["spoken"]


def test_an_emergency_shows_its_family_and_the_number_from_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_HELPER_NUMBER", "112")
    (answer,) = forms(run("ask", "my leg is numb and i cannot move it", "--json").out)
    assert (answer["intent"], answer["decided_by"]) == ("emergency", "safety")
    assert answer["family"]
    assert "112" in answer["spoken"]


@pytest.mark.slow
def test_a_recorded_question_is_recognized_and_answered(run: Run) -> None:
    ran = run("ask", "--wav", recording("put_heat_on_it"), "--json")
    (answer,) = forms(ran.out)
    assert ran.code == 0
    assert list(answer) == ASK_KEYS
    assert (answer["transcript"], answer["engine"]) == ("should i put heat on it", "embedded")
    assert 0 < answer["confidence"] <= 1
    assert answer["intent"] == "remedy_heat"


def test_an_answer_is_shown_with_its_source(run: Run) -> None:
    ran = run("ask", "does", "heat", "help")  # the question needs no quotation marks
    assert "intent: remedy_heat" in ran.out
    assert "(article: remedy.heat)" in ran.out
    assert "These answers are for education only." in ran.out


@pytest.mark.parametrize("wav", ["missing.wav", ".", "text.wav", "empty.wav"])
def test_a_file_that_is_not_audio_is_named(run: Run, tmp_path: Path, wav: str) -> None:
    (tmp_path / "text.wav").write_text("hello", encoding="utf-8")
    (tmp_path / "empty.wav").touch()
    ran = run("ask", "--wav", tmp_path / wav)
    assert (ran.code, ran.out) == (1, "")
    assert str(tmp_path / wav) in ran.err
    assert "hint: " in ran.err


@pytest.mark.slow
def test_a_recording_without_words_is_an_error_with_a_hint(run: Run, tmp_path: Path) -> None:
    ran = run("ask", "--wav", write_pcm(tmp_path / "silence.wav", silence(1.0)))
    assert ran.code == 1
    assert "no words were recognized" in ran.err
    assert "hint: " in ran.err


@pytest.mark.slow
def test_the_saved_answer_is_not_silence(without_portaudio: dict[str, str], tmp_path: Path) -> None:
    ran = call(["ask", "does heat help", "--save", "answer.wav", "--json"], folder=tmp_path, more=without_portaudio)
    (answer,) = forms(ran.out)
    pcm = pcm_of(tmp_path / "answer.wav")
    assert loudness(pcm) > 500
    assert len(answer["spoken"].split()) / (seconds_of(pcm) / 60) == pytest.approx(120, rel=0.25)


@pytest.mark.slow
def test_an_unwritable_path_is_named(without_portaudio: dict[str, str], tmp_path: Path) -> None:
    ran = call(["ask", "does heat help", "--save", "nowhere/answer.wav"], folder=tmp_path, more=without_portaudio)
    assert ran.code == 1
    assert "nowhere/answer.wav cannot be written" in ran.err


# What people type


def test_100_kilobytes_of_text_are_accepted(run: Run) -> None:
    ran = run("ask", "does heat help " * 6_900, "--json")
    assert ran.code == 0
    assert list(forms(ran.out)[0])[: len(ASK_KEYS)] == ASK_KEYS


ODD_TEXTS = (
    "?!",
    "🦵🔥",
    "%s %d {number} [red]x[/red]",
    "--",
    "'; drop table",
    "\u202eleh",
    "a" * 500,
    "\x00",
    "\x1b[31mred\x07",
)


def test_odd_texts_are_answered(run: Run, tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"text": text}) for text in ODD_TEXTS)
    (tmp_path / "odd.jsonl").write_text(lines, encoding="utf-8")
    results = forms(run("test-intents", "odd.jsonl", "--format", "jsonl").out)
    assert [result["transcript"] for result in results] == list(ODD_TEXTS)
    assert all(result["spoken"] for result in results)


def test_json_contains_no_terminal_escapes(run: Run) -> None:
    (answer,) = forms(run("ask", "--json", "does heat help\x9b2J").out)
    assert answer["transcript"] == "does heat help\x9b2J"


def test_a_question_without_words_is_answered(run: Run) -> None:
    ran = run("ask", "--json", " \t\n")
    assert ran.code == 0
    assert forms(ran.out)[0]["decided_by"] == "none"


def test_terminal_escapes_are_not_printed(run: Run) -> None:
    assert run("ask", ESCAPES).code == 0


@pytest.mark.parametrize("given", ["--wav", "--language"])
def test_terminal_escapes_in_options_are_not_printed(run: Run, given: str) -> None:
    assert run("ask", given, ESCAPES).code == 1


def test_a_json_object_stays_on_one_line(run: Run) -> None:
    (answer,) = forms(run("ask", "does heat\nhelp\x1b[31m", "--json").out)
    assert answer["transcript"] == "does heat\nhelp\x1b[31m"


# Languages, models, engines


@pytest.mark.parametrize(
    "command",
    [["ask", "does heat help"], ["listen"], ["test-intents"], ["voices"], ["demo"]],
)
def test_the_error_for_an_unknown_language_names_the_known_ones(run: Run, command: list[str]) -> None:
    ran = run(*command, "--language", "xx")
    assert ran.code == 1
    assert 'there is no language "xx"' in ran.err
    assert "languages: en" in ran.err


@pytest.mark.parametrize("language", ["..", ".", "", "../intents/en"])
def test_a_language_is_a_name_and_not_a_path(run: Run, language: str) -> None:
    ran = run("ask", "does heat help", "--language", language)
    assert ran.code == 1
    assert "hint: " in ran.err


def test_a_folder_without_a_complete_model_is_rejected_with_what_is_missing(run: Run, tmp_path: Path) -> None:
    ran = run("ask", "--wav", recording("stop"), "--model", tmp_path)
    assert (ran.code, ran.out) == (1, "")
    assert f"{tmp_path} is not a Vosk model: am/final.mdl is missing" in ran.err
    assert "hint: " in ran.err


def test_vosk_without_a_model_explains_how_to_get_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(KEPT))
    ran = run("ask", "--wav", recording("stop"), "--engine", "vosk")
    assert ran.code == 1
    assert 'no Vosk model for the language "en"' in ran.err
    assert "--model" in ran.err


# A machine that lacks something


@pytest.fixture(scope="module")
def without_portaudio(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a machine without PortAudio, on which importing sounddevice fails."""
    folder = tmp_path_factory.mktemp("shim")
    (folder / "sounddevice.py").write_text('raise OSError("PortAudio library not found")\n', encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def without_espeak(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a machine without espeak: neither the package nor the system's library."""
    folder = tmp_path_factory.mktemp("shim")
    (folder / "espeakng_loader.py").write_text('raise ImportError("not installed")\n', encoding="utf-8")
    (folder / "sitecustomize.py").write_text(
        "import ctypes\n"
        "class NoEspeak(ctypes.CDLL):\n"
        "    def __init__(self, name, *rest, **more):\n"
        "        if name and 'espeak' in str(name):\n"
        "            raise OSError(f'{name}: cannot open shared object file: No such file or directory')\n"
        "        super().__init__(name, *rest, **more)\n"
        "ctypes.CDLL = NoEspeak\n"
        "ctypes.cdll._dlltype = NoEspeak\n",
        encoding="utf-8",
    )
    return {"PYTHONPATH": str(folder)}


@pytest.mark.slow
def test_without_portaudio_a_question_is_shown_and_saved(without_portaudio: dict[str, str], tmp_path: Path) -> None:
    ran = call(["ask", "does heat help", "--save", "answer.wav"], folder=tmp_path, more=without_portaudio)
    assert ran.code == 0
    assert "The article says heat can ease cramps." in ran.out
    assert ran.err.count("no sound device") == 1
    assert "libportaudio2" in ran.err
    assert loudness(pcm_of(tmp_path / "answer.wav")) > 500


def test_without_portaudio_the_microphone_is_a_clear_error(without_portaudio: dict[str, str], tmp_path: Path) -> None:
    ran = call(["listen", "--voice", "none"], folder=tmp_path, more=without_portaudio)
    assert ran.code == 1
    assert "PortAudio library is missing" in ran.err
    assert "libportaudio2" in ran.err


def test_without_espeak_a_question_is_shown(without_espeak: dict[str, str], tmp_path: Path) -> None:
    ran = call(["ask", "does heat help", "--voice", "pyttsx3"], folder=tmp_path, more=without_espeak)
    assert ran.code == 0
    assert "The article says heat can ease cramps." in ran.out
    assert "voice does not start" in ran.err
    assert "espeak" in ran.err


@pytest.mark.slow
def test_without_espeak_the_doctor_says_what_to_install(without_espeak: dict[str, str], tmp_path: Path) -> None:
    ran = call(["doctor", "--json"], folder=tmp_path, more=without_espeak)
    (voice,) = [check for check in json.loads(ran.out)["checks"] if check["name"] == "voice"]
    assert ran.code == 0
    assert voice["ok"] is False
    assert "espeak" in voice["mend"]


def has_sound_hardware() -> bool:
    try:
        return len(import_sounddevice().query_devices()) > 0
    except SoundDeviceError:
        return False


no_hardware = pytest.mark.skipif(has_sound_hardware(), reason="this machine has sound hardware")


@pytest.mark.slow
@no_hardware
def test_without_sound_hardware_the_question_is_still_answered(tmp_path: Path) -> None:
    ran = call(["ask", "does heat help"], folder=tmp_path)
    assert ran.code == 0
    assert "The article says heat can ease cramps." in ran.out
    assert len(ran.err.splitlines()) == 1
    assert "shown, not spoken" in ran.err


@pytest.mark.slow
@no_hardware
def test_without_sound_hardware_the_microphone_is_a_clear_error(tmp_path: Path) -> None:
    ran = call(["ask", "--voice", "none"], folder=tmp_path)
    assert ran.code == 1
    assert "microphone" in ran.err
    assert "hint: " in ran.err


@pytest.mark.slow
@no_hardware
def test_without_sound_hardware_the_guide_shows_its_text(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [VOICE_HELPER, "guide", "--place", "calf", "--save", "guide.wav"],
        cwd=tmp_path, env=environment(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    shown = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    checked(Ran(process.returncode, shown + out, err))
    assert "Sit or lie somewhere safe." in shown
    assert process.returncode == 130
    assert (tmp_path / "guide.wav").is_file()


@pytest.mark.slow
@no_hardware
def test_a_missing_device_is_named(tmp_path: Path) -> None:
    ran = call(["ask", "does heat help", "--device", "kazoo"], folder=tmp_path)
    assert ran.code == 1
    assert 'no loudspeaker named "kazoo"' in ran.err


# Ctrl-C


def interrupted(arguments: list[str | Path], folder: Path, until: str, sent: signal.Signals, **more: str) -> Ran:
    """Run until something is printed (on stdout with --events, otherwise on stderr), then interrupt the program."""
    process = subprocess.Popen(
        [VOICE_HELPER, *arguments], cwd=folder, env=environment(**more), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    printed = process.stdout if "--events" in arguments else process.stderr
    assert printed
    seen = ""
    for line in printed:
        seen += line
        if until in line:
            break
    process.send_signal(sent)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)  # "always ends at once"
    return checked(Ran(process.returncode, out, seen + err))


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_listening_at_once_with_130(tmp_path: Path, sent: signal.Signals) -> None:
    write_pcm(tmp_path / "evening.wav", pcm_of(recording("bananas")) + noise(10.0, 0.01) * 60)
    listening: list[str | Path] = ["listen", "--source", "evening.wav", "--save", "spoken.wav", "--events"]
    ran = interrupted(listening, tmp_path, "heard", sent)
    assert ran.code == 130


@pytest.mark.slow
def test_ctrl_c_ends_learning_at_once_and_leaves_what_was_learned_before(tmp_path: Path) -> None:
    folder = tmp_path / "en"
    shutil.copytree(CHECKOUT / "intents" / "en", folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ran = interrupted(["learn", folder, "--force"], tmp_path, "learning", signal.SIGINT)
    assert ran.code == 130
    assert ran.out == ""
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


# listen and guide


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """Run `listen` on a file with a question, a report of a cramp, and "stop"."""
    folder = tmp_path_factory.mktemp("evening")
    sound = (
        recorded("put_heat_on_it")
        + silence(20.0)
        + recorded("have_a_cramp")
        + silence(3.2)
        + recorded("stop")
        + silence(1.0)
    )
    write_pcm(folder / "evening.wav", sound)
    arguments = ["listen", "--source", "evening.wav", "--events", "--save", "spoken.wav", "--voice", "pyttsx3"]
    return call(arguments, folder=folder), folder


@pytest.mark.slow
def test_the_events_of_listen_have_the_documented_form(evening: tuple[Ran, Path]) -> None:
    ran, _ = evening
    assert ran.code == 0
    keys = {
        "heard": [["at", "event", "text", "intent", "confidence"]],
        "partly": [["at", "event", "text"]],
        "say": [["at", "event", "text", "kind", "until"], ["at", "event", "text", "kind", "step", "until"]],
        "hush": [["at", "event", "by"]],
        "end": [["at", "event", "reason"]],
    }
    events = forms(ran.out)
    for event in events:
        assert list(event) in keys[event["event"]]
    assert {event["event"] for event in events} >= {"heard", "say", "hush", "end"}


@pytest.mark.slow
def test_listening_answers_guides_and_stops(evening: tuple[Ran, Path]) -> None:
    events = forms(evening[0].out)
    assert [event["intent"] for event in events if event["event"] == "heard"] == [
        "remedy_heat",
        "guide_start",
        "guide_stop",
    ]
    assert [event["reason"] for event in events if event["event"] == "end"] == ["stopped", "source_ended"]
    assert next(event["step"] for event in events if "step" in event) == 1


@pytest.mark.slow
def test_event_times_never_decrease(evening: tuple[Ran, Path]) -> None:
    times = [event["at"] for event in forms(evening[0].out)]
    assert times == sorted(times)


def test_the_saved_audio_is_as_long_as_the_elapsed_time(evening: tuple[Ran, Path]) -> None:
    ran, folder = evening
    spoken = pcm_of(folder / "spoken.wav")
    events = forms(ran.out)
    assert seconds_of(spoken) == pytest.approx(events[-1]["at"], abs=0.05)
    assert seconds_of(spoken) >= seconds_of(pcm_of(folder / "evening.wav")) - 0.05
    says = [event["at"] for event in events if event["event"] == "say"]
    assert loudness(spoken[: round(says[0] * 16_000) * 2 - 2048]) == 0
    assert loudness(spoken[round(says[0] * 16_000) * 2 :][:32_000]) > 500


@pytest.mark.slow
def test_without_events_listen_shows_who_said_what(run: Run) -> None:
    ran = run("listen", "--source", recording("put_heat_on_it"))
    assert ran.code == 0
    assert "you   should i put heat on it" in ran.out
    assert "The article says heat can ease cramps." in ran.out


@pytest.mark.slow
def test_the_guide_starts_at_once_for_the_given_place(run: Run, tmp_path: Path) -> None:
    source = write_pcm(tmp_path / "night.wav", silence(8.0) + recorded("stop") + silence(1.0))
    ran = run("guide", "--place", "foot", "--source", source, "--events")
    events = forms(ran.out)
    assert ran.code == 0
    says = [event["text"] for event in events if event["event"] == "say"]
    assert says[0] == "Sit on the edge of the bed, or on a chair."
    assert "Put your foot flat on the floor." in says
    assert (events[0]["event"], events[0]["step"], events[0]["at"]) == ("say", 1, 0)
    assert "stopped" in [event["reason"] for event in events if event["event"] == "end"]


def test_a_source_that_is_not_audio_is_named(run: Run, tmp_path: Path) -> None:
    ran = run("listen", "--source", tmp_path / "missing.wav", "--events")
    assert (ran.code, ran.out) == (1, "")
    assert "missing.wav" in ran.err


# test-intents

LINES = """\
# two lines of text and two of JSON
does heat help
{"text": "are bananas good for cramps", "intent": "remedy_foods", "slots": {"food": "banana"}}

{"text": "say that again", "intent": "guide_repeat", "context": "guide"}
{"text": "what is the capital of france", "intent": "none"}
"""


def test_a_batch_as_jsonl_prints_one_object_per_line_in_order(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text(LINES, encoding="utf-8")
    ran = run("test-intents", "lines.jsonl", "--format", "jsonl")
    results = forms(ran.out)
    assert ran.code == 0
    assert [result["text"] for result in results] == [
        "does heat help", "are bananas good for cramps", "say that again", "what is the capital of france",
    ]  # fmt: skip
    for result in results:
        assert [key for key in result if key != "candidates"] == [
            *ASK_KEYS,
            "text",
            "context",
            "after",
            "expected",
            "ok",
        ]
    assert [result["ok"] for result in results] == [None, True, True, True]
    assert [result["expected"] for result in results] == [None, "remedy_foods", "guide_repeat", "none"]
    assert results[1]["slots"] == {"food": "banana"}


def test_a_batch_as_a_table_shows_what_is_wrong_and_fails_below_a_share(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text(
        '{"text": "does heat help", "intent": "remedy_heat"}\n{"text": "does heat help", "intent": "remedy_cold"}\n',
        encoding="utf-8",
    )
    ran = run("test-intents", "lines.jsonl", "--fail-under", "0.95")
    assert ran.code == 1
    assert "1 of 2 right (50.0%)" in ran.out
    assert "NO" in ran.out
    assert "remedy_cold" in ran.out
    assert "50.0% are right, less than 95.0%" in ran.err


def test_a_batch_without_expected_intents_fails_any_share(run: Run, tmp_path: Path) -> None:
    for text in ("", "does heat help\n", "# nothing\n"):
        (tmp_path / "lines.txt").write_text(text, encoding="utf-8")
        ran = run("test-intents", "lines.txt", "--fail-under", "0")
        assert ran.code == 1
        assert "nothing was tested" in ran.err


def test_other_keys_of_a_line_are_copied_to_the_results(run: Run, tmp_path: Path) -> None:
    line = {"text": "does heat help", "asked_by": ["a", 1], "split": "dev"}
    (tmp_path / "lines.jsonl").write_text(json.dumps(line), encoding="utf-8")
    (result,) = forms(run("test-intents", "lines.jsonl", "--format", "jsonl").out)
    assert line.items() <= result.items()


LABELLED = [
    {"text": "does heat help", "intent": "remedy_cold"},
    {"text": "is it cold, or hot?", "intent": "remedy_heat"},
]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lines.json", json.dumps(LABELLED)),
        ("lines.txt", json.dumps(LABELLED, indent=2)),
        ("lines.json", "\n".join(map(json.dumps, LABELLED))),
        ("-", "[" + ",\n".join(map(json.dumps, LABELLED)) + "]"),
        ("lines.csv", 'text,intent\ndoes heat help,remedy_cold\n"is it cold, or hot?",remedy_heat\n'),
        ("lines.csv", 'intent, text\r\nremedy_cold, does heat help\r\nremedy_heat, "is it cold, or hot?"\r\n'),
        ("lines.csv", "text;intent\ndoes heat help;remedy_cold\nis it cold, or hot?;remedy_heat\n"),
        ("-", 'Text;"Intent"\r\ndoes heat help;remedy_cold\r\n"is it cold, or hot?";remedy_heat\r\n'),
        ("-", "text\tintent\ndoes heat help\tremedy_cold\nis it cold, or hot?\tremedy_heat\n"),
        ("lines.jsonl", "\n".join(map(json.dumps, LABELLED))),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_labelled_lines_can_be_read_from_arrays_and_tables(name: str, text: str, mark: str) -> None:
    cases = list(read_cases(Path(name), mark + text))
    assert [(case.text, case.intent) for case in cases] == [(line["text"], line["intent"]) for line in LABELLED]


@pytest.mark.parametrize("name", ["lines.jsonl", "lines.json", "lines.txt"])
def test_only_the_ends_of_lines_end_a_line(name: str) -> None:
    line = json.dumps({"text": "chest\u2028pain\x85now", "intent": "emergency"}, ensure_ascii=False)
    cases = list(read_cases(Path(name), f"{line}\r\n{line}\n"))
    assert [case.text for case in cases] == ["chest\u2028pain\x85now"] * 2


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.csv", "does heat help,remedy_heat\n", 'a.csv:1: there is no column "text"'),
        ("a.csv", "text,intent\nis it cold, or hot,remedy_heat\n", "a.csv:2: has more cells than columns"),
        ("a.csv", 'text,intent\n"open,remedy_heat\n', "is not a table"),
        ("a.tsv", "text\tintnt\nwarm it\tremedy_heat\n", 'a.tsv:2: unknown key "intnt"'),
        ("a.csv", 'text,slots\nwarm it,calf\n', "a.csv:2: is not JSON"),
        ("a.json", '[{"text": "warm it"},\n {"intent": "x"}]', 'a.json:2: has no "text"'),
        ("a.json", "[1]", "a.json:1: must be an object"),
        ("a.json", "5", "a.json:1: must be an object"),
        ("a.txt", '[{"text": "warm it"},\n', "is not JSON"),
        ("a.json", "[" * 100_000, "is not JSON"),
    ],
)  # fmt: skip
def test_an_invalid_table_or_array_is_rejected(name: str, text: str, problem: str) -> None:
    with pytest.raises(VoiceHelperError, match=re.escape(problem)):
        list(read_cases(Path(name), text))


def test_a_batch_may_be_yaml(run: Run, tmp_path: Path) -> None:
    (tmp_path / "heat.yaml").write_text(
        'language: en\ntests:\n  - intent: remedy_heat\n    sentences: ["does heat help", "will heat help"]\n',
        encoding="utf-8",
    )
    ran = run("test-intents", "heat.yaml", "--fail-under", "1")
    assert ran.code == 0
    assert "2 of 2 right (100.0%)" in ran.out


@pytest.mark.slow
def test_a_batch_may_come_through_standard_input(tmp_path: Path) -> None:
    ran = call(["test-intents", "-", "--format", "jsonl", "--explain"], folder=tmp_path, typed="does heat help\n")
    (result,) = forms(ran.out)
    assert result["intent"] == "remedy_heat"
    assert any("word for word" in line for line in result["explanation"])


def test_explain_shows_the_reasons(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("does heat help\n", encoding="utf-8")
    ran = run("test-intents", "lines.txt", "--explain")
    assert "remedy_heat matches word for word" in ran.out
    assert "nearest meanings" in ran.out
    assert "decided by exact" in ran.out


@pytest.mark.slow
def test_the_prompt_reads_lines_and_shows_everything_about_them(tmp_path: Path) -> None:
    typed = b"does heat help\n\n" + ESCAPES.encode() + b"\ndoes heat \xff\xfe help\nexit\nare bananas good\n"
    ran = call(["test-intents"], folder=tmp_path, typed=typed)
    assert ran.code == 0
    for name in ("text", "intent", "score", "template", "runner-up", "slots", "spoken"):
        assert ("\n" + ran.out).count(f"\n{name} ") == 3
    assert "remedy_heat" in ran.out
    assert "decided by exact" in ran.out
    assert "bananas" not in ran.out


def test_the_context_of_a_guided_session_changes_the_meaning(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("stop\n", encoding="utf-8")
    (result,) = forms(run("test-intents", "lines.txt", "--context", "guide", "--format", "jsonl").out)
    assert (result["intent"], result["decided_by"]) == ("guide_stop", "command")


@pytest.mark.slow
def test_recordings_are_tested_as_files_and_as_a_list(run: Run, tmp_path: Path) -> None:
    shutil.copy(recording("bananas"), tmp_path / "bananas.wav")
    (tmp_path / "list.jsonl").write_text('{"wav": "bananas.wav", "intent": "remedy_foods"}\n', encoding="utf-8")
    ran = run("test-intents", "--audio", "list.jsonl", tmp_path / "bananas.wav", "--format", "jsonl")
    listed, given = forms(ran.out)
    assert (listed["ok"], given["ok"]) == (True, None)
    assert listed["transcript"] == given["transcript"] == "are bananas good for cramps"
    assert listed["engine"] == "embedded"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"text": "does heat help"', "is not JSON"),
        ('{"intent": "remedy_heat"}', 'has no "text"'),
        ('{"text": 5}', 'has no "text"'),
        ('{"text": "x", "intnt": "remedy_heat"}', 'unknown key "intnt"'),
        ('{"text": "x", "score": 1}', '"score" is a key of the results'),
        ('{"text": "x", "context": "kitchen"}', '"context" must be none or guide'),
        ('{"text": "x", "slots": ["calf"]}', '"slots" must be an object'),
        ('{"text": "x", "after": 3}', '"after" must be the name of an intent'),
    ],
)
def test_an_invalid_line_is_reported_with_file_and_line(line: str, problem: str) -> None:
    with pytest.raises(VoiceHelperError, match=re.escape(f"lines.jsonl:3: {problem}")):
        list(read_cases(Path("lines.jsonl"), f"does heat help\n\n{line}\n"))


def test_an_invalid_line_ends_a_batch_with_its_location(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text('does heat help\n\n{"text": 5}\n', encoding="utf-8")
    ran = run("test-intents", "lines.jsonl")
    assert (ran.code, ran.out) == (1, "")
    assert 'lines.jsonl:3: has no "text"' in ran.err


@pytest.mark.parametrize("name", ["missing.txt", "latin.txt"])
def test_an_unreadable_list_is_named(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "latin.txt").write_bytes(b"does h\xe9at help")
    ran = run("test-intents", tmp_path / name)
    assert ran.code == 1
    assert f"{tmp_path / name} cannot be read" in ran.err


@pytest.mark.parametrize("key", ["intent", "after"])
def test_an_intent_that_does_not_exist_harms_nothing(run: Run, tmp_path: Path, key: str) -> None:
    (tmp_path / "lines.jsonl").write_text(json.dumps({"text": "say that again", key: "nonsense"}), encoding="utf-8")
    assert run("test-intents", "lines.jsonl", "--format", "jsonl").code in {0, 1}


def test_escapes_and_markup_in_an_expected_intent_are_shown_literally(run: Run, tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text(
        json.dumps({"text": "does heat help", "intent": "\x1b[31m[bold]x"}), encoding="utf-8"
    )
    assert "[bold]x" in run("test-intents", "lines.jsonl").out


# check


@pytest.mark.slow
def test_the_shipped_folder_has_no_problems(run: Run) -> None:
    ran = run("check")
    assert ran.code == 0
    assert "no problems" in ran.out


@pytest.mark.slow
def test_every_problem_of_a_folder_is_shown_with_file_and_line(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "intents" / "en"
    shutil.copytree(CHECKOUT / "intents" / "en", folder)
    (folder / "sentences" / "wrong.yaml").write_text(
        "language: en\nintents:\n  about_moon:\n    data:\n      - sentences:\n"
        '          - "the moon (is"\n          - "the <nonsense> moon"\n          - "does heat help"\n',
        encoding="utf-8",
    )
    ran = run("check", folder)
    assert ran.code == 1
    assert "sentences/wrong.yaml:6:" in ran.out
    assert "sentences/wrong.yaml:7:" in ran.out
    assert f"{len(ran.lines)} problems in {folder}" in ran.err
    assert len(ran.lines) >= 3


def test_problems_are_shown_without_terminal_escapes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "en" / "sentences").mkdir(parents=True)
    for name in ("language.yaml", "answers.yaml", "sentences/x.yaml"):
        (tmp_path / "en" / name).write_text('"\\e[31mred": "\\x07bell"\n', encoding="utf-8")
    assert run("check", tmp_path / "en").code == 1


@pytest.mark.parametrize("name", ["missing", "empty", "file"])
def test_a_folder_that_is_not_an_intents_folder_is_rejected(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    ran = run("check", tmp_path / name)
    assert ran.code == 1
    assert "hint: " in ran.err


# doctor, voices, demo


@pytest.mark.slow
def test_doctor_lists_everything_that_is_used_and_how_to_fix_it(run: Run) -> None:
    ran = run("doctor", "--json")
    report = json.loads(ran.out)
    assert ran.code == 0
    assert list(report) == ["ok", "checks"]
    assert report["ok"] is True
    names = [check["name"] for check in report["checks"]]
    for name in ("sentences and answers", "embedded recognizer", "vosk model", "voice", "microphone", "loudspeaker"):
        assert name in names
    for check in report["checks"]:
        assert list(check) == ["name", "ok", "needed", "detail", "mend", "gives"]
        assert check["ok"] or check["mend"]


@pytest.mark.slow
def test_doctor_as_text_says_what_is_missing(tmp_path: Path) -> None:
    ran = call(["doctor"], folder=tmp_path, more={"XDG_DATA_HOME": str(tmp_path)})
    assert ran.code == 0
    missing = {" ".join(line.split()[:3]) for line in ran.lines if line.startswith("missing")}
    assert {"missing emergency number"} <= missing
    assert "VOICE_HELPER_NUMBER" in ran.out
    assert "optional  vosk model" in ran.out
    assert "it would add: may recognize English better than the built-in recognizer" in " ".join(ran.out.split())
    asked_for = call(["doctor", "--language", "de"], folder=tmp_path, more={"XDG_DATA_HOME": str(tmp_path)})
    assert "missing   vosk model" in asked_for.out


@pytest.mark.slow
def test_a_missing_model_is_mentioned_only_once(tmp_path: Path) -> None:
    ran = call(["ask", "--wav", recording("bananas"), "--voice", "none"], folder=tmp_path)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.slow
def test_doctor_still_reports_for_an_unknown_language(run: Run) -> None:
    ran = run("doctor", "--json", "--language", "xx")
    assert ran.code == 1
    assert json.loads(ran.out)["ok"] is False


def test_voices_are_listed_and_the_active_one_is_marked(run: Run, tmp_path: Path) -> None:
    ran = run("voices", "--voice", "none")
    assert "none  (used)" in ran.lines
    assert "pyttsx3" in ran.lines


@pytest.mark.slow
def test_the_demo_recognizes_answers_and_saves(without_portaudio: dict[str, str], tmp_path: Path) -> None:
    ran = call(["demo", "--save", "spoken.wav"], folder=tmp_path, more=without_portaudio)
    assert ran.code == 0
    assert "why do my calves cramp at night" in ran.out
    assert "intent: causes_overview" in ran.out
    assert "These answers are for education only." in ran.out
    assert loudness(pcm_of(tmp_path / "spoken.wav")) > 500


def test_closing_the_output_pipe_early_is_not_an_error(tmp_path: Path) -> None:
    ran = subprocess.run(
        ["bash", "-c", f"{VOICE_HELPER} ask --help | true; exit ${{PIPESTATUS[0]}}"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert ran.stderr == ""
    assert ran.returncode in {0, 1, 141}


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("voice-helper gu", "guide"),
        ("voice-helper ask --sa", "--save"),
        ("voice-helper guide --place ", "foot"),
        ("voice-helper models install f", "faster-whisper-tiny.en"),
    ],
)
def test_the_shell_completes_commands_options_and_their_values(words: str, completed: str, tmp_path: Path) -> None:
    place = str(len(words.split(" ")) - 1)
    more = {"_VOICE_HELPER_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": place}
    assert f"plain,{completed}" in call([], folder=tmp_path, more=more).lines


@pytest.mark.slow
def test_doctor_checks_the_selected_device(run: Run) -> None:
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json", "--device", "kazoo").out)["checks"]}
    for kind in ("microphone", "loudspeaker"):
        assert not checks[kind]["ok"]
        assert "kazoo" in checks[kind]["detail"] or "no sound device" in checks[kind]["detail"]


@pytest.mark.parametrize("question", ["", "   "])
def test_an_empty_question_is_answered_and_not_met_with_silence(run: Run, question: str) -> None:
    ran = run("ask", question, "--voice", "none")
    assert ran.code == 0
    assert "Sorry" in ran.out
