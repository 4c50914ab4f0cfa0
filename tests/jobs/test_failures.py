from __future__ import annotations

import errno
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.jobs import CancelRequested, PauseRequested
from workbench.jobs.failures import convert_failure, convert_os_error, find_interrupt

PLACE = Path("/data/workspace")


def _raised_from(outer: Exception, cause: BaseException) -> Exception:
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk_full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "disk_full"),
        (MemoryError(), "out_of_memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out_of_memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out_of_memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (ValueError("out of memory of what happened"), "internal"),
        (KeyError("x"), "internal"),
        (OSError(errno.EACCES, "Permission denied"), "internal"),
    ],
)
def test_each_fault_has_its_sentence(exc: Exception, code: str) -> None:
    assert convert_failure(exc, PLACE).code == code


def test_our_own_errors_stay_what_they_are() -> None:
    error = InputError("faq_empty", path="x")
    assert convert_failure(error, PLACE) is error


def test_a_full_disk_is_found_behind_a_librarys_wrapper() -> None:
    wrapped = _raised_from(RuntimeError("writing failed"), OSError(errno.ENOSPC, "full"))
    assert convert_failure(wrapped, PLACE).code == "disk_full"
    group = ExceptionGroup("several", [ValueError("x"), wrapped])
    assert convert_failure(group, PLACE).params == {"path": str(PLACE)}


def test_an_unexpected_fault_gets_an_id_of_its_own() -> None:
    first, second = convert_failure(ValueError(), PLACE), convert_failure(ValueError(), PLACE)
    assert first.params["id"] != second.params["id"]


def test_an_interrupt_is_found_inside_what_a_library_made_of_it() -> None:
    pause = PauseRequested()
    assert find_interrupt(pause) is pause
    assert find_interrupt(_raised_from(RuntimeError("callback failed"), pause)) is pause
    cancel = CancelRequested()
    assert find_interrupt(ExceptionGroup("tasks", [ValueError(), cancel])) is cancel
    assert find_interrupt(ValueError()) is None


def test_an_error_while_saving_for_a_pause_is_an_error() -> None:
    def save_on_pause() -> None:
        try:
            raise PauseRequested
        except PauseRequested:
            raise OSError(errno.ENOSPC, "full")  # noqa: B904 - the point of this test

    with pytest.raises(OSError, match="full") as caught:
        save_on_pause()
    assert find_interrupt(caught.value) is None
    assert convert_failure(caught.value, PLACE).code == "disk_full"


def test_a_workspace_that_cannot_be_written_says_why() -> None:
    assert convert_os_error(OSError(errno.ENOSPC, "full"), PLACE).code == "disk_full"
    error = convert_os_error(PermissionError(errno.EACCES, "Permission denied"), PLACE)
    assert error.code == "workspace_unwritable"
    assert error.params["reason"] == "Permission denied"
