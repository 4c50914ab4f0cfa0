"""Starting a process without the garbage collector looking through what is only being loaded.

Importing makes hundreds of thousands of objects that stay, and Python's collector walks through all of them again
and again meanwhile: a fifth to a quarter of the time until a page or a command is ready.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Generator[None]:
    """Load without collecting; what is there afterwards is never walked through again.

    Inside another pause it does nothing, so that the outer one lasts as long as it says.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
