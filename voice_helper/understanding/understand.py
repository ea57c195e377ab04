"""Find the meaning of a text: red flags first, then exact templates, then redirects, then the nearest meaning by
similarity.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Final, Literal, Protocol

from voice_helper.content.documents import Item, Problems
from voice_helper.content.file_kinds import ThresholdsFile
from voice_helper.content.schema import read
from voice_helper.types import (
    COMMAND_GROUP,
    GUIDE_START,
    NONE_INTENT,
    OUT_OF_SCOPE,
    TALK_GROUP,
    UNSURE_INTENT,
    Certainty,
    Decision,
    Match,
    RunnerUp,
    Transcript,
)
from voice_helper.understanding.learned_alarm import NO_SUSPICION, REDIRECTS, Alarm, Suspicion
from voice_helper.understanding.mishearing import Mishearing
from voice_helper.understanding.normalize import NormalizedText
from voice_helper.understanding.ranking import NOTHING_NEAR, Ranking
from voice_helper.understanding.safety import LEVELS, Flag, Flags, SafetyRules
from voice_helper.understanding.sentences import Claim, Sentences

Context = Literal["none", "guide"]

HELP_NOW: Final = ("emergency", "urgent")
ASK_DIAGNOSIS: Final = "ask_diagnosis"
_FEW_WORDS: Final = 3
"""The maximum number of words of a phrase that may be meant for anyone, such as "thank you"."""

_WELL_UNDERSTOOD: Final = 0.7
"""The minimum score at which a text as a whole counts as understood.

Below it, a question at its end is also tried by itself.
"""

_SCORE_OF_A_REPAIR: Final = 0.8
"""The maximum score of a text with a repair. It is too low for speech that was not meant for the program."""

_BETTER: Final = 0.1
"""The minimum difference in score for preferring a repair to the text as it was heard."""

_WORDS_OF_A_STORY: Final = 5
"""The minimum number of words before a question that is understood by itself."""

MIN_KNOWN_SHARE: Final = 0.34
"""The minimum share of known words.

If fewer words of a text are known, its similarity to the examples is meaningless.
"""


FEW_WORDS_OF_DANGER: Final = 5
"""The maximum number of words of a text that has its own thresholds for danger, because so few words provide little
evidence.
"""

_EDGE: Final = 1e-6
_NEVER: Final = 20.0
"""Log odds higher than any text can reach. As a threshold, this value turns a decision off."""


def logistic(odds: float) -> float:
    """Convert log odds to a probability."""
    return 0.5 + 0.5 * math.tanh(odds / 2)


@dataclass(frozen=True, slots=True)
class _Danger:
    level: str
    certainty: Certainty
    family: str | None
    is_by_rule: bool = False
    odds: float = math.inf
    claim: Claim | None = None


class NearestMeaning(Protocol):
    """Ranks all intents by their similarity to a text, and finds the most similar template."""

    def rank(self, comparable: str) -> Ranking:
        """Return the similarity of a text to every intent."""

    def known_share(self, comparable: str) -> float:
        """Return the share of the text's words that occur in the templates, from 0.0 to 1.0."""

    def is_familiar(self, word: str) -> bool:
        """Return whether several examples have a word."""

    def knows(self, word: str, intent: str) -> bool:
        """Return whether any example of an intent contains a word."""

    def nearest_template(self, comparable: str, intent: str) -> str | None:
        """Return the template of an intent that is most similar to a text, or `None` if the intent has none."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The minimum similarity for each decision. The values are tuned on labelled sentences rather than set in code."""

    sure: float
    margin: float
    unsure: float
    confident: float
    """The minimum confidence at which a recognizer's transcript is trusted."""

    emergency: float
    """The minimum probability of an emergency, given that there is danger, at which a text counts as an emergency.

    The value is below one half, so that doubtful cases get the higher level.
    """

    alarm_certain: float
    """The minimum log odds of danger (natural logarithm) for a certain alarm if no rule matches."""

    alarm_possible: float
    """The minimum log odds of danger for a possible alarm, which names the emergency number, if no rule matches."""

    rule_certain: float
    """The minimum log odds of danger for a certain alarm if a rule matches."""

    rule_possible: float
    """The minimum log odds of danger for a possible alarm if a rule matches."""

    alarm_short: float = 0.0
    """The amount added to the four limits above for a text of up to five words."""

    alarm_session: float = 0.0
    """The amount added to the four limits above during a guided session."""

    alarm_clear: float = 0.0
    """The recognizer confidence below which a sign of danger is treated as possible, never as certain."""

    redirect: float = _NEVER
    """The minimum log odds at which a redirect is acted on if no rule finds it."""

    redirect_sure: float = -_NEVER
    """The minimum log odds of a redirect for acting on it if the text names a topic that has an answer of its own, or
    is well understood otherwise.
    """

    rule_redirect: float = -_NEVER
    """The minimum log odds at which a redirect is acted on if a rule finds it."""

    heard: float = 0.0
    """The recognizer confidence below which transcripts are ignored, except for signs of danger that a rule finds."""

    overheard: float = 0.5
    """The minimum score at which overheard speech, which was not addressed to the program, is answered."""

    overheard_confident: float = 0.7
    """The minimum recognizer confidence at which overheard speech is answered if only similarity decides its meaning.
    """

    overheard_clear: float = 0.8
    """The minimum recognizer confidence at which a red flag in overheard speech counts even if the partial transcript
    does not contain one.
    """

    score_slope: float = 1.0
    """The slope of the line that converts similarity to a calibrated score, in log odds.

    `score_offset` is its offset.
    """

    score_offset: float = 0.0

    def believed(self, nearness: float) -> float:
        """Return the calibrated score for a similarity, which is the expected share of right answers at that
        similarity.
        """
        if not 0.0 < nearness < 1.0:
            return nearness
        odds = self.score_slope * math.log(nearness / (1 - nearness)) + self.score_offset
        return logistic(odds)

    def decision(self, score: float, second_score: float, *, may_ask: bool) -> Decision:
        """Decide whether to answer, to ask a clarifying question or to refuse, from the similarity of the two nearest
        meanings.
        """
        if score >= self.sure and score - second_score >= self.margin:
            return "nearest"
        is_near_enough = score >= self.unsure and score + second_score >= self.sure
        return "unsure" if is_near_enough and may_ask else "none"


