"""Ask one question, and show the source of each sentence in the answer."""

from voice_helper import Skill

reply = Skill.load().chat().send("does heat help")
print(reply.intent)
for row in reply.rows:
    print(f"{row.text} ({row.kind}: {row.fact or row.source})")
