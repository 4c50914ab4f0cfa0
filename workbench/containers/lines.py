"""Lines out of the chunks of a container's log. Pure."""

from __future__ import annotations

import codecs
import re
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from workbench.schemas.containers import LogLine, LogStreamName

HEADER_BYTES = 8
LONGEST = 16_384
"""A line without an end is cut here; a program that prints no newline must not fill the memory."""
_MARGIN = 1_024
RING_LINES = 2_000
_STREAMS: dict[int, LogStreamName] = {0: "stdout", 1: "stdout", 2: "stderr"}
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?")
# colours and cursor movements mean nothing on a page
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def split_frames(read: Callable[[int], bytes]) -> Iterator[tuple[LogStreamName, bytes]]:
    """The frames of the engine's multiplexed stream.

    Args:
        read: Reads up to so many bytes; empty at the end.
    """
    while True:
        header = _read_exactly(read, HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return
        kind, length = struct.unpack(">BxxxL", header)
        data = _read_exactly(read, length)
        yield _STREAMS.get(kind, "stdout"), data
        if len(data) < length:
            return


def _read_exactly(read: Callable[[int], bytes], count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = read(count - len(data))
        if not more:
            break
        data += more
    return data


class LineSplitter:
    """Puts chunks together into lines, for each of the two streams on its own.

    A carriage return that is not followed by a newline ends a line that the next one replaces: progress bars.

    Args:
        mask: Takes secrets out of a whole line; it works on lines, because a secret may be cut between chunks.
        timestamps: Every line begins with the engine's time.
    """

    def __init__(self, mask: Callable[[str], str], *, timestamps: bool = False) -> None:
        self._mask, self._timestamps = mask, timestamps
        self._rest: dict[LogStreamName, str] = {}
        self._decoders: dict[LogStreamName, codecs.IncrementalDecoder] = {}

    def feed(self, stream: LogStreamName, data: bytes) -> Iterator[LogLine]:
        """The lines that this chunk completes."""
        if stream not in self._decoders:
            self._decoders[stream] = codecs.getincrementaldecoder("utf-8")(errors="replace")
        text = self._rest.get(stream, "") + self._decoders[stream].decode(data)
        while True:
            found = re.search(r"\r*\n|\r+(?=[^\r\n])", text)
            if found is None:
                break
            yield self._line(stream, text[: found.start()], partial="\n" not in found.group())
            text = text[found.end() :]
        while len(text) > LONGEST + _MARGIN:
            # masked before it is cut: a secret may lie across the cut
            text = self._mask(text)
            yield self._line(stream, text[:LONGEST])
            text = text[LONGEST:]
        self._rest[stream] = text

    def finish(self) -> Iterator[LogLine]:
        """What stands without an end when the log ends."""
        for stream, text in self._rest.items():
            if text.strip("\r"):
                yield self._line(stream, text.rstrip("\r"), partial=text.endswith("\r"))
        self._rest.clear()

    def _line(self, stream: LogStreamName, text: str, *, partial: bool = False) -> LogLine:
        at = ""
        if self._timestamps and (found := _STAMP.match(text)):
            at, text = found.group(1), text[found.end() :]
        return LogLine(text=self._mask(_ESCAPES.sub("", text)), stream=stream, at=at, partial=partial)


class RingBuffer:
    """The last lines of a log; a progress line takes the place of the one before. Safe for threads."""

    def __init__(self, size: int = RING_LINES) -> None:
        self._lines: deque[LogLine] = deque(maxlen=size)
        self._lock = threading.Lock()
        self._seen = 0

    def add(self, line: LogLine) -> None:
        """Take a line in."""
        with self._lock:
            self._seen += 1
            if self._lines and self._lines[-1].partial and self._lines[-1].stream == line.stream:
                self._lines.pop()
            self._lines.append(line)

    def extend(self, lines: Iterable[LogLine]) -> None:
        """Take several lines in."""
        for line in lines:
            self.add(line)

    @property
    def seen(self) -> int:
        """Lines taken in so far, so that a reader knows whether there is news."""
        return self._seen

    def last(self, count: int = RING_LINES) -> tuple[LogLine, ...]:
        """The last lines, oldest first."""
        with self._lock:
            return tuple(self._lines)[-count:] if count > 0 else ()