USUAL_THRESHOLDS: Final = Thresholds(
    sure=0.15,
    margin=0.04,
    unsure=0.1,
    confident=0.6,
    emergency=0.42,
    alarm_certain=2.2,
    alarm_possible=-0.6,
    rule_certain=-math.inf,  # the words of a rule are enough, even in a text that resembles no sentence
    rule_possible=-math.inf,
)
"""The thresholds for a folder without `thresholds.yaml`."""


@dataclass(frozen=True)
class Understanding:
    """Everything needed to find the meaning of a text."""

    sentences: Sentences
    safety: SafetyRules
    nearest: NearestMeaning
    thresholds: Thresholds
    alarm: Alarm | None = None
    """The trained alarm.

    `None` if the folder has none; the odds of danger then follow from the similarity to the danger intents.
    """

    def understand(self, text: str, context: Context = "none", confidence: float = 1.0) -> Match:
        """Return the meaning of a typed or recognized text. `confidence` is the recognizer's, from 0.0 to 1.0.

        In the context `guide`, a session is running, and its commands take priority over everything except safety.
        """
        return self.meaning(self.normalize(text), context, confidence)

    def normalize(self, text: str) -> NormalizedText:
        """Return a text as a `NormalizedText`, which holds every form in which rules, templates and classifiers compare
        texts.
        """
        return self.sentences.language.normalize(text)

    def meaning(self, said: NormalizedText, context: Context = "none", confidence: float = 1.0) -> Match:
        """Return the meaning of a text that is already normalized. See `understand`."""
        first, *rest = said.parts
        is_spelled = all(len(word) == 1 for word in first.words)  # a letter is a cough, or the start of a word
        if is_spelled and self.safety.find(first).highest is None:  # but "d v t" is a name
            match = Match(NONE_INTENT, score=0.0, decided_by="none")
        else:
            match = self._meaning(first, context, confidence)
        for part in dict.fromkeys(rest):  # text that was pasted repeatedly is processed once
            match = self._with_danger_in(part, match, context, confidence)
        return match

    def _with_danger_in(self, part: NormalizedText, match: Match, context: Context, confidence: float) -> Match:
        """Return the meaning of a long text, including any danger that the rules find in a later part."""
        flag = self.safety.find(part).highest
        if flag is None or flag.level not in HELP_NOW or _danger_rank(match) <= (HELP_NOW.index(flag.level), 0):
            return match
        meant = self._meaning(part, context, confidence)
        if _danger_rank(meant) >= _danger_rank(match):
            return match
        if meant.is_alarm or match.intent in (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE):
            return meant
        return replace(match, family=meant.family, certainty=meant.certainty, possible=meant.possible or meant.intent)

    def is_for_us(self, heard: Transcript, match: Match, so_far: str = "") -> bool:
        """Return whether overheard speech is meant for the assistant: it matches a template or clearly names the
        subject.

        A command, "yes" or "thanks" has a meaning only during a conversation, and similarity alone may be a
        coincidence. A red flag may be a recognition error. If another recognizer returned a partial transcript
        (`so_far`), that transcript must contain a red flag as well, unless the confidence is high.
        """
        if match.decided_by == "command":
            return match.intent == GUIDE_START
        if match.decided_by == "exact":
            return self._group(match.intent) != TALK_GROUP or len(heard.text.split()) >= _FEW_WORDS
        if match.intent in HELP_NOW:
            if match.certainty != "certain":
                return False
            is_clear = heard.confidence >= self.thresholds.overheard_clear
            return is_clear or not so_far or self.urgent_flag(self.normalize(so_far)) is not None
        is_sure = match.score >= self.thresholds.overheard and heard.confidence >= self.thresholds.overheard_confident
        return is_sure and self._group(match.intent) not in {TALK_GROUP, COMMAND_GROUP}

    def with_runner_up(self, text: str, match: Match) -> Match:
        """Return the match with the second-best meaning, even if similarity was not needed to decide."""
        if match.runner_up is not None:
            return match
        ranking = self.nearest.rank(self.normalize(text).essence)
        return replace(match, runner_up=_next_best(ranking.scores(), match.intent))

    def _meaning(self, said: NormalizedText, context: Context, confidence: float) -> Match:
        flags = self.safety.find(said)
        danger = self._danger(said, flags, context, confidence)
        if danger is not None and confidence < self.thresholds.alarm_clear:
            danger = replace(danger, certainty="possible")
        if confidence < self.thresholds.heard and (danger is None or not danger.is_by_rule):
            return Match(NONE_INTENT, score=0.0, decided_by="none")
        if danger is not None and danger.certainty == "certain":
            return self._raised(said, danger, flags)
        meant = self._without_danger(said, flags, context)
        if danger is None:
            return meant
        if meant.intent in (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE):
            return self._raised(said, danger, flags)
        return replace(meant, family=danger.family, certainty="possible", possible=danger.level)

    def _without_danger(self, said: NormalizedText, flags: Flags, context: Context) -> Match:
        """Return the meaning of a text, disregarding any danger in it."""
        denied = _denies_danger(flags)
        redirect = self._redirect(said, flags)
        if denied and flags.rest:
            said = self.normalize(flags.rest)
        meant = self._short_command(said) if context == "guide" else None
        if meant is not None:
            return Match(meant, decided_by="command")
        claim = self._exact(said, context)
        if claim is not None and claim.intent not in HELP_NOW:
            return replace(self._claimed(said, claim, redirect), denied=denied)
        if redirect is not None:
            return replace(self._flagged(said, redirect), denied=denied)
        not_meant = {flag.level for flag in flags.denied}
        is_sign = any(flag.level in HELP_NOW for flag in flags.raised)
        may_be_misheard = not flags.raised and not denied
        ranked = [
            (intent, score)
            for intent, score in self._ranked(said.essence).scores()
            if intent not in not_meant and self._may_mean(intent, said)
        ]
        nearest = self._nearest(said, ranked)
        redirected = self._learned_redirect(said) if not is_sign else None
        learned = redirected or (self._asks_about_danger(said) if not is_sign else None)
        if learned is not None and learned.intent not in not_meant and self._outweighs_a_topic(said, nearest):
            is_repaired = redirected is not None and may_be_misheard
            return replace(self._repaired(said, learned) if is_repaired else learned, denied=denied)
        asked = self._about_what_was_asked(said, nearest)
        return replace(self._repaired(said, asked) if may_be_misheard else asked, denied=denied)

    def _repaired(self, said: NormalizedText, meant: Match) -> Match:
        """Return the meaning of a text whose unknown words were misheard, or `meant` if no repair is understood better.

        A repair that matches a template word for word is trusted. One that is only similar must be a question or name
        the subject. It never replaces the refusal of something else, or the reply that nothing is known of a thing.
        """
        if meant.decided_by not in ("nearest", "unsure", "none"):
            return meant
        best: Match | None = None
        is_silent = not self._says_more(meant) and meant.intent not in (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE)
        for repaired in self._mishearing.repairs(said.essence):
            repair = self.normalize(repaired.text)
            if is_silent and not repaired.is_close:
                continue  # a thing that is unknown, not misheard
            claim = self._exact(repair, "none")
            if claim is not None and claim.intent not in HELP_NOW and self._may_be_repaired_to(claim.intent):
                found = self._claimed(repair, claim, None)
                return replace(found, score=_SCORE_OF_A_REPAIR, decided_by="nearest")
            text, language = repaired.text, repair.language
            is_ours = language.names_the_subject(text) or language.begins_a_question(text)
            if is_silent or not is_ours or meant.intent == OUT_OF_SCOPE or meant.intent in LEVELS:
                continue
            ranked = list(self._ranked(repair.essence).scores())
            found = self._about_what_was_asked(repair, self._nearest(repair, ranked))
            is_better = self._says_more(found) and _is_well_understood(found) and found.intent not in LEVELS
            if is_better and self._may_be_repaired_to(found.intent) and (best is None or found.score > best.score):
                best = found
        if best is None or (self._says_more(meant) and best.score <= meant.score + _BETTER):
            return meant
        return replace(best, score=min(best.score, _SCORE_OF_A_REPAIR), decided_by="nearest")

    def _says_more(self, match: Match) -> bool:
        """Return whether a match is more than a refusal, or the reply that nothing is known."""
        is_silent = match.intent in map(self._intent_with, self.sentences.language.asked_first) and not match.slots
        return match.intent not in (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE) and not is_silent

    def _may_be_repaired_to(self, intent: str) -> bool:
        return intent == GUIDE_START or self._group(intent) != COMMAND_GROUP

    @cached_property
    def _mishearing(self) -> Mishearing:
        def is_known(word: str) -> bool:
            return self.sentences.knows(word) or self.nearest.is_familiar(word)

        return Mishearing(self.sentences.language, self.sentences.telling_words, is_known)

    def _redirect(self, said: NormalizedText, flags: Flags) -> Flag | None:
        """Return the redirect that a rule finds, unless the alarm rules it out."""
        flag = next((flag for flag in flags.raised if flag.level not in HELP_NOW), None)
        return flag if flag is not None and self._may_mean(flag.level, said) else None

    def _may_mean(self, intent: str, said: NormalizedText) -> bool:
        """Return whether a text may mean an intent. Only redirects can be ruled out, by the alarm."""
        if self.alarm is None or intent not in REDIRECTS:
            return True
        return self.alarm.suspicion(said.essence).redirect_odds >= self.thresholds.rule_redirect

    def _learned_redirect(self, said: NormalizedText) -> Match | None:
        """Return the redirect that the alarm considers likely enough even though no rule matches, or `None`."""
        if self.alarm is None or self._asks_about_unknown(said) or not self._is_known(said):
            return None
        if self._asks_about_a_remedy(said):
            return None
        suspicion = self.alarm.suspicion(said.essence)
        if suspicion.redirect is None or suspicion.redirect_odds < self.thresholds.redirect:
            return None
        score = round(logistic(suspicion.redirect_odds), 4)
        return Match(suspicion.redirect, self._slots_in(said, suspicion.redirect), score, "nearest")

    def _outweighs_a_topic(self, said: NormalizedText, nearest: Match) -> bool:
        """Return whether a redirect may be acted on although a text may name a topic, or end in a question, of its own.

        "my doctor offered an injection, should i have it" is for a doctor, but "does wine matter" is about wine, and a
        grandson in a story is not who has the cramp. The same holds for a text that is well understood otherwise, such
        as "could i be dehydrated".
        """
        has_topic = (
            _is_well_understood(nearest)
            or self.about(said) is not None
            or self._asked_at_the_end(said, beside=None) is not None
        )
        if not has_topic or self.alarm is None:
            return True
        return self.alarm.suspicion(said.essence).redirect_odds >= self.thresholds.redirect_sure

    def _asks_about_danger(self, said: NormalizedText) -> Match | None:
        """Return the intent for diagnoses if a question about people in general is about danger, or `None`.

        "what if your foot goes cold and white" raises no alarm, but must not be answered with a tip.
        """
        if self.alarm is None or not self.safety.is_general_question(said.comparable):
            return None
        odds = self.alarm.suspicion(said.essence).odds
        if odds < self.thresholds.alarm_possible:
            return None
        return Match(ASK_DIAGNOSIS, self._slots_in(said, ASK_DIAGNOSIS), round(logistic(odds), 4), "nearest")

    def _asks_about_a_remedy(self, said: NormalizedText) -> bool:
        """Return whether a text asks about a value that is no medicine: "does vinegar help leg cramps"."""
        asked = said.language.asked_about(said.essence)
        return bool(asked) and bool(self.sentences.find_slots(asked, said.language.remedy_slots, misheard=False))

    def _asks_about_unknown(self, said: NormalizedText) -> bool:
        """Return whether a text asks about something that occurs in no template: "does zorbing help leg cramps"."""
        asked = said.language.asked_about(said.essence).split()
        return bool(asked) and not self.sentences.knows(asked[-1])

    def _about_what_was_asked(self, said: NormalizedText, nearest: Match) -> Match:
        """Return the nearest meaning, unless the text asks about something else.

        In that case, return the meaning for the thing that it asks about.
        """
        language, group, comparable = said.language, self._group(nearest.intent), said.essence
        is_ours = language.names_the_subject(comparable)
        is_firm = group == COMMAND_GROUP or nearest.intent in LEVELS or (nearest.intent == OUT_OF_SCOPE and not is_ours)
        if nearest.decided_by == "nearest" and is_firm:
            return nearest
        asks = is_ours or language.begins_a_question(comparable)
        if not asks and nearest.intent in map(self._intent_with, language.asked_first):
            nearest = replace(nearest, intent=NONE_INTENT, slots={}, decided_by="none")  # "i'm eighty" asks nothing
        is_understood = nearest.intent not in (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE)
        is_question = is_understood or asks
        named = self.about(said) if is_question else None
        ended = None
        if named is not None or not _is_well_understood(nearest):
            ended = self._asked_at_the_end(said, beside=named)
        if ended is None and (named is not None or nearest.decided_by in ("none", "unsure")):
            ended = self._meant_at_the_end(said, beside=named)
        if ended is not None:
            return ended
        if named is not None:
            return named
        blamed = language.blamed_in(comparable)
        named = self._named_in(blamed, language.asked_first) if blamed and not nearest.slots else None
        if named is not None:
            return named
        if is_understood and (group == TALK_GROUP or nearest.slots):
            return nearest
        asked = language.asked_about(comparable).split()
        if is_understood and (not asked or self._is_about(asked, nearest.intent)):
            return nearest
        if not asked and not is_ours:
            return nearest
        return self._otherwise(comparable, nearest, is_asked=bool(asked))

    def _asked_at_the_end(self, said: NormalizedText, beside: Match | None) -> Match | None:
        """Return the meaning of a question at the end of a story that matches a template word for word, or `None`.

        A general question ("why do i get cramps") says nothing `beside` a thing that the story names.
        """
        for question in self._questions_at_the_end(said, after=1):
            claim = self._exact(question, "none")
            if claim is None or self._group(claim.intent) in (COMMAND_GROUP, TALK_GROUP):
                continue
            if beside is None or said.language.question_in(question.essence) != claim.intent:
                return self._claimed(said, claim, None)
        return None

    def _meant_at_the_end(self, said: NormalizedText, beside: Match | None) -> Match | None:
        """Return the meaning of a question at the end of a story that is well understood by similarity, or `None`.

        A question about a thing in `asked_first` needs no similarity.
        """
        for question in self._questions_at_the_end(said, after=_WORDS_OF_A_STORY):
            if self.about(question) is not None:
                return None
            nearest = self._nearest(question, list(self._ranked(question.essence).scores()))
            is_ours = self._group(nearest.intent) not in (COMMAND_GROUP, TALK_GROUP) and nearest.intent not in LEVELS
            is_general = beside is not None and said.language.question_in(question.essence) == nearest.intent
            if is_ours and not is_general and _is_well_understood(nearest):
                return replace(nearest, slots={**nearest.slots, **self._slots_in(said, nearest.intent)})
        return None

    def _questions_at_the_end(self, said: NormalizedText, after: int) -> Iterator[NormalizedText]:
        """Yield the parts of a text that begin a question after at least so many words, the longest first."""
        words = said.essence.split()
        for start in range(after, len(words) - _FEW_WORDS):
            if said.language.begins_a_question(words[start]):
                yield self.normalize(" ".join(words[start:]))

    def _otherwise(self, comparable: str, nearest: Match, *, is_asked: bool) -> Match:
        """Return the meaning of a text about the subject that is not understood otherwise.

        This is the intent for a thing that the text names, the intent that its question words ask for, or the reply
        that nothing is known. `is_asked` says that the text has one of the forms in `asked`.
        """
        language = self.sentences.language
        is_question = is_asked or language.begins_a_question(comparable)
        named = self._named_in(comparable, language.asked_first) if is_question else None
        if named is not None:
            return named
        intent = None if is_asked else language.question_in(comparable)
        if intent is None and is_question:
            intent = next(map(self._intent_with, language.asked_first), None)
        if intent is None:
            return nearest
        slots = self.sentences.find_slots(comparable, self.sentences.slots_of.get(intent, ()), misheard=False)
        return Match(intent, slots, score=nearest.score, decided_by="nearest")

    def _is_about(self, asked: list[str], intent: str) -> bool:
        """Return whether an intent contains any of the words that were asked about.

        The last of these words must be known.
        """
        if intent in (NONE_INTENT, UNSURE_INTENT) or not self.sentences.knows(asked[-1]):
            return False
        telling = [word for word in asked if not self.sentences.is_common(word)]
        return not telling or any(
            self.sentences.means(intent, word) or self.nearest.knows(word, intent) for word in telling
        )

    def about(self, said: NormalizedText) -> Match | None:
        """Return the meaning of a text that names a value in `asked_first`, or `None` if it names none."""
        for slot, values in said.language.asked_first.items():
            named = self._named_in(said.comparable, (slot,), values)
            if named is not None:
                return named
        return None

    def _named_in(self, comparable: str, slots: Iterable[str], values: tuple[str, ...] | None = None) -> Match | None:
        """Return the intent for the first of the given slots that has a value in a text, or `None`.

        `values` limits the values that count.
        """
        for slot in slots:
            said = self.sentences.find_slots(comparable, (slot,), misheard=False).get(slot, "").split(", ")
            named = [value for value in said if value and (values is None or value in values)]
            intent = self._intent_with(slot)
            if named and intent is not None:
                return Match(intent, {slot: ", ".join(named)}, 1.0, "exact")
        return None

    def _intent_with(self, slot: str) -> str | None:
        """Return the first intent whose templates use a slot."""
        return next((intent for intent, slots in self.sentences.slots_of.items() if slot in slots), None)

    def _ranked(self, comparable: str) -> Ranking:
        """Return the similarity of a text to every intent.

        If too few words of the text are known, return an empty ranking.
        """
        is_known = self.nearest.known_share(comparable) >= MIN_KNOWN_SHARE
        return self.nearest.rank(comparable) if is_known else NOTHING_NEAR

    def _danger(self, said: NormalizedText, flags: Flags, context: Context, confidence: float) -> _Danger | None:
        """Return the danger in a text, or `None`. Its certainty follows from the rules that match and from the odds.

        A text that matches a template for danger is fully certain. A text that matches another template word for word
        is no danger, unless a rule says otherwise.
        """
        claim = self._exact(said, context)
        flag = flags.highest if flags.highest is not None and flags.highest.level in HELP_NOW else None
        if claim is not None and claim.intent in HELP_NOW:
            if flag is not None and LEVELS.index(flag.level) <= LEVELS.index(claim.intent):
                return _Danger(flag.level, "certain", flag.family, is_by_rule=True)
            return _Danger(claim.intent, "certain", None, claim=claim)
        if flag is None and (claim is not None or self._is_harmless(said, context)):
            return None
        if flag is not None and flag.is_clear:
            return _Danger(flag.level, "certain", flag.family, is_by_rule=True)
        suspicion = self.suspicion(said, flags)
        thresholds = self.thresholds
        more = thresholds.alarm_short if len(said.words) <= FEW_WORDS_OF_DANGER else 0.0
        more += thresholds.alarm_session if context == "guide" else 0.0
        odds = suspicion.odds - more
        certain, possible = thresholds.alarm_certain, thresholds.alarm_possible
        if flag is not None:
            certain, possible = min(certain, thresholds.rule_certain), min(possible, thresholds.rule_possible)
        if flag is not None and odds < possible and self._is_sign_so_far(said, flag):
            odds = possible  # any sign is enough to name the emergency number
        if odds < possible or (flag is None and self.alarm is not None and not self._is_known(said)):
            return None
        emergency, urgent = HELP_NOW
        is_emergency = suspicion.emergency >= thresholds.emergency
        if flag is not None:  # a rule determines the level, unless the alarm is sure of a higher one
            is_emergency = flag.level == emergency or (is_emergency and odds >= thresholds.alarm_certain)
        level = emergency if is_emergency else urgent
        family = flag.family if flag is not None and flag.level == level else None
        is_old = flag is None and flags.is_past
        certainty: Certainty = "certain" if odds >= certain and not is_old else "possible"
        return _Danger(level, certainty, family, is_by_rule=flag is not None, odds=suspicion.odds)

    def _is_sign_so_far(self, said: NormalizedText, flag: Flag) -> bool:
        """Return whether the part of a text up to the end of a sign would be a certain danger by itself."""
        before, found, _ = said.comparable.partition(flag.words)
        if not found or self.alarm is None:
            return False
        so_far = self.alarm.suspicion(self.sentences.language.without_fillers(before + found))
        return so_far.odds >= self.thresholds.rule_certain

    def _is_known(self, said: NormalizedText) -> bool:
        return self.nearest.known_share(said.essence) >= MIN_KNOWN_SHARE

    def _is_harmless(self, said: NormalizedText, context: Context) -> bool:
        """Return whether a text is a command, a question about people in general, or a fragment. Such a text counts as
        harmless unless a rule matches.
        """
        is_command = context == "guide" and self._short_command(said) is not None
        is_general = self.safety.is_general_question(said.comparable)
        return is_command or is_general or self.safety.is_fragment(said.comparable)

    def suspicion(self, said: NormalizedText, flags: Flags) -> Suspicion:
        """Return the alarm's estimate of the danger in a text."""
        if self.alarm is not None:
            whole, clauses = self.alarm.suspicion(said.essence), tuple(self._clauses(said))
            claims = (claim for clause in clauses for claim in self.sentences.exact(self.normalize(clause)))
            if any(claim.intent in HELP_NOW for claim in claims):
                return replace(whole, odds=math.inf)
            if not any(flag.level in HELP_NOW for flag in flags.raised):
                return whole
            return max((whole, *map(self.alarm.suspicion, clauses)), key=lambda suspicion: suspicion.odds)
        # Similarity takes no account of denials and idioms.
        left = flags.rest if _denies_danger(flags) else flags.plain
        shares = dict(self._ranked((said if left is None else self.normalize(left)).essence).scores())
        emergency, urgent = (shares.get(level, 0.0) for level in HELP_NOW)
        together = min(emergency + urgent, 1.0 - _EDGE)
        if together < _EDGE:
            return NO_SUSPICION
        return Suspicion(math.log(together / (1 - together)), emergency / (emergency + urgent))

    def _clauses(self, said: NormalizedText) -> Iterator[str]:
        """Yield the clauses of a text, without a command before them.

        Text next to a sign therefore does not weaken the sign.
        """
        clauses = self.safety.clauses(said.comparable)
        for clause in clauses:
            first, _, rest = clause.partition(" ")
            if rest and first not in self.safety.negators and self.command(self.normalize(first)) is not None:
                yield self.sentences.language.without_fillers(rest)
            elif len(clauses) > 1:
                yield self.sentences.language.without_fillers(clause)

    def _raised(self, said: NormalizedText, danger: _Danger, flags: Flags) -> Match:
        slots = self._slots_in(said, danger.level)
        if danger.claim is not None or danger.is_by_rule:
            family, template = danger.family, danger.claim.template if danger.claim is not None else None
            if family is None:
                family = self._family(said, self.nearest.rank(said.essence), danger.level)
            score, runner_up = 1.0, None
        else:
            ranking = self.nearest.rank(said.essence)
            family = self._family(said, ranking, danger.level)
            template = self.nearest.nearest_template(said.essence, danger.level)
            score, runner_up = round(logistic(danger.odds), 4), _next_best(ranking.scores(), danger.level)
        return Match(
            danger.level,
            slots,
            score,
            "safety",
            family,
            template,
            runner_up,
            denied=_denies_danger(flags) and not danger.is_by_rule,
            certainty=danger.certainty,
        )

    def _family(self, said: NormalizedText, ranking: Ranking, level: str) -> str | None:
        """Return the most similar family of a level. A family with its own words counts only if the text contains one
        of them.
        """
        family = ranking.family(level)
        return family if family is None or self.safety.may_be(family, said.essence) else None

    def urgent_flag(self, said: NormalizedText) -> Flag | None:
        """Return an emergency or urgent flag that is certain even in a partial transcript, or `None`."""
        flags = self.safety.find(said)
        flag = flags.highest
        if flag is None or flag.level not in HELP_NOW:
            return None
        is_certain = flag.is_clear or self.suspicion(said, flags).odds >= self.thresholds.rule_certain
        return flag if is_certain else None

    def command(self, said: NormalizedText) -> str | None:
        """Return the intent of the session command that a text matches word for word, or `None`."""
        claims = (claim.intent for claim in self.sentences.exact(said) if self._group(claim.intent) == COMMAND_GROUP)
        return self._short_command(said) or next(claims, None)

    def _short_command(self, said: NormalizedText) -> str | None:
        """Return the intent of a short phrase such as "ready", which is a command only in a session, or `None`."""
        return self.sentences.language.in_session.get(said.comparable)

    def _exact(self, said: NormalizedText, context: Context) -> Claim | None:
        claims = self.sentences.exact(said)
        if context == "guide":
            commands = [claim for claim in claims if self._group(claim.intent) == COMMAND_GROUP]
            claims = (*[claim for claim in claims if claim.intent in LEVELS], *commands, *claims)
        return claims[0] if claims else None

    def _claimed(self, said: NormalizedText, claim: Claim, flag: Flag | None) -> Match:
        if flag is not None and claim.intent in LEVELS and LEVELS.index(flag.level) <= LEVELS.index(claim.intent):
            intent, family = flag.level, flag.family
        else:
            intent, family = claim.intent, None
        decided: Literal["safety", "command", "exact"] = "exact"
        if intent in LEVELS:
            decided = "safety"
        elif self._group(intent) == COMMAND_GROUP:
            decided = "command"
        empty = [slot for slot in self.sentences.slots_of.get(intent, ()) if slot not in claim.slots]
        found = self.sentences.find_slots(said.comparable, empty, misheard=False)  # every word is in the template
        return Match(intent, {**claim.slots, **found}, 1.0, decided, family, claim.template)

    def _flagged(self, said: NormalizedText, flag: Flag) -> Match:
        return Match(flag.level, self._slots_in(said, flag.level), 1.0, "safety", flag.family)

    def _slots_in(self, said: NormalizedText, intent: str) -> dict[str, str]:
        return self.sentences.find_slots(said.comparable, self.sentences.slots_of.get(intent, ()))

    def _nearest(self, said: NormalizedText, ranked: list[tuple[str, float]]) -> Match:
        """Return the nearest meaning that is not an alarm, by the scores of the other intents."""
        others = [(intent, score) for intent, score in ranked if intent not in HELP_NOW]
        whole = sum(score for _, score in others) or 1.0
        ranked = [(intent, score / whole) for intent, score in others]
        if not ranked:
            return Match(NONE_INTENT, score=0.0, decided_by="none")
        (intent, score), (second, second_score) = ranked[0], ranked[1] if len(ranked) > 1 else (NONE_INTENT, 0.0)
        decided = self.thresholds.decision(score, second_score, may_ask=OUT_OF_SCOPE not in (intent, second))
        believed = self.thresholds.believed(score)
        left = (1 - believed) / (1 - score) if score < 1.0 else 0.0
        slots = self._slots_in(said, intent)
        return Match(
            intent={"unsure": UNSURE_INTENT, "none": NONE_INTENT}.get(decided, intent),
            slots=slots if decided == "nearest" else {},
            score=round(believed, 4),
            decided_by=decided,
            template=self.nearest.nearest_template(said.essence, intent),
            runner_up=RunnerUp(second, round(left * second_score, 4)),
            candidates=(intent, second) if decided == "unsure" else (),
        )

    def _group(self, intent: str) -> str | None:
        return self.sentences.group_of.get(intent)


