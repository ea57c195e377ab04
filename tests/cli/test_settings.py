from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.programs import Run, call
from tests.support.sound import pcm_of, recording, write_pcm
from voice_helper.audio.devices import Microphone, spoken_part
from voice_helper.cli.entry_point import _COMMANDS, _SERVERS, cli
from voice_helper.errors import SettingsError, SoundDeviceError
from voice_helper.skill import Skill
from voice_helper.support.settings import SETTINGS, begin_settings, keep_setting, read_settings
from voice_helper.types import SAMPLE_RATE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "voice-helper" / "settings.toml"


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_without_a_file_nothing_is_set(file: Path) -> None:
    assert read_settings(file) == {}


def test_a_stored_setting_is_read_back_and_other_lines_are_unchanged(file: Path) -> None:
    write(file, '# mine\nrate = 130\nnumber = "112"  # here\n')
    keep_setting(file, "number", "999")
    assert read_settings(file) == {"rate": 130, "number": "999"}
    assert file.read_text(encoding="utf-8").startswith("# mine\nrate = 130\n")


def test_a_new_settings_file_explains_its_purpose(file: Path) -> None:
    begin_settings(file)
    keep_setting(file, "microphone", 'a "good" one')
    assert file.read_text(encoding="utf-8").startswith("# ")
    assert read_settings(file) == {"microphone": 'a "good" one'}


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(SETTINGS), st.text(max_size=20), max_size=4))
def test_any_text_is_stored_unchanged_or_rejected_without_changes(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    file = tmp_path_factory.mktemp("settings") / "settings.toml"
    kept: dict[str, str] = {}
    for name, value in values.items():
        try:
            keep_setting(file, name, value)
            kept[name] = value
        except SettingsError:
            pass
        assert read_settings(file) == kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("number = 112\nnumbr = 3\n", 'settings.toml:2: unknown setting "numbr"'),
        ("\nrate = [1]\n", "settings.toml:2: rate must be a text or a number"),
        ("rate =\n", "line 1"),
        ("voice = true\n", "settings.toml:1: voice must be a text or a number"),
        ('patient = "yes"\n', "settings.toml:1: patient must be true or false"),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_never_overwritten(file: Path, text: str, said: str) -> None:
    write(file, text)
    with pytest.raises(SettingsError, match=re.escape(said)):
        keep_setting(file, "number", "112")
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_and_windows_line_ends_make_no_difference(file: Path, encoding: str) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes('number = "112"\r\nrate = 130\r\n'.encode(encoding))
    assert read_settings(file) == {"number": "112", "rate": 130}
    keep_setting(file, "number", "999")
    assert read_settings(file) == {"number": "999", "rate": 130}


@pytest.mark.parametrize("number", ["", "   ", "\t", "none", "call me", "\u200b"])
def test_a_number_that_cannot_be_dialed_counts_as_not_set(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    usual = "Call your local emergency number now."
    write(file, f"number = {json.dumps(number)}\n")
    assert usual in run("ask", "chest pain", "--voice", "none").out
    file.unlink()
    monkeypatch.setenv("VOICE_HELPER_NUMBER", number)
    assert usual in run("ask", "chest pain", "--voice", "none").out
    assert "Call 112 now." in run("ask", "chest pain", "--voice", "none", "--number", " 112 ").out
    assert usual in said(Skill.load(emergency_number=number))


def said(skill: Skill) -> str:
    return skill.chat().send("chest pain").text


def test_a_number_without_digits_is_rejected_as_an_option(run: Run) -> None:
    ran = run("ask", "chest pain", "--number", "help")
    assert ran.code == 2
    assert "has no digit" in ran.err


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("what\n", None),
        ('numbr = "999"\nnumber = "112"\n', "112"),
        ('number = "112"\nrate = "fast"\n', "112"),
        ('number = "112"\nrate = \n', "112"),
        ('engine = "kazoo"\nvoice = 3\nnumber = 112\n', "112"),
        ("number = '112'\nvoice = \ufffe\n", "112"),
        ('language = "klingon"\nnumber = "112"\n', "112"),
        ("language = 3\n", None),
        ('intents = "gone"\nnumber = "112"\n', "112"),
        ("\udcff", None),
    ],
)  # fmt: skip
def test_no_mistake_in_the_file_prevents_the_reply_to_an_emergency(
    run: Run, file: Path, text: str, number: str | None
) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode(errors="surrogateescape"))
    before = file.read_bytes()
    ran = run("ask", "chest pain", "--json")
    assert ran.code == 0
    assert f"Call {number or 'your local emergency number'} now." in ran.out
    assert "settings.toml" in ran.err.replace("\n", "")
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_looked_up_keeps_nothing_from_an_emergency(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/" + "x" * 300)  # as with the home of another user
    ran = run("ask", "chest pain")
    assert ran.code == 0
    assert "Call your local emergency number now." in ran.out
    assert "cannot be read: File name too long" in " ".join(ran.err.split())
    assert run("check").code == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there, the system names the folders")
def test_a_user_without_a_home_is_answered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_entry(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", no_entry)  # as in a container that runs under any user id
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    ran = run("ask", "chest pain")
    assert ran.code == 0
    assert "Call your local emergency number now." in ran.out
    assert run("models", "list").code == 0
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("name", "value"),
    [("RATE", "fast"), ("ENGINE", "kazoo"), ("INTENTS", "x" * 300), ("INTENTS", "gone"), ("MODEL", "x" * 300)],
)
def test_no_mistake_in_the_environment_keeps_an_emergency_from_its_answer(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"VOICE_HELPER_{name}", value)
    assert run("test-intents").code == 2
    ran = run("ask", "chest pain")
    assert ran.code == 0
    assert "Call your local emergency number now." in ran.out
    assert f"VOICE_HELPER_{name}: " in ran.err
    assert "continuing without this setting" in " ".join(ran.err.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "--help"], ["models", "list", "-h"]])
