"""Find red flags and redirects, which take priority over every other meaning, in every state.

The rules are data (`safety.yaml`): families of signs. A sign consists of one or more parts joined by `+`, which may
occur in any order within a few words of each other. A part is a phrase. In a phrase, `(a|b)` is a choice, `<name>` is a
named group of words, `ending*` matches any ending, and up to two small words may come between the words. Clear denials
("no chest pain") and idioms ("killing me") are removed first. Anything unclear counts as a sign.

A rule is compiled only when a text contains the word fragments that the rule requires.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from typing import Any, Final, TypeVar, get_args

from voice_helper.content.documents import Item, Place, Problems
from voice_helper.content.file_kinds import FamilyKeys, Level, SafetyFile
from voice_helper.content.schema import Text, read
from voice_helper.understanding.normalize import Language, NormalizedText
from voice_helper.understanding.required_fragments import Clauses, FragmentIndex, GroupReader, is_balanced

LEVELS: Final = get_args(Level)
"""The intents of the safety group, highest priority first."""

_NEAR_WORDS = 5
"""The maximum span of a sign, in words for each of its parts."""

_CUT = "\N{PILCROW SIGN}"
_INNERMOST = re.compile(r"\(([^()]*)\)")
_NAME = re.compile(r"<(\w+)>")
_AT_EDGES = re.compile(r"(?<=[(|])\s+|\s+(?=[|)])")  # spaces inside a choice: "( red | hot )"
_DEEPEST_GROUP = 6
_NO_BRACKETS = str.maketrans("", "", "[]")  # square brackets have no meaning in a sign
_NO_MARKS = str.maketrans("\0", " ")
_DENIAL = "denial"
_CAN_BE_DENIED = ("emergency", "urgent", "ask_other_person")


@dataclass(frozen=True, slots=True)
class Flag:
    """A red flag or redirect in a text: the family of signs that was found, and its level."""

    level: str
    """One of `LEVELS`."""

    family: str
    words: str
    """The words that match the sign."""

    is_clear: bool = False
    """Whether the words alone make the sign certain."""


@dataclass(frozen=True, slots=True)
class Flags:
    """The result of applying the rules to one utterance."""

    raised: tuple[Flag, ...] = ()
    """The signs that were found, highest level first."""

    denied: tuple[Flag, ...] = ()
    """The signs that were mentioned but clearly denied."""

    rest: str = ""
    """The normalized text without the parts that were denied."""

    plain: str | None = None
    """The normalized text without idioms, or `None` if it contains no idiom."""

    is_past: bool = False
    """Whether a sign was ignored because it lies in the past or is part of a story."""

    @property
    def highest(self) -> Flag | None:
        """Return the flag to act on, or `None` if none was raised."""
        return self.raised[0] if self.raised else None


@dataclass(frozen=True)
class _Pattern:
    source: str
    needs: Clauses = ()
    """The fragments that a text must contain to match the pattern."""

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self.source)

    def __reduce__(self) -> tuple[type[_Pattern], tuple[str, Clauses]]:
        return _Pattern, (self.source, self.needs)


@dataclass(frozen=True, slots=True)
class _Sign:
    parts: tuple[_Pattern, ...]
    is_clear: bool = False

    @property
    def needs(self) -> Clauses:
        return tuple(clause for part in self.parts for clause in part.needs)


@dataclass(frozen=True)
class _Family:
    name: str
    level: str
    signs: tuple[_Sign, ...]
    not_in_questions: bool
    """Whether the signs are ignored in questions that ask about them: "is it a clot"."""

    not_in_general: bool
    """Whether the signs are ignored in general questions: "does your foot go white in a cramp"."""

    unless: tuple[_Pattern, ...] = ()
    own_words: tuple[_Pattern, ...] = ()
    """Words for families with a special reply: if only similarity suggests the family, the text must contain at least
    one of these words.
    """

    place: Place = field(default=Place("", 1), compare=False)
    """The line of the family in `safety.yaml`."""


_Rule = TypeVar("_Rule", _Sign, _Pattern)


@dataclass(frozen=True)
class SafetyRules:
    """The safety rules of one language."""

    language: Language
    families: tuple[_Family, ...] = ()
    idioms: tuple[_Pattern, ...] = ()
    negators: tuple[str, ...] = ()
    negation_ends: tuple[str, ...] = ()
    negation_passes: tuple[str, ...] = ()
    """Words that may come between a negator and what it denies: "no sign of any swelling"."""

    denials: tuple[_Pattern, ...] = ()
    """Phrases that deny a sign without a negator: "i can breathe"."""

    hedges: tuple[_Pattern, ...] = ()
    """Phrases that make a denial uncertain, so that the sign still counts: "not chest pain as such"."""

    past: tuple[_Pattern, ...] = ()
    """Phrases that show that a sign lies in the past or is part of a story: "ten years ago", "on the telly"."""

    present: frozenset[str] = field(default_factory=frozenset)
    """Words that show that a sign in the past is present again: "again", "still"."""

    questions: tuple[str, ...] = ()
    question_ends: tuple[str, ...] = ()
    """Words that end a question and start a statement."""

    persons: frozenset[str] = field(default_factory=frozenset)
    generic: frozenset[str] = field(default_factory=frozenset)
    small_words: frozenset[str] = field(default_factory=frozenset)
    """Function words, such as articles."""

    clause_ends: tuple[str, ...] = ()
    """Words that begin a new clause, such as "and"."""

    remembered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each level, the intents or groups that are no longer answered after a certain sign of that level."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields for pickling, with the index, which takes long to build."""
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"_index": self._index}

    @cached_property
    def family_names(self) -> frozenset[str]:
        """Return the names of all families."""
        return frozenset(family.name for family in self.families)

    def clauses(self, comparable: str) -> list[str]:
        """Split a normalized text at words that begin a new clause: "but", "and", "oh"."""
        return _cut(comparable, {*self.negation_ends, *self.clause_ends})

    def may_be(self, family: str, comparable: str) -> bool:
        """Return whether a text may mean a family although it contains none of the family's signs.

        It may if it contains one of the family's own words.
        """
        words = next((each.own_words for each in self.families if each.name == family), ())
        return not words or any(pattern.compiled.search(comparable) for pattern in words)

    def denies(self, said: NormalizedText, family: str | None) -> bool:
        """Return whether a text clearly denies an earlier sign of a family: "it's not swollen" after "my calf is
        swollen".
        """
        denied = self.find(said).denied
        return any(flag.family == family or self._names(family, flag.words) for flag in denied)

    def _names(self, family: str | None, words: str) -> bool:
        """Return whether any sign of a family contains one of the denied words."""
        named = set(words.split()) - self.small_words - set(self.negators) - set(self.negation_passes)
        sources = [
            part.source for each in self.families if each.name == family for sign in each.signs for part in sign.parts
        ]
        return any(re.search(rf"\b{re.escape(word)}\b", source) for word in named for source in sources)

    def find(self, said: NormalizedText) -> Flags:
        """Find the red flags and redirects in a text, which may be a partial transcript."""
        return self._that_may_match(said.comparable)._find(said.comparable)

    def _that_may_match(self, comparable: str) -> SafetyRules:
        """Return a copy that contains only the rules that may match a text, with or without its idioms and denials."""
        may_match = {id(self._needing[each]) for each in self._index.candidates(comparable)}

        def kept(rules: tuple[_Rule, ...]) -> tuple[_Rule, ...]:
            return tuple(rule for rule in rules if id(rule) in may_match)

        signs = ((family, kept(family.signs)) for family in self.families)
        return replace(
            self,
            families=tuple(replace(family, signs=few, unless=kept(family.unless)) for family, few in signs if few),
            idioms=kept(self.idioms),
            denials=kept(self.denials),
            hedges=kept(self.hedges),
            past=kept(self.past),
        )

    @cached_property
    def _needing(self) -> tuple[_Sign | _Pattern, ...]:
        rules: list[_Sign | _Pattern] = [*self.idioms, *self.denials, *self.hedges, *self.past]
        for family in self.families:
            rules += [*family.signs, *family.unless]
        return tuple(rules)

    @cached_property
    def _index(self) -> FragmentIndex:
        return FragmentIndex([rule.needs for rule in self._needing])

    def _find(self, comparable: str) -> Flags:
        plain = self._without_idioms(comparable)
        clauses, denied = self._cut_denied(self._clauses(plain))
        whole = " ".join(clauses)
        present = [self._without_past(clause) for clause in clauses]
        raised: list[Flag] = []
        is_past = False
        for family in self.families:
            told = present if family.level in _CAN_BE_DENIED else clauses
            texts = (*told, " ".join(told))
            if self._is_only_asked(family, plain):  # "is it a clot", but "does heat help oh and my leg is blue"
                texts = tuple(part for part in self._added(whole) if not self._is_only_asked(family, part))
            flags = (
                Flag(family.level, family.name, words, sign.is_clear)
                for sign in family.signs
                for words in self._said(sign, texts)
            )
            flag = next(flags, None)
            if flag is not None:
                raised.append(flag)
            elif told != clauses:
                is_past = is_past or any(words for sign in family.signs for words in self._said(sign, clauses))
        raised.sort(key=lambda flag: (LEVELS.index(flag.level), not flag.is_clear))
        rest = " ".join(self._denial.sub(" ", whole).split())
        return Flags(tuple(raised), tuple(denied), rest, plain if plain != comparable else None, is_past)

    def _without_past(self, clause: str) -> str:
        """Return a clause without the parts that are about the past or part of a story:

        "i had a heart attack years ago".
        """
        if not self.past:
            return clause
        parts = _cut(clause, self.clause_ends)
        is_past = [any(each.compiled.search(part) for each in self.past) for part in parts]
        if not any(is_past) or not self.present.isdisjoint(clause.split()):
            return clause
        return f" {_CUT} ".join(part for part, past in zip(parts, is_past, strict=True) if not past)

    def _added(self, comparable: str) -> Iterator[str]:
        """Yield the statements that follow a question in the same text."""
        for end in self.question_ends:
            yield from comparable.split(f" {end} ")[1:]

    def is_general_question(self, comparable: str) -> bool:
        """Return whether a text is a question about people in general ("does your foot go white in a cramp")."""
        words = set(comparable.split())
        owners = {word.removesuffix("'s") for word in words}  # "my wife's", "mine's"
        is_about_somebody = bool((words | owners) & self.persons)
        return self._is_question(comparable) and bool(words & self.generic) and not is_about_somebody

    def is_fragment(self, comparable: str) -> bool:
        """Return whether a text consists only of words for persons and small words, such as "i have had".

        Such a fragment is similar to too many sentences.
        """
        return all(word in self.small_words or word in self.persons for word in comparable.split())

    def _said(self, sign: _Sign, clauses: Iterable[str]) -> Iterator[str]:
        for clause in clauses:
            spans = _find_sign(sign, clause)
            if spans:
                yield clause[min(start for start, _ in spans) : max(end for _, end in spans)]

    def _is_only_asked(self, family: _Family, comparable: str) -> bool:
        """Return whether the text only asks about a sign, or uses its words in another sense, without saying that
        anyone has it.
        """
        if family.not_in_questions and self._is_question(comparable):
            return True
        if family.not_in_general and self.is_general_question(comparable):
            return True
        return any(pattern.compiled.search(comparable) for pattern in family.unless)

    def _cut_denied(self, clauses: Sequence[str]) -> tuple[list[str], list[Flag]]:
        """Replace every clearly denied sign ("no fever or swelling") by a mark.

        Return the remaining clauses and the denied signs.
        """
        denied: list[Flag] = []
        left: list[str] = []
        for clause in clauses:
            cut, before = clause, ""
            for pattern in self.denials:
                denied += [Flag(LEVELS[0], _DENIAL, found[0]) for found in pattern.compiled.finditer(cut)]
                cut = pattern.compiled.sub(_CUT, cut)
            while cut != before:  # a replacement may bring the next sign within reach of the negator
                before = cut
                for family in self.families:
                    if family.level in _CAN_BE_DENIED:
                        cut = self._cut_family(family, cut, denied)
            left.append(cut)
        return left, denied

    def _cut_family(self, family: _Family, clause: str, denied: list[Flag]) -> str:
        for sign in family.signs:
            while span := self._denied_part(_find_sign(sign, clause) or (), clause):
                start, end = span
                denied.append(Flag(family.level, family.name, clause[start:end]))
                clause = f"{clause[:start]}{_CUT}{clause[end:]}"
        return clause

    def _denied_part(self, spans: Sequence[tuple[int, int]], clause: str) -> tuple[int, int] | None:
        """Return the span of a sign if it is denied, or `None`. A negator that is part of the sign does not deny it."""
        if any(hedge.compiled.search(clause) for hedge in self.hedges):
            return None
        for span in spans:
            others = [other for other in spans if other[1] <= span[0]]
            before = clause[: span[0]]
            for start, end in sorted(others, reverse=True):
                before = f"{before[:start]}{_CUT}{before[end:]}"
            if self._is_denied(before):
                return self._with_what_follows(span, spans, clause)
        return None

    def _with_what_follows(
        self, span: tuple[int, int], spans: Sequence[tuple[int, int]], clause: str
    ) -> tuple[int, int]:
        """Extend a denied span by the parts that directly follow it: "no chest pain"."""
        start, end = span
        for other_start, other_end in sorted(spans):
            if other_start >= end and all(word in self.negation_passes for word in clause[end:other_start].split()):
                end = other_end
        return start, end

    def _is_denied(self, text_before: str) -> bool:
        """Return whether exactly one negator precedes the sign, with nothing in between that makes the denial
        uncertain.
        """
        before = text_before.split()
        negators = 0
        while before:
            word = before.pop()
            if word in self.negators:
                negators += 1
            elif word != _CUT and word not in self.negation_passes:
                break
        return negators == 1

    @cached_property
    def _denial(self) -> re.Pattern[str]:
        """Return the pattern of a mark together with the words that may deny it."""
        words = "|".join(re.escape(word) for word in (*self.negators, *self.negation_passes))
        return re.compile(rf"(?:(?<![\w'])(?:{words})\s+)*{_CUT}" if words else _CUT)

    def _clauses(self, comparable: str) -> list[str]:
        """Split a text where the scope of a denial ends: "no chest pain but i can't breathe"."""
        return _cut(comparable, self.negation_ends)

    def _without_idioms(self, comparable: str) -> str:
        for idiom in self.idioms:
            comparable = " ".join(idiom.compiled.sub(" ", comparable).split())
        return comparable

    def _is_question(self, comparable: str) -> bool:
        return comparable.startswith(tuple(f"{question} " for question in self.questions))


