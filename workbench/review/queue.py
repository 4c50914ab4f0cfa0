"""Which questions a reviewer sees, in which order, with which side left. Pure and settled by plan and name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import chain, pairwise
from statistics import median

from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import Side
from workbench.schemas.review import Done, Order, Progress, QueueItem, QueueKey, ReviewPlan, Selection

GAP = 10
"""Least number of questions between a question and its hidden repeat."""
SPREAD = 30
"""A repeat comes at most this many questions later than it must."""
MIN_FOR_REPEATS = 8
"""In a shorter queue a repeat would be recognised."""
BREAK_SECONDS = 600.0
"""A longer pause between two votes is a break and says nothing about the pace."""
RECENT = 20
_UNBIASED = frozenset({"", "all", "unreviewed", "reviewed"})


class Queue(tuple[QueueItem, ...]):
    """Places in their order, which know where each of them is: a click must not look through ten thousand."""

    _counted: tuple[Mapping[QueueKey, Done], int, float | None] | None = None

    @cached_property
    def keys(self) -> tuple[QueueKey, ...]:
        """The key of each place."""
        return tuple(item.key for item in self)

    @cached_property
    def places(self) -> Mapping[QueueKey, int]:
        """The index of each key."""
        return {key: index for index, key in enumerate(self.keys)}

    def count_done(self, done: Mapping[QueueKey, Done]) -> tuple[int, float | None]:
        """How many places are done, and seconds per vote lately.

        Args:
            done: What was judged; it must not change, as the same mapping is counted once.
        """
        counted = self._counted
        if counted is None or counted[0] is not done:
            pace = _pace([one.at for one in done.values()])
            counted = self._counted = (done, sum(map(done.__contains__, self.keys)), pace)
        return counted[1:]

    def find(self, key: QueueKey | None) -> QueueItem | None:
        """The place of a key, None where there is none."""
        index = None if key is None else self.places.get(key)
        return None if index is None else self[index]


def build_queue(items: Sequence[ComparisonItem], plan: ReviewPlan, reviewer: str) -> Queue:
    """The queue of one reviewer.

    Questions that ended in an error on a side are left out: there is nothing to judge. A random or targeted
    selection also leaves out questions with the same text on both sides, which are ties by nature.

    A random selection holds each kind of question and each outcome in proportion and is the same for every
    reviewer. Each side stands left equally often; a repeat has its sides swapped.

    Args:
        items: Questions that have gone through the plan's filter, in the order of the comparison.
        plan: What to go through.
        reviewer: Name.
    """
    usable = [item for item in items if "error" not in (item.baseline.state, item.finetuned.state)]
    chosen = _deal(_SELECT[plan.selection](usable, plan), plan, reviewer)
    left = _seat([item.key for item in chosen], plan, reviewer)
    selection = _selection_of(plan)
    queue = [QueueItem(sample_id=item.key, left=left[item.key], selection=selection) for item in chosen]
    return Queue(_hide_repeats(queue, plan, reviewer))


def sort_items(items: Sequence[ComparisonItem], order: Order, seed: int = 0) -> list[ComparisonItem]:
    """Items in an order of reading: `better` and `worse` by the change of the score, `length` by its difference.

    Items without a change of score come last.
    """
    return sorted(items, key=ORDERS[order](seed))


def measure_progress(
    queue: Queue, done: Mapping[QueueKey, Done], current: QueueKey | None = None
) -> Progress:
    """How far a reviewer is in the queue, and how long the rest takes.

    Args:
        queue: The reviewer's queue.
        done: What was judged, as `VoteStore.done` gives it; votes outside the queue only tell the pace.
        current: The place shown.
    """
    finished, pace = queue.count_done(done)
    return Progress(
        done=finished,
        total=len(queue),
        position=_count_to(queue, current),
        eta_seconds=None if pace is None else pace * (len(queue) - finished),
    )


def find_next(queue: Queue, done: Mapping[QueueKey, Done], after: QueueKey | None = None) -> QueueItem | None:
    """The next place without a vote behind `after`, then from the beginning; None where all are judged."""
    start = _count_to(queue, after)
    rotated = chain(range(start, len(queue)), range(start))
    return next((queue[index] for index in rotated if queue.keys[index] not in done), None)


def _count_to(queue: Queue, key: QueueKey | None) -> int:
    """1-based place, 0 where it has none."""
    return 0 if key is None else queue.places.get(key, -1) + 1


def _rank(plan: ReviewPlan, *parts: str) -> bytes:
    """A number that is settled by the plan's seed and comparison and by the parts, and else like a die's."""
    text = "\0".join((str(plan.seed), plan.comparison, *parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _selection_of(plan: ReviewPlan) -> Selection:
    by_outcome = plan.filter not in _UNBIASED or plan.order not in ("file", "random")
    return "targeted" if plan.selection == "all" and by_outcome else plan.selection


def _select_all(items: Sequence[ComparisonItem], plan: ReviewPlan) -> list[ComparisonItem]:
    return sort_items(items, plan.order, plan.seed)


def _select_random(items: Sequence[ComparisonItem], plan: ReviewPlan) -> list[ComparisonItem]:
    different = [item for item in items if item.differs]
    strata: dict[tuple[str, str], list[ComparisonItem]] = {}
    for item in different:
        strata.setdefault((item.kind, item.category), []).append(item)
    size = min(plan.size, len(different))
    chosen: list[ComparisonItem] = []
    for name, count in _share_out({name: len(group) for name, group in strata.items()}, size, plan).items():
        group = sorted(strata[name], key=lambda item: _rank(plan, "draw", item.key))
        chosen.extend(group[:count])
    return sorted(chosen, key=lambda item: _rank(plan, "order", item.key))


def _share_out(
    sizes: Mapping[tuple[str, str], int], places: int, plan: ReviewPlan
) -> dict[tuple[str, str], int]:
    """Places in proportion to sizes; what rounding leaves goes to the largest remainders."""
    total = sum(sizes.values())
    if not total:
        return {}
    given = {name: size * places // total for name, size in sizes.items()}
    rest = sorted(sizes, key=lambda name: (-(sizes[name] * places % total), _rank(plan, "stratum", *name)))
    for name in rest[: places - sum(given.values())]:
        given[name] += 1
    return given


def _select_targeted(items: Sequence[ComparisonItem], plan: ReviewPlan) -> list[ComparisonItem]:
    return sort_items([item for item in items if item.differs], "worse", plan.seed)[: plan.size]


_SELECT: dict[Selection, Callable[[Sequence[ComparisonItem], ReviewPlan], list[ComparisonItem]]] = {
    "all": _select_all,
    "random": _select_random,
    "targeted": _select_targeted,
}


def _by_change(sign: int) -> Callable[[ComparisonItem], tuple[bool, float]]:
    return lambda item: (item.delta is None, sign * (item.delta or 0.0))


def _length_gap(item: ComparisonItem) -> int:
    return abs(len(item.finetuned.prediction) - len(item.baseline.prediction))


def _mixed(seed: int) -> Callable[[ComparisonItem], bytes]:
    plan = ReviewPlan(comparison="-", seed=seed)
    return lambda item: _rank(plan, "order", item.key)


ORDERS: dict[Order, Callable[[int], Callable[[ComparisonItem], tuple[bool, float] | bytes | int]]] = {
    "file": lambda seed: lambda item: 0,
    "random": _mixed,
    "better": lambda seed: _by_change(-1),
    "worse": lambda seed: _by_change(1),
    "length": lambda seed: lambda item: -_length_gap(item),
}


def _deal(chosen: Sequence[ComparisonItem], plan: ReviewPlan, reviewer: str) -> list[ComparisonItem]:
    """The reviewer's own part: what everybody gets, and their share of the rest.

    Somebody who is not among the named reviewers gets everything.
    """
    if reviewer not in plan.reviewers or plan.double_share == 1.0:
        return list(chosen)
    mixed = sorted((item.key for item in chosen), key=lambda name: _rank(plan, "deal", name))
    shared = round(len(mixed) * plan.double_share)
    seat, seats = plan.reviewers.index(reviewer), len(plan.reviewers)
    mine = {*mixed[:shared], *mixed[shared + seat :: seats]}
    return [item for item in chosen if item.key in mine]


def _seat(names: Sequence[str], plan: ReviewPlan, reviewer: str) -> dict[str, Side]:
    """Which side stands left: each equally often, an odd one out by lot; the baseline where names are shown."""
    if not plan.blind:
        return dict.fromkeys(names, "baseline")
    mixed = sorted(names, key=lambda name: _rank(plan, "side", reviewer, name))
    odd = _rank(plan, "odd", reviewer)[0] & 1
    half = (len(mixed) + odd) // 2
    return {name: "baseline" if index < half else "finetuned" for index, name in enumerate(mixed)}


def _hide_repeats(queue: list[QueueItem], plan: ReviewPlan, reviewer: str) -> list[QueueItem]:
    gap = min(GAP, len(queue) // 2)
    count = min(round(len(queue) * plan.repeat_share), len(queue) - gap)
    if not plan.blind or len(queue) < MIN_FOR_REPEATS or count <= 0:
        return queue
    places = sorted(
        range(len(queue) - gap), key=lambda place: _rank(plan, "repeat", reviewer, queue[place].sample_id)
    )
    placed = [(float(place), item) for place, item in enumerate(queue)]
    for place in places[:count]:
        item = queue[place]
        later = _rank(plan, "later", reviewer, item.sample_id)[0] % SPREAD
        swapped: Side = "finetuned" if item.left == "baseline" else "baseline"
        again = item.model_copy(update={"left": swapped, "repeat": True})
        # behind the question at that place, or at the end
        placed.append((min(place + gap + later, len(queue) - 1) + 0.5, again))
    return [item for _, item in sorted(placed, key=lambda pair: pair[0])]


def _pace(times: Sequence[float]) -> float | None:
    """Median seconds per vote lately."""
    recent = sorted(times)[-RECENT - 1 :]
    steps = [later - earlier for earlier, later in pairwise(recent)]
    steps = [step for step in steps if 0 <= step <= BREAK_SECONDS]
    return median(steps) if len(steps) >= 2 else None
