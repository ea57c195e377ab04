"""An intents folder, read whole and checked whole: every problem at once, each with file and line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from voice_helper.answers import Answers, Sources, read_answers, read_facts, read_named_sources
from voice_helper.documents import Item, Place, Problems, read_document
from voice_helper.errors import IntentsError
from voice_helper.guide import Guide, read_guide
from voice_helper.page import PageWords, read_page
from voice_helper.phrasebook import Phrasebook, read_phrasebook
from voice_helper.safety import SafetyRules, read_safety
from voice_helper.sentences import Sentences, Template, read_sentences
from voice_helper.text import Language
from voice_helper.types import OUT_OF_SCOPE, Phrases, Row
from voice_helper.understand import HELP_NOW, USUAL_THRESHOLDS, Thresholds, read_thresholds
from voice_helper.wordings import Wording, read_wordings

_NEEDED = ("language.yaml", "answers.yaml")
_OPTIONAL = (
    "facts.yaml", "guide.yaml", "safety.yaml", "thresholds.yaml", "pronunciation.yaml", "phrases.yaml", "page.yaml",
)  # fmt: skip
_LEARNED_FROM = ("language.yaml",)  # beside the sentences and wordings
_RULES_FROM = ("language.yaml", "safety.yaml")
_THEFT_DRAWS = 12
_COMMAND_GROUP = "guide"

Digests = tuple["hashlib._Hash", ...]


@dataclass(frozen=True)
class Content:
    """All words of one language."""

    folder: Path
    language: Language
    sentences: Sentences
    safety: SafetyRules
    answers: Answers
    facts: Mapping[str, str]
    guide: Guide | None
    thresholds: Thresholds
    pronunciations: Mapping[str, tuple[str, ...]]
    """How a word sounds, in the phones of the CMU dictionary: `{"sciatica": ("S AY AE T IH K AH",)}`."""

    wordings: tuple[Wording, ...]
    phrasebook: Phrasebook
    page: PageWords | None
    """`None` where the folder has no `page.yaml`."""

    content_key: str
    """A hash of every file: the same words, the same key."""

    learning_key: str
    """A hash of the files that the nearest meaning learns from."""

    rules_key: str
    """A hash of the files that the safety rules are made of."""


def load_content(folder: Path, settings: Mapping[str, str] | None = None, before: Content | None = None) -> Content:
    """Read an intents folder.

    `settings` replace the defaults of `answers.yaml`, such as `{"number": "112"}`. Of the content `before` an edit
    the safety rules are taken, which take longest to make, where nothing of them has changed.
    Raises `IntentsError` with every problem that was found.
    """
    problems = Problems()
    content = _read(folder, settings or {}, problems, before)
    if len(problems) or content is None:
        raise IntentsError(problems.lines())
    return content


def check_folder(folder: Path) -> tuple[Content | None, tuple[str, ...]]:
    """Read an intents folder and give all its problems, sentences that two intents claim among them."""
    problems = Problems()
    content = _read(folder, {}, problems)
    if content is not None:
        _check_thefts(content.sentences, problems)
    return (content if not len(problems) else None), problems.lines()


def _read(
    folder: Path, settings: Mapping[str, str], problems: Problems, before: Content | None = None
) -> Content | None:
    if not folder.is_dir():
        problems.add(Place(str(folder), 1), "there is no such intents folder")
        return None
    documents: dict[str, Item] = {}
    digest, learning, rules = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    wanted = ((learning, _LEARNED_FROM), (rules, _RULES_FROM))
    for name in (*_NEEDED, *_OPTIONAL):
        path = folder / name
        if path.is_file():
            digests = (digest, *(each for each, names in wanted if name in names))
            documents[name] = _document(path, folder, digests, problems)
        elif name in _NEEDED:
            problems.add(Place(name, 1), "this file is missing")
    sentence_files = sorted((folder / "sentences").glob("*.yaml"))
    if not sentence_files:
        problems.add(Place("sentences", 1), "there are no sentence files (*.yaml) here")
    empty = Item(Place("", 1), {})
    language = _read_language(documents.get("language.yaml", empty), problems)
    sentence_documents = {path.stem: _document(path, folder, (digest, learning), problems) for path in sentence_files}
    sentences = read_sentences(sentence_documents, language, problems)
    answers_item = documents.get("answers.yaml", empty)
    facts = read_facts(documents["facts.yaml"], problems) if "facts.yaml" in documents else {}
    sources = Sources(frozenset(facts), read_named_sources(answers_item, problems))
    answers = read_answers(answers_item, sources, problems)
    answers = replace(answers, settings={**answers.settings, **settings}, say=sentences.say)
    guide = None
    if "guide.yaml" in documents:
        guide = read_guide(documents["guide.yaml"], sources, answers.filled, problems)
    safety = SafetyRules(language)
    if before is not None and before.rules_key == rules.hexdigest():
        safety = before.safety
    elif "safety.yaml" in documents:
        safety = read_safety(documents["safety.yaml"], language, problems)
    thresholds = USUAL_THRESHOLDS
    if "thresholds.yaml" in documents:
        thresholds = read_thresholds(documents["thresholds.yaml"], problems)
    pronunciations = _read_pronunciations(documents.get("pronunciation.yaml", empty), problems)
    _check_together(sentences, answers, safety, sentence_documents, problems)
    wordings = _read_wordings(folder, (digest, learning), problems)
    _check_wordings(wordings, sentences, safety, problems)
    phrasebook = read_phrasebook(documents.get("phrases.yaml"), sentences, problems)
    page = read_page(documents["page.yaml"], sentences, problems) if "page.yaml" in documents else None
    keys = digest.hexdigest(), learning.hexdigest(), rules.hexdigest()
    spoken = (answers, facts, guide, thresholds, pronunciations, wordings, phrasebook, page)
    return Content(folder, language, sentences, safety, *spoken, *keys)


def _document(path: Path, folder: Path, digests: Digests, problems: Problems) -> Item:
    shown, text = _shown(path, folder), _text(path, folder, digests, problems)
    return Item(Place(shown, 1), {}) if text is None else read_document(text, shown, problems)


def _shown(path: Path, folder: Path) -> str:
    return path.relative_to(folder.parent.parent).as_posix() if folder.parent.name == "intents" else path.as_posix()


def _text(path: Path, folder: Path, digests: Digests, problems: Problems) -> str | None:
    """Read a file of the folder; what cannot be read is noted and given as `None`."""
    shown = _shown(path, folder)
    try:
        raw = path.read_bytes()
        for digest in digests:
            digest.update(path.name.encode() + b"\0" + raw + b"\0")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problems.add(Place(shown, line), "is not UTF-8 text: save the file as UTF-8")
    except OSError as error:
        problems.add(Place(shown, 1), f"cannot be read: {error.strerror}")
    return None


def _read_wordings(folder: Path, digests: Digests, problems: Problems) -> tuple[Wording, ...]:
    path = folder / "wordings.txt"
    text = _text(path, folder, digests, problems) if path.is_file() else None
    return read_wordings(text.splitlines(), _shown(path, folder), problems) if text else ()


def _check_wordings(
    wordings: tuple[Wording, ...], sentences: Sentences, safety: SafetyRules, problems: Problems
) -> None:
    levels = {family.name: family.level for family in safety.families}
    for wording in wordings:
        if wording.intent not in sentences.intents:
            problems.add(wording.place, f'"{wording.text}" stands under [{wording.intent}], which is no intent')
        elif wording.family is not None and levels.get(wording.family) != wording.intent:
            problems.add(wording.place, f"{wording.family} is no family of {wording.intent} in safety.yaml")


def _read_language(item: Item, problems: Problems) -> Language:
    known = frozenset({"language", "groups", "contractions", "spellings", "fillers", "in_session"})
    top = item.mapping(problems, "language.yaml", known=known)

    def pairs(key: str) -> dict[str, str]:
        if key not in top:
            return {}
        return {left: entry.text(problems, f"{key}, {left}") for left, entry in top[key].mapping(problems, key).items()}

    return Language(
        code=top["language"].text(problems, "language") if "language" in top else "en",
        groups=top["groups"].texts(problems, "groups") if "groups" in top else (),
        contractions=pairs("contractions"),
        spellings=pairs("spellings"),
        in_session=pairs("in_session"),
        fillers=top["fillers"].texts(problems, "fillers") if "fillers" in top else (),
    )


def _read_pronunciations(item: Item, problems: Problems) -> dict[str, tuple[str, ...]]:
    top = item.mapping(problems, "pronunciation.yaml", known=frozenset({"language", "words"}))
    if "words" not in top:
        return {}
    words = top["words"].mapping(problems, "words")
    return {word: entry.texts(problems, f"the sound of {word}") for word, entry in words.items()}


def _check_together(
    sentences: Sentences, answers: Answers, safety: SafetyRules, documents: Mapping[str, Item], problems: Problems
) -> None:
    first: dict[str, Template] = {}
    for template in sentences.templates:
        first.setdefault(template.intent, template)
    for intent, template in first.items():
        if intent not in answers.entries:
            problems.add(template.place, f"the intent {intent} has sentences but no answer in answers.yaml")
    named = _intents_named(documents)
    for intent, entry in answers.entries.items():
        if intent not in first and intent not in named:
            problems.add(entry.place, f"the answer {intent} has no intent: no sentence file names it")
    for intent, entry in answers.entries.items():
        for row in entry.rows:
            _check_when(intent, entry.place, row, sentences, safety, problems)


def _intents_named(documents: Mapping[str, Item]) -> frozenset[str]:
    """Intents that a file names, also where every sentence of theirs is broken and was reported already."""
    named: set[str] = set()
    for document in documents.values():
        if isinstance(document.value, dict) and "intents" in document.value:
            intents = document.value["intents"].value
            named.update(intents if isinstance(intents, dict) else ())
    return frozenset(named)


SITUATIONS = frozenset({"recording", "serving"})
"""What an answer may depend on beside the sentence: how the program was started."""


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
                problems.add(place, f'{intent}: "when" names {slot} "{value}", which is no value of it')


def _check_thefts(sentences: Sentences, problems: Problems) -> None:
    """Report sentences that two intents would claim."""
    claimed: dict[str, Template] = {}
    for template in sentences.templates:
        drawn = sentences.draw(template, _THEFT_DRAWS)
        for text in drawn:
            comparable = sentences.language.comparable(text)
            owner = claimed.setdefault(comparable, template)
            if owner.intent != template.intent:
                _report_theft(comparable, template, owner.intent, str(owner.place), problems)
        if len(drawn) == 1:  # a plain sentence, as people add them: ask the matcher itself
            for claim in sentences.exact(drawn[0]):
                if claim.intent != template.intent:
                    _report_theft(drawn[0], template, claim.intent, f'"{claim.template}"', problems)


def _report_theft(text: str, template: Template, other: str, where: str, problems: Problems) -> None:
    problems.add(template.place, f'{template}: "{text}" is claimed by {other} too ({where})')


_QUESTION_DRAWS = 24
_SIGN_DRAWS = 4
_COMMAND_DRAWS = 100
_GUIDE_START = "guide_start"  # it tells of a cramp, and is no command of a session
_COMMAND_WORDS = 5


def draw_phrases(content: Content) -> Phrases:
    """Draw what people say to us: sentences of every kind, those that must be heard while we speak, short commands."""
    sentences, language = content.sentences, content.language
    questions: dict[str, None] = {}
    commands: dict[str, None] = {}
    session = dict.fromkeys(language.in_session)
    for template in sentences.templates:
        group = sentences.group_of[template.intent]
        drawn = sentences.draw(template, _QUESTION_DRAWS)
        for number, text in enumerate(drawn):
            # people say both "it is" and "it's"
            questions[language.comparable(text) if number % 2 else " ".join(language.words(text))] = None
        if group == _COMMAND_GROUP or template.intent in HELP_NOW:
            commands.update(dict.fromkeys(" ".join(language.words(text)) for text in drawn[:_SIGN_DRAWS]))
        if group == _COMMAND_GROUP and template.intent != _GUIDE_START:
            spoken = (" ".join(language.words(text)) for text in sentences.draw(template, _COMMAND_DRAWS))
            session.update(dict.fromkeys(text for text in spoken if text.count(" ") < _COMMAND_WORDS))
    for wording in content.wordings:
        if wording.intent != OUT_OF_SCOPE:
            questions[" ".join(language.words(wording.text))] = None
    return Phrases(tuple(questions), tuple(commands), tuple(session), content.pronunciations)
