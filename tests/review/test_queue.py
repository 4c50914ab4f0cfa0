from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.review.makers import item
from workbench.review import Queue, build_queue, find_next, measure_progress, sort_items
from workbench.review.queue import GAP
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.review import Done, QueueItem, QueueKey, ReviewPlan


def plan(**values: Any) -> ReviewPlan:
    return ReviewPlan(**{"comparison": "c1", "selection": "random", **values})


def many(count: int = 200) -> list[ComparisonItem]:
    """A quarter refusals, the rest in four kinds of change."""
    made: list[ComparisonItem] = []
    for index in range(count):
        kind = "unanswerable" if index % 4 == 0 else "answerable"
        category = (
            "refusal_lost" if index % 4 == 0 else "both_answered_worse" if index % 3 == 0 else "rescued"
        )
        made.append(item(f"s{index}", delta=(index % 21 - 10) / 10, sides={"kind": kind}, category=category))
    return made


def first_looks(queue: tuple[QueueItem, ...]) -> list[QueueItem]:
    return [one for one in queue if not one.repeat]


@pytest.mark.parametrize("selection", ["all", "random", "targeted"])
@pytest.mark.parametrize("size", [1, 2, 7, 30, 101])
def test_each_side_stands_left_equally_often(selection: str, size: int) -> None:
    queue = build_queue(many(size), plan(selection=selection, size=size), "佐藤")
    sides = Counter(one.left for one in first_looks(queue))
    assert sum(sides.values()) == size
    assert abs(sides["baseline"] - sides["finetuned"]) <= 1


def test_the_same_plan_and_name_give_the_same_queue_and_others_another() -> None:
    items = many()
    assert build_queue(items, plan(), "佐藤") == build_queue(items, plan(), "佐藤")
    mine, yours = build_queue(items, plan(), "佐藤"), build_queue(items, plan(), "鈴木")
    assert [one.left for one in mine] != [one.left for one in yours]
    assert build_queue(items, plan(seed=1), "佐藤") != mine


def test_reviewers_share_the_random_set_and_its_order() -> None:
    queues = [first_looks(build_queue(many(), plan(), name)) for name in ("佐藤", "鈴木")]
    assert len(queues[0]) == 30
    assert [one.sample_id for one in queues[0]] == [one.sample_id for one in queues[1]]


def test_a_random_set_holds_every_kind_and_outcome_in_proportion() -> None:
    items = many(240)
    kinds = {one.key: (one.kind, one.category) for one in items}
    whole = Counter(kinds.values())
    drawn = Counter(kinds[one.sample_id] for one in first_looks(build_queue(items, plan(size=40), "佐藤")))
    assert drawn.total() == 40
    for stratum, count in whole.items():
        assert abs(drawn[stratum] - count * 40 / 240) < 1


def test_a_tenth_comes_again_with_sides_swapped_and_not_soon() -> None:
    for size in (30, 60, 200):
        queue = build_queue(many(), plan(size=size), "佐藤")
        place = {one.key: index for index, one in enumerate(queue)}
        again = [one for one in queue if one.repeat]
        assert len(again) == size // 10
        for one in again:
            first = queue[place[QueueKey(one.sample_id)]]
            assert one.left != first.left
            assert place[one.key] - place[first.key] >= GAP


def test_short_or_open_queues_have_no_repeats() -> None:
    assert all(not one.repeat for one in build_queue(many(), plan(size=7), "佐藤"))
    shown = build_queue(many(), plan(blind=False), "佐藤")
    assert all(not one.repeat for one in shown)
    assert {one.left for one in shown} == {"baseline"}


def test_a_targeted_set_begins_with_the_largest_loss() -> None:
    items = many()
    deltas = {one.key: one.delta or 0.0 for one in items}
    queue = first_looks(build_queue(items, plan(selection="targeted", size=10), "佐藤"))
    found = [deltas[one.sample_id] for one in queue]
    assert found == sorted(deltas.values())[:10]
    assert {one.selection for one in queue} == {"targeted"}


