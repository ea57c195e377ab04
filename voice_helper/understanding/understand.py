"""Text in, meaning out: red flags, then exact templates, then redirects, then the nearest meaning."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Final, Literal, Protocol

from voice_helper.content.documents import Item, Problems
from voice_helper.types import (
    COMMAND_GROUP,
    GUIDE_START,
    NONE_INTENT,
    OUT_OF_SCOPE,
    TALK_GROUP,
    UNSURE_INTENT,
    Decision,
    Match,
    RunnerUp,
    Transcript,
)
from voice_helper.understanding.ranking import NOTHING_NEAR, Ranking
from voice_helper.understanding.safety import LEVELS, Flag, SafetyRules
from voice_helper.understanding.sentences import Claim, Sentences

Context = Literal["none", "guide"]

HELP_NOW: Final = ("emergency", "urgent")
_FEW_WORDS: Final = 3
"""Fewer, such as "thank you", are said by everybody to everybody."""

MIN_KNOWN_SHARE: Final = 0.34
"""Fewer known words than this, and nearness means nothing."""


_OF_SCORES: Final = ("score_slope", "score_offset")


def logistic(odds: float) -> float:
    """Return the share that log odds stand for."""
    return 0.5 + 0.5 * math.tanh(odds / 2)


class NearestMeaning(Protocol):
    """Ranks all intents for a text, and shows which template it came nearest to."""

    def rank(self, comparable: str) -> Ranking:
        """Return how near a text is to every meaning."""

    def known_share(self, comparable: str) -> float:
        """Return the share of the words of a text that the templates know."""

    def nearest_template(self, comparable: str, intent: str) -> str | None:
        """Return the nearest template of an intent."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which nearness on a meaning is acted on; set on labelled sentences, never guessed in code."""

    sure: float
    margin: float
    unsure: float
    safety: float
    """The share of emergency and urgent meanings together from which on they are acted on."""

    safety_misheard: float
    """The same where the recognizer is less than `confident` of the words."""

    confident: float
    """From this confidence on the recognizer is taken at its word."""

    safety_cut: float
    """The same where another sign was clearly denied, or an idiom taken out."""

    emergency: float
    """Of that share, so much makes it an emergency: when in doubt, the higher level."""

    overheard: float = 0.5
    """The least score for words that were overheard: nobody has called us or talked with us just before."""

    overheard_safety: float = 0.8
    """`safety`, for words that were overheard."""

    overheard_confident: float = 0.7
    """Overheard words of which the recognizer is less sure are no near meaning."""

    overheard_clear: float = 0.8
    """An overheard red flag of which the recognizer is so sure counts, whatever the words so far were."""

    score_slope: float = 1.0
    """With `score_offset`, how nearness becomes a score that can be believed, in log odds."""

    score_offset: float = 0.0

    def believed(self, nearness: float) -> float:
        """Return how often a meaning as near as this is right: of those with a score of 0.9, nine in ten."""
        if not 0.0 < nearness < 1.0:
            return nearness
        odds = self.score_slope * math.log(nearness / (1 - nearness)) + self.score_offset
        return logistic(odds)

    def decision(self, score: float, second_score: float, *, may_ask: bool) -> Decision:
        """Return what the nearness of the two nearest meanings leads to."""
        if score >= self.sure and score - second_score >= self.margin:
            return "nearest"
        is_near_enough = score >= self.unsure and score + second_score >= self.sure
        return "unsure" if is_near_enough and may_ask else "none"


USUAL_THRESHOLDS: Final = Thresholds(
    sure=0.15,
    margin=0.04,
    unsure=0.1,
    safety=0.35,
    safety_misheard=0.45,
    confident=0.6,
    safety_cut=0.6,
    emergency=0.42,
)
"""For a folder that has no `thresholds.yaml`."""


