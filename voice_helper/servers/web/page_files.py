"""Build the web page's files, with the texts from the intents folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from importlib import resources
from typing import Final, get_args

from voice_helper.dialogue.commands import COMMANDS, ButtonPart
from voice_helper.exporters.phrases_page import examples_of
from voice_helper.skill.folder_reader import Content
from voice_helper.skill.web_labels import Button, WebLabels

_GROUND: Final = "#0e141b"  # the background color while the page loads
_ICONS: Final = (("icon.svg", "any", "image/svg+xml"), ("icon-192.png", "192x192", "image/png"))
_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")
_DIALLED: Final = re.compile(r"\+?\d{2,}")
_BETWEEN_DIGITS: Final = str.maketrans("", "", " \u00a0-./()")
_IN_SCRIPTS: Final = (
    "step", "source", "you", "listening", "thinking", "talk", "session_listening", "session_deaf", "session_over",
    "no_secure", "no_microphone", "no_words", "unreachable", "cut", "cut_session", "busy", "too_fast", "fault",
    "token_wrong", "rejoining", "call",
)  # fmt: skip


def page_files(content: Content, words: WebLabels, *, needs_token: bool) -> dict[str, bytes]:
    """Return the page's files by name."""
    page = resources.files("voice_helper.servers.web").joinpath("page")
    files = {entry.name: entry.read_bytes() for entry in page.iterdir()}
    parts = _parts(content, words, needs_token=needs_token)
    template = files["index.html"].decode("utf-8")
    files["index.html"] = _PLACEHOLDER.sub(lambda found: parts[found[1]], template).encode("utf-8")
    files["manifest.webmanifest"] = _manifest(content, words)
    return files


def _manifest(content: Content, words: WebLabels) -> bytes:
    """Build the web app manifest, which makes the page installable."""
    manifest = {
        "name": words.labels["title"],
        "short_name": words.labels["title"],
        "description": words.labels["about"],
        "lang": content.language.code,
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": _GROUND,
        "theme_color": _GROUND,
        "icons": [{"src": name, "sizes": sizes, "type": kind} for name, sizes, kind in _ICONS],
    }
    return json.dumps(manifest, ensure_ascii=False).encode("utf-8")


def _parts(content: Content, words: WebLabels, *, needs_token: bool) -> dict[str, str]:
    """Return the HTML that replaces each placeholder, by name."""
    book, sentences = content.phrasebook, content.sentences
    number = content.answers.settings.get("number", "")
    examples = (Button(book.shown(text), text) for text in words.examples)
    in_scripts = {
        "labels": {name: words.labels[name] for name in _IN_SCRIPTS},
        "kinds": dict(words.kinds),
        "needs_token": needs_token,
        "dialled": {"number": dialled, "shown": number} if (dialled := dialled_number(number)) else None,
        "place_steps": _place_steps(content) if words.places else 0,
    }
    topics = (
        (topic.title, topic.text, [shown for intent in topic.intents for shown in examples_of(intent, book, sentences)])
        for topic in book.topics
    )
    return {
        **{name: escape(label) for name, label in words.labels.items()},
        **{f"{part}_buttons": _buttons(_of_part(words, part)) for part in get_args(ButtonPart)},
        "language": escape(content.language.code),
        "disclaimer": escape(content.answers.full.text),
        "emergency": escape(words.labels["emergency"]).replace("{number}", _number(number)) if number else "",
        "place_buttons": _buttons(words.places),
        "example_buttons": _buttons(examples),
        "topics": "".join(_topic(title, text, sentences) for title, text, sentences in topics),
        "words": json.dumps(in_scripts).replace("<", "\\u003c"),
    }


def _of_part(words: WebLabels, part: ButtonPart) -> Iterable[Button]:
    """Yield the buttons of one part of the page, in the order of the commands."""
    return (
        words.commands[command.intent]
        for command in COMMANDS.values()
        if command.button == part and command.intent in words.commands
    )


def _place_steps(content: Content) -> int:
    """Return the number of the step that depends on the place.

    Until this step is reached, the user can still name a place.
    """
    guide = content.guide
    steps = guide.steps if guide is not None else ()
    return next((step.number for step in steps if guide and step.name == guide.places.step), 0)


def _number(number: str) -> str:
    """Return a number as HTML. If a phone can dial it, it becomes a `tel:` link."""
    shown, dialled = escape(number), dialled_number(number)
    return f'<a href="tel:{dialled}">{shown}</a>' if dialled else shown


def dialled_number(number: str) -> str | None:
    """Return a number in the form that a phone dials. Return `None` for a text such as "your local emergency
    number".
    """
    digits = number.translate(_BETWEEN_DIGITS)
    return digits if _DIALLED.fullmatch(digits) else None


def _button(button: Button) -> str:
    return f'<button type="button" data-says="{escape(button.says)}">{escape(button.label)}</button>'


def _buttons(buttons: Iterable[Button]) -> str:
    return "".join(_button(button) for button in buttons)


def _topic(title: str, text: str, sentences: Iterable[str]) -> str:
    buttons = "".join(f"<li>{_button(Button(sentence, sentence))}</li>" for sentence in sentences)
    about = f"<p>{escape(text)}</p>" if text else ""
    return f"<details><summary>{escape(title)}</summary>{about}<ul>{buttons}</ul></details>"
