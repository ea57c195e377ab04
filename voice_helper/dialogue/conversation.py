"""The core of the skill: `step(state, event)` returns a new state and the actions to execute.

The core uses no device, clock, thread, network or randomness. Typed text, an audio file, the microphone and the servers
all drive this same function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from voice_helper.dialogue import guided_session as guided
from voice_helper.dialogue.answers import Answers
from voice_helper.dialogue.commands import COMMANDS, REPEAT, STOP, move_of, pace_of
from voice_helper.dialogue.follow_ups import ABOUT_A_TOPIC, ONWARD, FollowUp, FollowUps, Topic
from voice_helper.dialogue.guide import Guide
from voice_helper.dialogue.guided_session import Move, Session
from voice_helper.dialogue.interpretation import CERTAIN, Interpretation, Interpreter
from voice_helper.dialogue.state import Alerts, Attention, LastAnswer, Owed, State, WordsSoFar
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
from voice_helper.understanding.normalize import NormalizedText
from voice_helper.understanding.safety import Flag
from voice_helper.understanding.understand import HELP_NOW, Understanding

REPEAT_AFTER_SECONDS: Final = 10
"""The time, in seconds, after which an emergency or urgent reply is repeated. The assistant keeps listening meanwhile.
"""

POSSIBLE_SECONDS: Final = 30
"""The time, in seconds, for which a possible sign of danger is remembered. A second one, or a "yes", makes it certain.
"""

STEADY_SECONDS: Final = 0.25
"""How long, in seconds, a red flag must persist in the partial transcript before it counts, because partial transcripts
fluctuate.
"""

COMMAND_STEADY_SECONDS: Final = 0.1
"""How long, in seconds, a command must persist in the partial transcript before it interrupts the assistant's speech.
"""

ATTENTION_SECONDS: Final = 8
"""The time after an answer, in seconds, in which the assistant asks the user to repeat speech that it did not
understand.

