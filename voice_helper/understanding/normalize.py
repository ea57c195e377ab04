"""Normalize spoken or typed text for comparison: case, punctuation, numbers, contractions, spellings, fillers.

A text is normalized once, when it enters the program, and passed on as a `NormalizedText`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unicode_rbnf import RbnfEngine

MAX_CHARACTERS = 1_000
"""The maximum length of a text that is read completely, in characters.

No spoken question is longer. The rest of a longer text is searched only for signs of danger.
"""

_OVERLAP_CHARACTERS = 200  # signs of danger are shorter than this

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u201b\u02bc\u2032\u00b4`", "'"))
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # terminal control sequences are not words
# accents that do not combine with the previous letter into one character
_ACCENTS = re.compile(r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
# letters and marks that are invisible: fillers and variation selectors
_INVISIBLE = re.compile(r"[\u034f\u115f\u1160\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*'?|\d+")


@dataclass(frozen=True)
class Language:
    """The properties of a language other than its sentences, read from `language.yaml`."""

    code: str = "en"
    groups: tuple[str, ...] = ()
    """The intent groups, highest priority first."""

    contractions: Mapping[str, str] = field(default_factory=dict)
    """The short form for each long form:

    `{"it is": "it's"}`. Texts are compared in the short form, because people speak that way.
    """

    spellings: Mapping[str, str] = field(default_factory=dict)
    in_session: Mapping[str, str] = field(default_factory=dict)
    """Words that have a different intent during a session, such as "help" on its own."""

    letters: str = ""
    """The letters of the language's alphabet.

    Accents on other letters are dropped: "chést" becomes "chest". If empty, all accents are kept.
    """

    fillers: tuple[str, ...] = ()
    """Words and phrases that carry no meaning, such as "um" or "could you tell me"."""

    asked: tuple[str, ...] = ()
    """Forms of questions about any topic: "does {words} help with leg cramps". `{words}` stands for the topic."""

    asked_first: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each slot, the values that determine the topic of a question, even if the question is more similar to another
    meaning.
    """

    blamed: tuple[str, ...] = ()
    """Forms of questions about whether something is the cause:

    "{words} is that it". `{words}` stands for the possible cause.
    """

    subject: tuple[str, ...] = ()
    """Words that name the subject of the folder, such as "cramp"."""

    elsewhere: tuple[str, ...] = ()
    """Words that show that a text with one of the `subject` words is about something else, such as "stomach" in
    "stomach cramp".
    """

    questions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each intent, words such as "why" that ask for it.

    They are used if a text names the subject but matches nothing else.
    """

    other_questions: tuple[str, ...] = ()
    """Words that may begin a question about any topic, such as "does"."""

    corrections: tuple[str, ...] = ()
    """Words that retract the value after them: "not the calf, the foot"."""

    def normalize(self, text: str) -> NormalizedText:
        """Return a text as a `NormalizedText`, which holds every form in which texts are compared."""
        return NormalizedText(text, self)

    def words(self, text: str) -> tuple[str, ...]:
        """Return the words of a text in lower case, without punctuation and with numbers spelled out."""
        words: list[str] = []
        for found in _WORD.findall(_plain(text, self.letters)[:MAX_CHARACTERS]):
            words.extend(_spelled(found, self.code) if found.isdecimal() else (found.rstrip("'"),))
        return tuple(words)

    def parts(self, text: str) -> tuple[str, ...]:
        """Split a text into parts of a manageable length. Each part after the first starts with the end of the previous
        one.
        """
        if len(text) <= MAX_CHARACTERS:
            return (text,)
        left, parts = " ".join(_plain(text, self.letters).split()), []
        while len(left) > MAX_CHARACTERS:
            cut = left.rfind(" ", MAX_CHARACTERS // 2, MAX_CHARACTERS)
            cut = cut if cut > 0 else MAX_CHARACTERS
            parts.append(left[:cut])
            again = left.find(" ", cut - _OVERLAP_CHARACTERS, cut)
            left = left[again + 1 if again > 0 else cut :]
        return (*parts, left)

    def comparable(self, text: str) -> str:
        """Return a text in comparable form: normalized, with contractions and consistent spelling."""
        return self.contracted(self.words(text))

    def contracted(self, words: Iterable[str]) -> str:
        """Return the words of a text, joined and in comparable form."""
        return self._replacements.sub(" ".join(words))

    def without_fillers(self, comparable: str) -> str:
        """Return a normalized text without its fillers. If it consists only of fillers, return it unchanged."""
        return self._fillers.sub(comparable) or comparable

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the phrase tables, which are quick to rebuild."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def asked_about(self, comparable: str) -> str:
        """Return the topic of a question that has one of the forms in `asked`. Return "" for any other text."""
        return _words_in(self._asked, comparable)

    def blamed_in(self, comparable: str) -> str:
        """Return the possible cause in a question that has one of the forms in `blamed`.

        Return "" for any other text.
        """
        return _words_in(self._blamed, comparable)

    def names_the_subject(self, comparable: str) -> bool:
        """Return whether a text names the subject, without a word from `elsewhere` that shows that it is about
        something else.
        """
        return _has_any(comparable, self.subject) and not _has_any(comparable, self.elsewhere)

    def begins_a_question(self, comparable: str) -> bool:
        """Return whether a text begins with one of the words in `other_questions`."""
        return comparable.partition(" ")[0] in self.other_questions

    def question_in(self, comparable: str) -> str | None:
        """Return the intent whose words in `questions` a text contains, or `None`."""
        return next((intent for intent, words in self.questions.items() if _has_any(comparable, words)), None)

    @cached_property
    def _asked(self) -> re.Pattern[str] | None:
        return self._forms(self.asked)

    @cached_property
    def _blamed(self) -> re.Pattern[str] | None:
        return self._forms(self.blamed)

    def _forms(self, forms: tuple[str, ...]) -> re.Pattern[str] | None:
        """Return the regular expression for some question forms.

        In a form, `(a|b)` is a choice and `[a]` is optional.
        """
        patterns = []
        for form in forms:
            pattern = re.escape(self._replacements.sub(form)).replace(r"\{words\}", "(.+?)")
            pattern = re.sub(r"\\\[(.*?)\\\]\\ ", r"(?:(?:\1)\\ )?", pattern)
            pattern = re.sub(r"\\ \\\[(.*?)\\\]", r"(?:\\ (?:\1))?", pattern)
            patterns.append(pattern.replace(r"\(", "(?:").replace(r"\)", ")").replace(r"\|", "|"))
        return re.compile("|".join(patterns)) if patterns else None

    def is_taken_back(self, before: str) -> bool:
        """Return whether the words before a value retract it."""
        return self._corrections is not None and self._corrections.search(before.rstrip()) is not None

    @cached_property
    def _corrections(self) -> re.Pattern[str] | None:
        phrases = "|".join(re.escape(self._replacements.sub(phrase)) for phrase in self.corrections)
        return re.compile(rf"(?<![\w'])(?:{phrases})$") if phrases else None

    @cached_property
    def _replacements(self) -> _PhraseTable:
        return _PhraseTable((*self.spellings.items(), *self.contractions.items()))

    @cached_property
    def _fillers(self) -> _PhraseTable:
        return _PhraseTable((self._replacements.sub(phrase), "") for phrase in self.fillers)


def _words_in(forms: re.Pattern[str] | None, comparable: str) -> str:
    found = forms.fullmatch(comparable) if forms is not None else None
    return next((words for words in found.groups() if words), "") if found is not None else ""


def _has_any(comparable: str, phrases: Iterable[str]) -> bool:
    return any(f" {phrase} " in f" {comparable} " for phrase in phrases)


@dataclass(frozen=True)
class NormalizedText:
    """A text with all forms in which texts are compared. Each form is computed when it is first needed."""

    text: str
    """The original text, as typed or recognized."""

    language: Language = field(repr=False, compare=False)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Return the words in lower case, without punctuation and with numbers spelled out."""
        return self.language.words(self.text)

    @cached_property
    def comparable(self) -> str:
        """Return the comparable form: normalized, with contractions and consistent spelling."""
        return self.language.contracted(self.words)

    @cached_property
    def essence(self) -> str:
        """Return the comparable form without fillers, which the nearest-meaning classifier uses."""
        return self.language.without_fillers(self.comparable)

    @cached_property
    def parts(self) -> tuple[NormalizedText, ...]:
        """Return the parts into which `Language.parts` splits the text."""
        texts = self.language.parts(self.text)
        return (self,) if len(texts) == 1 else tuple(map(self.language.normalize, texts))


