"""What one verdict costs on the server in a large review: ours beside a script that keeps votes in a file of lines.

    python benchmarks/review_queue.py [--items 10000] [--reviewers 20] [--clicks 20]

One click saves the verdict durably, finds the next open question of the reviewer's queue with what was typed
there, counts the progress and remembers the place. All reviewers click at once, each in a process of their own;
most of the review is done already. `page` is what the review desk itself asks for, from one server process: the
verdict, and the next question with both answers, their marks and their differences.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from workbench.artifacts import ArtifactStore, write_jsonl_atomic
from workbench.jobs import JobStore
from workbench.paths import Workspace
from workbench.review import Queue, VoteStore, build_queue, find_next, measure_progress
from workbench.review.database import ReviewDatabase, pack
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import ScoredAnswer, Vote
from workbench.schemas.review import QueueItem, ReviewPlan, ReviewSession

PLAN = ReviewPlan(comparison="c1", selection="all")
DONE_SHARE = 0.95
Ask = Callable[[str, dict[str, Any]], dict[str, Any]]
LIMIT_MS = 150.0
THINKING = 0.5
"""Seconds between two clicks of a reviewer; people take longer. Without it the processor's queue would be measured."""


def make_items(count: int) -> list[ComparisonItem]:
    """Questions with two short answers."""
    return [make_item(f"s{index}") for index in range(count)]


def make_item(name: str) -> ComparisonItem:
    before, after = (
        ScoredAnswer(
            id=name,
            kind="answerable",
            question=f"質問 {name}",
            prediction=text,
            answer_state="ok",
            state="answered",
        )
        for text in (f"{name}の手数料は200円です。", f"{name}の手数料は300円です。")
    )
    return ComparisonItem(
        id=name,
        kind="answerable",
        question=before.question,
        baseline=before,
        finetuned=after,
        delta=0.1,
        category="both_answered_better",
        differs=True,
    )


def make_vote(reviewer: str, item: QueueItem, comparison: str = "c1") -> Vote:
    return Vote(
        comparison=comparison,
        sample_id=item.sample_id,
        reviewer=reviewer,
        verdict="tie",
        left=item.left,
        repeat=item.repeat,
        comment="根拠は同じ",
        at=time.time(),
    )


def fill(root: Path, queues: dict[str, Queue], comparison: str = "c1") -> int:
    """Votes as if the review were nearly over, in one go, in both keepings."""
    VoteStore(Workspace(root)).save_session("r0", ReviewSession(plan=PLAN))
    votes = [
        make_vote(reviewer, item, comparison)
        for reviewer, queue in queues.items()
        for item in queue[: int(len(queue) * DONE_SHARE)]
    ]
    with ReviewDatabase(Workspace(root)).writing() as connection:
        connection.executemany(
            "INSERT INTO votes (comparison, reviewer, sample_id, is_repeat, is_adjudication, verdict, at, body)"
            " VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
            [(v.comparison, v.reviewer, v.sample_id, v.repeat, v.verdict, v.at, pack(v)) for v in votes],
        )
    with (root / "votes.jsonl").open("w", encoding="utf-8") as handle:
        handle.writelines(f"{vote.model_dump_json()}\n" for vote in votes)
    return len(votes)


@cache
def open_store(root: Path) -> VoteStore:
    """One for each process, as a server has it."""
    return VoteStore(Workspace(root))


def click_ours(root: Path, reviewer: str, queue: Queue) -> None:
    """One verdict and the next question, as the page does it."""
    store = open_store(root)
    item = find_next(queue, store.done("c1", reviewer))
    assert item is not None
    store.cast(make_vote(reviewer, item))
    done = store.done("c1", reviewer)
    following = find_next(queue, done, item.key)
    assert following is not None
    store.draft("c1", reviewer, following.key)
    measure_progress(queue, done, following.key)
    store.save_session(reviewer, ReviewSession(plan=PLAN, sample_id=following.sample_id))


def click_script(root: Path, reviewer: str, queue: Queue) -> None:
    """The same from a file of lines: append, then read everything to see what is open."""
    path = root / "votes.jsonl"

    def find() -> QueueItem:
        with path.open(encoding="utf-8") as handle:
            rows = [json.loads(line) for line in handle if line.endswith("\n")]
        mine = {(row["sample_id"], row["repeat"]) for row in rows if row["reviewer"] == reviewer}
        return next(item for item in queue if item.key not in mine)

    item = find()
    with path.open("ab", buffering=0) as handle:
        handle.write(f"{make_vote(reviewer, item).model_dump_json()}\n".encode())
        os.fsync(handle.fileno())
    find()


