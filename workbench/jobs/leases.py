"""The ledger of memory: which job was started, in which process, and how many bytes are set aside for it.

Pure: the dispatcher reads and writes `locks/leases.json` under its lock. A job that needs no memory of its
own stands in the ledger with 0 bytes, so that the ledger also says which jobs were started.

The pool is what was available when nothing was set aside. While leases are held it is not measured again,
since what their holders have taken by then cannot be told from what others took (memory that a GPU shares
with the machine appears in no process's figure). In addition a job starts only if its bytes are available at
that moment.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from workbench.artifacts.files import read_json, write_json_atomic
from workbench.errors import InputError
from workbench.jobs.machine import GIB, Memory
from workbench.schemas.base import StrictModel

_RESERVE_MAX = 16 * GIB
_RESERVE_SHARE = 8


class LeaseHolder(StrictModel):
    """One started job."""

    job_id: str
    bytes: int
    pid: int
    pid_started_at: float
    since: float
    """Seconds since the epoch."""


class Ledger(StrictModel):
    """`locks/leases.json`."""

    pool_bytes: int = 0
    """Available memory when nothing was set aside."""
    holders: tuple[LeaseHolder, ...] = ()

    def holder(self, job_id: str) -> LeaseHolder | None:
        return next((holder for holder in self.holders if holder.job_id == job_id), None)

    @property
    def leased_bytes(self) -> int:
        return sum(holder.bytes for holder in self.holders)

    def with_holder(self, holder: LeaseHolder) -> Ledger:
        """The ledger with this holder, in place of an earlier entry of the same job."""
        others = tuple(other for other in self.holders if other.job_id != holder.job_id)
        return self.model_copy(update={"holders": (*others, holder)})

    def without(self, job_id: str) -> Ledger:
        kept = tuple(holder for holder in self.holders if holder.job_id != job_id)
        return self.model_copy(update={"holders": kept})

    def measured(self, memory: Memory) -> Ledger:
        """The ledger with its pool measured anew where nothing is set aside."""
        return self if self.leased_bytes else self.model_copy(update={"pool_bytes": memory.available})


def reserve_bytes(total: int) -> int:
    """What jobs never get: an eighth of the machine, at most 16 GiB.

    Running out of memory stops the whole machine where GPU and CPU share it, not one process.
    """
    return min(_RESERVE_MAX, total // _RESERVE_SHARE)


def free_bytes(ledger: Ledger, memory: Memory) -> int:
    """Bytes that a further job may set aside now."""
    reserve = reserve_bytes(memory.total)
    unleased = ledger.measured(memory).pool_bytes - ledger.leased_bytes
    return max(0, min(unleased, memory.available) - reserve)


def most_bytes(memory: Memory) -> int:
    """Bytes that a job could set aside if nothing else ran on this machine."""
    return memory.total - reserve_bytes(memory.total)


def read_ledger(path: Path) -> Ledger:
    """The ledger; an absent or damaged one is empty (running jobs are entered again from their status)."""
    try:
        return Ledger.model_validate(read_json(path))
    except (FileNotFoundError, InputError, ValidationError):
        return Ledger()


def write_ledger(path: Path, ledger: Ledger) -> None:
    """Replace the ledger; the caller holds the lock."""
    write_json_atomic(path, ledger)
