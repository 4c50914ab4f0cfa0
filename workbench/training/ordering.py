"""The order of the rows in each epoch, kept on disk so that a resumed run goes on in the same order.

transformers draws the order of an epoch from the global random numbers at its start. A checkpoint in the
middle of the second or a later epoch knows the random numbers of that moment only, and the resumed run
would shuffle the rest of the epoch anew: some rows twice, others never, and another loss in the end.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from workbench.artifacts import read_json, write_json_atomic
from workbench.errors import InputError

logger = logging.getLogger(__name__)

FOLDER = "orders"


class KeptOrder:
    """A sampler that writes down the order of every epoch, and repeats it where it was written down before.

    Args:
        inner: Gives the order of an epoch that is new. Iterating over it draws random numbers.
        size: Number of rows.
        folder: Where orders are kept.
    """

    def __init__(self, inner: Iterable[int], size: int, folder: Path) -> None:
        self._inner = inner
        self._size = size
        self._folder = folder
        self._epoch = 0
        folder.mkdir(parents=True, exist_ok=True)

    def set_epoch(self, epoch: int) -> None:
        """Told by the trainer at the start of an epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        path = self._folder / f"epoch-{self._epoch}.json"
        drawn = [int(index) for index in self._inner]
        kept = self._read(path)
        if kept is None:
            write_json_atomic(path, drawn)
        return iter(drawn if kept is None else kept)

    def _read(self, path: Path) -> list[int] | None:
        try:
            kept = cast("list[int]", read_json(path))
        except (FileNotFoundError, InputError):
            return None
        if sorted(kept) == list(range(self._size)):
            return kept
        logger.warning("%s does not fit the rows; drawn anew", path.name)
        return None
