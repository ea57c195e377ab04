"""Read and check a whole intents folder. All problems are reported at once, each with file and line."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from voice_helper.content.documents import Item, Place, Problems
from voice_helper.content.file_kinds import AnswersFile, LanguageFile, PronunciationFile
from voice_helper.content.files import (
    NEEDED,
    OPTIONAL,
    WORDINGS,
    YAML,
    Files,
    document_of,
    read_files,
    shown_path,
    text_of,
    usual_page,
)
from voice_helper.content.schema import did_you_mean, read
from voice_helper.content.wordings import Wording, read_wordings
from voice_helper.dialogue.answers import Answers, Sources, answers_of, named_sources, placeholders, read_facts
from voice_helper.dialogue.commands import usual_commands
from voice_helper.dialogue.follow_ups import FollowUps, read_follow_ups
from voice_helper.dialogue.guide import Guide
from voice_helper.dialogue.guide_reader import read_guide
from voice_helper.dialogue.scope import Subject, name_inside, read_subject
from voice_helper.errors import IntentsError
from voice_helper.skill.phrasebook import Phrasebook, read_phrasebook
from voice_helper.skill.web_labels import WebLabels, read_web_labels
from voice_helper.support.paths import data_folder, is_folder
from voice_helper.types import COMMAND_GROUP, GUIDE_START, OUT_OF_SCOPE, Phrases, Row
from voice_helper.understanding.normalize import Language
from voice_helper.understanding.safety import LEVELS, SafetyRules, read_safety
from voice_helper.understanding.sentence_reader import read_sentences
from voice_helper.understanding.sentences import Sentences, Template
from voice_helper.understanding.understand import HELP_NOW, USUAL_THRESHOLDS, Thresholds, read_thresholds

_LEARNED_FROM = ("language.yaml", WORDINGS)  # files that the model is trained on, in addition to the sentences
_DRAWN_FROM = (*_LEARNED_FROM, "follow_ups.yaml")
_RULES_FROM = ("language.yaml", "safety.yaml")
_OVERLAP_DRAWS = 12
_KEY_LETTERS = 16


@dataclass(frozen=True)
class Content:
    """The content of one intents folder."""

    folder: Path
    language: Language
    sentences: Sentences
    safety: SafetyRules
    answers: Answers
    facts: Mapping[str, str]
    guide: Guide | None
    thresholds: Thresholds
    pronunciations: Mapping[str, tuple[str, ...]]
    """The pronunciations of words, in the phones of the CMU dictionary: `{"sciatica": ("S AY AE T IH K AH",)}`."""

    wordings_file: str
    wordings_text: str
    phrasebook: Phrasebook
    follow_ups: FollowUps
    page: WebLabels | None
    """The texts of the web page. `None` if the folder has no `page.yaml` and its language has no default page."""

    subject: Subject | None
    """The subject of the skill. `None` if the folder has no `assistant.yaml`."""

    content_key: str
    """A hash of all files. The same content has the same key."""

    learning_key: str
    """A hash of the files that the similarity model is trained on."""

    drawing_key: str
    """A hash of the files that phrases are drawn from."""

    rules_key: str
    """A hash of the files that the safety rules are built from."""

    @property
    def knows_danger(self) -> bool:
        """Return whether the folder has rules that recognize signs of danger, and answers to them."""
        return any(each.level in HELP_NOW and each.level in self.answers.entries for each in self.safety.families)

    @property
    def is_shipped(self) -> bool:
        """Return whether the folder is part of the package."""
        return self.folder.resolve().parent == data_folder("intents").resolve()

    @property
    def about(self) -> str:
        """Return the name of the subject as it appears inside a sentence. The default is the folder's name."""
        return self.subject.about if self.subject is not None else self.folder.resolve().name

    @property
    def title(self) -> str:
        """Return the name of the subject as a title. The default is the folder's name."""
        return self.subject.name if self.subject is not None else self.folder.resolve().name

    @property
    def places(self) -> tuple[str, ...]:
        """Return the places that a guided session can start with."""
        slot = self.guide.places.slot if self.guide is not None else ""
        return tuple(dict.fromkeys(entry.value for entry in self.sentences.lists.get(slot, ())))

    @cached_property
    def wordings(self) -> tuple[Wording, ...]:
        """Return real users' phrasings from `wordings.txt`."""
        return read_wordings(self.wordings_text.splitlines(), self.wordings_file, Problems())

    def packed(self) -> dict[str, Any]:
        """Return everything except the folder's path, for the cache."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "folder"}


def unpacked(packed: dict[str, Any], folder: Path) -> Content:
    """Restore the content from the result of `packed`."""
    answers = replace(packed["answers"], say=packed["sentences"].say)
    return Content(folder, **{**packed, "answers": answers})


def load_content(folder: Path, settings: Mapping[str, str] | None = None) -> Content:
    """Read an intents folder. See `content_of` for `settings` and errors."""
    return content_of(read_files(folder), settings or {})


def content_of(files: Files, settings: Mapping[str, str], before: Content | None = None) -> Content:
    """Parse the files of an intents folder.

    `settings` override the defaults in `answers.yaml`, such as `{"number": "112"}`. `before` is the content before an
    edit. If the files of its safety rules have not changed, the rules are reused, because building them takes longest.
    Raises `IntentsError` with every problem.
    """
    problems = Problems()
    content = _read(files, settings, problems, before)
    if len(problems) or content is None:
        raise IntentsError(problems.lines(), files.folder)
    return content


def key_of(content: Content, kind: str = "") -> str:
    """Return a key for the content that a saved state depends on. The same files and settings have the same key.

    `kind` distinguishes sessions that build different steps from the same content, such as turn-based ones.
    """
    leans_on = json.dumps([content.content_key, sorted(content.answers.settings.items()), kind])
    return hashlib.sha256(leans_on.encode()).hexdigest()[:_KEY_LETTERS]


def name_of(folder: Path) -> str:
    """Return the name of an intents folder's subject, as it appears inside a sentence, without reading the rest of the
    folder.
    """
    name = _text_in(folder, "assistant.yaml", "name")
    return name_inside(name) if name else folder.resolve().name


def language_of(folder: Path) -> str:
    """Return the language of an intents folder without reading the rest of the folder. The default is "en"."""
    return _text_in(folder, "language.yaml", "language") or "en"


def disclaimer_of(folder: Path) -> str:
    """Return the full disclaimer of an intents folder without reading the rest of the folder."""
    return _text_in(folder, "answers.yaml", "disclaimers", "full")


def _text_in(folder: Path, file: str, *keys: str) -> str:
    """Return one text from one file. Return an empty string if the file cannot be read, because `check` reports
    that.
    """
    path, files, problems = folder / file, read_files(folder), Problems()
    found = document_of(files, path, problems) if path in files.read else None
    for key in keys:
        found = found.value.get(key) if found is not None and isinstance(found.value, dict) else None
    return found.text(problems, keys[-1]) if found is not None else ""


def check_folder(folder: Path) -> tuple[Content | None, tuple[str, ...]]:
    """Read an intents folder. Return its content, if it is valid, and all problems as lines of text.

    The problems include sentences that belong to two intents.
    """
    problems = Problems()
    content = _read(read_files(folder), {}, problems)
    if content is not None:
        _check_overlaps(content.sentences, problems)
    return (content if not len(problems) else None), problems.lines()


def _read(
    files: Files, settings: Mapping[str, str], problems: Problems, before: Content | None = None
) -> Content | None:
    folder = files.folder
    if not is_folder(folder):
        problems.add(Place(str(folder), 1), "there is no such intents folder")
        return None
    documents: dict[str, Item] = {}
    for name in (*NEEDED, *OPTIONAL):
        if folder / name in files.read:
            documents[name] = document_of(files, folder / name, problems)
        elif name in NEEDED:
            problems.add(Place(name, 1), "this file is missing")
    for path in files.twice:
        other = path.with_suffix(YAML).name
        problems.add(Place(shown_path(path, folder), 1), f"is ignored, because {other} also exists: keep one of them")
    sentence_files = [path for path in files.read if path.parent == folder / "sentences"]
    if not sentence_files:
        problems.add(Place("sentences", 1), "there are no sentence files (*.yaml) here")
    sentence_documents = {path.stem: document_of(files, path, problems) for path in sentence_files}
    if len(problems):  # the names in an unreadable file would be reported as missing in all other files
        return None
    empty = Item(Place("", 1), {})
    language = _read_language(documents.get("language.yaml", empty), problems)
    sentences = read_sentences(sentence_documents, language, problems)
    answers_file = read(AnswersFile, documents.get("answers.yaml", empty), problems)
    facts = read_facts(documents["facts.yaml"], problems) if "facts.yaml" in documents else {}
    sources = Sources(frozenset(facts), named_sources(answers_file))
    answers = answers_of(answers_file, sources, problems)
    answers = replace(answers, settings={**answers.settings, **settings}, say=sentences.say)
    guide = _read_guide(documents.get("guide.yaml"), sources, answers, sentences, problems)
    safety = SafetyRules(language)
    rules_key = files.key({folder / name for name in _RULES_FROM}.__contains__)
    if before is not None and before.rules_key == rules_key:
        safety = before.safety
    elif "safety.yaml" in documents:
        safety = read_safety(documents["safety.yaml"], language, problems)
    thresholds = USUAL_THRESHOLDS
    if "thresholds.yaml" in documents:
        thresholds = read_thresholds(documents["thresholds.yaml"], problems)
    pronunciations = read(PronunciationFile, documents.get("pronunciation.yaml", empty), problems).words
    _check_together(sentences, answers, safety, sentence_documents, problems)
    wordings_file, wordings = shown_path(folder / WORDINGS, folder), text_of(files, folder / WORDINGS, problems) or ""
    _check_wordings(read_wordings(wordings.splitlines(), wordings_file, problems), sentences, safety, problems)
    phrasebook = read_phrasebook(documents.get("phrases.yaml"), sentences, problems)
    follow_ups = FollowUps(language)
    if "follow_ups.yaml" in documents:
        follow_ups = read_follow_ups(documents["follow_ups.yaml"], language, sources, problems)
        _check_follow_ups(follow_ups, answers, sentences, safety, problems)
    learned_from = {folder / name for name in _LEARNED_FROM} | set(sentence_files)
    drawn_from = {folder / name for name in _DRAWN_FROM} | set(sentence_files)
    keys = files.key(), files.key(learned_from.__contains__), files.key(drawn_from.__contains__), rules_key
    subject = None
    if "assistant.yaml" in documents:
        subject = read_subject(documents["assistant.yaml"], sentences, problems)
    page = _read_page(files, documents.get("page.yaml"), subject, sentences, problems)
    spoken = (answers, facts, guide, thresholds, pronunciations, wordings_file, wordings, phrasebook, follow_ups)
    return Content(folder, language, sentences, safety, *spoken, page, subject, *keys)


def _read_page(
    files: Files, own: Item | None, subject: Subject | None, sentences: Sentences, problems: Problems
) -> WebLabels | None:
    path = usual_page(files, sentences.language.code)
    usual = document_of(files, path, problems) if path is not None else None
    about = subject.about if subject is not None else files.folder.resolve().name
    return read_web_labels(own, usual, about, sentences, problems)


def _check_wordings(
    wordings: tuple[Wording, ...], sentences: Sentences, safety: SafetyRules, problems: Problems
) -> None:
    levels = {family.name: family.level for family in safety.families}
    for wording in wordings:
        if wording.intent not in sentences.intents:
            near = did_you_mean(wording.intent, sentences.intents)
            problems.add(wording.heading, f"[{wording.intent}] is not an intent{near}")
        elif wording.family is not None and levels.get(wording.family) != wording.intent:
            near = did_you_mean(wording.family, (name for name, level in levels.items() if level == wording.intent))
            what = f"{wording.family} is not a family of {wording.intent} in safety.yaml{near}"
            problems.add(wording.heading, what)


def _read_language(item: Item, problems: Problems) -> Language:
    file = read(LanguageFile, item, problems)
    sounds: dict[str, str] = {}
    for pattern, sound in file.sounds.items():
        try:
            re.compile(pattern)
            sounds[pattern] = sound
        except re.error as error:
            problems.add(file.place_of("sounds"), f'sounds: "{pattern}" is not a regular expression: {error}')
    return Language(
        code=file.language,
        groups=file.groups,
        contractions=file.contractions,
        letters=file.letters,
        spellings=file.spellings,
        sounds=sounds,
        in_session=file.in_session,
        fillers=file.fillers,
        asked=file.asked,
        asked_first=file.asked_first,
        blamed=file.blamed,
        subject=file.subject,
        elsewhere=file.elsewhere,
        questions=file.questions,
        other_questions=file.other_questions,
        corrections=file.corrections,
    )


def _check_together(
    sentences: Sentences, answers: Answers, safety: SafetyRules, documents: Mapping[str, Item], problems: Problems
) -> None:
    first: dict[str, Template] = {}
    for template in sentences.templates:
        first.setdefault(template.intent, template)
    named = _intents_named(documents)
    for intent, template in first.items():
        if intent not in answers.entries:
            near = did_you_mean(intent, answers.entries)
            what = f"the intent {intent} has sentences but no answer in answers.yaml{near}"
            problems.add(named.get(intent, template.place), what)
    for intent, entry in answers.entries.items():
        if intent not in first and intent not in named:
            problems.add(entry.place, f"the answer {intent} has no intent: no sentence file names it")
    names = {*answers.settings, *sentences.lists, *(slot for slots in sentences.slots_of.values() for slot in slots)}
    for intent, entry in answers.entries.items():
        for row in entry.rows:
            _check_when(intent, entry.place, row, sentences, safety, problems)
            for name in sorted(placeholders(row.text) - names):
                never_said = f'{{{name}}} is neither a list nor under "settings:" in answers.yaml, so it is never said'
                problems.add(entry.place, f'{intent}: "{row.text}": {never_said}')
    _check_levels(safety, answers, problems)


def _check_levels(safety: SafetyRules, answers: Answers, problems: Problems) -> None:
    """Report each level that families lead to and that has no answer, at the first of these families."""
    for level in LEVELS:
        led = [family for family in safety.families if family.level == level]
        if not led or level in answers.entries:
            continue
        first, others = led[0], len(led) - 1
        too = f" ({others} more {'family leads' if others == 1 else 'families lead'} to it)" if others else ""
        what = f"the family {first.name} leads to {level}, which has no answer in answers.yaml{too}"
        problems.add(first.place, f"{what}: write one, or delete these families")


def _check_follow_ups(
    follow_ups: FollowUps, answers: Answers, sentences: Sentences, safety: SafetyRules, problems: Problems
) -> None:
    for topic in follow_ups.topics.values():
        for intent in (topic.intent, *topic.leads_to.values()):
            if intent not in answers.entries:
                problems.add(topic.place, f"the topic {topic.intent}: there is no answer {intent} in answers.yaml")
        for row in topic.rows:
            _check_when(topic.intent, topic.place, row, sentences, safety, problems)
    for kind, intent in follow_ups.otherwise.items():
        if intent not in answers.entries:
            problems.add(Place("follow_ups.yaml", 1), f"nothing, {kind}: there is no answer {intent} in answers.yaml")


def _read_guide(
    item: Item | None, sources: Sources, answers: Answers, sentences: Sentences, problems: Problems
) -> Guide | None:
    """Read `guide.yaml`, if it exists, and report names in it that no sentence file has."""
    if item is None:
        return None
    guide, place = read_guide(item, sources, answers.filled, problems), item.place
    places, lists = guide.places, sentences.lists
    values = frozenset(entry.value for entry in lists.get(places.slot, ()))
    if places.slot and places.slot not in lists:
        problems.add(place, f"place: there is no list {{{places.slot}}}")
    for value in (*places.questions, *filter(None, (places.usual,))):
        if values and value not in values:
            problems.add(place, f'place: "{value}" is not a value of {{{places.slot}}}')
    for name, intents in guide.conditions.items():
        for intent in intents:
            if intent not in sentences.intents:
                problems.add(place, f"conditions, {name}: there is no intent {intent}")
    return guide


def _intents_named(documents: Mapping[str, Item]) -> Mapping[str, Place]:
    """Return the lines of the intents that the files name, including those whose sentences are all invalid and already
    reported.
    """
    named: dict[str, Place] = {}
    for document in documents.values():
        if isinstance(document.value, dict) and "intents" in document.value:
            intents = document.value["intents"].value
            for intent, item in intents.items() if isinstance(intents, dict) else ():
                named.setdefault(intent, item.place)
    return named


SITUATIONS = frozenset({"recording", "serving", "assistant", "alert"})
"""The circumstances, apart from the sentence itself, that an answer may depend on, such as whether the program is
recording, or an earlier sign of danger.
"""


def _check_when(
    intent: str, place: Place, row: Row, sentences: Sentences, safety: SafetyRules, problems: Problems
) -> None:
    for slot, wanted in row.when.items():
        if slot == "family":
            known: frozenset[str] = safety.family_names
        elif slot in SITUATIONS:
            continue
        elif slot in sentences.lists:
            known = frozenset(entry.value for entry in sentences.lists[slot])
        else:
            problems.add(place, f'{intent}: "when" names the slot {slot}, but there is no list {{{slot}}}')
            continue
        for value in wanted:
            if value not in known | {"any", "none", "other"}:
                problems.add(place, f'{intent}: "when" names {slot} "{value}", which is not one of its values')


def _check_overlaps(sentences: Sentences, problems: Problems) -> None:
    """Report every sentence that belongs to two intents."""
    claimed: dict[str, Template] = {}
    places = {(template.intent, template.text): template.place for template in sentences.templates}
    for template in sentences.templates:
        drawn = sentences.draw(template, _OVERLAP_DRAWS)
        for text in drawn:
            comparable = sentences.language.comparable(text)
            owner = claimed.setdefault(comparable, template)
            if owner.intent != template.intent:
                _report_overlap(comparable, template, owner.intent, str(owner.place), problems)
        if len(drawn) == 1:  # a template with a single sentence can be tested with the matcher itself
            for claim in sentences.exact(sentences.language.normalize(drawn[0])):
                if claim.intent != template.intent:
                    place = places.get((claim.intent, claim.template), "")
                    _report_overlap(drawn[0], template, claim.intent, f'{place}: "{claim.template}"', problems)


def _report_overlap(text: str, template: Template, other: str, where: str, problems: Problems) -> None:
    problems.add(template.place, f'{template}: "{text}" is also claimed by {other} ({where})')


DRAWING_VERSION = 1
"""The version of the code that draws phrases. Increment it whenever the same content would produce different phrases.
"""

_QUESTION_DRAWS = 24
_SIGN_DRAWS = 4
_COMMAND_DRAWS = 100
_COMMAND_WORDS = 5


def draw_phrases(content: Content) -> Phrases:
    """Draw sample phrases from the templates: sentences of every kind, sentences to recognize while the assistant is
    speaking, and short commands.
    """
    sentences, language = content.sentences, content.language
    questions: dict[str, None] = {}
    commands: dict[str, None] = {}
    session = dict.fromkeys(language.in_session)
    for template in sentences.templates:
        group = sentences.group_of[template.intent]
        drawn = sentences.draw(template, _QUESTION_DRAWS)
        for number, text in enumerate(drawn):
            said = language.normalize(text)  # people say both "it is" and "it's"
            questions[said.comparable if number % 2 else " ".join(said.words)] = None
        if group == COMMAND_GROUP or template.intent in HELP_NOW:
            commands.update(dict.fromkeys(" ".join(language.words(text)) for text in drawn[:_SIGN_DRAWS]))
        if group == COMMAND_GROUP and template.intent != GUIDE_START:
            spoken = (" ".join(language.words(text)) for text in sentences.draw(template, _COMMAND_DRAWS))
            session.update(dict.fromkeys(text for text in spoken if text.count(" ") < _COMMAND_WORDS))
    for phrase in content.follow_ups.every_phrase:
        questions[" ".join(language.words(phrase))] = None
    for wording in content.wordings:
        if wording.intent != OUT_OF_SCOPE:
            questions[" ".join(language.words(wording.text))] = None
    return Phrases(tuple(questions), tuple(commands), tuple(session), content.pronunciations, usual_commands(sentences))