def _cut(comparable: str, ends: Collection[str]) -> list[str]:
    clauses: list[list[str]] = [[]]
    for word in comparable.split():
        if word in ends:
            clauses.append([])
        else:
            clauses[-1].append(word)
    return [" ".join(words) for words in clauses if words]


def read_safety(item: Item, language: Language, problems: Problems) -> SafetyRules:
    """Read `safety.yaml`. Mistakes are added to `problems`, and invalid entries are left out."""
    file = read(SafetyFile, item, problems)
    groups = {name: "|".join(words) for name, words in file.groups.items()}
    pattern = _PatternReader(groups, language, file.small_words)
    families = (_family_of(name, family, pattern, problems) for name, family in file.families.items())
    return SafetyRules(
        language=language,
        families=tuple(family for family in families if family is not None),
        idioms=pattern.read_all(file.idioms, "idioms", problems),
        negators=file.negators,
        negation_ends=file.negation_ends,
        negation_passes=file.negation_passes,
        denials=pattern.read_all(file.denials, "denials", problems),
        hedges=pattern.read_all(file.hedges, "hedges", problems),
        past=pattern.read_all(file.past, "past", problems),
        present=frozenset(file.present),
        questions=tuple(language.comparable(question) for question in file.questions),
        question_ends=tuple(language.comparable(end) for end in file.question_ends),
        persons=frozenset(file.persons),
        generic=frozenset(file.generic),
        small_words=frozenset(file.small_words),
        clause_ends=file.clause_ends,
        remembered=file.remembered,
    )