@dataclass(frozen=True)
class Understanding:
    """Everything needed to give a text its meaning."""

    sentences: Sentences
    safety: SafetyRules
    nearest: NearestMeaning
    thresholds: Thresholds

    def understand(self, text: str, context: Context = "none", confidence: float = 1.0) -> Match:
        """Return the meaning of what was heard or typed; `confidence` is the recognizer's, from 0.0 to 1.0.

        In the context `guide` a session is going on: its commands win over everything but safety.
        """
        if not self.sentences.language.words(text):
            return Match(NONE_INTENT, score=0.0, decided_by="none")
        return self._meaning(text, context, confidence)

    def is_for_us(self, heard: Transcript, match: Match, so_far: str = "") -> bool:
        """Tell whether words that were overheard are for us: a question in our words, or clearly one about our subject.

        A command, a "yes" or a "thanks" means something only where we have talked; a near meaning may be chance. A red
        flag may be misheard: where words so far came (`so_far`, from another recognizer), they must have had one, too,
        or the words be clear.
        """
        if match.decided_by == "command":
            return match.intent == GUIDE_START
        if match.decided_by == "exact":
            return self._group(match.intent) != TALK_GROUP or len(heard.text.split()) >= _FEW_WORDS
        if match.intent in HELP_NOW:
            is_near = match.runner_up is not None
            if is_near and match.score < self.thresholds.overheard_safety:
                return False
            is_clear = heard.confidence >= self.thresholds.overheard_clear
            return is_clear or not so_far or self.urgent_flag(so_far) is not None
        is_sure = match.score >= self.thresholds.overheard and heard.confidence >= self.thresholds.overheard_confident
        return is_sure and self._group(match.intent) not in {TALK_GROUP, COMMAND_GROUP}

    def with_runner_up(self, text: str, match: Match) -> Match:
        """Return a match with the meaning that came next, also where nearness was not needed to decide."""
        if match.runner_up is not None:
            return match
        ranking = self.nearest.rank(self.sentences.language.essence(text))
        return replace(match, runner_up=_next_best(ranking.scores(), match.intent))

    def _meaning(self, text: str, context: Context, confidence: float) -> Match:
        flags = self.safety.find(text)
        denied = any(flag.level in HELP_NOW for flag in flags.denied)
        flag = flags.highest
        if flag is not None and flag.level in HELP_NOW:
            return self._flagged(text, flag)
        if denied:
            text = flags.rest or text
        language = self.sentences.language
        meant = self._short_command(text) if context == "guide" else None
        if meant is not None:
            return Match(meant, decided_by="command")
        claim = self._exact(text, context)
        if claim is not None:
            return replace(self._claimed(text, claim, flag), denied=denied)
        comparable = language.essence(text)
        ranking = self._ranked(comparable)
        threshold = self._alarm_threshold(confidence, is_cut=denied or flags.plain is not None)
        if flags.plain is None:
            alarm = self._alarm(comparable, ranking, threshold)
        else:  # an idiom is no sign of danger, neither to a rule nor to what is near to one
            plain = language.essence(flags.plain)
            alarm = self._alarm(plain, self._ranked(plain), threshold)
        if alarm is not None:
            return replace(alarm, denied=denied)
        if flag is not None:
            return replace(self._flagged(text, flag), denied=denied)
        return replace(self._nearest(text, comparable, ranking.scores()), denied=denied)

    def _ranked(self, comparable: str) -> Ranking:
        """Return how near a text is to every meaning, where enough of its words are known."""
        is_known = self.nearest.known_share(comparable) >= MIN_KNOWN_SHARE
        return self.nearest.rank(comparable) if is_known else NOTHING_NEAR

    def _alarm_threshold(self, confidence: float, *, is_cut: bool) -> float:
        if is_cut:  # fragments come near to much by chance
            return self.thresholds.safety_cut
        is_confident = confidence >= self.thresholds.confident
        return self.thresholds.safety if is_confident else self.thresholds.safety_misheard

    def _alarm(self, comparable: str, ranking: Ranking, threshold: float) -> Match | None:
        """Raise a red flag that no rule knows, where the wording is near enough to those that are."""
        ranked = ranking.scores()
        shares = {intent: share for intent, share in ranked if intent in HELP_NOW}
        together = sum(shares.values())
        if together < threshold or self.safety.is_general_question(comparable) or self.safety.is_fragment(comparable):
            return None
        emergency, urgent = HELP_NOW
        is_emergency = shares.get(emergency, 0.0) >= self.thresholds.emergency * together
        intent = emergency if is_emergency else urgent
        return Match(
            intent,
            score=round(together, 4),
            decided_by="safety",
            family=ranking.family(intent),
            template=self.nearest.nearest_template(comparable, intent),
            runner_up=_next_best(ranked, intent),
        )

    def urgent_flag(self, text: str) -> Flag | None:
        """Return an emergency or urgent flag that is certain already in half an utterance."""
        flag = self.safety.find(text).highest
        return flag if flag is not None and flag.level in HELP_NOW else None

    def command(self, text: str) -> str | None:
        """Return the intent of the session's command that a text is, word for word."""
        claims = (claim.intent for claim in self.sentences.exact(text) if self._group(claim.intent) == COMMAND_GROUP)
        return self._short_command(text) or next(claims, None)

    def _short_command(self, text: str) -> str | None:
        """Return what a word such as "ready" means in a session and nowhere else."""
        language = self.sentences.language
        return language.in_session.get(language.comparable(text))

    def _exact(self, text: str, context: Context) -> Claim | None:
        claims = self.sentences.exact(text)
        if context == "guide":
            commands = [claim for claim in claims if self._group(claim.intent) == COMMAND_GROUP]
            claims = (*[claim for claim in claims if claim.intent in LEVELS], *commands, *claims)
        return claims[0] if claims else None

    def _claimed(self, text: str, claim: Claim, flag: Flag | None) -> Match:
        if flag is not None and claim.intent in LEVELS and LEVELS.index(flag.level) <= LEVELS.index(claim.intent):
            return Match(flag.level, claim.slots, 1.0, "safety", flag.family, claim.template)
        group = self._group(claim.intent)
        decided: Literal["safety", "command", "exact"] = "exact"
        if claim.intent in LEVELS:
            decided = "safety"
        elif group == COMMAND_GROUP:
            decided = "command"
        family = None
        if claim.intent in HELP_NOW:
            family = self.nearest.rank(self.sentences.language.essence(text)).family(claim.intent)
        return Match(claim.intent, claim.slots, 1.0, decided, family, claim.template)

    def _flagged(self, text: str, flag: Flag) -> Match:
        comparable = self.sentences.language.comparable(text)
        slots = self.sentences.find_slots(comparable, self.sentences.slots_of.get(flag.level, ()))
        return Match(flag.level, slots, 1.0, "safety", flag.family)

    def _nearest(self, text: str, comparable: str, ranked: list[tuple[str, float]]) -> Match:
        """Return the nearest meaning below an alarm: what is left of the scores decides."""
        others = [(intent, score) for intent, score in ranked if intent not in HELP_NOW]
        whole = sum(score for _, score in others) or 1.0
        ranked = [(intent, score / whole) for intent, score in others]
        if not ranked:
            return Match(NONE_INTENT, score=0.0, decided_by="none")
        (intent, score), (second, second_score) = ranked[0], ranked[1] if len(ranked) > 1 else (NONE_INTENT, 0.0)
        decided = self.thresholds.decision(score, second_score, may_ask=OUT_OF_SCOPE not in (intent, second))
        believed = self.thresholds.believed(score)
        left = (1 - believed) / (1 - score) if score < 1.0 else 0.0
        language = self.sentences.language
        slots = self.sentences.find_slots(language.comparable(text), self.sentences.slots_of.get(intent, ()))
        return Match(
            intent={"unsure": UNSURE_INTENT, "none": NONE_INTENT}.get(decided, intent),
            slots=slots if decided == "nearest" else {},
            score=round(believed, 4),
            decided_by=decided,
            template=self.nearest.nearest_template(comparable, intent),
            runner_up=RunnerUp(second, round(left * second_score, 4)),
            candidates=(intent, second) if decided == "unsure" else (),
        )

    def _group(self, intent: str) -> str | None:
        return self.sentences.group_of.get(intent)


def _next_best(ranked: list[tuple[str, float]], intent: str) -> RunnerUp | None:
    return next((RunnerUp(name, round(score, 4)) for name, score in ranked if name != intent), None)


def read_thresholds(item: Item, problems: Problems) -> Thresholds:
    """Read `thresholds.yaml`."""
    names = [field.name for field in fields(Thresholds)]
    known = frozenset({"language", *names, "set_on", "figures"})
    top = item.mapping(problems, "thresholds.yaml", known=known)

    def share(name: str) -> float:
        if name in _OF_SCORES:
            return top[name].number(problems, name) if name in top else getattr(USUAL_THRESHOLDS, name)
        if name not in top:
            problems.add(item.place, f'thresholds.yaml needs "{name}", a number from 0 to 1')
            return 0.0
        value = top[name].number(problems, name)
        if not 0.0 <= value <= 1.0:
            problems.add(top[name].place, f"{name} must be from 0 to 1, not {value}")
        return value

    return Thresholds(**{name: share(name) for name in names})
