"""Interpret an utterance in its context: a running session, the assistant's own voice, or a question that was just
asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from voice_helper.dialogue.answers import Answers
from voice_helper.dialogue.commands import COMMANDS, STOP
from voice_helper.dialogue.follow_ups import FollowUps
from voice_helper.dialogue.guide import Guide
from voice_helper.dialogue.state import State
from voice_helper.types import GUIDE_START, NONE_INTENT, OUT_OF_SCOPE, UNSURE_INTENT, Heard, Match, Transcript
from voice_helper.understanding.normalize import NormalizedText
from voice_helper.understanding.understand import Context, Understanding

SURE_OF_COMMAND: Final = 0.2
"""The minimum score at which an utterance in a session is taken as the short command that it sounds most like."""

SURE_OF_COMMAND_OVER_SPEECH: Final = 0.6
"""The minimum score while the assistant is speaking, because its speech may be misrecognized as a command.

"stop" is exempt.
"""

MAX_COMMAND_WORDS: Final = 6
"""The maximum length, in words, of a phrase that counts as one command said several times: "next next"."""

SURE_OVER_SPEECH: Final = 0.65
"""The minimum confidence for a command or question during the assistant's speech."""

QUESTION_WORDS_OVER_SPEECH: Final = 4
"""The minimum number of words for a question during the assistant's speech."""

CERTAIN: Final = ("safety", "command", "exact")
"""The stages of understanding whose result is certain, so that no alternative transcript is tried."""

_FIRM: Final = ("safety", "command")


@dataclass(frozen=True, slots=True)
class Interpretation:
    """An utterance, and its meaning in its context."""

    transcript: Transcript
    said: NormalizedText
    """The transcript, normalized."""

    match: Match


