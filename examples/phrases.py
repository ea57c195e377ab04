"""Test that the phrases of your users mean what you expect."""

from voice_helper import Skill

EXPECTED = {
    "would a warm flannel be any good": "remedy_heat",
    "are bananas good for cramps": "remedy_foods",
    "i have chest pain": "emergency",
}
skill = Skill.load()
found = {phrase: skill.chat().send(phrase).intent for phrase in EXPECTED}
wrong = [f"{phrase}: {found[phrase]}, not {meant}" for phrase, meant in EXPECTED.items() if found[phrase] != meant]
print("\n".join(wrong) or "all as expected")
