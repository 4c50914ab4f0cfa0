"""Work with an Ollama server ends when a person wants it to."""

from __future__ import annotations

import asyncio

import pytest

from workbench.inference.ollama_run import watch


class EndedError(Exception):
    pass


def test_watching_ends_work_that_waits() -> None:
    asked = iter([False, False, True])

    def check() -> None:
        if next(asked):
            raise EndedError

    with pytest.raises(EndedError):
        asyncio.run(watch(asyncio.sleep(60), check))
