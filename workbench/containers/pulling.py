"""How far a pull is, and what its messages mean. Pure.

Two kinds of image stores stream differently. The classic one gives bytes for downloading and extracting each
layer. The containerd one gives bytes for downloading and, while it unpacks, seconds without a total. In neither is
there a total of the whole image: it is the sum over the layers that have told theirs.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from workbench.schemas.containers import PullEvent, PullProgress

_LAYER_DONE = frozenset({"Pull complete", "Already exists"})
_DOWNLOADED = frozenset({"Download complete", "Verifying Checksum"})


def read_json_stream(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The messages of a stream of JSON objects, however the network cut them into chunks."""
    decoder, characters = json.JSONDecoder(), codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = ""
    for chunk in chunks:
        text += characters.decode(chunk)
        while text := text.lstrip():
            try:
                message, end = decoder.raw_decode(text)
            except ValueError:
                break  # the rest of this message comes with the next chunk
            text = text[end:]
            if isinstance(message, dict):
                yield cast("dict[str, Any]", message)


def read_pull_event(message: Mapping[str, Any]) -> PullEvent:
    """One message of a pull."""
    detail = cast("Mapping[str, Any]", message.get("progressDetail") or {})
    failure = cast("Mapping[str, Any]", message.get("errorDetail") or {})
    return PullEvent(
        layer=str(message.get("id", "")),
        status=str(message.get("status", "")),
        current=int(detail.get("current") or 0),
        total=max(0, int(detail.get("total") or 0)),
        unit="seconds" if detail.get("units") == "s" else "bytes",
        error=str(message.get("error") or failure.get("message") or ""),
    )


@dataclass
class _Layer:
    downloaded: int = 0
    size: int = 0
    unpacking: bool = False
    done: bool = False
    here_before: bool = False


class PullMeter:
    """Adds up what the messages of one pull say.

    A layer's figure never goes back: the classic store counts from 0 again while it extracts, and a download
    that is tried again starts anew.
    """

    def __init__(self, reference: str) -> None:
        self._reference = reference
        self._layers: dict[str, _Layer] = {}
        self._seconds = 0.0
        self._message = ""
        self._complete = False

    def add(self, event: PullEvent) -> PullProgress:
        """Take a message in; how far the pull is now."""
        self._message = f"{event.layer}: {event.status}" if event.layer else event.status
        if event.status.startswith("Status:"):
            self._complete = True
        elif event.layer and not event.status.startswith(("Pulling from", "Digest")):
            self._note(self._layers.setdefault(event.layer, _Layer()), event)
        return self.progress()

    def _note(self, layer: _Layer, event: PullEvent) -> None:
        if event.status == "Downloading" and event.unit == "bytes":
            layer.downloaded = max(layer.downloaded, event.current)
            layer.size = max(layer.size, event.total)
        elif event.status == "Extracting":
            layer.unpacking = True
            layer.downloaded = max(layer.downloaded, layer.size)
            if event.unit == "seconds":
                self._seconds = max(self._seconds, float(event.current))
        elif event.status in _DOWNLOADED:
            layer.downloaded = max(layer.downloaded, layer.size)
        elif event.status in _LAYER_DONE:
            layer.done = True
            layer.here_before = event.status == "Already exists" and not layer.size
            layer.downloaded = max(layer.downloaded, layer.size)

    def progress(self) -> PullProgress:
        """How far the pull is."""
        layers = list(self._layers.values())
        return PullProgress(
            reference=self._reference,
            phase=self._phase(layers),
            done_bytes=sum(layer.downloaded for layer in layers),
            total_bytes=sum(layer.size for layer in layers),
            layers=len(layers),
            layers_done=sum(layer.done for layer in layers),
            layers_unknown=sum(not layer.size and not layer.done for layer in layers),
            unpacking_seconds=self._seconds,
            message=self._message,
        )

    def _phase(self, layers: list[_Layer]) -> Any:
        if self._complete or (layers and all(layer.done for layer in layers)):
            return "done"
        if any(layer.size and layer.downloaded < layer.size for layer in layers):
            return "downloading"
        return "unpacking" if any(layer.unpacking for layer in layers) else "waiting"
