"""An intents folder with two intents, small enough to train the model on it in a moment."""

from __future__ import annotations

from pathlib import Path

LANGUAGE = "language: en\n"
SENTENCES = """language: en
intents:
  about_moon:
    data:
      - sentences: ["how far away is the moon", "moon"]
  about_sun:
    data:
      - sentences: ["is the sun hot", "sun"]
"""
ANSWERS = """language: en
disclaimers: {full: "Not advice from a doctor.", short: "Not advice."}
sources:
  almanac: {name: "Almanac", read: "November 2026"}
markers: {article: "The book says:", first_aid: "First aid:", safety: "Careful:"}
settings: {number: "112"}
not_understood:
  again: "Again?"
  samples: ["moon"]
  waiting: {text: "I wait.", kind: safety, source: almanac}
unsure: "{first}, or {second}?"
denied_flag: "Fine."
answers:
  about_moon: {title: moon, disclaimer: none, rows: [{text: "Far.", kind: talk}]}
  about_sun: {title: sun, disclaimer: none, rows: [{text: "Hot.", kind: talk}]}
"""


def write_sky(folder: Path) -> Path:
    """Write the folder and return it."""
    (folder / "sentences").mkdir(parents=True)
    (folder / "language.yaml").write_text(LANGUAGE, encoding="utf-8")
    (folder / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    (folder / "sentences" / "sky.yaml").write_text(SENTENCES, encoding="utf-8")
    return folder
