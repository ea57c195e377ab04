"""Find sentences of one intent that another intent claims, by asking what the templates' own sentences mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voice_helper.skill import Skill
from voice_helper.types import Match
from voice_helper.understanding.sentences import Template

_SURE_DRAWS = 12
"""A template counts as unreachable only if at least this many of its sentences are all claimed by other intents."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """A template with sentences that are understood as another intent than its own."""

    template: Template
    texts: tuple[str, ...]
    drawn: int
    """How many of its sentences were tested."""

    match: Match
    """What the first of them means."""

    @property
    def is_whole(self) -> bool:
        """Return whether the template is unreachable: every sentence drawn from it is claimed by another intent."""
        return len(self.texts) == self.drawn


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The overlaps found in the templates of a folder."""

    found: tuple[Overlap, ...]
    templates: int
    """How many were checked."""


def find_overlaps(skill: Skill, draws: int, templates: Iterable[Template]) -> Overlaps:
    """Test what sentences drawn from the given templates mean, `draws` from each."""
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
