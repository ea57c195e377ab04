"""Run the command line. The help of every command contains an example."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import click
from click.core import ParameterSource

from voice_helper import __version__
from voice_helper.cli.interrupts import end_at_interrupts, raise_interrupts, repeat_lost_interrupts
from voice_helper.cli.options import Options, disclaimer, note, show_error
from voice_helper.errors import SettingsError, VoiceHelperError
from voice_helper.support.onnx import keep_onnxruntime_silent
from voice_helper.support.paths import settings_file

_INTERRUPTED: Final = 130
_FIX_LINE: Final = "fix that line"
_OBJECTS_TO_COLLECT: Final = 50_000
"""The number of new objects that triggers garbage collection.

Startup creates hundreds of thousands of objects that stay alive. Python's default threshold of 700 would spend a tenth
of the startup time on collections.
"""


_COMMANDS: Final = {
    "ask": "ask", "listen": "listen", "guide": "listen", "test-intents": "test_intents", "check": "check",
    "calibrate": "calibrate", "learn": "check", "models": "models", "doctor": "doctor", "voices": "doctor",
    "serve": "serve", "demo": "ask", "start": "setup", "setup": "setup", "export": "export",
}  # fmt: skip
"""The module of each command. It is imported only when the command runs or its help is shown."""

_ANSWERING: Final = ("ask", "listen", "guide", "demo", "serve", "start")
"""The commands that may have to respond to an emergency, and so must start even if the settings are invalid."""

_INFORMING: Final = frozenset({"-h", "--help", "--version"})
"""The options that only show something, which need no settings."""

_REPORTING: Final = "doctor"
"""The command that reports invalid settings and continues."""

_SERVERS: Final = ("web", "wyoming", "cluster")
"""The subcommands of `serve`."""


class _Commands(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the disclaimer from the intents folder, which is read only when the help is shown."""
        formatter.write_paragraph()
        formatter.write_text(disclaimer(Options()))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"voice_helper.cli.{_COMMANDS[name]}"), name.replace("-", "_"))
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="voice-helper")
def cli() -> None:
    """Ask questions about leg cramps aloud, offline, and get hands-free help during a cramp.

    Example: voice-helper ask "does heat help"
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its exit code."""
    repeat_lost_interrupts()
    _set_environment()
    _open_streams()
    gc.set_threshold(_OBJECTS_TO_COLLECT)
    try:
        code = run(list(sys.argv[1:] if arguments is None else arguments))
        end_at_interrupts()
    except KeyboardInterrupt:  # another one, while the first one was handled
        end_at_interrupts()
        code = _INTERRUPTED
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the terminal was closed, or its output goes to a full disk
        os._exit(code or 1)
    if code == _INTERRUPTED or threading.active_count() > 1:
        os._exit(code)  # exit at once: threads of engines and sound libraries may still be busy
    sys.exit(code)


def _set_environment() -> None:
    """Set the environment variables that libraries read when they load. Child processes inherit them."""
    keep_onnxruntime_silent()
    # An utterance needs only products of small matrices. With a second thread, numpy's OpenBLAS would spin while it
    # waits for the first one. A value that the user has set is kept.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name in ("COLUMNS", "LINES"):
        if os.environ.get(name, "").strip("0") == "":  # on a screen of no width, rich would print nothing at all
            os.environ.pop(name, None)


def _open_streams() -> None:
    """Connect streams that were closed at startup to the null device. Make the other streams escape characters that
    they cannot encode.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # opens the lowest free descriptor, which is this one
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif number and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(arguments: list[str]) -> int:
    """Run the command line. Return 0 on success, 1 for an error that the user can fix, 2 for wrong usage, and 130 if
    interrupted.
    """
    try:
        raise_interrupts()
        given = arguments or (["start"] if sys.stdin.isatty() and sys.stdout.isatty() else ["--help"])
        _run_with_settings(given)
    except VoiceHelperError as error:
        show_error(error)
        return 1
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.BadParameter as error:
        return _wrong_parameter(error)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _INTERRUPTED
    except OSError as error:
        return _output_lost(error)
    return 0


def _run_with_settings(given: list[str]) -> None:
    """Run a command with the user's settings. A command that may have to respond to an emergency runs even if the
    settings have mistakes, as does the command that reports them.
    """
    faults: list[VoiceHelperError] = []
    is_informing, is_reporting = not _INFORMING.isdisjoint(given), given[0] == _REPORTING
    goes_on = is_informing or is_reporting or given[0] in _ANSWERING

    def report(message: str, hint: str | None) -> None:
        if is_reporting:
            faults.append(VoiceHelperError(message, hint=hint))
        else:
            note(f"{message}; continuing without this setting" + (f": {hint}" if hint else ""))

    settings = _settings(report if goes_on else None)
    while True:
        defaults = {**dict.fromkeys(_COMMANDS, settings), "serve": dict.fromkeys(_SERVERS, settings)}
        try:
            cli.main(args=given, prog_name="voice-helper", standalone_mode=False, default_map=defaults, obj=faults)
        except click.BadParameter as error:
            name, variable = _setting_of(error), _variable_of(error)
            if not goes_on or (variable is None and (name is None or name not in settings)):
                raise
            where = f"{settings_file()}: {name}" if variable is None else variable
            hint = _FIX_LINE if variable is None else f"correct or unset {variable}"
            report(f"{where}: {error.message}", hint if is_reporting else None)
            if variable is None:
                settings = {other: value for other, value in settings.items() if other != name}
            else:
                del os.environ[variable]
        else:
            return


def _output_lost(error: OSError) -> int:
    """Return the exit code if the error means that output can no longer be written. Raise any other error again."""
    if error.errno == errno.EPIPE:  # the reader of the output is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if error.errno == errno.EIO:  # the terminal was closed
        return _INTERRUPTED
    if error.errno in {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}:
        show_error(VoiceHelperError("the disk is full", hint="free some space, then try again"))
        return 1
    raise error


def _settings(report: Callable[[str, str | None], None] | None) -> Mapping[str, Any]:
    """Return the user's settings. If the file has mistakes, pass the message and the hint to `report` and return the
    valid settings. Without `report`, raise `SettingsError`.
    """
    path = settings_file()
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):  # usual, so the reader is not even imported
        return {}
    except OSError:  # for example a folder of another user: the reader says so
        pass
    from voice_helper.support.settings import read_settings, usable_settings

    try:
        return read_settings(path)
    except SettingsError as error:
        if report is None:
            raise
        report(error.message, error.hint)
        return usable_settings(path)


def _wrong_parameter(error: click.BadParameter) -> int:
    """Show what is wrong with an option and where its value was set. Return the exit code."""
    name = _setting_of(error)
    if name is not None:
        show_error(VoiceHelperError(f"{settings_file()}: {name}: {error.message}", hint=_FIX_LINE))
        return 1
    error.show()
    return error.exit_code


def _variable_of(error: click.BadParameter) -> str | None:
    """Return the environment variable that holds the invalid value, or `None` if the value came from elsewhere."""
    parameter = error.param
    if error.ctx is None or parameter is None or not isinstance(parameter.envvar, str) or not parameter.name:
        return None
    is_set = error.ctx.get_parameter_source(parameter.name) is ParameterSource.ENVIRONMENT
    return parameter.envvar if is_set and parameter.envvar in os.environ else None


def _setting_of(error: click.BadParameter) -> str | None:
    """Return the name of the setting in the user's file that is invalid, or `None` if the invalid value came from
    elsewhere.
    """
    name = error.param.name if error.param is not None else None
    is_set = error.ctx is not None and name and error.ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP
    return name if is_set else None
