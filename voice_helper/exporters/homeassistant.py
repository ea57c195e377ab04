"""Export the sentences as Home Assistant custom sentences, and the answers as its `intent_script`.

Home Assistant matches whole sentences only and keeps no conversation state. Everything that needs a conversation is
left out. The red-flag rules find a sign of danger anywhere in a sentence, which Home Assistant cannot do. They are
replaced by sentences that start or end with a sign of danger.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

import yaml

from voice_helper.exporters.choices import resolutions
from voice_helper.skill import Skill
from voice_helper.skill.folder_reader import Content
from voice_helper.types import COMMAND_GROUP, GUIDE_START, TALK_GROUP, Match
from voice_helper.understanding.sentences import Template
from voice_helper.understanding.understand import HELP_NOW

PREFIX: Final = "voice_helper_"
"""The prefix of every exported name. It avoids collisions with Home Assistant's own intents, lists and rules.

The names of a folder that is not part of the package continue with the folder's name, so that several subjects can be
exported side by side.
"""

_DRAWS: Final = 24
_VALUE_DRAWS: Final = 72
_MAX_WRITTEN_OUT: Final = 400
_BEFORE, _AFTER = "before", "after"
_CHOICE: Final = re.compile(r"[()\[\]|;{}<>]")
_REFERENCE: Final = re.compile(r"\{(\w+)(?::(\w+))?\}|<(\w+)>")
_WIDTH: Final = 118
_ABOUT: Final = """\
# Written by "voice-helper export homeassistant".
# {about}
#
# {disclaimer} Reviewed by {reviewed}. What it is about: {subject}.
#
{danger}#
# Not exported: rules for signs of danger, other wordings, follow-up questions ("why", "tell me more"), the guided
# session with its commands, and the short disclaimer after the first answer.
"""
_DANGER: Final = """\
# Emergencies come first:
#   {first}
# Home Assistant matches whole sentences only. It recognizes a sign of danger only if the user says one of these
# sentences, alone or joined by "and" or "but" to anything else. With any other wording, it guesses: one sign of danger
# was answered with the time of day.
# "voice-helper serve wyoming" looks for signs in every sentence. If someone may need help, use that instead.
"""
_NO_DANGER: Final = """\
# This subject has no sentences for signs of danger: none is recognized. Do not let anyone rely on these answers.
"""
_SENTENCES: Final = "Sentences about {}. This file belongs in custom_sentences/{} of Home Assistant's folder."
_ANSWERS: Final = """\
Answers about {}. This file belongs in packages of Home Assistant's folder, and configuration.yaml needs:
#   homeassistant:
#     packages: !include_dir_named packages"""


@dataclass(slots=True)
class _Meaning:
    """An intent in Home Assistant: a group of sentences with the same answer."""

    match: Match
    templates: list[str] = field(default_factory=list)


def export_files(
    skill: Skill, each: Callable[[Sequence[Template]], Iterable[Template]] = lambda templates: templates
) -> dict[str, str]:
    """Return the files to write, by path in Home Assistant's configuration folder.

    This takes about a minute. The caller can pass a function `each` that yields the given templates one by one and
    shows the progress.
    """
    content, spoken, prefix = skill.content, _SpokenAnswers(skill.content), _prefix(skill.content)
    meanings = _meanings(skill, spoken, prefix, each)
    language, file = content.language.code, f"{prefix.rstrip('_')}.yaml"
    first = "\n#   ".join(name for name, meaning in meanings.items() if meaning.match.intent in HELP_NOW)
    sentences = {"language": language, **_sentences(content, prefix, meanings)}
    answers = {"intent_script": {name: _script(spoken, meaning) for name, meaning in meanings.items()}}
    return {
        f"custom_sentences/{language}/{file}": _text(
            content, _SENTENCES.format(content.about, language), first, sentences
        ),
        f"packages/{file}": _text(content, _ANSWERS.format(content.about), first, answers),
    }


def has_danger(content: Content) -> bool:
    """Return whether the export of a folder has sentences for signs of danger."""
    return any(intent in HELP_NOW for intent in content.sentences.intents)


