"""Read frames of the Wyoming protocol, with limits on size and time.

A frame is one line of JSON, followed by JSON data and a payload. The line states the lengths of both. Wyoming's own
reader accepts any length and waits forever.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from wyoming.event import Event

MAX_LINE_BYTES: Final = 64 * 1024
MAX_DATA_BYTES: Final = 64 * 1024
MAX_PAYLOAD_BYTES: Final = 1024 * 1024
"""The maximum size of a payload, which is enough for ten seconds of studio-quality audio.

Home Assistant sends at most 0.1 s at a time.
"""

FRAME_SECONDS: Final = 15.0
"""The time limit, in seconds, for the rest of a frame once its first byte has arrived."""


class FrameError(Exception):
    """The data is not a valid frame, or the frame is too large or too slow. The message says what is wrong."""


async def read_frame(reader: asyncio.StreamReader, idle_seconds: float) -> Event | None:
    """Read the next frame. Return `None` if the client has closed the connection.

    Raises `FrameError` for an invalid frame, and `TimeoutError` if no frame starts within `idle_seconds`.
    """
    async with asyncio.timeout(idle_seconds):
        first = await reader.read(1)
    if not first:
        return None
    try:
        async with asyncio.timeout(FRAME_SECONDS):
            return await _rest(first, reader)
    except TimeoutError:
        raise FrameError(f"a frame must be complete within {FRAME_SECONDS:.0f} seconds") from None
    except asyncio.IncompleteReadError:
        raise FrameError("a frame is incomplete") from None


async def _rest(first: bytes, reader: asyncio.StreamReader) -> Event:
    try:
        line = first if first == b"\n" else first + await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        raise FrameError(f"the first line of a frame may have at most {MAX_LINE_BYTES} bytes") from None
    header = _read_object(line)
    kind, data = header.get("type"), header.get("data") or {}
    if not isinstance(kind, str) or not isinstance(data, dict):
        raise FrameError('a frame needs a "type", which is text, and its "data" is an object')
    data_bytes = _length(header, "data_length", MAX_DATA_BYTES)
    payload_bytes = _length(header, "payload_length", MAX_PAYLOAD_BYTES)
    if data_bytes:
        data = data | _read_object(await reader.readexactly(data_bytes))
    return Event(kind, data, await reader.readexactly(payload_bytes) if payload_bytes else None)


def _read_object(text: bytes) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        raise FrameError("a frame must begin with a line of JSON") from None
    if not isinstance(read, dict):
        raise FrameError("a frame must begin with a JSON object")
    return read


def _length(header: dict[str, Any], name: str, most: int) -> int:
    length = header.get(name) or 0
    if type(length) is not int or not 0 <= length <= most:
        raise FrameError(f'"{name}" is a number from 0 to {most}')
    return length
