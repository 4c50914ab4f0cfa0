"""Answers of the engine that go on for a while, and can be ended from another thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any, Generic, TypeVar

from docker.types import CancellableStream
from urllib3.exceptions import HTTPError

from workbench.containers.lines import LineSplitter, split_frames
from workbench.containers.pulling import read_json_stream
from workbench.containers.records import read_event
from workbench.errors import ResourceError
from workbench.schemas.containers import ContainerEvent, LogLine

POLL_SECONDS = 0.25
JOIN_SECONDS = 5.0
Item = TypeVar("Item")
# what a reader sees when the connection breaks or is closed under it
_BROKEN = (HTTPError, HTTPException, OSError, ValueError, AttributeError)


class ResponseStream:
    """The body of an answer that is still coming in.

    Args:
        response: Of `requests`, opened with `stream=True`.
    """

    def __init__(self, response: Any) -> None:
        self._response = response
        self._closed = threading.Event()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def read(self, count: int) -> bytes:
        """Up to so many bytes; empty at the end and after `close`.

        Raises:
            ResourceError: `engine_lost`.
        """
        try:
            return self._response.raw.read(count)
        except _BROKEN as exc:
            self._raise_unless_closed(exc)
            return b""

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes in.

        Raises:
            ResourceError: `engine_lost`.
        """
        # requests' own reading would wrap errors a second time
        parts = self._response.raw.stream(65_536, decode_content=True)
        while True:
            try:
                part = next(parts)
            except StopIteration:
                return
            except _BROKEN as exc:
                self._raise_unless_closed(exc)
                return
            yield part

    def _raise_unless_closed(self, exc: Exception) -> None:
        if not self.closed:
            raise ResourceError("engine_lost", detail=type(exc).__name__) from exc

    def close(self) -> None:
        """End it: the reader wakes up, and the engine sees that nobody listens any more."""
        if self._closed.is_set():
            return
        self._closed.set()
        try:
            # shuts the socket down, which is what wakes a reader that waits in another thread
            CancellableStream(iter(()), self._response).close()
        except (*_BROKEN, UnboundLocalError):
            pass  # it had ended on its own
        self._response.close()


class LogReader:
    """Lines of a log, from the engine's stream of frames."""

    def __init__(self, stream: ResponseStream, mask: Callable[[str], str], *, timestamps: bool) -> None:
        self._stream = stream
        self._splitter = LineSplitter(mask, timestamps=timestamps)

    def __iter__(self) -> Iterator[LogLine]:
        try:
            for name, data in split_frames(self._stream.read):
                yield from self._splitter.feed(name, data)
            yield from self._splitter.finish()
        finally:
            self._stream.close()

    def close(self) -> None:
        """End it."""
        self._stream.close()


class EventReader:
    """Events of containers, from the engine's stream of messages."""

    def __init__(self, stream: ResponseStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[ContainerEvent]:
        try:
            for message in read_json_stream(self._stream.chunks()):
                event = read_event(message)
                if event is not None:
                    yield event
        finally:
            self._stream.close()

    def close(self) -> None:
        """End it."""
        self._stream.close()


class Watched(Generic[Item]):
    """Reads a source in a thread, so that whoever waits for it can look around in between.

    Args:
        source: What to read.
        close: Ends the source from outside.
        stall_seconds: Silence after which the source counts as dead.
    """

    def __init__(self, source: Iterator[Item], close: Callable[[], None], stall_seconds: float) -> None:
        self._source, self._close, self._stall = source, close, stall_seconds
        self._queue: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(maxsize=1000)
        self._thread = threading.Thread(target=self._read, name="engine-stream", daemon=True)
        self._ended = threading.Event()

    def _read(self) -> None:
        failure: BaseException | None = None
        try:
            for item in self._source:
                if not self._put((item, None)):
                    return
        except BaseException as exc:  # noqa: BLE001 - raised again in the thread that waits
            failure = exc
        self._put((None, failure))

    def _put(self, entry: tuple[Item | None, BaseException | None]) -> bool:
        while not self._ended.is_set():
            try:
                self._queue.put(entry, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def items(self, look_around: Callable[[], None]) -> Iterator[Item]:
        """The source's items; `look_around` is called several times a second and ends this by raising.

        Raises:
            ResourceError: `engine_stalled`; and whatever the source or `look_around` raises.
        """
        self._thread.start()
        silent = 0.0
        try:
            while True:
                look_around()
                try:
                    item, failure = self._queue.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    silent += POLL_SECONDS
                    if silent >= self._stall:
                        raise ResourceError("engine_stalled", seconds=round(self._stall)) from None
                    continue
                silent = 0.0
                if failure is not None:
                    raise failure
                if item is None:
                    return
                yield item
        finally:
            self._ended.set()
            self._close()
            self._thread.join(JOIN_SECONDS)