class _PhraseTable:
    """Replaces whole-word phrases, the longest phrase first."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._by_phrase = dict(pairs)
        ordered = sorted(self._by_phrase, key=lambda phrase: (-len(phrase), phrase))
        inner = "|".join(re.escape(phrase) for phrase in ordered)
        self._pattern = re.compile(rf"(?<![\w'])(?:{inner})(?![\w'])") if ordered else None

    def sub(self, text: str) -> str:
        if self._pattern is None:
            return text
        return " ".join(self._pattern.sub(lambda found: self._by_phrase[found[0]], text).split())


def _plain(text: str, letters: str) -> str:
    """Return a text in lower case and without invisible characters.

    Wide forms and ligatures are replaced by standard letters.
    """
    typed = _ESCAPES.sub(" ", text)
    if typed.isascii() and typed.isprintable():
        return typed.translate(_APOSTROPHES).casefold()
    seen = "".join(character for character in typed if not _is_invisible(character))
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", seen).translate(_APOSTROPHES))
    plain = plain.casefold()
    if letters:
        plain = "".join(each if each in letters else unicodedata.normalize("NFD", each) for each in plain)
    return _ACCENTS.sub("", plain)


def _is_invisible(character: str) -> bool:
    """Return whether a character only controls the display: a soft hyphen, a joiner, a direction mark, a control
    character.
    """
    return unicodedata.category(character) in {"Cf", "Cc"} and not character.isspace()


@lru_cache(maxsize=256)
def _spelled(digits: str, language: str) -> tuple[str, ...]:
    if len(digits) > 6:  # a telephone number rather than an amount: spell it digit by digit
        return tuple(word for digit in digits for word in _spelled(digit, language))
    spoken = _number_engine(language).format_number(int(digits)).text
    return tuple(re.findall(r"[^\W\d_]+", spoken))


@lru_cache(maxsize=4)
def _number_engine(language: str) -> RbnfEngine:
    from unicode_rbnf import RbnfEngine

    return RbnfEngine.for_language(language)