def test_help_needs_no_settings(run: Run, file: Path, arguments: list[str]) -> None:
    write(file, "what\n")
    assert run(*arguments).code == 0


@pytest.mark.slow
def test_settings_are_the_defaults_of_every_command_and_the_environment_and_options_come_before_them(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, 'number = "999"\n')
    assert "Call 999 now." in run("ask", "chest pain").out
    monkeypatch.setenv("VOICE_HELPER_NUMBER", "112")
    assert "Call 112 now." in run("ask", "chest pain").out
    assert "Call 000 now." in run("ask", "chest pain", "--number", "000").out


def test_every_command_reads_the_settings_file(run: Run, file: Path) -> None:
    write(file, 'number = "999"\nmicrophone = "none"\n')
    (file.parent / "lines.txt").write_text("does heat help\n", encoding="utf-8")
    assert "remedy_heat" in run("test-intents", file.parent / "lines.txt").out
    for command in _COMMANDS:
        assert run(command, "--help").code == 0
    for server in _SERVERS:
        assert run("serve", server, "--help").code == 0


@pytest.mark.slow
def test_the_file_can_allow_longer_pauses(run: Run, file: Path) -> None:
    pause = bytes(round(1.1 * SAMPLE_RATE) * 2)
    said = spoken_part(pcm_of(recording("bananas"))) + pause + spoken_part(pcm_of(recording("put_heat_on_it")))
    file.parent.mkdir(parents=True)
    write_pcm(file.parent / "slow.wav", said)
    listening = ("listen", "--source", file.parent / "slow.wav", "--events", "--voice", "none")
    assert run(*listening).out.count('"event": "heard"') == 2
    write(file, "patient = true\n")
    assert run(*listening).out.count('"event": "heard"') == 1


def test_a_value_that_no_option_accepts_is_reported_with_the_file(run: Run, file: Path) -> None:
    write(file, 'rate = "fast"\n')
    ran = run("test-intents")
    assert ran.code == 1
    assert "settings.toml: rate: 'fast' is not a valid" in ran.err.replace("\n", " ")


def test_a_language_without_a_folder_is_reported_with_the_file_and_rejected_as_an_option(run: Run, file: Path) -> None:
    assert 'there is no language "klingon"' in run("ask", "chest pain", "--language", "klingon").err
    write(file, 'language = "klingon"\n')
    ran = run("test-intents")
    assert ran.code == 1
    assert 'settings.toml: language: there is no language "klingon"' in ran.err


def test_a_broken_file_is_an_error_with_a_hint(run: Run, file: Path) -> None:
    write(file, "what\n")
    ran = run("test-intents")
    assert ran.code == 1
    assert "settings.toml" in ran.err
    assert 'number = "112"' in ran.err


@pytest.mark.parametrize("setting", ['microphone = "kazoo"', 'device = "kazoo"'])
def test_a_missing_device_is_reported_with_the_file_that_names_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    write(file, setting)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(file.parent.parent))
    monkeypatch.setattr("voice_helper.audio.devices.import_sounddevice", NoDevices)
    with pytest.raises(SoundDeviceError) as caught:
        Microphone("kazoo")
    assert caught.value.message == f'there is no microphone named "kazoo", which {file} names'
    assert "voice-helper setup" in str(caught.value.hint)
    with pytest.raises(SoundDeviceError, match=r'^there is no microphone named "comb"$'):
        Microphone("comb")


class NoDevices:
    """Stands in for sounddevice on a machine without devices."""

    PortAudioError = OSError
    RawInputStream = None

    def query_devices(self) -> list[dict[str, object]]:
        return []


@pytest.mark.parametrize("command", ["start", "setup"])
def test_interactive_commands_need_a_terminal(command: str, tmp_path: Path) -> None:
    ran = call([command], folder=tmp_path)
    assert ran.code == 1
    assert "needs a terminal" in ran.err


def test_without_a_terminal_and_arguments_the_help_is_shown(tmp_path: Path) -> None:
    ran = call([], folder=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Usage: voice-helper")


def test_every_shared_option_has_an_environment_variable_that_a_shell_can_set() -> None:
    command = cli.get_command(click.Context(cli), "ask")
    assert command is not None
    variables = [str(option.envvar) for option in command.params if isinstance(option, click.Option) and option.envvar]
    assert "VOICE_HELPER_SECOND_OPINION" in variables
    assert all(re.fullmatch(r"VOICE_HELPER_[A-Z_]+", variable) for variable in variables)


@pytest.mark.parametrize(
    ("line", "detail", "mend"),
    [
        ('nubmer = "112"', ':2: unknown setting "nubmer"', "known: number, "),
        ('engine = "ear"', ": engine: ", "fix that line"),
    ],
)
def test_doctor_reports_an_invalid_setting_and_goes_on(run: Run, file: Path, line: str, detail: str, mend: str) -> None:
    write(file, f"rate = 130\n{line}\n")
    ran = run("doctor", "--json")
    first, *others = json.loads(ran.out)["checks"]
    assert (ran.code, first["name"], first["ok"]) == (1, "settings", False)
    assert f"{file}{detail}" in first["detail"]
    assert first["mend"].startswith(mend)
    assert "emergency number" in {each["name"] for each in others}
