"""The core of the skill: `step(state, event)` returns a new state and the actions to execute.

The core uses no device, clock, thread, network or randomness. Typed text, an audio file, the microphone and the servers
all drive this same function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from voice_helper.dialogue import guide as guided
from voice_helper.dialogue.answers import Answers
from voice_helper.dialogue.commands import COMMANDS, REPEAT, STOP, move_of, pace_of
from voice_helper.dialogue.disclaimer import DisclaimerState
from voice_helper.dialogue.follow_ups import ABOUT_A_TOPIC, ONWARD, FollowUp, FollowUps, Topic
from voice_helper.dialogue.guide import Guide, Move, Session
from voice_helper.types import (
    GUIDE_START,
    NONE_INTENT,
    OUT_OF_SCOPE,
    SAMPLE_RATE,
    UNSURE_INTENT,
    Action,
    Answer,
    End,
    Event,
    Heard,
    Hush,
    Match,
    Outage,
    Pace,
    PartlyHeard,
    Quiet,
    Row,
    Say,
    Transcript,
    Understood,
)
from voice_helper.understanding.safety import Flag
from voice_helper.understanding.understand import HELP_NOW, Context, Understanding

REPEAT_AFTER_SECONDS: Final = 10
"""An emergency or urgent reply is repeated after this time, while listening continues."""

POSSIBLE_SECONDS: Final = 30
"""A second possible sign of danger, or a "yes", within this time makes the first one certain."""

STEADY_SECONDS: Final = 0.25
"""A red flag in a partial transcript must persist for this long, because partial transcripts fluctuate."""

COMMAND_STEADY_SECONDS: Final = 0.1
"""A command in a partial transcript must persist for this long before it interrupts the speech."""

ATTENTION_SECONDS: Final = 8
"""For this time after an answer, the assistant asks the user to repeat speech that it did not understand, even in open
listening.
"""

SURE_OF_COMMAND: Final = 0.2
"""An utterance in a session counts as the short command that it sounds most like if the score is at least this high."""

SURE_OF_COMMAND_OVER_SPEECH: Final = 0.6
"""The same threshold while a prompt is playing, which may be misrecognized as a command. "stop" is exempt."""

LONGEST_COMMAND_WORDS: Final = 6
"""Longer phrases, when repeated, do not count as one command said several times."""

SURE_OVER_SPEECH: Final = 0.65
"""The minimum confidence for a command or question during the assistant's speech."""

QUESTION_WORDS_OVER_SPEECH: Final = 4
"""The minimum number of words for a question during the assistant's speech."""

_CERTAIN: Final = ("safety", "command", "exact")
_FIRM: Final = ("safety", "command")

YES: Final = "yes"
_ALERT: Final = "alert"
TAKE_BACK: Final = "take_back"
"""The intent of withdrawing a sign of danger."""


@dataclass(frozen=True, slots=True)
class Owed:
    """An emergency or urgent reply that is still to be repeated."""

    answer: Answer
    in_samples: int


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """The last answer, which the user can ask to repeat or follow up."""

    match: Match | None = None
    rows: tuple[Row, ...] | None = None
    """The rows spoken in reply to the match, if they were not its first answer."""

    topic: Match | None = None
    """The topic that "why" and "tell me more" refer to."""

    pages_given: int = 0
    """How often the user has been told more about the topic."""

    led_through: tuple[str, ...] = ()
    """The intents that follow-ups have led through, so that "next" does not go round in circles."""


@dataclass(frozen=True, slots=True)
class WordsSoFar:
    """Conclusions from the partial transcript of the current utterance."""

    acted_on: str | None = None
    """What was acted on during the utterance, so that the end of the utterance does not trigger the same action
    again.
    """

    suspected: Flag | None = None
    """A red flag in the partial transcript."""

    suspected_samples: int = 0
    """How long the red flag has persisted."""

    commanded: str | None = None
    """The command in the partial transcript. It interrupts the speech before it is executed."""

    commanded_samples: int = 0
    """How long the command has persisted."""

    hushed_for: str | None = None
    """The command that interrupted the speech, while the rest of the utterance is still arriving."""


@dataclass(frozen=True, slots=True)
class Alerts:
    """The signs of danger in a conversation."""

    level: str | None = None
    """The level of the last certain sign that was not withdrawn. It limits the answers from then on."""

    family: str | None = None
    possible: str | None = None
    """The level of a sign that was only possible. A second one, or a "yes", makes it certain."""

    possible_family: str | None = None
    possible_samples: int = 0
    """For how long the possible sign still counts."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Consecutive failures."""

    misheard: int = 0
    """The number of consecutive utterances that were not understood."""

    lost: int = 0
    """The number of consecutive utterances in which the recognizer failed."""


@dataclass(frozen=True, slots=True)
class Attention:
    """The period after an answer in which the assistant asks once to repeat speech that it did not understand, even in
    open listening.
    """

    samples: int = 0
    """The remaining time, in samples."""

    is_owed: bool = False
    """Whether the answer is still being spoken. The period begins at its end."""

    def after(self, samples: int) -> Attention:
        """Return the state after some time has passed."""
        return replace(self, samples=max(0, self.samples - samples))