def _prefix(content: Content) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", content.folder.resolve().name.lower()).strip("_")
    return PREFIX if content.is_shipped else f"{PREFIX}{name or 'other'}_"


def _text(content: Content, about: str, first: str, written: Mapping[str, Any]) -> str:
    reviewed = "no clinician" if content.answers.reviewed == "none" else content.answers.reviewed
    body = yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return (
        _ABOUT.format(
            about=about,
            danger=_DANGER.format(first=first) if first else _NO_DANGER,
            subject=content.title,
            disclaimer=content.answers.full.text,
            reviewed=reviewed,
        )
        + "\n"
        + body
    )


# Group the sentences by their answers


class _SpokenAnswers:
    """The spoken answers to the intents and slot values of an intents folder. Each is put together once."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self._said: dict[tuple[object, ...], str] = {}

    def to(self, match: Match, slots: Mapping[str, str] | None = None) -> str:
        """Return the answer to a match with more slot values."""
        asked = Match(match.intent, {**match.slots, **(slots or {})}, family=match.family, denied=match.denied)
        key = (asked.intent, tuple(asked.slots.items()), asked.family, asked.denied, match.possible)
        if key not in self._said:
            answer = self.content.answers.answer(asked, full_given=False).spoken()
            if match.possible:  # start with the emergency number, as in a conversation
                answer = f"{self.content.answers.filled(self.content.answers.possible).text} {answer}"
            self._said[key] = answer
        return self._said[key]


def _meanings(
    skill: Skill,
    spoken: _SpokenAnswers,
    prefix: str,
    each: Callable[[Sequence[Template]], Iterable[Template]],
) -> dict[str, _Meaning]:
    """Return the Home Assistant intents by name, starting with those that tell the user to get help."""
    answers = skill.content.answers
    names: dict[tuple[str, str], str] = {}
    meanings: dict[str, _Meaning] = {}
    for template in each(list(_exported(skill))):
        for match, text in _understood(skill, spoken, template):
            key = (match.intent, spoken.to(match))
            if key not in names:
                names[key] = prefix + _name(match)
                meanings[names[key]] = _Meaning(match)
            meanings[names[key]].templates += [text, *_shortened(skill.content, match, text)]
    order = [*HELP_NOW, *answers.entries]
    return dict(sorted(meanings.items(), key=lambda named: order.index(named[1].match.intent)))


def _shortened(content: Content, match: Match, text: str) -> Iterator[str]:
    """Yield the texts of a template, without the skip words that Home Assistant removes from an utterance.

    hassil up to 3.6 matches only what remains. For example, "i want to die" becomes "to die". A single remaining word
    is not exported unless it is a sign of danger.
    """
    skipped = _any_skip_word(content.subject.skip_words if content.subject is not None else ())
    if skipped is None:
        return
    texts = content.sentences.written_out(text, _MAX_WRITTEN_OUT)
    for left in dict.fromkeys(" ".join(skipped.sub(" ", f" {whole} ").split()) for whole in texts):
        if left not in texts and (match.intent in HELP_NOW or " " in left):
            yield left


@cache
def _any_skip_word(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return the pattern with which hassil finds skip words, longest first."""
    longest_first = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<=\W)(?:{longest_first})(?=\W)", re.IGNORECASE) if words else None


def _exported(skill: Skill) -> Iterator[Template]:
    sentences = skill.content.sentences
    groups = sentences.language.groups  # the safety intents come first
    for template in sorted(sentences.templates, key=lambda each: groups.index(sentences.group_of[each.intent])):
        is_of_left_out_group = sentences.group_of[template.intent] in (COMMAND_GROUP, TALK_GROUP)
        is_left_out = is_of_left_out_group and template.intent != GUIDE_START
        # a single word that is not a sign of danger, such as "help", is left to Home Assistant
        if not is_left_out and (template.intent in HELP_NOW or " " in sentences.plainest(template)):
            yield template


