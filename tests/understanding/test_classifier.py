from __future__ import annotations

import numpy as np
import pytest

from voice_helper.skill import Skill
from voice_helper.skill.folder_reader import Content
from voice_helper.understanding import classifier


@pytest.fixture(scope="module")
def fitted(skill: Skill) -> classifier.Nearest:
    return classifier.Nearest(skill.memory.learned, skill.embed)


@pytest.mark.parametrize("text", ["does heat help", "x", "my legs keep seizing up at night after football"])
def test_the_scores_add_up_to_one(fitted: classifier.Nearest, text: str) -> None:
    scores = fitted.rank(text).scores()
    assert sum(score for _, score in scores) == pytest.approx(1.0, abs=1e-3)
    assert [score for _, score in scores] == sorted((score for _, score in scores), reverse=True)


def test_an_empty_text_is_similar_to_nothing(fitted: classifier.Nearest) -> None:
    assert fitted.rank("").scores() == []
    assert fitted.rank("").family("emergency") is None


def test_the_model_is_restored_from_its_arrays(fitted: classifier.Nearest) -> None:
    back = classifier.from_arrays(classifier.to_arrays(fitted.learned))
    assert back.labels == fitted.learned.labels
    assert back.examples == fitted.learned.examples
    assert back.templates == fitted.learned.templates
    assert np.allclose(back.weights, fitted.learned.weights, atol=1e-2)


@pytest.mark.parametrize("name", ["weights", "idf", "example_labels", "example_templates"])
def test_arrays_that_do_not_fit_each_other_are_rejected(fitted: classifier.Nearest, name: str) -> None:
    arrays = classifier.to_arrays(fitted.learned)
    with pytest.raises(ValueError, match=r"weights of the shape|examples without"):
        classifier.from_arrays({**arrays, name: arrays[name][:-1]})


def test_a_removed_intent_is_left_out_of_the_model(fitted: classifier.Nearest) -> None:
    intents = {label.partition("/")[0] for label in fitted.learned.labels} - {"remedy_heat"}
    without = classifier.Nearest(classifier.only(fitted.learned, sorted(intents)), fitted.embed)
    assert "remedy_heat" not in dict(without.rank("does heat help").scores())
    assert without.nearest_template("does heat help", "remedy_heat") is None
    assert without.nearest_template("does cold help", "remedy_cold") is not None


def test_the_nearest_template_belongs_to_the_intent(fitted: classifier.Nearest, content: Content) -> None:
    found = fitted.nearest_template("would heating it up do any good", "remedy_heat")
    assert found in [template.text for template in content.sentences.templates if template.intent == "remedy_heat"]