@dataclass(frozen=True, slots=True)
class State:
    """The state of a conversation."""

    hands_free: bool = False
    """Open listening: the assistant ignores speech that is not meant for it."""

    can_lead: bool = False
    """Whether time advances in this interface. If so, an utterance can start a session even without open listening."""

    situation: Mapping[str, str] = field(default_factory=dict)
    """Facts other than the utterance, such as `{"recording": "on"}`."""

    session: Session | None = None
    conditions: frozenset[str] = frozenset()
    """The conditions that the user has mentioned, by their names in the guide. They make a session skip steps."""

    disclaimer: DisclaimerState = field(default_factory=DisclaimerState)
    owed: Owed | None = None
    candidates: tuple[str, ...] = ()
    """The two meanings offered in the last question."""

    last: LastAnswer = field(default_factory=LastAnswer)
    so_far: WordsSoFar = field(default_factory=WordsSoFar)
    failures: Failures = field(default_factory=Failures)
    alerts: Alerts = field(default_factory=Alerts)
    attention: Attention = field(default_factory=Attention)


@dataclass(frozen=True)
class Conversation:
    """Combines understanding, answers and the guided session."""

    understanding: Understanding
    answers: Answers
    guide: Guide | None = None
    follow_ups: FollowUps = field(default_factory=FollowUps)

    def article_only(self) -> Conversation:
        """Return a conversation whose sessions use only the article's own text and the safety rows."""
        return replace(self, guide=self.guide.article_only() if self.guide is not None else None)

    def by_turns(self) -> Conversation:
        """Return a conversation for interfaces that speak only in reply. See `turn_taking`."""
        return replace(self, guide=self.guide.by_turns() if self.guide is not None else None)

    def step(self, state: State, event: Event) -> tuple[State, tuple[Action, ...]]:
        """Process one event. Return the new state and the actions, in order."""
        if isinstance(event, Outage):
            return self._gave_out(state, event)
        if isinstance(event, Heard):
            begun = replace(state, so_far=WordsSoFar(), failures=replace(state.failures, lost=0))
            after, actions = self._heard(begun, event, already=state.so_far.acted_on, expected=state.so_far.hushed_for)
            if len(self.understanding.sentences.language.parts(event.transcript.text)) > 1:
                actions = _with_row_last(actions, self.answers.unread)
            return self._say_step_again(after, actions) if state.so_far.hushed_for is not None else (after, actions)
        if isinstance(event, PartlyHeard):
            return self._partly_heard(state, event)
        if isinstance(event, Quiet):
            return self._time_passed(state, event)
        return self._done_speaking(state)

    def begin_guide(self, state: State, place: str | None = None) -> tuple[State, tuple[Action, ...]]:
        """Start the guided session immediately, as a key press would. `place` is a value of the guide's place slot."""
        if self.guide is None:
            return state, ()
        move = guided.begin(self.guide, self.answers.short, place=place, conditions=state.conditions)
        move = replace(move, hush=True)
        return self._moved(replace(_listened(state), owed=None, last=replace(state.last, topic=None)), move)

    def come_back(self, state: State, samples: int) -> tuple[State, tuple[Action, ...]]:
        """Continue after a time in which the user could not be reached. Speech that was playing counts as not
        spoken.
        """
        state = replace(state, so_far=WordsSoFar(), disclaimer=state.disclaimer.cut_off())
        if state.alerts.possible is not None and state.alerts.possible_samples <= samples:
            state = replace(state, alerts=Alerts(state.alerts.level, state.alerts.family))
        if state.session is None or self.guide is None:
            return state, ()
        return self._moved(state, guided.come_back(self.guide, state.session, samples))

    def seconds_left(self, state: State) -> tuple[float, float] | None:
        """Return the remaining and the total seconds of the current hold, rest or wait."""
        if state.session is None or self.guide is None:
            return None
        return guided.seconds_left(self.guide, state.session)

    def steps(self, state: State) -> tuple[int, int] | None:
        """Return the number of the session's current step and of its last step."""
        if state.session is None or self.guide is None:
            return None
        return guided.steps(self.guide, state.session)

    def words_in_session(self, state: State, heard: Transcript, *, over_speech: bool) -> Transcript:
        """Return the transcript. In a session, return the short command that the whole utterance sounds like, if
        any.
        """
        if state.session is None or not heard.command:
            return heard
        may_be_us = over_speech and not self.is_stop(heard.command)
        if heard.command_fit < (SURE_OF_COMMAND_OVER_SPEECH if may_be_us else SURE_OF_COMMAND):
            return heard
        if self.understanding.urgent_flag(heard.text):
            return heard
        return replace(heard, text=heard.command, confidence=max(heard.confidence, heard.command_fit), alternatives=())

    def context(self, state: State) -> Context:
        """Return the context in which utterances are understood."""
        return "guide" if state.session is not None else "none"

    def _gave_out(self, state: State, outage: Outage) -> tuple[State, tuple[Action, ...]]:
        """Announce a failure after the current speech. A session stays at its step.

        If recognition keeps failing, only the first two failures are announced, to spare the user further apologies.
        """
        name: str = f"{outage.part}_back" if outage.is_over else outage.part
        again: tuple[Action, ...] = ()
        if name == "hearing":
            was_hushed = state.so_far.hushed_for is not None
            lost = state.failures.lost + 1
            state = replace(state, so_far=WordsSoFar(), failures=replace(state.failures, lost=lost))
            if was_hushed:
                state, again = self._say_step_again(state, ())
            name = {1: "hearing", 2: "hearing_again"}.get(state.failures.lost, "")
        row = self.answers.outages.get(name)
        return state, (*again, Say((row,), because=outage.reason)) if row else again

    # Utterances

    def _partly_heard(self, state: State, event: PartlyHeard) -> tuple[State, tuple[Action, ...]]:
        """Act on what cannot wait for the end of the utterance: a red flag, and "stop" in a session.

        A partial transcript of overheard speech triggers nothing, because most red flags in speech that is not meant
        for the assistant are recognition errors.
        """
        so_far = state.so_far
        if so_far.acted_on is not None or (event.overheard and state.hands_free and state.session is None):
            return state, ()
        text = event.text
        flag = self.understanding.urgent_flag(text)
        if flag is not None and flag.level == HELP_NOW[0] and not event.own:  # may be the assistant's own speech
            known = so_far.suspected is not None and so_far.suspected.family == flag.family
            so_far = replace(so_far, suspected=flag, suspected_samples=so_far.suspected_samples if known else 0)
        else:
            so_far = replace(so_far, suspected=None)
        if state.session is not None and self.is_stop(text):
            stopped = replace(state, so_far=replace(so_far, acted_on=STOP))
            return self._heard(stopped, Heard(Transcript(text)), already=None, expected=None)
        if state.session is not None and so_far.hushed_for is None:
            command = self.understanding.command(text)
            known = command is not None and command == so_far.commanded
            so_far = replace(so_far, commanded=command, commanded_samples=so_far.commanded_samples if known else 0)
        return replace(state, so_far=so_far), ()

    def _say_step_again(self, state: State, actions: tuple[Action, ...]) -> tuple[State, tuple[Action, ...]]:
        """Repeat the session step that was interrupted, unless the interrupting utterance is acted on."""
        acted = any(isinstance(action, (Say, Hush, End, Pace)) for action in actions)
        if acted or state.session is None or self.guide is None or state.session.stage != "saying":
            return state, actions
        state, again = self._moved(state, guided.repeat(self.guide, state.session))
        return state, (*actions, *again)

    def _may_be_us(
        self, state: State, event: Heard, transcript: Transcript, match: Match, *, expected: str | None
    ) -> bool:
        """Return whether speech recognized while the assistant was speaking may be its own, misrecognized.

        "Stop" takes effect at any confidence, and so does speech on which two recognizers agree. A sign of danger is
        doubted only if the assistant's own speech contains it. A question counts if it matches a template and is too
        long for a coincidence.
        """
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
        """Return the red flags that the assistant's own prompt names. Recognizing them while it plays proves
        nothing.
        """
        if not own:
            return frozenset()
        return frozenset(flag.family for flag in self.understanding.safety.find(own).raised)

    def _act_on_suspicion(self, state: State, flag: Flag) -> tuple[State, tuple[Action, ...]]:
        match = Match(flag.level, decided_by="safety", family=flag.family, certainty="certain")
        state, actions = self._help_now(state, Transcript(flag.words), match)
        return replace(state, so_far=replace(state.so_far, acted_on=match.intent, suspected=None)), actions

    def is_stop(self, text: str) -> bool:
        """Return whether a text is "stop", the command that is never ignored."""
        return bool(self.understanding.sentences.exact(self._said_once(text), only=(STOP,)))

    def _heard(
        self, state: State, event: Heard, *, already: str | None, expected: str | None
    ) -> tuple[State, tuple[Action, ...]]:
        """Act on a complete utterance.

        `already` is what was acted on during the utterance. `expected` is the command that interrupted the speech.
        """
        transcript, match = self._meaning(state, event)
        match = self._with_trouble_now(transcript.text, match)
        if not transcript.text:
            return state, ()
        if self._may_be_us(state, event, transcript, match, expected=expected):
            return state, ()
        if already == STOP or (already in HELP_NOW and match.certainty is not None):
            return state, ()
        match = self._answering_our_question(state, match, transcript.text)
        if not event.addressed and state.session is None and not self.understanding.urgent_flag(transcript.text):
            return state, ()
        is_overheard = event.overheard and state.hands_free and not state.candidates
        if is_overheard and not self.understanding.is_for_us(transcript, match, event.so_far):
            return state, (Understood(transcript, match, overheard=True),)
        match = self._confirmed(state, match)
        if match.is_alarm:
            return self._help_now(state, transcript, match)
        if match.certainty == "possible":
            return self._may_be_danger(state, transcript, match, is_overheard=is_overheard)
        was_on_alert = state.alerts.level is not None
        state = self._taken_back(state, transcript, match)
        if match.intent == TAKE_BACK and was_on_alert:
            match = replace(match, slots={**match.slots, _ALERT: "on"})
        match = self._limited(state, match)
        return self._acted_on(state, transcript, match, is_overheard=is_overheard)

    def _confirmed(self, state: State, match: Match) -> Match:
        """Return a certain alarm after a second possible one, or after a "yes" to a possible one. Otherwise return the
        match.
        """
        alerts = state.alerts
        if match.certainty == "possible" and not self.answers.possible.text:  # no reply for it: treat it as certain
            return Match(match.possible or match.intent, decided_by="safety", family=match.family, certainty="certain")
        is_yes = match.intent == YES and match.decided_by in _CERTAIN
        if alerts.possible is None or match.is_alarm or not (match.certainty == "possible" or is_yes):
            return match
        now = match.intent if match.intent in HELP_NOW else match.possible
        level = min((level for level in (alerts.possible, now) if level), key=HELP_NOW.index)
        family = alerts.possible_family if level == alerts.possible else match.family
        return Match(level, decided_by="safety", family=family, certainty="certain")

    def _may_be_danger(
        self, state: State, transcript: Transcript, match: Match, *, is_overheard: bool
    ) -> tuple[State, tuple[Action, ...]]:
        """Name the emergency number, then handle the rest of the utterance. A possible danger neither ends nor moves a
        session.
        """
        level = match.intent if match.intent in HELP_NOW else match.possible
        alerts = replace(
            state.alerts, possible=level, possible_family=match.family, possible_samples=POSSIBLE_SECONDS * SAMPLE_RATE
        )
        state = replace(state, alerts=alerts)
        row = self.answers.filled(self.answers.possible)
        if match.intent in HELP_NOW:
            answer = Answer((row,))
            return state, (Understood(transcript, match, answer), Say(answer.rows))
        state, actions = self._acted_on(state, transcript, self._limited(state, match), is_overheard=is_overheard)
        return state, _with_row_first(actions, row)

    def _taken_back(self, state: State, transcript: Transcript, match: Match) -> State:
        """If the utterance denies or withdraws a remembered sign of danger, return the state without it."""
        if state.alerts.level is None:
            return state
        is_denied = match.denied and self.understanding.safety.denies(transcript.text, state.alerts.family)
        if match.intent == TAKE_BACK or is_denied:
            return replace(state, alerts=Alerts())
        return state

    def _limited(self, state: State, match: Match) -> Match:
        """If an earlier sign of danger rules out this advice, return the reply to that sign. Otherwise return the
        match.
        """
        alerts = state.alerts
        if alerts.level is None:
            return match
        stops = self.understanding.safety.remembered.get(alerts.level, ())
        group = self.understanding.sentences.group_of.get(match.intent, "")
        if match.intent not in stops and group not in stops:
            return match
        return Match(alerts.level, decided_by="safety", family=alerts.family)

    def _acted_on(
        self, state: State, transcript: Transcript, match: Match, *, is_overheard: bool
    ) -> tuple[State, tuple[Action, ...]]:
        if self.guide is not None:
            state = replace(state, conditions=state.conditions | self.guide.conditions_in(match))
        if state.session is not None and self.guide is not None:
            return self._heard_in_session(state, transcript, match, self.guide, state.session)
        topic = state.last.topic
        if not is_overheard and match.decided_by != "safety":
            kind = self.follow_ups.kind(transcript.text)
            if kind is not None and (topic is not None or kind not in ABOUT_A_TOPIC):
                return self._followed(state, transcript, kind)
            both = self._two_questions(transcript.text, match)
            if both is not None:
                return self._both_answered(state, transcript, *both)
        if topic is not None and not is_overheard:
            match = self._limited(state, self._going_on(topic, transcript.text, match))
        elif self._needs_topic(transcript.text, match):
            match = Match(NONE_INTENT, score=0.0, decided_by="none")
        return self._asked(state, transcript, match)

    def _two_questions(self, text: str, match: Match) -> tuple[Match, Match] | None:
        """Return the meanings of two questions in one utterance, or `None` if the text is not two questions."""
        if match.decided_by in _CERTAIN:
            return None
        for halves in self.follow_ups.split(text):
            first, second = (self.understanding.understand(half) for half in halves)
            topics = self.follow_ups.topics
            if first.intent == second.intent or not (first.intent in topics and second.intent in topics):
                continue
            decided = {first.decided_by, second.decided_by}
            if "exact" in decided and decided <= {"exact", "nearest"}:
                return first, second
        return None

    def _both_answered(
        self, state: State, transcript: Transcript, first: Match, second: Match
    ) -> tuple[State, tuple[Action, ...]]:
        for each in (first, second):
            if (limited := self._limited(state, each)) is not each:
                return self._asked(state, transcript, limited)
        rows = tuple(dict.fromkeys(row for each in (first, second) for row in self._answer(state, each).rows))
        answer = self.answers.going_on(rows, full_given=state.disclaimer.given)
        state, actions = self._say_answer(state, transcript, first, answer)
        return replace(state, last=LastAnswer(first, rows, topic=second)), actions

    def _needs_topic(self, text: str, match: Match) -> bool:
        """Return whether a text means nothing without a topic, even if it resembles a sentence: a bare "why"."""
        if match.decided_by not in ("nearest", "unsure"):
            return False
        return self.follow_ups.kind(text) is not None or self.follow_ups.choice(text) is not None

    def _asked(self, state: State, transcript: Transcript, match: Match) -> tuple[State, tuple[Action, ...]]:
        if match.intent in (NONE_INTENT, UNSURE_INTENT) or (match.intent == OUT_OF_SCOPE and state.hands_free):
            return self._not_understood(state, transcript, match)
        if match.intent == GUIDE_START and self.guide is not None and (state.hands_free or state.can_lead):
            state, actions = self.begin_guide(state, match.slots.get(self.guide.places.slot))
            return replace(state, last=replace(state.last, match=match)), (Understood(transcript, match), *actions)
        if match.intent == STOP:
            answer = self._answer(state, match)
            silent = replace(_listened(state), owed=None, disclaimer=state.disclaimer.cut_off())
            said = () if state.hands_free else (Say(answer.spoken_rows()),)
            return silent, (Understood(transcript, match, answer), Hush("stop"), *said)
        if match.intent == REPEAT and state.last.match is not None:
            answer = self._last_answer(state, state.last.match)
            return self._say_answer(state, transcript, match, answer, topic=state.last.match.intent)
        return self._say_and_remember(state, transcript, match)

    def _say_and_remember(
        self, state: State, transcript: Transcript, match: Match, *, topic: str | None = None
    ) -> tuple[State, tuple[Action, ...]]:
        state, actions = self._say_answer(state, transcript, match, self._answer(state, match), topic=topic)
        pace = pace_of(match)
        if match.decided_by != "command":
            can_go_on = match.intent in self.follow_ups.topics
            state = replace(state, last=LastAnswer(match, topic=match if can_go_on else None))
        return state, ((pace, *actions) if pace else actions)

    def _last_answer(self, state: State, match: Match) -> Answer:
        if state.last.rows is None:
            return self._answer(state, match)
        return self.answers.going_on(state.last.rows, full_given=state.disclaimer.given)

    def _going_on(self, topic: Match, text: str, match: Match) -> Match:
        """Interpret "what about magnesium" as a question of the same kind as the last one, or otherwise of another
        kind.
        """
        if match.decided_by in _FIRM:
            return match
        group_of = self.understanding.sentences.group_of
        own = group_of.get(topic.intent, "")
        near: list[Match] = []
        for group, whole in self.follow_ups.framed(text, own):
            meant = self.understanding.understand(whole)
            if group_of.get(meant.intent) != group or (group != own and match.decided_by == "exact"):
                continue
            if meant.decided_by == "exact":
                return meant
            if meant.slots and match.intent in (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE):
                near.append(meant)
        return near[0] if near else match

    def _followed(self, state: State, transcript: Transcript, kind: FollowUp) -> tuple[State, tuple[Action, ...]]:
        """Answer "why", "how", "tell me more" and "so what should I do", after an answer or, where possible, without
        one.
        """
        topic, follow_ups = state.last.topic, self.follow_ups
        told = follow_ups.topics.get(topic.intent) if topic is not None else None
        lead = told.leads_to.get(kind) if told is not None else None
        if lead is None and (told is None or not told.has(kind)):
            lead = follow_ups.otherwise.get(kind)
        if lead is not None and topic is not None and told is not None and lead == topic.intent and kind in ONWARD:
            kind, lead = "more", told.leads_to.get("more")
        been = (*state.last.led_through, topic.intent) if topic is not None else ()
        if lead is not None and not (kind in ONWARD and lead in been):
            slots = topic.slots if topic is not None else {}
            meant = Match(lead, {name: slots[name] for name in self._slots_of(lead) if name in slots})
            limited = self._limited(state, meant)
            state, actions = self._say_and_remember(state, transcript, limited, topic=state.disclaimer.topic)
            return replace(state, last=replace(state.last, led_through=(*been, lead))), actions
        return self._more_rows(state, transcript, kind, told)

    def _more_rows(
        self, state: State, transcript: Transcript, kind: FollowUp, told: Topic | None
    ) -> tuple[State, tuple[Action, ...]]:
        topic = state.last.topic
        rows: tuple[Row, ...] = ()
        meant = self._limited(state, replace(topic or Match("help"), decided_by="exact", score=1.0))
        if meant.intent in HELP_NOW:
            return self._say_and_remember(state, transcript, meant)
        pages, given = told.pages.get(kind, ()) if told else (), state.last.pages_given if kind == "more" else 0
        if topic is not None and given < len(pages):
            rows = self.answers.rows_for(pages[given], topic)
        nothing = self.follow_ups.nothing.get(kind, self.follow_ups.nothing["more"])
        rows = rows or (self.answers.filled(nothing),)
        answer = self.answers.going_on(rows, full_given=state.disclaimer.given)
        state, actions = self._say_answer(state, transcript, meant, answer, topic=state.disclaimer.topic)
        given = state.last.pages_given + (kind == "more")
        return replace(state, last=replace(state.last, match=meant, rows=rows, pages_given=given)), actions

    def _slots_of(self, intent: str) -> tuple[str, ...]:
        return self.understanding.sentences.slots_of.get(intent, ())

    def _meaning(self, state: State, event: Heard) -> tuple[Transcript, Match]:
        """Return the transcript of an utterance and its meaning at this point of the conversation."""
        heard = self.words_in_session(state, event.transcript, over_speech=event.over_speech is not None)
        if state.session is not None:
            heard = replace(heard, text=self._said_once(heard.text))
        if event.overheard:  # alternatives of overheard speech would match something too easily
            heard = replace(heard, alternatives=())
        if event.over_speech is None:
            return self._best_explained(heard, self.context(state))
        whole = self.understanding.understand(event.over_speech, self.context(state))
        are_most_theirs = 2 * len(heard.text.split()) >= len(event.over_speech.split())
        if whole.decided_by == "command" or (whole.decided_by == "exact" and are_most_theirs):
            return replace(heard, text=event.over_speech), whole
        return self._best_explained(replace(heard, alternatives=()), self.context(state))  # mostly the echo

    def _said_once(self, text: str) -> str:
        """Reduce a command that was said several times in a row to a single one: "next next"."""
        words = self.understanding.sentences.language.words(text)
        for length in range(1, min(len(words) // 2, LONGEST_COMMAND_WORDS) + 1):
            once, times = words[:length], len(words) // length
            if once * times == words and self.understanding.command(" ".join(once)) is not None:
                return " ".join(once)
        return text

    def _with_trouble_now(self, text: str, match: Match) -> Match:
        """If part of a text reports a cramp or similar trouble, return the start of a session, whatever else the text
        says.
        """
        is_judged = match.is_alarm and match.score < 1.0  # by its odds rather than by a rule
        is_alarm = match.is_alarm and not is_judged
        if self.guide is None or match.intent == GUIDE_START or is_alarm:
            return match
        if match.decided_by in _CERTAIN and not is_judged:
            return match
        understanding = self.understanding
        for clause, rest in self.guide.clauses(understanding.sentences.language.words(text)):
            claim = next(iter(understanding.sentences.exact(clause, only=(GUIDE_START,))), None)
            if claim is not None:
                also = (match, *(understanding.understand(words) for words in rest if words))
                if is_judged and any(each.is_alarm for each in also[1:]):
                    return match
                if is_judged:  # the alarm was mostly about the trouble; the rest alone is no certain danger
                    match = replace(match, certainty="possible", possible=match.intent)
                named = {name: "on" for each in also for name in self.guide.conditions_in(each)}
                return replace(
                    match, intent=GUIDE_START, slots={**claim.slots, **named}, score=1.0, decided_by="command",
                    template=claim.template, candidates=(),
                )  # fmt: skip
        return match

    def _best_explained(self, transcript: Transcript, context: Context) -> tuple[Transcript, Match]:
        """Return the transcript and its meaning.

        If the transcript has no meaning, use an equally likely alternative that has a certain meaning.
        """
        match = self.understanding.understand(transcript.text, context, transcript.confidence)
        if transcript.text and match.intent in (NONE_INTENT, UNSURE_INTENT):
            for other in transcript.alternatives:
                meant = self.understanding.understand(other, context)
                if meant.decided_by in _CERTAIN and meant.intent != OUT_OF_SCOPE:
                    return replace(transcript, text=other, alternatives=()), meant
        return transcript, match

    def _answering_our_question(self, state: State, match: Match, text: str) -> Match:
        """Interpret "yes", "the first", or one of the two names as the answer to "Did you mean ..., or ...?"."""
        if not state.candidates:
            return match
        number = 0 if match.intent == "yes" else self.follow_ups.choice(text)
        if number is None and match.intent in (NONE_INTENT, UNSURE_INTENT):
            number = self._named(state.candidates, text)
        if number is None:
            return match
        return Match(state.candidates[number], match.slots, match.score, "exact")

    def _named(self, intents: tuple[str, ...], text: str) -> int | None:
        """Return the index of the intent whose title equals the text or shares most words with it, or `None`."""
        language = self.understanding.sentences.language
        titles = [language.words(self.answers.entries[intent].title) for intent in intents]
        words = language.words(language.essence(text))
        if words in titles:
            return titles.index(words)
        own = [set(title).difference(*(other for other in titles if other != title)) for title in titles]
        named = [number for number, mine in enumerate(own) if 2 * len(mine.intersection(words)) >= len(words)]
        return named[0] if len(named) == 1 else None

    def _not_understood(self, state: State, transcript: Transcript, match: Match) -> tuple[State, tuple[Action, ...]]:
        was_asked, after_answer = bool(state.candidates), state.attention.samples > 0 and match.intent != OUT_OF_SCOPE
        question, candidates = self._ask_back(match)
        if question is not None and (after_answer or not state.hands_free):
            asked = replace(_listened(state), candidates=candidates, attention=Attention())
            answer = Answer((question,))
            return asked, (Understood(transcript, match, answer), Say(answer.rows))
        if state.hands_free and not was_asked and not after_answer:
            return state, (Understood(transcript, match),)
        rows = (self.answers.again, self.answers.samples, self.answers.filled(self.answers.waiting))
        ladder = tuple(row for row in rows if row.text)
        answer = Answer((ladder[min(state.failures.misheard, len(ladder) - 1)],))
        failures = replace(state.failures, misheard=state.failures.misheard + 1)
        missed = replace(state, failures=failures, candidates=(), attention=Attention())
        return missed, (Understood(transcript, match, answer), Say(answer.rows))

    def _ask_back(self, match: Match) -> tuple[Row | None, tuple[str, ...]]:
        """Return a question about which of two meanings is right, and the meanings that it offers.

        It offers two topics with similar scores, or only the session. Other pairs are not worth a question.
        """
        if match.intent != UNSURE_INTENT:
            return None, ()
        if GUIDE_START in match.candidates and self.answers.unsure_start.text:
            return self.answers.unsure_start, (GUIDE_START,)
        first, second = match.candidates
        topics, group_of = self.follow_ups.topics, self.understanding.sentences.group_of
        if topics and not (first in topics and second in topics):
            return None, ()
        is_near = group_of.get(first) == group_of.get(second) or any(
            other in topics[one].leads_to.values() for one, other in ((first, second), (second, first)) if topics
        )
        return (self.answers.did_you_mean(first, second), match.candidates) if is_near else (None, ())

    def _help_now(self, state: State, transcript: Transcript, match: Match) -> tuple[State, tuple[Action, ...]]:
        """Say what to do first, in any state. Repeat the reply once after ten seconds, then add the disclaimer."""
        answer = self._answer(state, match)
        once = answer.rows if state.hands_free or state.session else answer.spoken_rows()
        repeats = state.hands_free or state.session is not None
        actions: list[Action] = [Understood(transcript, match, answer), Hush(match.intent), Say(once)]
        if state.session is not None:
            actions.append(End(match.intent))
        over = replace(
            _listened(state),
            session=None,
            owed=Owed(answer, REPEAT_AFTER_SECONDS * SAMPLE_RATE) if repeats else None,
            candidates=(),
            disclaimer=state.disclaimer.cut_off(),
            last=replace(state.last, match=match),
            alerts=Alerts(match.intent, match.family),
        )
        return over, tuple(actions)

    def _heard_in_session(
        self, state: State, transcript: Transcript, match: Match, guide: Guide, session: Session
    ) -> tuple[State, tuple[Action, ...]]:
        pace = pace_of(match)
        if pace is not None:
            return state, (Understood(transcript, match), pace)
        comparable = self.understanding.comparable(transcript.text)
        step = self._ways_to_steps.get(comparable) if match.decided_by != "safety" else None
        kind, nothing = self.follow_ups.kind(transcript.text), self.follow_ups.nothing
        answer = None
        if step is not None:
            move = guided.go_to_step(guide, session, step)
        elif kind is not None and kind in nothing and kind not in ABOUT_A_TOPIC and match.intent not in COMMANDS:
            move = guided.say_between(guide, session, (self.answers.filled(nothing[kind]),))
        elif match.intent in (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE):
            return state, (Understood(transcript, match),)
        else:
            moved = guided.report(guide, session, match.intent, comparable)
            moved = moved or move_of(guide, session, match)
            if moved is None:  # not a command, so it is a question to answer during the session
                answer = self._answer_in_session(state, match, guide, session)
                moved = guided.say_between(guide, session, answer.spoken_rows())
            move = moved
        state, actions = self._moved(_listened(state), move)
        return state, (Understood(transcript, match, answer), *actions)

    @cached_property
    def _ways_to_steps(self) -> Mapping[str, str]:
        ways = self.guide.ways_to_steps if self.guide is not None else ()
        return {self.understanding.comparable(way): name for way, name in ways}

    def _answer_in_session(self, state: State, match: Match, guide: Guide, session: Session) -> Answer:
        """Return the answer to a question during a session. The session ends with the full disclaimer in any case."""
        answer = self.answers.answer(match, full_given=True, situation=state.situation)
        asks = guided.current_step(guide, session).asks or session.asking_place or session.asking is not None
        if asks and answer.disclaimer == "short":  # the disclaimer never comes between a question and its answer
            return replace(answer, disclaimer="none", disclaimer_row=None)
        return state.disclaimer.due(answer, GUIDE_START)

    # Time

    def _time_passed(self, state: State, quiet: Quiet) -> tuple[State, tuple[Action, ...]]:
        disclaimer, attention = state.disclaimer.after(quiet.samples), state.attention.after(quiet.samples)
        state = replace(state, disclaimer=disclaimer, attention=attention)
        so_far = state.so_far
        if so_far.suspected is not None:
            so_far = replace(so_far, suspected_samples=so_far.suspected_samples + quiet.samples)
            state = replace(state, so_far=so_far)
            if so_far.suspected is not None and so_far.suspected_samples >= STEADY_SECONDS * SAMPLE_RATE:
                return self._act_on_suspicion(state, so_far.suspected)
        hushed: tuple[Action, ...] = ()
        if so_far.commanded is not None and so_far.hushed_for is None:
            so_far = replace(so_far, commanded_samples=so_far.commanded_samples + quiet.samples)
            if so_far.commanded_samples >= COMMAND_STEADY_SECONDS * SAMPLE_RATE:
                so_far, hushed = replace(so_far, commanded=None, hushed_for=so_far.commanded), (Hush("command"),)
            state = replace(state, so_far=so_far)
        if state.alerts.possible is not None:
            left = state.alerts.possible_samples - quiet.passed_samples
            alerts = Alerts(state.alerts.level, state.alerts.family)
            if left > 0:
                alerts = replace(state.alerts, possible_samples=left)
            state = replace(state, alerts=alerts)
        if state.owed is not None:
            answer, left = state.owed.answer, state.owed.in_samples - quiet.passed_samples
            if left > 0:
                return replace(state, owed=Owed(answer, left)), hushed
            rows = answer.rows + ((answer.disclaimer_row,) if answer.disclaimer_row else ())
            return replace(state, owed=None), (*hushed, Say(rows))
        if state.session is not None and self.guide is not None:
            state, actions = self._moved(state, guided.pass_time(self.guide, state.session, quiet.passed_samples))
            return state, (*hushed, *actions)
        return state, hushed

    def _done_speaking(self, state: State) -> tuple[State, tuple[Action, ...]]:
        attention = Attention(ATTENTION_SECONDS * SAMPLE_RATE) if state.attention.is_owed else state.attention
        state = replace(state, disclaimer=state.disclaimer.heard(), attention=attention)
        if state.session is not None and self.guide is not None:
            return self._moved(state, guided.done_speaking(self.guide, state.session))
        return state, ()

    # Helpers

    def _moved(self, state: State, move: Move) -> tuple[State, tuple[Action, ...]]:
        rows = tuple(row for row in move.say if row.text)  # a folder may omit texts of the guide
        if move.full_disclaimer:
            rows = (*rows, self.answers.full)
        actions: list[Action] = []
        if move.hush:
            actions.append(Hush("stop" if move.end == "stopped" else move.end or "command"))
        if rows:
            actions.append(Say(rows, move.step))
        if move.end is not None:
            actions.append(End(move.end))
            state = replace(state, last=replace(state.last, match=None, rows=None))  # no answer to repeat
        before = state.disclaimer.cut_off() if move.hush else state.disclaimer
        has_any = move.full_disclaimer or self.answers.short in rows
        disclaimer = before.begun(
            is_full=move.full_disclaimer or before.on_the_way,
            topic=GUIDE_START if has_any else before.topic_on_the_way,
        )
        return replace(state, session=move.session, disclaimer=disclaimer), tuple(actions)

    def _answer(self, state: State, match: Match) -> Answer:
        return self.answers.answer(match, full_given=state.disclaimer.given, situation=state.situation)

    def _say_answer(
        self, state: State, transcript: Transcript, match: Match, answer: Answer, *, topic: str | None = None
    ) -> tuple[State, tuple[Action, ...]]:
        """Say an answer. `topic` is the topic that it continues. Without it, the match becomes the topic."""
        topic = topic or match.intent
        answer = state.disclaimer.due(answer, topic)
        about = topic if answer.disclaimer_row is not None else None
        disclaimer = state.disclaimer.begun(is_full=answer.disclaimer == "full", topic=about)
        said = replace(_listened(state), candidates=(), disclaimer=disclaimer, attention=Attention(is_owed=True))
        return said, (Understood(transcript, match, answer), Hush("question"), Say(answer.spoken_rows()))


def _with_row_first(actions: tuple[Action, ...], row: Row) -> tuple[Action, ...]:
    """Return the actions with a row before all speech. The row is also added to the answer."""
    changed: list[Action] = []
    is_said = False
    for action in actions:
        if isinstance(action, Understood) and action.answer is not None:
            answer = replace(action.answer, rows=(row, *action.answer.rows))
            changed.append(replace(action, answer=answer))
        elif isinstance(action, Say) and not is_said:
            changed.append(replace(action, rows=(row, *action.rows)))
            is_said = True
        else:
            changed.append(action)
    return tuple(changed) if is_said else (*changed, Say((row,)))


def _with_row_last(actions: tuple[Action, ...], row: Row) -> tuple[Action, ...]:
    """Return the actions with a row after all speech and at the end of the answer. Without any speech, nothing is
    added.
    """
    if not row.text or not any(isinstance(action, Say) for action in actions):
        return actions
    answered = (
        replace(action, answer=replace(action.answer, rows=(*action.answer.rows, row)))
        if isinstance(action, Understood) and action.answer is not None
        else action
        for action in actions
    )
    return (*answered, Say((row,)))


def _listened(state: State) -> State:
    """Return the state after an utterance that was understood."""
    return replace(state, failures=replace(state.failures, misheard=0))


def _works_anywhere(match: Match) -> bool:
    command = COMMANDS.get(match.intent)
    return command is not None and command.works_anywhere
