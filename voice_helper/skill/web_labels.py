"""The texts of the web page, read from `page.yaml` and completed with the defaults of the language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from voice_helper.content.documents import Item, Problems
from voice_helper.content.file_kinds import LABELS, MARKED_KINDS, ButtonKeys, PageFile
from voice_helper.content.schema import did_you_mean, read
from voice_helper.dialogue.commands import COMMANDS, PLACE
from voice_helper.understanding.sentences import Sentences

BUTTONS: Final = frozenset(command.intent for command in COMMANDS.values() if command.button is not None)
_ABOUT: Final = "{about}"
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Button:
    """A button that sends a sentence as if the user had said it."""

    label: str
    says: str
    """The sentence, which must match a template word for word."""


@dataclass(frozen=True, slots=True)
class WebLabels:
    """The contents of `page.yaml`."""

    labels: Mapping[str, str]
    kinds: Mapping[str, str]
    """The label that marks a sentence as first aid or article text, by the kind of its row."""

    commands: Mapping[str, Button]
    """The buttons of session commands, by intent."""

    places: tuple[Button, ...]
    """The buttons that name a place."""

    examples: tuple[str, ...]
    """The questions that the page suggests to start with."""


def read_web_labels(
    own: Item | None, usual: Item | None, about: str, sentences: Sentences, problems: Problems
) -> WebLabels | None:
    """Read `page.yaml` and complete it with the default page of the language. Mistakes are added to `problems`.

    `about` is the name of the subject. Return `None` if neither page exists.
    """
    pages = [read(PageFile, item, problems) for item in (own, usual) if item is not None]
    if not pages:
        return None
    if own is not None:
        _check_page(pages[0], sentences, problems)
    labels = _first_of(page.labels for page in pages)
    kinds = _first_of(page.kinds for page in pages)
    commands = _first_of(page.commands for page in pages)
    missing = {
        "labels": LABELS - labels.keys(),
        "kinds": MARKED_KINDS - kinds.keys(),
        "commands": (BUTTONS & set(sentences.intents)) - commands.keys(),
    }
    for name, lacking in missing.items():
        if lacking:
            left_out = ", ".join(sorted(lacking))
            problems.add(pages[0].place, f"{name}: missing: {left_out}; {_NO_USUAL}")
    return WebLabels(
        labels={name: label.replace(_ABOUT, about) for name, label in labels.items()},
        kinds=kinds,
        commands=_buttons(commands, sentences),
        places=tuple(Button(each.label, each.says) for each in pages[0].places),
        examples=pages[0].examples,
    )


_NO_USUAL: Final = "copy them from page.en.yaml, because this language has no defaults"


def _first_of(maps: Iterable[Mapping[str, _Value]]) -> dict[str, _Value]:
    """Merge mappings. If a key occurs in several, the first mapping takes precedence."""
    found: dict[str, _Value] = {}
    for each in maps:
        found = {**each, **found}
    return found


def _buttons(commands: Mapping[str, ButtonKeys], sentences: Sentences) -> dict[str, Button]:
    """Return the buttons of the commands that have sentences.

    A button sends the sentence that the page defines for it. By default, that is one of the command's sentences.
    """
    buttons: dict[str, Button] = {}
    for intent, button in commands.items():
        says = button.says
        if not _means(says, intent, sentences):
            templates = (template for template in sentences.templates if template.intent == intent)
            says = next(map(sentences.plainest, templates), "")
        if says:
            buttons[intent] = Button(button.label, says)
    return buttons


def _means(text: str, intent: str, sentences: Sentences) -> bool:
    return intent in {claim.intent for claim in sentences.exact(sentences.language.normalize(text))[:1]}


def _check_page(page: PageFile, sentences: Sentences, problems: Problems) -> None:
    """Report commands that do not exist, and buttons and examples whose sentence does not mean what it should."""
    for intent, button in page.commands.items():
        if intent not in BUTTONS:
            known = f"{did_you_mean(intent, BUTTONS)} (known: {', '.join(sorted(BUTTONS))})"
            problems.add(button.place, f'commands: unknown key "{intent}"{known}')
    for intent, button in (*page.commands.items(), *((PLACE, place) for place in page.places)):
        if button.says and not _means(button.says, intent, sentences):
            problems.add(button.place, f'{intent}: "{button.says}" matches no sentence of it word for word')
    for text in page.examples:
        if text and not sentences.exact(sentences.language.normalize(text)):
            problems.add(page.place_of("examples"), f'examples: "{text}" matches no sentence word for word')