At any other time, it ignores such speech in open listening.
"""

YES: Final = "yes"
_ALERT: Final = "alert"
TAKE_BACK: Final = "take_back"
"""The intent of an utterance that withdraws a sign of danger."""


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

    @cached_property
    def _interpreter(self) -> Interpreter:
        return Interpreter(self.understanding, self.answers, self.guide, self.follow_ups)

    def step(self, state: State, event: Event) -> tuple[State, tuple[Action, ...]]:
        """Process one event. Return the new state, and the actions in the order in which they must be executed."""
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
        """Continue after the connection to the user was interrupted. Speech that was playing counts as not spoken."""
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
        """Return the transcript or, if a session is running and the utterance sounds like a short command, that
        command.
        """
        return self._interpreter.words_in_session(state, heard, over_speech=over_speech)

    def is_stop(self, text: str) -> bool:
        """Return whether a text is "stop", the command that is never ignored."""
        return self._interpreter.is_stop(text)

    def _gave_out(self, state: State, outage: Outage) -> tuple[State, tuple[Action, ...]]:
        """Announce a failure after the current speech. A session stays at its step.

        If recognition fails again and again, only the first two failures are announced.
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
        """Act on those parts of an unfinished utterance that cannot wait for its end: a red flag, or "stop" in a
        session.

        A partial transcript of overheard speech triggers nothing, because most red flags in speech that is not meant
        for the assistant are recognition errors.
        """
        so_far = state.so_far
        if so_far.acted_on is not None or (event.overheard and state.hands_free and state.session is None):
            return state, ()
        said = self.understanding.normalize(event.text)
        flag = self.understanding.urgent_flag(said)
        if flag is not None and flag.level == HELP_NOW[0] and not event.own:  # may be the assistant's own speech
            known = so_far.suspected is not None and so_far.suspected.family == flag.family
            so_far = replace(so_far, suspected=flag, suspected_samples=so_far.suspected_samples if known else 0)
        else:
            so_far = replace(so_far, suspected=None)
        if state.session is not None and self._interpreter.means_stop(said):
            stopped = replace(state, so_far=replace(so_far, acted_on=STOP))
            return self._heard(stopped, Heard(Transcript(event.text)), already=None, expected=None)
        if state.session is not None and so_far.hushed_for is None:
            command = self.understanding.command(said)
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

    def _act_on_suspicion(self, state: State, flag: Flag) -> tuple[State, tuple[Action, ...]]:
        match = Match(flag.level, decided_by="safety", family=flag.family, certainty="certain")
        state, actions = self._help_now(state, Transcript(flag.words), match)
        return replace(state, so_far=replace(state.so_far, acted_on=match.intent, suspected=None)), actions

    def _heard(
        self, state: State, event: Heard, *, already: str | None, expected: str | None
    ) -> tuple[State, tuple[Action, ...]]:
        """Act on a complete utterance.

        `already` is what was acted on during the utterance. `expected` is the command for which the assistant's speech
        was interrupted.
        """
        heard = self._interpreter.interpret(state, event)
        transcript, said = heard.transcript, heard.said
        if not transcript.text:
            return state, ()
        heard = replace(heard, match=self._interpreter.with_trouble_now(said, heard.match))
        if self._interpreter.may_be_us(state, event, heard, expected=expected):
            return state, ()
        match = heard.match
        if already == STOP or (already in HELP_NOW and match.certainty is not None):
            return state, ()
        match = self._interpreter.answering_our_question(state, match, said)
        if not event.addressed and state.session is None and not self.understanding.urgent_flag(said):
            return state, ()
        is_overheard = event.overheard and state.hands_free and not state.candidates
        if is_overheard and not self.understanding.is_for_us(transcript, match, event.so_far):
            return state, (Understood(transcript, match, overheard=True),)
        match = self._confirmed(state, match)
        if match.is_alarm:
            return self._help_now(state, transcript, match)
        if match.certainty == "possible":
            return self._may_be_danger(state, replace(heard, match=match), is_overheard=is_overheard)
        was_on_alert = state.alerts.level is not None
        state = self._taken_back(state, said, match)
        if match.intent == TAKE_BACK and was_on_alert:
            match = replace(match, slots={**match.slots, _ALERT: "on"})
        heard = replace(heard, match=self._limited(state, match))
        return self._acted_on(state, heard, is_overheard=is_overheard)

    def _confirmed(self, state: State, match: Match) -> Match:
        """Return a certain alarm if this is the second possible one, or a "yes" to a possible one.

        Otherwise return the match unchanged.
        """
        alerts = state.alerts
        if match.certainty == "possible" and not self.answers.possible.text:  # no reply, so treat it as certain
            return Match(match.possible or match.intent, decided_by="safety", family=match.family, certainty="certain")
        is_yes = match.intent == YES and match.decided_by in CERTAIN
        if alerts.possible is None or match.is_alarm or not (match.certainty == "possible" or is_yes):
            return match
        now = match.intent if match.intent in HELP_NOW else match.possible
        level = min((level for level in (alerts.possible, now) if level), key=HELP_NOW.index)
        family = alerts.possible_family if level == alerts.possible else match.family
        return Match(level, decided_by="safety", family=family, certainty="certain")

    def _may_be_danger(
        self, state: State, heard: Interpretation, *, is_overheard: bool
    ) -> tuple[State, tuple[Action, ...]]:
        """Name the emergency number, then handle the rest of the utterance. A possible danger neither ends nor moves a
        session.
        """
        match = heard.match
        level = match.intent if match.intent in HELP_NOW else match.possible
        alerts = replace(
            state.alerts, possible=level, possible_family=match.family, possible_samples=POSSIBLE_SECONDS * SAMPLE_RATE
        )
        state = replace(state, alerts=alerts)
        row = self.answers.filled(self.answers.possible)
        if match.intent in HELP_NOW:
            answer = Answer((row,))
            return state, (Understood(heard.transcript, match, answer), Say(answer.rows))
        limited = replace(heard, match=self._limited(state, match))
        state, actions = self._acted_on(state, limited, is_overheard=is_overheard)
        return state, _with_row_first(actions, row)

    def _taken_back(self, state: State, said: NormalizedText, match: Match) -> State:
        """Return the state without the remembered sign of danger if the utterance denies or withdraws that sign."""
        if state.alerts.level is None:
            return state
        is_denied = match.denied and self.understanding.safety.denies(said, state.alerts.family)
        if match.intent == TAKE_BACK or is_denied:
            return replace(state, alerts=Alerts())
        return state

    def _limited(self, state: State, match: Match) -> Match:
        """Return the meaning of an earlier sign of danger if that sign rules out the advice that the match would get.

        Otherwise return the match.
        """
        alerts = state.alerts
        if alerts.level is None:
            return match
        stops = self.understanding.safety.remembered.get(alerts.level, ())
        group = self.understanding.sentences.group_of.get(match.intent, "")
        if match.intent not in stops and group not in stops:
            return match
        return Match(alerts.level, decided_by="safety", family=alerts.family)

    def _acted_on(self, state: State, heard: Interpretation, *, is_overheard: bool) -> tuple[State, tuple[Action, ...]]:
        transcript, said, match = heard.transcript, heard.said, heard.match
        if self.guide is not None:
            state = replace(state, conditions=state.conditions | self.guide.conditions_in(match))
        if state.session is not None and self.guide is not None:
            return self._heard_in_session(state, heard, self.guide, state.session)
        topic = state.last.topic
        if not is_overheard and match.decided_by != "safety":
            kind = self.follow_ups.kind(said)
            if kind is not None and (topic is not None or kind not in ABOUT_A_TOPIC):
                return self._followed(state, transcript, kind)
            both = self._interpreter.two_questions(said, match)
            if both is not None:
                return self._both_answered(state, transcript, *both)
        if topic is not None and not is_overheard:
            match = self._limited(state, self._interpreter.going_on(topic, said, match))
        elif self._interpreter.needs_topic(said, match):
            match = Match(NONE_INTENT, score=0.0, decided_by="none")
        return self._asked(state, transcript, match)

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

    def _followed(self, state: State, transcript: Transcript, kind: FollowUp) -> tuple[State, tuple[Action, ...]]:
        """Answer a follow-up such as "why", "how", "tell me more" or "so what should I do".

        Some follow-ups can be answered even if there is no previous answer.
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
        """Return a question that asks which of two meanings is right, and these meanings.

        The question offers two topics with similar scores, or only the guided session. For other pairs, it asks
        nothing.
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
        """Say the reply to a sign of danger, in any state.

        Repeat it once after ten seconds, then add the disclaimer.
        """
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
        self, state: State, heard: Interpretation, guide: Guide, session: Session
    ) -> tuple[State, tuple[Action, ...]]:
        transcript, said, match = heard.transcript, heard.said, heard.match
        pace = pace_of(match)
        if pace is not None:
            return state, (Understood(transcript, match), pace)
        step = self._ways_to_steps.get(said.comparable) if match.decided_by != "safety" else None
        kind, nothing = self.follow_ups.kind(said), self.follow_ups.nothing
        answer = None
        if step is not None:
            move = guided.go_to_step(guide, session, step)
        elif kind is not None and kind in nothing and kind not in ABOUT_A_TOPIC and match.intent not in COMMANDS:
            move = guided.say_between(guide, session, (self.answers.filled(nothing[kind]),))
        elif match.intent in (NONE_INTENT, UNSURE_INTENT, OUT_OF_SCOPE):
            return state, (Understood(transcript, match),)
        else:
            moved = guided.report(guide, session, match.intent, said.comparable)
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
        return {self.understanding.normalize(way).comparable: name for way, name in ways}

    def _answer_in_session(self, state: State, match: Match, guide: Guide, session: Session) -> Answer:
        """Return the answer to a question asked during a session, and the new state.

        Whatever the answer is, the session ends with the full disclaimer.
        """
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
        """Say an answer.

        `topic` is the topic that it continues. If `topic` is not given, the match becomes the topic.
        """
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
