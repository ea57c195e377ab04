"""Find sentences that belong to one intent but are understood as another, by testing sentences drawn from the
templates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voice_helper.skill import Skill
from voice_helper.types import Match
from voice_helper.understanding.sentences import Template

_SURE_DRAWS = 12
"""A template counts as unreachable if at least this many sentences were drawn from it and other intents claim all of
them.
"""


@dataclass(frozen=True, slots=True)
class Theft:
    """A template with sentences that are understood as another intent."""

    template: Template
    texts: tuple[str, ...]
    drawn: int
    """The number of its sentences that were tested."""

    match: Match
    """The meaning of the first such sentence."""

    @property
    def is_whole(self) -> bool:
        """Return whether the template is unreachable: other intents claim every sentence drawn from it."""
        return len(self.texts) == self.drawn


@dataclass(frozen=True, slots=True)
class Thefts:
    """The thefts found in the templates of a folder."""

    found: tuple[Theft, ...]
    templates: int
    """The number of templates that were checked."""


def find_thefts(skill: Skill, draws: int, templates: Iterable[Template]) -> Thefts:
    """Test the meaning of sentences drawn from the given templates, `draws` from each."""
    found: list[Theft] = []
    looked_at = 0
    for template in templates:
        looked_at += 1
        theft = _theft(skill, template, draws)
        if theft is not None and theft.is_whole:
            theft = _theft(skill, template, _SURE_DRAWS)
        if theft is not None:
            found.append(theft)
    return Thefts(tuple(found), looked_at)


def _theft(skill: Skill, template: Template, draws: int) -> Theft | None:
    texts = skill.content.sentences.draw(template, draws)
    meant = [(text, skill.understanding.understand(text)) for text in texts]
    stolen = [(text, match) for text, match in meant if match.intent != template.intent]
    if not stolen:
        return None
    return Theft(template, tuple(text for text, _ in stolen), len(texts), stolen[0][1])