def run_reviewer(
    click: Callable[[Path, str, Queue], None],
    root: Path,
    reviewer: str,
    clicks: int,
    items: int,
) -> list[float]:
    """Milliseconds of each click of one reviewer."""
    queue = build_queue(make_items(items), PLAN, reviewer)
    took: list[float] = []
    for _ in range(clicks):
        before = time.perf_counter()
        click(root, reviewer, queue)
        took.append((time.perf_counter() - before) * 1000)
        time.sleep(THINKING)
    return took


def make_page(root: Path, items: list[ComparisonItem]) -> tuple[str, Ask]:
    """A comparison on disk, and the desk's own way to ask: one context, as one server process has it."""
    from workbench.ui.context import Services
    from workbench.ui.server import make_context
    from workbench.ui.tabs.review_room import answer

    workspace = Workspace(root)
    draft = ArtifactStore(workspace).begin("comparison", "c1")
    write_jsonl_atomic(draft.folder / "items.jsonl", items)
    comparison = draft.commit(details={"baseline": "", "finetuned": ""}).id
    context = make_context(workspace, "ja", JobStore(workspace), Services())

    def ask(action: str, values: dict[str, Any]) -> dict[str, Any]:
        told = answer(context, {"action": action, "comparison": comparison, **values})
        if "error" in told:
            raise RuntimeError(told["error"]["message"])
        return told

    return comparison, ask


def click_page(ask: Ask, reviewer: str, clicks: int) -> list[float]:
    """Milliseconds from a verdict until the question behind it is there and remembered."""
    shown = ask("begin", {"reviewer": reviewer, "mode": "all"})
    took: list[float] = []
    for _ in range(clicks):
        time.sleep(THINKING)
        before = time.perf_counter()
        shown = ask("vote", {**_place(reviewer, shown), "verdict": "tie"})
        shown = ask("go", {**_place(reviewer, shown), "by": 1})
        took.append((time.perf_counter() - before) * 1000)
    return took


def _place(reviewer: str, shown: dict[str, Any]) -> dict[str, Any]:
    sample, repeat = shown["item"]["key"]
    return {"reviewer": reviewer, "sample_id": sample, "repeat": repeat}


def measure_page(root: Path, names: list[str], clicks: int, items: list[ComparisonItem]) -> list[float]:
    """Milliseconds of every click on the desk, all reviewers at once in one process."""
    comparison, ask = make_page(root, items)
    plan = PLAN.model_copy(update={"comparison": comparison})
    fill(root, {name: build_queue(items, plan, name) for name in names}, comparison)
    with ThreadPoolExecutor(len(names)) as pool:
        found = list(pool.map(lambda name: click_page(ask, name, clicks), names))
    return sorted(value for one in found for value in one)


def measure(
    click: Callable[[Path, str, Queue], None],
    root: Path,
    names: list[str],
    clicks: int,
    items: int,
) -> list[float]:
    """Milliseconds of every click, all reviewers at once."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(len(names)) as pool:
        found = pool.starmap(run_reviewer, [(click, root, name, clicks, items) for name in names])
    return sorted(value for one in found for value in one)


def tell(name: str, took: list[float]) -> float:
    middle, late = statistics.median(took), took[int(len(took) * 0.95)]
    print(f"{name:<28} median {middle:8.1f} ms   95 % below {late:8.1f} ms   worst {took[-1]:8.1f} ms")
    return middle


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--reviewers", type=int, default=20)
    parser.add_argument("--clicks", type=int, default=20)
    given = parser.parse_args()
    items = make_items(given.items)
    names = [f"r{number}" for number in range(given.reviewers)]
    before = time.perf_counter()
    queues = {name: build_queue(items, PLAN, name) for name in names}
    print(
        f"one queue of {given.items} questions: {(time.perf_counter() - before) * 1000 / len(names):.0f} ms"
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print(f"{fill(root, queues):,} votes of {len(names)} reviewers are there")
        alone = measure(click_ours, root, names[:1], given.clicks, given.items)
        tell("workbench, one reviewer", alone)
        ours = tell("workbench, all at once", measure(click_ours, root, names, given.clicks, given.items))
        page = tell("page, all at once", measure_page(root, names, given.clicks, items))
        script = tell("script, one reviewer", measure(click_script, root, names[:1], 5, given.items))
    print(f"the script takes {script / ours:.0f} times as long for one reviewer as we for all at once")
    return 0 if max(ours, page) < LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
