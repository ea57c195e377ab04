"""Use your own voice in the voice loop. Replace the tone with your engine."""

from voice_helper import SilentPlayer, Skill
from voice_helper.testing import ScriptedMicrophone, ScriptedRecognizer, silence, speech, tone


class MyVoice:
    """Prints each sentence and returns a tone."""

    name = "mine"

    def speak(self, text: str, words_per_minute: float) -> bytes:
        """Return a sentence as 16 kHz, 16-bit, mono audio."""
        print(text)
        return tone(len(text.split()) * 60 / words_per_minute, hertz=220.0)


microphone = ScriptedMicrophone(silence(0.5), speech(1.5), silence(1.0))
recognizer = ScriptedRecognizer("does heat help")
assistant = Skill.load().assistant(
    microphone=microphone, recognizer=recognizer, voice=MyVoice(), loudspeaker=SilentPlayer()
)
for event in assistant.listen():
    print(f"{event.at_seconds:4.1f} s  {event.event}")