def _understood(skill: Skill, spoken: _SpokenAnswers, template: Template) -> Iterator[tuple[Match, str]]:
    """Yield a template with its meaning. Sentences of the template with another meaning are yielded separately.

    If both match, Home Assistant takes the intent whose name sorts first: the one that tells the user to get help.
    """
    drawn = _with_meaning(skill, spoken, template, _DRAWS)
    first = drawn[0][0]
    if all(match == first for match, _ in drawn):
        drawn = [(first, template.text)]
    else:
        drawn = _with_meaning(skill, spoken, template, _MAX_WRITTEN_OUT)
        alarms = [(match, text) for match, text in drawn if match.intent in HELP_NOW]
        own = Match(template.intent)
        if own.intent not in HELP_NOW and all(match == own for match, _ in drawn if match.intent not in HELP_NOW):
            drawn = [(own, template.text), *alarms]
    for match, text in drawn:
        if match.intent in skill.content.answers.entries:
            yield from _by_values(spoken, match, replace(template, text=text))


def _with_meaning(skill: Skill, spoken: _SpokenAnswers, template: Template, count: int) -> list[tuple[Match, str]]:
    return [(_meaning(skill, spoken, template, text), text) for text in skill.content.sentences.draw(template, count)]


def _meaning(skill: Skill, spoken: _SpokenAnswers, template: Template, text: str) -> Match:
    """Return the meaning of a sentence that a template produces.

    A sign of danger in the sentence takes priority over the template's intent.
    """
    said = skill.understanding.normalize(text)
    flags = skill.content.safety.find(said)
    if template.intent not in HELP_NOW and not flags.raised and not flags.denied:
        return Match(template.intent)
    match = skill.understanding.meaning(said)
    plain = Match(match.intent)
    if match.intent not in skill.content.answers.entries:
        return plain
    told = Match(match.intent, family=match.family, denied=match.denied, possible=match.possible)
    return told if spoken.to(told) != spoken.to(plain) else plain


def _by_values(spoken: _SpokenAnswers, match: Match, template: Template) -> Iterator[tuple[Match, str]]:
    """Yield the parts of a template, each with the slot values that its words stand for.

    Home Assistant fills a slot only from a list that the template names, not from the template's other words. If the
    options of a choice stand for different values, the choice is resolved, starting with the choice that best separates
    the values. If no choice separates them, the sentences are written out one by one.
    """
    content, found = spoken.content, _values_in_words(spoken, match, template)
    if len(set(found.values())) <= 1:
        yield replace(match, slots=dict(next(iter(found.values()), ()))), template.text
        return
    rules = content.sentences.named_in([template.text])[1]
    ways = [[replace(template, text=text) for text in texts] for texts in resolutions(template.text, rules)]
    if not ways:
        yield from ((replace(match, slots=dict(values)), text) for text, values in found.items())
        return

    for part in _best_separating(spoken, match, ways):
        yield from _by_values(spoken, match, part)


def _best_separating(spoken: _SpokenAnswers, match: Match, ways: Sequence[list[Template]]) -> list[Template]:
    """Return the way whose parts have the fewest values on average, or the first of several such ways."""
    best, fewest = ways[0], math.inf
    for way in ways if len(ways) > 1 else ():
        values = 0
        for part in way:
            values += len(set(_values_in_words(spoken, match, part, _DRAWS).values()))
            if values / len(way) >= fewest:  # the other parts would only add to it
                break
        else:
            best, fewest = way, values / len(way)
    return best


