"""Use your own recognizer. Replace `recognize` with your engine."""

import sys

from voice_helper import AudioChunk, Skill, Transcript


def recognize(pcm: bytes) -> str:
    """Transcribe 16 kHz, 16-bit, mono audio. This example always returns the same text."""
    return "does heat help" if pcm else ""


class MyRecognizer:
    """Recognizes whole utterances."""

    name = "mine"

    def __init__(self) -> None:
        self._sound = b""

    def accept(self, chunk: AudioChunk) -> str:
        """Store a chunk. There is no partial transcript."""
        self._sound += chunk.pcm
        return ""

    def pause(self) -> Transcript:
        """Return the transcript so far."""
        return Transcript(recognize(self._sound))

    def finish(self) -> Transcript:
        """Return the final transcript and start over."""
        heard, self._sound = self.pause(), b""
        return heard


if len(sys.argv) != 2:
    sys.exit("usage: python examples/own_recognizer.py FILE.wav")
print(Skill.load().hear(sys.argv[1], recognizer=MyRecognizer()).text)
