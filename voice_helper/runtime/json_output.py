"""Convert results to the JSON objects that the command line and the servers output for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voice_helper.runtime.assistant import LoopEvent
    from voice_helper.types import Answer, Match, Transcript


def answer_form(transcript: Transcript, engine: str | None, match: Match, answer: Answer) -> dict[str, Any]:
    """Return a question and its answer as the JSON object of `ask --json`. `engine` is `None` for typed text."""
    form: dict[str, Any] = {
        "transcript": transcript.text,
        "confidence": round(transcript.confidence, 2) if engine else None,
        "engine": engine,
        "intent": match.intent,
        "slots": dict(match.slots),
        "score": round(match.score, 2),
        "decided_by": match.decided_by,
        "family": match.family,
        "template": match.template,
        "runner_up": None,
        "rows": [row.provenance() for row in answer.rows],
        "disclaimer": answer.disclaimer,
        "spoken": answer.spoken(),
    }
    if match.runner_up is not None:
        form["runner_up"] = {"intent": match.runner_up.intent, "score": round(match.runner_up.score, 2)}
    if match.certainty is not None:
        form["certainty"] = match.certainty
    if match.possible is not None:
        form["possible"] = match.possible
    if match.candidates:
        form["candidates"] = list(match.candidates)
    return form


def loop_event_form(happening: LoopEvent) -> dict[str, Any]:
    """Return an event as the JSON object of `--events`."""
    return {"at": happening.at_seconds, "event": happening.event, **happening.fields}
