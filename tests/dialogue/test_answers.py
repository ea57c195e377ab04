from __future__ import annotations

from voice_helper.skill.folder_reader import Content
from voice_helper.types import Match


def test_emergencies_are_said_twice_and_the_disclaimer_comes_last(content: Content) -> None:
    answer = content.answers.answer(Match("emergency", family="chest_pain"), full_given=False)
    texts = [row.text for row in answer.spoken_rows()]
    assert texts[0] == texts[1]
    assert texts[-1] == content.answers.short.text


def test_only_words_from_the_lists_are_spoken_never_the_users_text(content: Content) -> None:
    answer = content.answers.answer(Match("remedy_foods", {"food": "fifty tablets"}), full_given=False)
    assert "fifty" not in answer.spoken()


def test_a_named_food_gets_its_own_sentence(content: Content) -> None:
    banana = content.answers.answer(Match("remedy_foods", {"food": "banana"}), full_given=False)
    pickle = content.answers.answer(Match("remedy_foods", {"food": "pickle"}), full_given=False)
    assert banana.rows[0].text.startswith("Bananas are on the article's food list")
    assert pickle.rows[0].text == "The article does not say. Its food list does not have pickles."


def test_no_more_than_three_of_the_named_foods_are_answered(content: Content) -> None:
    foods = "tomato, potato, banana, broccoli, citrus, cantaloupe"
    answer = content.answers.answer(Match("remedy_foods", {"food": foods}), full_given=True)
    assert sum(row.fact == "remedy.foods" for row in answer.rows) == 3
    assert any(row.kind == "safety" for row in answer.rows)


def test_the_emergency_number_is_a_setting(content: Content) -> None:
    answer = content.answers.answer(Match("emergency"), full_given=False)
    assert "your local emergency number" in answer.spoken()
    assert "{" not in answer.spoken()


def test_the_privacy_answer_changes_if_audio_is_recorded(content: Content) -> None:
    usual = content.answers.answer(Match("privacy"), full_given=False).spoken()
    kept = content.answers.answer(Match("privacy"), full_given=False, situation={"recording": "on"}).spoken()
    assert "I do not save what I hear" in usual
    assert "I do not save what I hear" not in kept
    assert "I am saving what I hear" in kept
