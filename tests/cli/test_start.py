"""The start menu on a terminal, for a user who types."""

from __future__ import annotations

from pathlib import Path

from tests.support.terminal import Terminal


def test_a_sentence_typed_at_the_menu_is_answered_and_why_refers_to_it(tmp_path: Path) -> None:
    file = tmp_path / "voice-helper" / "settings.toml"
    file.parent.mkdir()
    file.write_text('number = "112"\nvoice = "none"\n', encoding="utf-8")
    terminal = Terminal((), tmp_path, XDG_CONFIG_HOME=str(tmp_path))
    try:
        for typed, answer in (
            ("x", "not a valid choice"),
            ("does heat help", "heat can ease cramps"),
            ("why", "intent: remedy_heat"),
            ("chest pain", "Call 112 now."),
        ):
            terminal.wait_for("or your question:")
            terminal.type(typed)
            terminal.wait_for(answer)
        terminal.wait_for("or your question:")
        terminal.type("quit")
        assert terminal.end() == 0
    finally:
        terminal.process.kill()
