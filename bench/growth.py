"""Measure how time and memory grow with the number of templates and the length of utterances: `python -m bench.growth`.

The templates are multiplied by adding copies about other subjects, in which only the content words are replaced. The
figures are processor times, because other programs use the machine as well. An exponent of 0 means that the size has no
effect, and 1 that twice the size takes twice the time. For comparison, hassil alone is measured with the same templates
and questions.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from hassil import Intents, recognize_all

from bench.lines import machine, write_result
from tests.support.labelled_lines import read_lines
from voice_helper.skill import open_skill
from voice_helper.skill.folder_reader import load_content
from voice_helper.support.paths import intents_folder
from voice_helper.understanding.sentences import Sentences, Template

_TIMES = (1, 3, 10, 30)
_LENGTHS = (1, 2, 5, 10, 20)
_COMMON_WORDS = 150
"""The number of most frequent words that count as function words."""

_MAX_TIMES_FOR_HASSIL = 3  # times as many templates; with more, it takes minutes
_WORD = re.compile(r"(?<![\w{<:'])[a-z]+(?![\w}>:'])")
_QUESTION = "does putting heat on my calf help when it cramps at night"


def multiplied(sentences: Sentences, times: int) -> Sentences:
    """Return the sentences, with copies of their templates about other subjects."""
    counted = Counter(word for template in sentences.templates for word in _WORD.findall(template.text))
    common = {word for word, _ in counted.most_common(_COMMON_WORDS)}
    copies: list[Template] = []
    rules = dict(sentences._raw_rules)
    for copy in range(1, times):
        ending = "x" + "".join(chr(ord("a") + int(digit)) for digit in str(copy))

        def other(text: str, ending: str = ending) -> str:
            text = _WORD.sub(lambda found: found[0] if found[0] in common else found[0] + ending, text)
            return text.replace(">", f"{ending}>")

        rules |= {f"{name}{ending}": other(text) for name, text in sentences._raw_rules.items()}
        changed = (replace(each, text=other(each.text)) for each in sentences.templates)
        copies += [new for new, old in zip(changed, sentences.templates, strict=True) if new.text != old.text]
    return replace(sentences, templates=(*sentences.templates, *copies), _raw_rules=rules)


def milliseconds(act: Callable[[str], object], texts: Sequence[str]) -> float:
    """Return the median processor time of a function for a text, after a warm-up with each text."""
    for text in texts:
        act(text)
    taken: list[float] = []
    for text in texts:
        started = time.process_time()
        act(text)
        taken.append((time.process_time() - started) * 1000)
    return statistics.median(taken)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Fit value = c * size ** exponent by least squares of the logarithms. Return the exponent."""
    points = [(math.log(size), math.log(value)) for size, value in zip(sizes, values, strict=True)]
    middle = [statistics.mean(each) for each in zip(*points, strict=True)]
    spread = sum((x - middle[0]) ** 2 for x, _ in points)
    return float(sum((x - middle[0]) * (y - middle[1]) for x, y in points) / spread)


def by_templates(texts: Sequence[str], times: Sequence[int]) -> dict[str, object]:
    """Measure the exact matcher with an increasing number of templates."""
    sentences = load_content(intents_folder("en")).sentences
    rows: list[dict[str, float]] = []
    for each in times:
        many = multiplied(sentences, each)
        unremembered = partial(many.exact, only=many.intents)  # without the argument `only`, results are cached
        tracemalloc.start()
        started = time.process_time()
        unremembered(many.language.normalize(texts[0]))
        read_seconds = time.process_time() - started
        held = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()

        def exact(text: str, many: Sentences = many) -> object:
            return many.exact(many.language.normalize(text), only=many.intents)

        row = {"times": each, "templates": len(many.templates), "exact_milliseconds": milliseconds(exact, texts)}
        row |= {"first_seconds": read_seconds, "index_megabytes": held}
        if each <= _MAX_TIMES_FOR_HASSIL:
            row["hassil_milliseconds"] = _hassil_milliseconds(many, texts)
        rows.append({name: round(value, 3) for name, value in row.items()})
        print(rows[-1], flush=True)
    sizes = [row["templates"] for row in rows]
    return {
        "rows": rows,
        "exact_exponent": round(exponent(sizes, [row["exact_milliseconds"] for row in rows]), 2),
        "index_memory_exponent": round(exponent(sizes, [row["index_megabytes"] for row in rows]), 2),
    }


def _hassil_milliseconds(sentences: Sentences, texts: Sequence[str]) -> float:
    by_intent: dict[str, list[str]] = {}
    for template in sentences.templates:
        by_intent.setdefault(template.intent, []).append(template.text)
    intents = Intents.from_dict(
        {
            "language": sentences.language.code,
            "intents": {name: {"data": [{"sentences": each}]} for name, each in by_intent.items()},
            "lists": dict(sentences._raw_lists),
            "expansion_rules": dict(sentences._raw_rules),
        }
    )
    return milliseconds(lambda text: list(recognize_all(sentences.language.comparable(text), intents)), texts)


def by_length(times: Sequence[int]) -> dict[str, object]:
    """Measure the whole understanding with utterances of increasing length."""
    understanding = open_skill().understanding

    def find_danger(text: str) -> object:
        return understanding.safety.find(understanding.normalize(text))

    rows: list[dict[str, float]] = []
    for each in times:
        text = " ".join([_QUESTION] * each)
        row = {
            "words": len(text.split()),
            "safety_milliseconds": milliseconds(find_danger, [text] * 5),
            "understand_milliseconds": milliseconds(understanding.understand, [text] * 5),
        }
        rows.append({name: round(value, 2) for name, value in row.items()})
        print(rows[-1], flush=True)
    words = [row["words"] for row in rows]
    return {
        "rows": rows,
        "safety_exponent": round(exponent(words, [row["safety_milliseconds"] for row in rows]), 2),
        "understand_exponent": round(exponent(words, [row["understand_milliseconds"] for row in rows]), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=4, help="take every so manieth line of the test split")
    options = parser.parse_args()
    texts = [line.text for line in read_lines("test")][:: options.every]
    result = {
        "machine": machine(),
        "lines": len(texts),
        "templates": by_templates(texts, _TIMES),
        "length": by_length(_LENGTHS),
    }
    json.dump(result, sys.stdout, indent=1)
    print("\nwritten to", write_result("growth", result))


if __name__ == "__main__":
    main()
