"""An assistant in a simulated room without a loudspeaker, for measurements of the whole loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.support.sound import chunks_of
from voice_helper.audio.devices import SilentPlayer
from voice_helper.audio.echo import EchoCanceller
from voice_helper.dialogue.conversation import Conversation
from voice_helper.dialogue.state import State
from voice_helper.recognizers import Recognizer
from voice_helper.runtime.assistant import Assistant, LoopEvent
from voice_helper.runtime.speaker import Speaker
from voice_helper.types import CHUNK_SAMPLES, AudioChunk
from voice_helper.voices import Voice


def listener(
    conversation: Conversation,
    recognizer: Recognizer,
    voice: Voice,
    tell: Callable[[LoopEvent], None] = lambda happening: None,
) -> Assistant:
    """Return the loop as `listen` builds it: hands-free, with echo removal, without supervision."""
    speaker, state = Speaker(voice, SilentPlayer()), State(hands_free=True)
    return Assistant(conversation, recognizer, speaker, state=state, echo=EchoCanceller(), tell=tell)


def filled_chunks_of(pcm: bytes) -> Iterator[AudioChunk]:
    """Yield audio in chunks. The last chunk is padded with silence."""
    return (AudioChunk(chunk.pcm.ljust(CHUNK_SAMPLES * 2, b"\0")) for chunk in chunks_of(pcm))
