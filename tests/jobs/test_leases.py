from __future__ import annotations

from pathlib import Path

from workbench.jobs.leases import (
    LeaseHolder,
    Ledger,
    free_bytes,
    most_bytes,
    read_ledger,
    reserve_bytes,
    write_ledger,
)
from workbench.jobs.machine import GIB, Memory


def _holder(job_id: str, size: int) -> LeaseHolder:
    return LeaseHolder(job_id=job_id, bytes=size, pid=1, pid_started_at=1.0, since=1.0)


def test_the_reserve_is_an_eighth_and_at_most_16_gib() -> None:
    assert reserve_bytes(4 * GIB) == GIB // 2
    assert reserve_bytes(128 * GIB) == 16 * GIB
    assert reserve_bytes(512 * GIB) == 16 * GIB
    assert most_bytes(Memory(128 * GIB, GIB, 0)) == 112 * GIB


def test_with_nothing_set_aside_all_but_the_reserve_is_free() -> None:
    assert free_bytes(Ledger(), Memory(64 * GIB, 60 * GIB, 0)) == 52 * GIB


def test_a_lease_counts_in_full_before_its_holder_has_touched_the_memory() -> None:
    memory = Memory(64 * GIB, 60 * GIB, 0)
    ledger = Ledger().measured(memory).with_holder(_holder("a", 40 * GIB))
    assert free_bytes(ledger, memory) == 12 * GIB


def test_a_lease_does_not_count_twice_once_its_holder_has_taken_the_memory() -> None:
    ledger = Ledger().measured(Memory(64 * GIB, 60 * GIB, 0)).with_holder(_holder("a", 40 * GIB))
    assert free_bytes(ledger, Memory(64 * GIB, 20 * GIB, 0)) == 12 * GIB


def test_what_other_programs_took_meanwhile_is_not_given_out() -> None:
    ledger = Ledger().measured(Memory(64 * GIB, 60 * GIB, 0)).with_holder(_holder("a", 10 * GIB))
    assert free_bytes(ledger, Memory(64 * GIB, 20 * GIB, 0)) == 12 * GIB
    assert free_bytes(ledger, Memory(64 * GIB, 5 * GIB, 0)) == 0


def test_the_pool_is_measured_again_only_when_nothing_is_set_aside() -> None:
    small = Memory(64 * GIB, 20 * GIB, 0)
    held = Ledger(pool_bytes=60 * GIB).with_holder(_holder("a", GIB))
    assert held.measured(small).pool_bytes == 60 * GIB
    assert held.without("a").measured(small).pool_bytes == 20 * GIB
    assert Ledger().with_holder(_holder("a", 0)).measured(small).pool_bytes == 20 * GIB


def test_a_job_stands_in_the_ledger_once() -> None:
    ledger = Ledger().with_holder(_holder("a", 1)).with_holder(_holder("b", 2)).with_holder(_holder("a", 4))
    assert ledger.leased_bytes == 6
    assert [holder.job_id for holder in ledger.without("b").holders] == ["a"]
    assert ledger.holder("c") is None


def test_the_ledger_is_read_back_and_a_damaged_one_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "leases.json"
    assert read_ledger(path) == Ledger()
    write_ledger(path, Ledger(pool_bytes=5, holders=(_holder("a", 3),)))
    assert read_ledger(path).leased_bytes == 3
    path.write_text("{")
    assert read_ledger(path) == Ledger()
