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
"""The minimum number of sentences that must be drawn from a template before it can count as unreachable.

A template is unreachable if all sentences drawn from it are understood as other intents.
"""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A template with sentences that are understood as a different intent."""

    template: Template
    texts: tuple[str, ...]
    drawn: int
    """The number of sentences of the template that were tested."""

    match: Match
    """The meaning of the first sentence of the template that is understood as a different intent."""

    @property
    def is_whole(self) -> bool:
        """Return whether the template is unreachable: every sentence drawn from it is understood as another intent."""
        return len(self.texts) == self.drawn


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The overlaps found in the templates of a folder."""

    found: tuple[Overlap, ...]
    templates: int
    """The number of templates that were checked."""


def find_overlaps(skill: Skill, draws: int, templates: Iterable[Template]) -> Overlaps:
    """Test the meaning of sentences drawn from the given templates, `draws` from each."""
    found: list[Overlap] = []
    looked_at = 0
    for template in templates:
        looked_at += 1
        overlap = _overlap(skill, template, draws)
        if overlap is not None and overlap.is_whole:
            overlap = _overlap(skill, template, _SURE_DRAWS)
        if overlap is not None:
            found.append(overlap)
    return Overlaps(tuple(found), looked_at)


def _overlap(skill: Skill, template: Template, draws: int) -> Overlap | None:
    texts = skill.content.sentences.draw(template, draws)
    meant = [(text, skill.understanding.understand(text)) for text in texts]
    claimed_elsewhere = [(text, match) for text, match in meant if match.intent != template.intent]
    if not claimed_elsewhere:
        return None
    return Overlap(template, tuple(text for text, _ in claimed_elsewhere), len(texts), claimed_elsewhere[0][1])