def _values_in_words(
    spoken: _SpokenAnswers, match: Match, template: Template, draws: int = _VALUE_DRAWS
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return sentences of a template, each with the slot values that affect the answer but come from none of the
    template's lists.
    """
    sentences = spoken.content.sentences
    filled = {slot for slot, _ in sentences.lists_named_in([template.text])}
    slots = [slot for slot in sentences.slots_of.get(match.intent, ()) if slot not in filled]
    is_one_text = _CHOICE.search(template.text) is None
    words = frozenset(template.text.split()) if is_one_text else sentences.words_of(template)
    slots = [slot for slot in slots if sentences.may_name(slot, words)]
    if not slots:
        return {template.text: ()}
    plain = spoken.to(match)
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for text in (template.text,) if is_one_text else sentences.draw(template, draws):
        found_slots = sentences.find_slots(sentences.language.comparable(text), slots, misheard=False)
        found[text] = tuple(found_slots.items()) if spoken.to(match, found_slots) != plain else ()
    return found


def _name(match: Match) -> str:
    level = [str(HELP_NOW.index(match.intent))] if match.intent in HELP_NOW else []
    more = [word for word in (match.family, match.denied and "denied", match.possible and "possible") if word]
    values = [re.sub(r"\W+", "_", f"{slot}_{value}") for slot, value in match.slots.items()]
    return "_".join([*level, match.intent, *more, *values])


# Sentences


def _sentences(content: Content, prefix: str, meanings: Mapping[str, _Meaning]) -> dict[str, Any]:
    """Build the intents, lists and expansion rules, all under prefixed names."""
    signs = {name: f"{name}_sign" for name, meaning in meanings.items() if meaning.match.intent in HELP_NOW}
    intents: dict[str, Any] = {}
    rules: dict[str, str] = {}
    for name, meaning in meanings.items():
        templates = [_renamed(text, prefix) for text in meaning.templates]
        if name in signs:
            rules[signs[name]] = f"({'|'.join(templates)})"
            templates = [
                *templates,
                *_with_more(prefix, signs[name], [each for each in signs.values() if each not in rules]),
            ]
        intents[name] = {"data": [{"sentences": templates}]}
    raw_lists, raw_rules = content.sentences.named_in(text for each in meanings.values() for text in each.templates)
    lists: dict[str, Any] = {prefix + name: raw_lists[name] for name in sorted(raw_lists)}
    lists |= {prefix + name: {"wildcard": True} for name in (_BEFORE, _AFTER)}
    rules |= {prefix + name: _renamed(raw_rules[name], prefix) for name in sorted(raw_rules)}
    return {"intents": intents, "lists": lists, "expansion_rules": rules}


def _with_more(prefix: str, sign: str, lower: Sequence[str]) -> list[str]:
    """Build sentences that contain a sign of danger. This sign takes priority over a sign of a lower level in the same
    sentence.
    """
    both = [text for other in lower for text in (f"<{sign}> (and|but) <{other}>", f"<{other}> (and|but) <{sign}>")]
    return [f"<{sign}> (and|but) {{{prefix}{_AFTER}}}", f"{{{prefix}{_BEFORE}}} (and|but) <{sign}>", *both]


def _renamed(template: str, prefix: str) -> str:
    def ours(found: re.Match[str]) -> str:
        name, slot, rule = found.groups()
        return f"<{prefix}{rule}>" if rule else f"{{{prefix}{name}:{slot or name}}}"

    return _REFERENCE.sub(ours, template)


# Answers


def _script(spoken: _SpokenAnswers, meaning: _Meaning) -> dict[str, Any]:
    """Build the answer for Home Assistant: plain text, or a Jinja template if slot values change the answer."""
    plain = spoken.to(meaning.match)
    cases: dict[tuple[str, str], list[str]] = {}
    for slot, value in _values(spoken.content, meaning):
        text = spoken.to(meaning.match, {slot: value})
        if text != plain:
            cases.setdefault((slot, text), []).append(value)
    said = ""
    for (slot, text), values in cases.items():
        said += f"{{% {'elif' if said else 'if'} ({slot} | default('')) in {json.dumps(values)} %}}{text}"
    return {"speech": {"text": f"{said}{{% else %}}{plain}{{% endif %}}" if said else plain}}


def _values(content: Content, meaning: _Meaning) -> list[tuple[str, str]]:
    """Return every slot of the sentences, paired with each of its values."""
    named = dict.fromkeys(content.sentences.lists_named_in(meaning.templates))
    return list(dict.fromkeys((slot, entry.value) for slot, name in named for entry in content.sentences.lists[name]))
