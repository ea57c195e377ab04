"""Ask one question, and show where each sentence of the answer comes from."""

from voice_helper import Skill

reply = Skill.load().chat().send("does heat help")
print(reply.intent)
for row in reply.rows:
    print(f"{row.text} ({row.kind}: {row.fact or row.source})")