def _family_of(name: str, family: FamilyKeys, pattern: _PatternReader, problems: Problems) -> _Family | None:
    """Return a family with its valid signs, or `None` if it has no valid level."""
    if not family.has("level"):
        return None
    signs: list[_Sign] = []
    for kind, texts in (("clear sign", family.clear_signs), ("sign", family.signs)):
        for number, sign in enumerate(texts, 1):
            what = f"{name}, {kind} {number}"
            parts = [pattern.read(part.strip(), what, sign.place, problems) for part in sign.text.split("+")]
            if all(parts):
                signs.append(_Sign(tuple(part for part in parts if part), is_clear=kind == "clear sign"))
    unless = pattern.read_all(family.unless, f"{name}, unless", problems)
    own_words = pattern.read_all(family.own_words, f"{name}, own_words", problems)
    questions = (family.not_in_questions, family.not_in_general)
    return _Family(name, family.level, tuple(signs), *questions, unless, own_words, family.place)


class _PatternReader:
    """Compiles a part of a sign to a regular expression for normalized text."""

    def __init__(self, groups: Mapping[str, str], language: Language, small_words: Sequence[str]) -> None:
        self._groups = groups
        self._language = language
        words = "|".join(re.escape(word) for word in small_words)
        self._starred = lru_cache(maxsize=None)(self._read_words)  # many signs use the same group
        self._reader = GroupReader(_INNERMOST, lambda found: self._reader.choice(found[1]), self._fragments)
        self._gap = rf"(?:'s)?\s+(?:(?:{words})\s+){{0,2}}"

    def read_all(self, texts: Iterable[Text], what: str, problems: Problems) -> tuple[_Pattern, ...]:
        read = [
            self.read(each.text, f"{what}, entry {number}", each.place, problems)
            for number, each in enumerate(texts, 1)
        ]
        return tuple(pattern for pattern in read if pattern)

    def read(self, part: str, what: str, place: Place, problems: Problems) -> _Pattern | None:
        unfolded, problem = self._unfolded(part)
        problem = problem or _mistake_in(unfolded, part)
        if problem is not None:
            problems.add(place, f"{what}: {problem}")
            return None
        pieces = "".join(self._piece(piece) for piece in re.findall(r"[()|]|[^()|]+", unfolded))
        return _Pattern(rf"(?<![\w'])(?:{pieces})(?:'s)?(?![\w'])", self._reader.needs(unfolded.translate(_NO_MARKS)))

    def _unfolded(self, part: str) -> tuple[str, str | None]:
        """Replace the references to groups in a phrase by the words of the groups.

        Return the result, and the error in a reference, if any.
        """
        for _ in range(_DEEPEST_GROUP):
            names = set(_NAME.findall(part))
            if not names:
                return _AT_EDGES.sub("", part), None
            unknown = sorted(names - self._groups.keys())
            if unknown:
                return part, f"there is no group <{unknown[0]}>"
            part = _NAME.sub(lambda found: f"({self._groups[found[1]]})", part)
        return part, "a group refers to itself"

    def _piece(self, piece: str) -> str:
        if piece in {")", "|"}:
            return piece
        if piece == "(":
            return "(?:"
        leading = self._gap if piece[0].isspace() else ""
        trailing = self._gap if piece[-1].isspace() and piece.strip() else ""
        words = [re.escape(word) + (r"[\w']*" if is_start else "") for word, is_start in self._starred(piece)]
        return leading + self._gap.join(words) + trailing

    def _fragments(self, piece: str) -> Iterator[str]:
        """Yield the words of a phrase that a text must contain, except those that a normalized text cannot contain."""
        for words, _ in self._starred(piece):
            yield from (word for word in words.split() if word.replace("'", "").isalnum())

    def _read_words(self, piece: str) -> list[tuple[str, bool]]:
        """Return the normalized words of a phrase, and for each word whether any ending may follow it."""
        if "*" not in piece:
            return [(word, False) for word in self._language.comparable(piece).split()]
        return [(self._language.comparable(word) or word, word.endswith("*")) for word in piece.split()]


def _mistake_in(unfolded: str, part: str) -> str | None:
    if not unfolded:
        return "this part is empty"
    if "?" in unfolded:  # it would be removed as punctuation, and the optional part would become required
        return f'"{part}" must be written without "?": name both ways as a choice, "(no|no more) pain"'
    if not is_balanced(unfolded.translate(_NO_BRACKETS)):
        return f'a bracket of "{part}" is not closed'
    return None


def _find_sign(sign: _Sign, text: str) -> tuple[tuple[int, int], ...] | None:
    """Return the spans of a sign's parts, in characters, if the parts are near each other. Otherwise return `None`."""
    spans: list[tuple[int, int]] = []
    for part in sign.parts:
        found = part.compiled.search(text)
        if found is None:
            return None
        spans.append(found.span())
    reach = text[min(start for start, _ in spans) : max(end for _, end in spans)]
    return tuple(spans) if len(reach.split()) <= _NEAR_WORDS * len(sign.parts) else None
