"""Build the page "What can I say?" from the sentence templates. It lists a few plain sentences per intent, grouped by
topic.
"""

from __future__ import annotations

from typing import Final

from voice_helper.dialogue.answers import Answers
from voice_helper.skill.phrasebook import Phrasebook
from voice_helper.understanding.sentences import Sentences

_EXAMPLES: Final = 3
_CANDIDATES: Final = 10
"""The number of templates per intent from which examples are chosen.

The first templates of an intent are the most common phrasings.
"""

_MAX_WORDS: Final = 9


def phrases_page(book: Phrasebook, sentences: Sentences, answers: Answers) -> str:
    """Build the page as Markdown."""
    lines = [f"# {book.title}", ""]
    if book.opening:
        lines += [book.opening.strip(), ""]
    for topic in book.topics:
        lines += [f"## {topic.title}", ""]
        if topic.text:
            lines += [topic.text.strip(), ""]
        for intent in topic.intents:
            quoted = " · ".join(f"“{text}”" for text in examples_of(intent, book, sentences))
            lines.append(f"- **{answers.entries[intent].title}**: {quoted}")
        lines.append("")
    return "\n".join(lines)


def examples_of(intent: str, book: Phrasebook, sentences: Sentences) -> tuple[str, ...]:
    """Return the example sentences for an intent, formatted for display."""
    return tuple(book.shown(text) for text in book.examples.get(intent) or choose_examples(intent, sentences))


def choose_examples(intent: str, sentences: Sentences) -> tuple[str, ...]:
    """Choose a few plain sentences of an intent that differ from each other."""
    templates = [template for template in sentences.templates if template.intent == intent]
    plain = dict.fromkeys(sentences.plainest(template) for template in templates[:_CANDIDATES])
    left = [text for text in plain if len(text.split()) <= _MAX_WORDS] or list(plain)
    chosen: list[str] = []
    while left and len(chosen) < _EXAMPLES:
        best = min(left, key=lambda text: max((_alike(text, other) for other in chosen), default=0.0))
        left.remove(best)
        claims = sentences.exact(sentences.language.normalize(best))
        if claims and claims[0].intent == intent:
            chosen.append(best)
    return tuple(chosen)


def _alike(first: str, second: str) -> float:
    one, other = set(first.split()), set(second.split())
    return len(one & other) / len(one | other)
