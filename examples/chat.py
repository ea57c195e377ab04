"""Run the guided session for a cramp. Each line that you type is a turn."""

import sys

from voice_helper import Skill

chat = Skill.load(emergency_number="112").chat()
print(chat.send("help, I have a cramp in my calf").text)
for line in sys.stdin:
    reply = chat.send(line)
    print(reply.text or f"({reply.ended})")
