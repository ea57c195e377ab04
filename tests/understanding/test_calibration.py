from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from voice_helper.cli.entry_point import run
from voice_helper.skill import Skill
from voice_helper.tester.run import Case, trial
from voice_helper.types import OUT_OF_SCOPE
from voice_helper.understanding.calibration import (
    Trial,
    best,
    calibration_error,
    point,
    reliability,
    trade_off,
    with_score,
    with_values,
)
from voice_helper.understanding.understand import USUAL_THRESHOLDS

shares = st.floats(0.0, 1.0)
trials = st.builds(
    Trial,
    wanted=st.sampled_from(["remedy_heat", "remedy_cold", OUT_OF_SCOPE]),
    best=st.sampled_from(["remedy_heat", "remedy_cold", OUT_OF_SCOPE]),
    nearness=shares,
    second_nearness=shares,
    is_near=st.booleans(),
)


@given(st.lists(trials, min_size=1), shares)
def test_the_best_point_refuses_few_enough_lines_or_the_fewest(lines: list[Trial], most_refused: float) -> None:
    points = trade_off(lines, USUAL_THRESHOLDS)
    chosen = best(points, most_refused)
    assert chosen in points
    assert chosen.refused <= max(most_refused, min(each.refused for each in points))
    assert all(each.value <= chosen.value for each in points if each.refused <= chosen.refused)


@given(st.lists(trials))
def test_the_shares_of_a_point_are_between_0_and_1(lines: list[Trial]) -> None:
    found = point(lines, USUAL_THRESHOLDS)
    assert all(0.0 <= share <= 1.0 for share in (found.right, found.refused, found.outside_refused))
    assert found.right + found.refused <= 1.0 + 1e-9


@given(st.lists(trials), shares, shares)
def test_scores_keep_the_order_of_similarity(lines: list[Trial], one: float, other: float) -> None:
    found = with_score(USUAL_THRESHOLDS, lines)
    low, high = sorted((one, other))
    assert 0.0 <= found.believed(low) <= found.believed(high) <= 1.0


def test_a_fitted_score_says_how_often_it_is_right() -> None:
    def lines_at(nearness: float, right: int, wrong: int) -> list[Trial]:
        return [Trial("a", "a", nearness, 0.0)] * right + [Trial("a", "b", nearness, 0.0)] * wrong

    lines = [*lines_at(0.2, 60, 40), *lines_at(0.5, 80, 20), *lines_at(0.8, 95, 5)]
    found = with_score(USUAL_THRESHOLDS, lines)
    for nearness, share in ((0.2, 0.6), (0.5, 0.8), (0.8, 0.95)):
        assert found.believed(nearness) == pytest.approx(share, abs=0.04)
    before = reliability((each.nearness, each.best == each.wanted) for each in lines)
    after = reliability((found.believed(each.nearness), each.best == each.wanted) for each in lines)
    assert calibration_error(after) < 0.03 < calibration_error(before)


def test_if_all_lines_are_right_scores_are_unchanged() -> None:
    assert with_score(USUAL_THRESHOLDS, [Trial("a", "a", 0.4, 0.1)] * 40) == USUAL_THRESHOLDS


@given(
    st.dictionaries(st.sampled_from(["sure", "margin", "set_on", "new_key"]), st.integers(0, 9).map(str), min_size=1)
)
def test_setting_values_keeps_the_rest_of_the_file(values: dict[str, str]) -> None:
    text = '# top\nsure: 0.15       # a comment: with a colon\nmargin: 0.04\nset_on: "a: b # c"  # end\nother: 1\n'
    changed = with_values(text, values)
    assert yaml.safe_load(changed) == yaml.safe_load(text) | {key: int(value) for key, value in values.items()}
    assert re.findall("#[^#\n]*$", changed, re.MULTILINE) == re.findall("#[^#\n]*$", text, re.MULTILINE)


def test_a_trial_has_its_similarity_whatever_the_thresholds_are(skill: Skill) -> None:
    near = trial(skill, Case("would some warmth on the muscle do it any good", "remedy_heat"))
    assert near.is_near
    assert near.best == "remedy_heat"
    assert not trial(skill, Case("does heat help", "remedy_heat")).is_near


def lines_file(folder: Path, ours: int, others: int) -> Path:
    path = folder / "lines.jsonl"
    texts = [
        ("me iría bien algo de calor en el músculo {}", "remedy_heat"),
        ("quién ganó la final número {}", OUT_OF_SCOPE),
    ]
    forms = [
        {"text": text.format(number), "intent": intent}
        for (text, intent), count in zip(texts, (ours, others), strict=True)
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(form) + "\n" for form in forms), encoding="utf-8")
    return path


@pytest.fixture
def folder(spanish_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(spanish_folder, tmp_path / "es"))


@pytest.mark.slow
def test_calibrate_writes_values_date_figures_and_a_picture(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, picture = lines_file(tmp_path, 30, 30), tmp_path / "trade-off.svg"
    assert run(["calibrate", str(lines), "--intents", str(folder), "--picture", str(picture)]) == 0
    said = capsys.readouterr().out
    assert "chosen" in said
    assert "calibration error" in said
    written = yaml.safe_load((folder / "thresholds.yaml").read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d, 60 lines", written["set_on"])
    assert "right" in written["figures"]
    assert 0.0 < written["sure"] < 1.0
    assert "<svg" in picture.read_text(encoding="utf-8")
    assert run(["check", str(folder)]) == 0


@pytest.mark.slow
def test_calibrate_with_dry_run_writes_nothing(folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert run(["calibrate", str(lines_file(tmp_path, 30, 30)), "--intents", str(folder), "--dry-run"]) == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("ours", "others", "kind"), [(30, 3, "out_of_scope"), (5, 30, "about our subject")])
def test_calibrate_refuses_too_few_lines_of_a_kind(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], ours: int, others: int, kind: str
) -> None:
    assert run(["calibrate", str(lines_file(tmp_path, ours, others)), "--intents", str(folder)]) == 1
    assert kind in capsys.readouterr().err


def test_in_the_shipped_folder_a_score_of_0_9_needs_less_similarity(skill: Skill) -> None:
    thresholds = skill.content.thresholds
    assert thresholds.believed(0.5) == pytest.approx(1 / (1 + math.exp(-1.5)), abs=0.01)
