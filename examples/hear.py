"""Transcribe the question in an audio file, and answer it."""

import sys

from voice_helper import Skill

skill = Skill.load()
heard = skill.hear(sys.argv[1])
print(f"{heard.text} ({heard.confidence:.0%})")
print(skill.chat().send(heard.text).text)
