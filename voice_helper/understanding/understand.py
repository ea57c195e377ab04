"""Find the meaning of a text: red flags first, then exact templates, then redirects, then the nearest meaning."""

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
"""Shorter phrases, such as "thank you", may be meant for anyone."""

MIN_KNOWN_SHARE: Final = 0.34
"""Below this share of known words, nearness says nothing."""


_OF_SCORES: Final = ("score_slope", "score_offset")


def logistic(odds: float) -> float:
    """Convert log odds to a probability."""
    return 0.5 + 0.5 * math.tanh(odds / 2)


class NearestMeaning(Protocol):
    """Ranks all intents by their nearness to a text, and finds the nearest template."""

    def rank(self, comparable: str) -> Ranking:
        """Return the nearness of a text to every intent."""

    def known_share(self, comparable: str) -> float:
        """Return the share of the text's words that the templates contain, from 0.0 to 1.0."""

    def nearest_template(self, comparable: str, intent: str) -> str | None:
        """Return the template of an intent that is nearest to a text, or `None` if the intent has none."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The minimum nearness for each decision. They are tuned on labelled sentences, not guessed in code."""

    sure: float
    margin: float
    unsure: float
    safety: float
    """The minimum for the combined share of emergency and urgent meanings."""

    safety_misheard: float
    """The same, if the recognizer's confidence is below `confident`."""

    confident: float
    """The minimum confidence to trust the recognizer's words."""

    safety_cut: float
    """The same, if another sign was clearly denied or an idiom was removed."""

    emergency: float
    """The minimum part of that share for an emergency. It is below one half: when in doubt, the higher level wins."""

    overheard: float = 0.5
    """The minimum score for overheard words, which nobody addressed to the program."""

    overheard_safety: float = 0.8
    """`safety`, for words that were overheard."""

    overheard_confident: float = 0.7
    """The minimum confidence for a nearest meaning of overheard words."""

    overheard_clear: float = 0.8
    """From this confidence, an overheard red flag counts regardless of the partial words."""

    score_slope: float = 1.0
    """With `score_offset`, converts nearness to a calibrated score, in log odds."""

    score_offset: float = 0.0

    def believed(self, nearness: float) -> float:
        """Return the calibrated score for a nearness: the share of meanings this near that are right."""
        if not 0.0 < nearness < 1.0:
            return nearness
        odds = self.score_slope * math.log(nearness / (1 - nearness)) + self.score_offset
        return logistic(odds)

    def decision(self, score: float, second_score: float, *, may_ask: bool) -> Decision:
        """Decide from the nearness of the two nearest meanings whether to answer, to ask back or to refuse."""
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
"""For a folder without `thresholds.yaml`."""


@dataclass(frozen=True)
class Understanding:
    """Everything needed to understand a text."""

    sentences: Sentences
    safety: SafetyRules
    nearest: NearestMeaning
    thresholds: Thresholds

    def understand(self, text: str, context: Context = "none", confidence: float = 1.0) -> Match:
        """Return the meaning of a typed or recognized text. `confidence` is the recognizer's, from 0.0 to 1.0.

        In the context `guide`, a session is running, and its commands take priority over everything except safety.
        """
        if not self.sentences.language.words(text):
            return Match(NONE_INTENT, score=0.0, decided_by="none")
        return self._meaning(text, context, confidence)

    def is_for_us(self, heard: Transcript, match: Match, so_far: str = "") -> bool:
        """Return whether overheard words are meant for the program: they match a template or clearly name its subject.

        A command, "yes" or "thanks" has a meaning only during a conversation, and a near meaning may be chance. A red
        flag may be misheard. If there are partial words (`so_far`, from another recognizer), they must contain a red
        flag as well, unless the words were heard clearly.
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
        """Return the match with the second-best meaning, even if nearness was not needed to decide."""
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
        else:  # an idiom must not raise an alarm, neither by a rule nor by nearness
            plain = language.essence(flags.plain)
            alarm = self._alarm(plain, self._ranked(plain), threshold)
        if alarm is not None:
            return replace(alarm, denied=denied)
        if flag is not None:
            return replace(self._flagged(text, flag), denied=denied)
        return replace(self._nearest(text, comparable, ranking.scores()), denied=denied)

    def _ranked(self, comparable: str) -> Ranking:
        """Return the nearness of a text to every intent, or no nearness if too few of its words are known."""
        is_known = self.nearest.known_share(comparable) >= MIN_KNOWN_SHARE
        return self.nearest.rank(comparable) if is_known else NOTHING_NEAR

    def _alarm_threshold(self, confidence: float, *, is_cut: bool) -> float:
        if is_cut:  # fragments are near many meanings by chance
            return self.thresholds.safety_cut
        is_confident = confidence >= self.thresholds.confident
        return self.thresholds.safety if is_confident else self.thresholds.safety_misheard

    def _alarm(self, comparable: str, ranking: Ranking, threshold: float) -> Match | None:
        """Return a red flag that no rule covers, if the text is near enough to known wordings, otherwise `None`."""
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
        """Return an emergency or urgent flag that is certain even in an incomplete utterance, or `None`."""
        flag = self.safety.find(text).highest
        return flag if flag is not None and flag.level in HELP_NOW else None

    def command(self, text: str) -> str | None:
        """Return the intent of the session command that a text matches word for word, or `None`."""
        claims = (claim.intent for claim in self.sentences.exact(text) if self._group(claim.intent) == COMMAND_GROUP)
        return self._short_command(text) or next(claims, None)

    def _short_command(self, text: str) -> str | None:
        """Return the intent of a word such as "ready", which is a command only in a session, or `None`."""
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
    """Read `thresholds.yaml`. Mistakes are added to `problems`."""
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
