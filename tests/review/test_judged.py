from __future__ import annotations

import random

import pytest

from tests.review.makers import vote
from workbench.paths import Workspace
from workbench.review import VoteStore, judged
from workbench.schemas.review import Done, QueueKey


def read_slowly(store: VoteStore, reviewer: str) -> dict[QueueKey, Done]:
    """The same from the whole votes, of which nothing is kept."""
    return {
        QueueKey(one.sample_id, one.repeat): Done(one.verdict, one.at)
        for one in store.votes("c1", reviewer)
        if not one.adjudication
    }


@pytest.mark.parametrize("seed", range(4))
def test_what_is_kept_is_what_the_file_holds_whoever_writes(workspace: Workspace, seed: int) -> None:
    rng = random.Random(seed)
    # the page's store, and another process that writes to the same file
    stores = VoteStore(workspace), VoteStore(workspace)
    for number in range(80):
        reviewer = rng.choice(("佐藤", "鈴木"))
        writer = rng.choice(stores)
        if rng.random() < 0.3:
            writer.undo("c1", reviewer)
        else:
            writer.cast(
                vote(
                    f"s{rng.randrange(6)}",
                    rng.choice(("tie", "baseline", "finetuned")),
                    reviewer=reviewer,
                    repeat=rng.random() < 0.3,
                    adjudication=rng.random() < 0.2,
                    at=float(number + 1),
                )
            )
        # several changes may lie between two looks
        if rng.random() < 0.6:
            for name in ("佐藤", "鈴木"):
                assert stores[0].done("c1", name) == read_slowly(stores[1], name)


def test_what_was_handed_out_does_not_change_under_its_reader(workspace: Workspace) -> None:
    store = VoteStore(workspace)
    assert store.done("c1", "佐藤") == {}
    store.cast(vote("s1", "tie"))
    before = store.done("c1", "佐藤")
    store.cast(vote("s2", "tie"))
    assert set(before) == {QueueKey("s1")}
    assert set(store.done("c1", "佐藤")) == {QueueKey("s1"), QueueKey("s2")}


def test_more_reviewers_than_are_kept_all_see_their_own(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judged, "KEPT", 2)
    store = VoteStore(workspace)
    names = ("佐藤", "鈴木", "田中")
    for number, name in enumerate(names):
        store.cast(vote(f"s{number}", "tie", reviewer=name))
    for _ in range(2):
        assert [set(store.done("c1", name)) for name in names] == [
            {QueueKey(f"s{number}")} for number in range(3)
        ]