@dataclass(frozen=True)
class Interpreter:
    """Interprets utterances, given the intents folder and the state of the conversation."""

    understanding: Understanding
    answers: Answers
    guide: Guide | None
    follow_ups: FollowUps

    def interpret(self, state: State, event: Heard) -> Interpretation:
        """Return the transcript of an utterance and its meaning in the current state of the conversation."""
        normalize = self.understanding.normalize
        heard = self.words_in_session(state, event.transcript, over_speech=event.over_speech is not None)
        said = normalize(heard.text)
        if state.session is not None:
            said = self._said_once(said)
            heard = replace(heard, text=said.text)
        if event.overheard:  # with so many alternatives, overheard speech would match something too easily
            heard = replace(heard, alternatives=())
        if event.over_speech is None:
            return self._best_explained(heard, said, _context(state))
        whole_said = normalize(event.over_speech)
        whole = self.understanding.meaning(whole_said, _context(state))
        are_most_theirs = 2 * len(heard.text.split()) >= len(event.over_speech.split())
        if whole.decided_by == "command" or (whole.decided_by == "exact" and are_most_theirs):
            return Interpretation(replace(heard, text=event.over_speech), whole_said, whole)
        return self._best_explained(replace(heard, alternatives=()), said, _context(state))  # mostly an echo

    def words_in_session(self, state: State, heard: Transcript, *, over_speech: bool) -> Transcript:
        """Return the transcript or, if a session is running and the utterance sounds like a short command, that
        command.
        """
        if state.session is None or not heard.command:
            return heard
        may_be_us = over_speech and not self.is_stop(heard.command)
        if heard.command_fit < (SURE_OF_COMMAND_OVER_SPEECH if may_be_us else SURE_OF_COMMAND):
            return heard
        if self.understanding.urgent_flag(self.understanding.normalize(heard.text)):
            return heard
        return replace(heard, text=heard.command, confidence=max(heard.confidence, heard.command_fit), alternatives=())

    def is_stop(self, text: str) -> bool:
        """Return whether a text is "stop", the command that is never ignored."""
        return self.means_stop(self.understanding.normalize(text))

    def means_stop(self, said: NormalizedText) -> bool:
        """Return whether a normalized text is "stop"."""
        return bool(self.understanding.sentences.exact(self._said_once(said), only=(STOP,)))

    def _said_once(self, said: NormalizedText) -> NormalizedText:
        """Reduce a command that was said several times in a row, such as "next next", to a single one."""
        words = said.words
        for length in range(1, min(len(words) // 2, MAX_COMMAND_WORDS) + 1):
            once, times = words[:length], len(words) // length
            if once * times == words:
                command = self.understanding.normalize(" ".join(once))
                if self.understanding.command(command) is not None:
                    return command
        return said

    def _best_explained(self, transcript: Transcript, said: NormalizedText, context: Context) -> Interpretation:
        """Return the transcript and its meaning.

        If the transcript has no meaning, use an equally likely alternative that has a certain meaning.
        """
        match = self.understanding.meaning(said, context, transcript.confidence)
        if transcript.text and match.intent in (NONE_INTENT, UNSURE_INTENT):
            for other in transcript.alternatives:
                other_said = self.understanding.normalize(other)
                meant = self.understanding.meaning(other_said, context)
                if meant.decided_by in CERTAIN and meant.intent != OUT_OF_SCOPE:
                    return Interpretation(replace(transcript, text=other, alternatives=()), other_said, meant)
        return Interpretation(transcript, said, match)

    def with_trouble_now(self, said: NormalizedText, match: Match) -> Match:
        """If part of a text reports a cramp or a similar problem, return the start of a session, whatever else the text
        says.
        """
        is_judged = match.is_alarm and match.score < 1.0  # by similarity rather than by a rule
        is_alarm = match.is_alarm and not is_judged
        if self.guide is None or match.intent == GUIDE_START or is_alarm:
            return match
        if match.decided_by in CERTAIN and not is_judged:
            return match
        understanding = self.understanding
        for clause, rest in self.guide.clauses(said.words):
            claims = understanding.sentences.exact(understanding.normalize(clause), only=(GUIDE_START,))
            claim = next(iter(claims), None)
            if claim is not None:
                also = (match, *(understanding.understand(words) for words in rest if words))
                if is_judged and any(each.is_alarm for each in also[1:]):
                    return match
                if is_judged:  # mostly because of this report; the rest alone is not a certain danger
                    match = replace(match, certainty="possible", possible=match.intent)
                named = {name: "on" for each in also for name in self.guide.conditions_in(each)}
                return replace(
                    match, intent=GUIDE_START, slots={**claim.slots, **named}, score=1.0, decided_by="command",
                    template=claim.template, candidates=(),
                )  # fmt: skip
        return match

    def answering_our_question(self, state: State, match: Match, said: NormalizedText) -> Match:
        """Interpret "yes", "the first", or one of the two names as the answer to "Did you mean ..., or ...?"."""
        if not state.candidates:
            return match
        number = 0 if match.intent == "yes" else self.follow_ups.choice(said)
        if number is None and match.intent in (NONE_INTENT, UNSURE_INTENT):
            number = self._named(state.candidates, said)
        if number is None:
            return match
        return Match(state.candidates[number], match.slots, match.score, "exact")

    def _named(self, intents: tuple[str, ...], said: NormalizedText) -> int | None:
        """Return the index of the intent that a text names, or `None`.

        A text names an intent if it is the title of the intent, or if at least half of its words occur in this title
        and in no other.
        """
        language = self.understanding.sentences.language
        titles = [language.words(self.answers.entries[intent].title) for intent in intents]
        words = tuple(said.essence.split())
        if words in titles:
            return titles.index(words)
        own = [set(title).difference(*(other for other in titles if other != title)) for title in titles]
        named = [number for number, mine in enumerate(own) if 2 * len(mine.intersection(words)) >= len(words)]
        return named[0] if len(named) == 1 else None

    def may_be_us(self, state: State, event: Heard, heard: Interpretation, *, expected: str | None) -> bool:
        """Return whether text recognized while the assistant was speaking may be its own speech, misrecognized.

        "Stop" takes effect at any confidence, as does speech on which two recognizers agree. A sign of danger is
        doubted only if the assistant's own speech contains it. A question counts if it matches a template and is too
        long for a coincidence.
        """
        transcript, match = heard.transcript, heard.match
        if event.over_speech is None or match.intent in (STOP, expected):
            return False
        if match.decided_by == "safety":
            return match.family in self._own_families(event.own)
        if transcript.confidence < SURE_OVER_SPEECH:
            return True
        if match.decided_by == "command":
            return state.session is None and not state.candidates and not _works_anywhere(match)
        return match.decided_by != "exact" or len(transcript.text.split()) < QUESTION_WORDS_OVER_SPEECH

    def _own_families(self, own: str) -> frozenset[str | None]:
        """Return the families of red flags that the assistant's own speech names.

        If they are recognized while it plays, they are not a sign of danger.
        """
        if not own:
            return frozenset()
        return frozenset(
            flag.family for flag in self.understanding.safety.find(self.understanding.normalize(own)).raised
        )

    def two_questions(self, said: NormalizedText, match: Match) -> tuple[Match, Match] | None:
        """Return the meanings of two questions in one utterance, or `None` if the text is not two questions."""
        if match.decided_by in CERTAIN:
            return None
        for halves in self.follow_ups.split(said):
            first, second = (self.understanding.understand(half) for half in halves)
            topics = self.follow_ups.topics
            if first.intent == second.intent or not (first.intent in topics and second.intent in topics):
                continue
            decided = {first.decided_by, second.decided_by}
            if "exact" in decided and decided <= {"exact", "nearest"}:
                return first, second
        return None

    def needs_topic(self, said: NormalizedText, match: Match) -> bool:
        """Return whether a text has a meaning only in reference to a topic, even if it resembles a complete sentence.

        An example is "why".
        """
        if match.decided_by not in ("nearest", "unsure"):
            return False
        return self.follow_ups.kind(said) is not None or self.follow_ups.choice(said) is not None

    def going_on(self, topic: Match, said: NormalizedText, match: Match) -> Match:
        """Interpret a follow-up such as "what about magnesium" as a question of the same kind as the last one.

        If it has no meaning of this kind, try the other kinds.
        """
        if match.decided_by in _FIRM:
            return match
        group_of = self.understanding.sentences.group_of
        own = group_of.get(topic.intent, "")
        near: list[Match] = []
        for group, whole in self.follow_ups.framed(said, own):
            meant = self.understanding.understand(whole)
            if group_of.get(meant.intent) != group or (group != own and match.decided_by == "exact"):
                continue
            if meant.decided_by == "exact":
                return meant
            if meant.slots and match.intent in (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE):
                near.append(meant)
        if not near and match.intent in (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE):  # "now i'm eighty", after age
            return self.understanding.about(said) or match
        return near[0] if near else match


def _context(state: State) -> Context:
    return "guide" if state.session is not None else "none"


def _works_anywhere(match: Match) -> bool:
    command = COMMANDS.get(match.intent)
    return command is not None and command.works_anywhere
