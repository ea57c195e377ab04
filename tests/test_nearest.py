from __future__ import annotations

import numpy as np
import pytest

from voice_helper import nearest
from voice_helper.content import Content
from voice_helper.skill import Skill


@pytest.fixture(scope="module")
def fitted(skill: Skill) -> nearest.Nearest:
    found = skill.understanding.nearest
    assert isinstance(found, nearest.Nearest)
    return found


@pytest.mark.parametrize("text", ["does heat help", "x", "my legs keep seizing up at night after football"])
def test_the_scores_are_shares_of_one_whole(fitted: nearest.Nearest, text: str) -> None:
    scores = fitted.scores(text)
    assert sum(score for _, score in scores) == pytest.approx(1.0, abs=1e-3)
    assert [score for _, score in scores] == sorted((score for _, score in scores), reverse=True)


def test_nothing_is_near_to_nothing(fitted: nearest.Nearest) -> None:
    assert fitted.scores("") == []


def test_arrays_bring_the_same_classifier_back(fitted: nearest.Nearest) -> None:
    back = nearest.from_arrays(nearest.to_arrays(fitted))
    assert back.labels == fitted.labels
    assert back.examples == fitted.examples
    assert np.allclose(back.weights, fitted.weights, atol=1e-2)


def test_the_nearest_template_belongs_to_the_intent(fitted: nearest.Nearest, content: Content) -> None:
    index = fitted.nearest_example("would heating it up do any good", "remedy_heat")
    assert index is not None
    assert content.sentences.templates[index].intent == "remedy_heat"
