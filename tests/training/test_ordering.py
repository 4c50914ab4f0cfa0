"""The kept order of the rows."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from workbench.training.ordering import KeptOrder


class Shuffled:
    """Another order each time."""

    def __init__(self, size: int, seed: int) -> None:
        self._rows = list(range(size))
        self._random = random.Random(seed)

    def __iter__(self) -> Iterator[int]:
        self._random.shuffle(self._rows)
        return iter(list(self._rows))


def epochs(folder: Path, seed: int, count: int, size: int = 20, start: int = 0) -> list[list[int]]:
    order = KeptOrder(Shuffled(size, seed), size, folder)
    found: list[list[int]] = []
    for epoch in range(start, count):
        order.set_epoch(epoch)
        found.append(list(order))
    return found


def test_epochs_differ(tmp_path: Path) -> None:
    first, second = epochs(tmp_path, seed=1, count=2)
    assert first != second


def test_a_resumed_epoch_goes_on_in_the_order_it_began_with(tmp_path: Path) -> None:
    before = epochs(tmp_path, seed=1, count=3)
    again = epochs(tmp_path, seed=99, count=3, start=2)
    assert again == [before[2]]


def test_a_kept_order_of_other_rows_is_not_used(tmp_path: Path) -> None:
    epochs(tmp_path, seed=1, count=1, size=20)
    (order,) = epochs(tmp_path, seed=1, count=1, size=10)
    assert sorted(order) == list(range(10))
