"""Transcribe the question in an audio file, and answer it."""

import sys

from voice_helper import Skill

if len(sys.argv) != 2:
    sys.exit("usage: python examples/hear.py FILE.wav")
skill = Skill.load()
heard = skill.hear(sys.argv[1])
print(f"{heard.text} ({heard.confidence:.0%})")
print(skill.chat().send(heard.text).text)
