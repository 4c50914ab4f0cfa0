"""Turns what a job's function raised into an error with a sentence, or into the interrupt hidden in it."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from workbench.errors import InternalError, ResourceError, WorkbenchError
from workbench.jobs.context import JobInterrupt

# what libraries say where they hide the system's error number
_DISK_FULL_TEXTS = ("No space left on device", "os error 28", "Disk quota exceeded")
_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "Cannot allocate memory", "bad_alloc")


def convert_failure(exc: Exception, place: Path) -> WorkbenchError:
    """Any exception of a job's function as an error with a sentence.

    Args:
        exc: What was raised; causes that other libraries wrapped are looked at too.
        place: The folder whose disk is named where one is full.
    """
    if isinstance(exc, WorkbenchError):
        return exc
    chain = list(_chain(exc))
    if any(_is_disk_full(link) for link in chain):
        return ResourceError("disk_full", path=str(place))
    if any(_is_out_of_memory(link) for link in chain):
        return ResourceError("out_of_memory")
    return InternalError("internal", id=secrets.token_hex(4))


def find_interrupt(exc: BaseException) -> JobInterrupt | None:
    """The pause or cancellation inside an exception that a library wrapped around it.

    An error that happened while an interrupt was being handled is an error, so only declared causes and the
    members of a group count.
    """
    if isinstance(exc, JobInterrupt):
        return exc
    inside: list[BaseException] = [exc.__cause__] if exc.__cause__ is not None else []
    if isinstance(exc, BaseExceptionGroup):
        inside += cast("BaseExceptionGroup[BaseException]", exc).exceptions
    return next((found for found in map(find_interrupt, inside) if found is not None), None)


def convert_os_error(exc: OSError, place: Path) -> ResourceError:
    """Why nothing can be written into a workspace: its disk is full, or the system refuses."""
    if _is_disk_full(exc):
        return ResourceError("disk_full", path=str(place))
    return ResourceError("workspace_unwritable", path=str(place), reason=exc.strerror or str(exc))


def names_full_disk(text: str) -> bool:
    """Whether a log says that the disk was full."""
    return any(part in text for part in _DISK_FULL_TEXTS)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield exc
        if isinstance(exc, BaseExceptionGroup):
            for member in cast("BaseExceptionGroup[BaseException]", exc).exceptions:
                yield from _chain(member)
        exc = exc.__cause__ or exc.__context__


def _is_disk_full(exc: BaseException) -> bool:
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return names_full_disk(str(exc))


def _is_out_of_memory(exc: BaseException) -> bool:
    if isinstance(exc, MemoryError) or (isinstance(exc, OSError) and exc.errno == errno.ENOMEM):
        return True
    return isinstance(exc, RuntimeError) and any(text in str(exc) for text in _MEMORY_TEXTS)