@pytest.mark.parametrize(
    ("values", "counts_as"),
    [
        ({}, "all"),
        ({"filter": "unreviewed"}, "all"),
        ({"order": "random"}, "all"),
        ({"filter": "worse"}, "targeted"),
        ({"order": "worse"}, "targeted"),
        ({"order": "length"}, "targeted"),
    ],
)
def test_what_was_picked_by_its_outcome_is_no_unbiased_sample(values: dict[str, Any], counts_as: str) -> None:
    queue = build_queue(many(20), plan(selection="all", **values), "佐藤")
    assert {one.selection for one in queue} == {counts_as}


def test_errors_are_not_put_before_anybody_and_same_texts_are_not_drawn() -> None:
    items = [
        item("broken", after="", finetuned={"state": "error", "answer_state": "error"}, delta=None),
        item("same", "300円", "300円", delta=0.0),
        item("good"),
    ]
    assert [one.sample_id for one in build_queue(items, plan(selection="all"), "佐藤")] == ["same", "good"]
    assert [one.sample_id for one in build_queue(items, plan(), "佐藤")] == ["good"]
    assert build_queue([], plan(), "佐藤") == ()


def test_work_is_dealt_out_with_a_part_for_everybody() -> None:
    names = ("佐藤", "鈴木", "高橋")
    shared = plan(size=100, reviewers=names, double_share=0.25, repeat_share=0.0)
    seen = {name: {one.sample_id for one in build_queue(many(), shared, name)} for name in names}
    counts = Counter(sample for queue in seen.values() for sample in queue)
    assert Counter(counts.values()) == {1: 75, 3: 25}
    assert max(map(len, seen.values())) - min(map(len, seen.values())) == 0
    # somebody who joins later misses nothing
    assert len(build_queue(many(), shared, "田中")) == 100


def test_questions_of_two_tasks_with_one_id_stay_apart() -> None:
    items = [item("1", sides={"kind": "task", "task": name}) for name in ("jcq", "gsm8k")]
    queue = build_queue(items, plan(selection="all"), "佐藤")
    assert [one.sample_id for one in queue] == ["jcq/1", "gsm8k/1"]


def test_orders_put_items_without_a_score_last() -> None:
    items = [item("a", delta=None), item("b", delta=-0.5), item("c", delta=0.5, after="長い" * 50)]
    assert [one.id for one in sort_items(items, "worse")] == ["b", "c", "a"]
    assert [one.id for one in sort_items(items, "better")] == ["c", "b", "a"]
    assert next(one.id for one in sort_items(items, "length")) == "c"
    assert [one.id for one in sort_items(items, "file")] == ["a", "b", "c"]


def test_progress_tells_the_pace_without_breaks() -> None:
    queue = build_queue(many(20), plan(selection="all", repeat_share=0.0), "佐藤")
    times = [100.0, 130.0, 160.0, 9_000.0, 9_030.0]
    done = {one.key: Done("tie", at) for one, at in zip(queue, times, strict=False)}
    told = measure_progress(queue, done, queue[5].key)
    assert (told.done, told.total, told.position) == (5, 20, 6)
    assert told.eta_seconds == pytest.approx(15 * 30.0)
    assert measure_progress(queue, {}, None).eta_seconds is None
    assert measure_progress(queue, {}, QueueKey("gone")).position == 0
    assert measure_progress(Queue(), {}).total == 0


def test_the_next_question_is_the_first_open_one_behind_then_from_the_beginning() -> None:
    queue = build_queue(many(4), plan(selection="all"), "佐藤")
    done = {queue[1].key: Done("tie", 1.0)}
    assert find_next(queue, done) == queue[0]
    assert find_next(queue, done, queue[0].key) == queue[2]
    assert find_next(queue, done, queue[3].key) == queue[0]
    assert find_next(queue, {one.key: Done("tie", 1.0) for one in queue}) is None


def test_names_and_ids_may_hold_anything() -> None:
    odd = "\ud800\x00名前'\"<b>"
    queue = build_queue([item(f"{odd}{index}") for index in range(12)], plan(size=12), odd)
    assert len(first_looks(queue)) == 12
