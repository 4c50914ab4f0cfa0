"""Building RAFT data from a file as large as JaGovFaqs-22k (22,800 rows), extractive teacher included.

The file is made here from the sentences of a real FAQ file: answers of about 300 characters, 40 groups, a
tenth of the rows in the target group. Prints processor seconds per phase, the peak of memory, and both as
shares of the budget (15 s, 1.5 GB, one thread).

    python benchmarks/raft_build.py [FAQ.csv]
"""

from __future__ import annotations

import csv
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from random import Random

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))

from workbench.generation import load_faq  # noqa: E402
from workbench.generation.raft import build_raft  # noqa: E402
from workbench.schemas.generation import FaqSource, RaftConfig  # noqa: E402
from workbench.text.sentences import split_sentences  # noqa: E402

SAMPLES = (REPO.parent / "shared/data/jagovfaqs_sample/faq.csv", REPO / "assets/samples/city_faq.csv")
ROWS, GROUPS, TARGET_SHARE = 22_800, 40, 0.11
BUDGET_SECONDS, BUDGET_GB = 15.0, 1.5


def main() -> None:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else next(path for path in SAMPLES if path.exists())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "faq.csv"
        mean = write_faq(source, path)
        print(f"{ROWS:,} rows, {mean:.0f} characters per answer, {path.stat().st_size / 1e6:.0f} MB")
        measure(path, Path(folder) / "out")


def measure(path: Path, out: Path) -> None:
    started, worked = time.perf_counter(), time.process_time()
    marks: list[tuple[str, float]] = []

    def note(phase: str, _done: int, _total: int) -> None:
        if not marks or marks[-1][0] != phase:
            marks.append((phase, time.process_time()))

    sizes = {"train": 1000, "extra_unanswerable": 100, "test": 200, "unseen": 100, "unanswerable": 100}
    config = RaftConfig(source=FaqSource(path=str(path)), group="group-00", **sizes)
    report = build_raft(config, out, progress=note)
    seconds, ended = time.perf_counter() - started, time.process_time()
    for (phase, begun), (_, next_begun) in zip(marks, [*marks[1:], ("", ended)], strict=True):
        print(f"  {phase:14} {next_begun - begun:6.2f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"rows made {report.kept}, {len(report.listed)} not made")
    print(f"difficulty {report.difficulty}, nearest distractor {report.nearest_ratio}")
    print(f"time   {seconds:6.2f} s   {seconds / BUDGET_SECONDS:.0%} of the budget, waiting included")
    print(f"work   {ended - worked:6.2f} s   {(ended - worked) / BUDGET_SECONDS:.0%} of the budget")
    print(f"memory {peak:6.2f} GB  {peak / BUDGET_GB:.0%} of the budget")


def write_faq(source: Path, path: Path) -> float:
    """Recombine sentences of a real file; the mean length of the answers."""
    rows = load_faq(FaqSource(path=str(source))).rows
    sentences = [part.text for row in rows for part in split_sentences(row.answer)]
    questions = [row.question for row in rows]
    rng = Random(0)
    total = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Question", "Answer", "copyright"])
        for number in range(ROWS):
            length = rng.choice((60, 120, 200, 300, 500, 600))
            answer = ""
            while len(answer) < length:
                answer += rng.choice(sentences)
            total += len(answer)
            group = 0 if rng.random() < TARGET_SHARE else rng.randrange(1, GROUPS)
            question = f"{rng.choice(questions)[:60]}（{rng.choice(sentences)[:30]}、{number}）"
            writer.writerow([question, answer, f"group-{group:02}"])
    return total / ROWS


if __name__ == "__main__":
    main()
