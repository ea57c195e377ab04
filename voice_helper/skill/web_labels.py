"""The texts of the web page, read from `page.yaml` and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from voice_helper.content.documents import Item, Problems
from voice_helper.dialogue.commands import COMMANDS, PLACE
from voice_helper.understanding.sentences import Sentences

LABELS: Final = frozenset(
    {
        "title", "about", "skip", "welcome", "begin", "begin_hint", "try", "emergency", "talk", "talk_hint",
        "listening", "thinking", "question", "ask", "answers", "you", "source", "voice", "hush", "sayable", "close",
        "session", "step", "seconds", "places", "feelings", "moves", "session_listening", "session_deaf",
        "session_over", "no_secure", "no_microphone", "no_words", "unreachable", "cut", "cut_session", "busy",
        "too_fast", "fault", "token", "token_hint", "token_wrong", "token_send",
        "home", "call", "rejoining",
    }
)  # fmt: skip
KINDS: Final = frozenset({"article", "first_aid", "safety"})
BUTTONS: Final = frozenset(command.intent for command in COMMANDS.values() if command.button is not None)
_TOP_KEYS: Final = frozenset({"language", "labels", "kinds", "commands", "places", "examples"})
_BUTTON_KEYS: Final = frozenset({"label", "says"})


@dataclass(frozen=True, slots=True)
class Button:
    """A button that says a sentence for the user."""

    label: str
    says: str
    """The sentence, which must match a template word for word."""


@dataclass(frozen=True, slots=True)
class WebLabels:
    """The contents of `page.yaml`."""

    labels: Mapping[str, str]
    kinds: Mapping[str, str]
    """The mark of a sentence, by the kind of its row."""

    commands: Mapping[str, Button]
    """The buttons of a session, by intent."""

    places: tuple[Button, ...]
    """Buttons that name a place."""

    examples: tuple[str, ...]
    """Questions to start with."""


def read_web_labels(item: Item, sentences: Sentences, problems: Problems) -> WebLabels:
    """Read `page.yaml`. Mistakes and missing texts are added to `problems`."""
    top = item.mapping(problems, "page.yaml", known=_TOP_KEYS)
    empty = Item(item.place, {})

    def texts(key: str, needed: frozenset[str]) -> dict[str, str]:
        found = _whole(top.get(key, empty), key, needed, problems)
        return {name: entry.text(problems, f"{key}, {name}") for name, entry in found.items()}

    commands = _whole(top.get("commands", empty), "commands", BUTTONS, problems)
    places = top["places"].items(problems, "places") if "places" in top else []
    return WebLabels(
        labels=texts("labels", LABELS),
        kinds=texts("kinds", KINDS),
        commands={intent: _read_button(entry, intent, sentences, problems) for intent, entry in commands.items()},
        places=tuple(_read_button(entry, PLACE, sentences, problems) for entry in places),
        examples=_read_examples(top.get("examples"), sentences, problems),
    )


def _whole(item: Item, what: str, needed: frozenset[str], problems: Problems) -> dict[str, Item]:
    found = item.mapping(problems, what, known=needed)
    for name in sorted(needed - found.keys()):
        problems.add(item.place, f"{what}: {name} is missing")
    return found


def _read_button(item: Item, intent: str, sentences: Sentences, problems: Problems) -> Button:
    fields = item.mapping(problems, intent, known=_BUTTON_KEYS)
    for key in sorted(_BUTTON_KEYS - fields.keys()):
        problems.add(item.place, f"{intent} has no {key}")
    label = fields["label"].text(problems, f"{intent}, label") if "label" in fields else ""
    says = fields["says"].text(problems, f"{intent}, says") if "says" in fields else ""
    if says and intent not in {claim.intent for claim in sentences.exact(says)[:1]}:
        problems.add(item.place, f'{intent}: "{says}" matches no sentence of it word for word')
    return Button(label, says)


def _read_examples(item: Item | None, sentences: Sentences, problems: Problems) -> tuple[str, ...]:
    examples = item.texts(problems, "examples") if item is not None else ()
    for text in examples:
        if item is not None and text and not sentences.exact(text):
            problems.add(item.place, f'examples: "{text}" matches no sentence word for word')
    return examples