def _danger_rank(match: Match) -> tuple[int, int]:
    """Return a sort key for the urgency of the danger in a match, most urgent first: its level, then its certainty."""
    level = match.intent if match.intent in HELP_NOW else match.possible
    rank = HELP_NOW.index(level) if level in HELP_NOW else len(HELP_NOW)
    return (rank, 0) if match.certainty == "certain" else (rank + len(HELP_NOW), 1)


def _is_well_understood(match: Match) -> bool:
    """Return whether a text as a whole is understood well enough by similarity."""
    return match.decided_by == "nearest" and match.intent != OUT_OF_SCOPE and match.score >= _WELL_UNDERSTOOD


def _denies_danger(flags: Flags) -> bool:
    return any(flag.level in HELP_NOW for flag in flags.denied)


def _next_best(ranked: list[tuple[str, float]], intent: str) -> RunnerUp | None:
    return next((RunnerUp(name, round(score, 4)) for name, score in ranked if name != intent), None)


def read_thresholds(item: Item, problems: Problems) -> Thresholds:
    """Read `thresholds.yaml`. Mistakes are added to `problems`."""
    file = read(ThresholdsFile, item, problems)
    given = {each.name: getattr(file, each.name) for each in fields(Thresholds)}
    return replace(USUAL_THRESHOLDS, **{name: value for name, value in given.items() if value is not None})
