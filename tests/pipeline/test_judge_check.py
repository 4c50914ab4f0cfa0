from __future__ import annotations

from collections.abc import Sequence

import pytest

from workbench.artifacts import ArtifactStore, write_jsonl_atomic
from workbench.errors import InputError, StateError
from workbench.paths import Workspace
from workbench.pipeline.judge_check import check_judgement
from workbench.review import VoteStore
from workbench.schemas.evaluation import Vote
from workbench.schemas.judging import Judgement


class Desk:
    """A workspace with comparisons, judgements and votes."""

    def __init__(self, workspace: Workspace) -> None:
        self.artifacts = ArtifactStore(workspace)
        self.votes = VoteStore(workspace)

    def compare(self, baseline: str, finetuned: str) -> str:
        draft = self.artifacts.begin("comparison", "c")
        (draft.folder / "items.jsonl").write_text("{}\n", encoding="utf-8")
        return draft.commit(details={"baseline": baseline, "finetuned": finetuned}).id

    def judge(self, runs: Sequence[str], words: Sequence[str], key: str = "k", field: str = "verdict") -> str:
        lines = [
            Judgement.model_validate(
                {"id": f"q{number}", "kind": "general", "question": "q", "state": "judged", field: word}
            )
            for number, word in enumerate(words)
        ]
        draft = self.artifacts.begin("judgement", "j")
        write_jsonl_atomic(draft.folder / "judgements.jsonl", lines)
        return draft.commit(details={"judge_key": key, "evaluations": list(runs)}).id

    def vote(self, comparison: str, words: Sequence[str]) -> None:
        for number, word in enumerate(words):
            self.votes.cast(
                Vote.model_validate(
                    {
                        "comparison": comparison,
                        "sample_id": f"q{number}",
                        "reviewer": "佐藤",
                        "verdict": word,
                        "left": "baseline",
                        "correctness": {"finetuned": "right" if word == "finetuned" else "wrong"},
                    }
                )
            )

    def check(self, judgement: str) -> tuple[int, float | None, bool]:
        found = check_judgement(self.artifacts, self.votes.votes, judgement)
        return found.n, found.agreement, found.usable


WORDS = ["finetuned", "baseline"] * 10


@pytest.fixture
def desk(workspace: Workspace) -> Desk:
    return Desk(workspace)


def test_the_same_judge_is_known_from_all_its_comparisons(desk: Desk) -> None:
    for pair in (("a", "b"), ("a", "c")):
        desk.vote(desk.compare(*pair), WORDS)
        judgement = desk.judge(pair, WORDS)
    assert desk.check(judgement) == (40, 1.0, True)


def test_another_judges_agreement_says_nothing(desk: Desk) -> None:
    desk.vote(desk.compare("a", "b"), WORDS)
    desk.judge(("a", "b"), WORDS, key="k")
    other = desk.judge(("a", "b"), WORDS, key="other")
    assert desk.check(other) == (20, 1.0, False)


def test_the_same_answers_judged_twice_count_once_and_the_newest_counts(desk: Desk) -> None:
    desk.vote(desk.compare("a", "b"), WORDS)
    desk.artifacts.clock = lambda: 1000.0
    desk.judge(("a", "b"), ["tie"] * 20)
    desk.artifacts.clock = lambda: 2000.0
    assert desk.check(desk.judge(("a", "b"), WORDS)) == (20, 1.0, False)


def test_runs_that_stand_the_other_way_round_are_turned(desk: Desk) -> None:
    desk.vote(desk.compare("a", "b"), WORDS)
    turned = ["baseline" if word == "finetuned" else "finetuned" for word in WORDS]
    assert desk.check(desk.judge(("b", "a"), turned)) == (20, 1.0, False)


def test_a_single_run_is_checked_on_its_side_of_the_comparison(desk: Desk) -> None:
    desk.vote(desk.compare("a", "b"), WORDS)
    bands = ["right" if word == "finetuned" else "wrong" for word in WORDS]
    assert desk.check(desk.judge(("b",), bands, field="band")) == (20, 1.0, False)
    assert desk.check(desk.judge(("a",), bands, field="band", key="x")) == (0, None, False)


def test_without_votes_nothing_is_known(desk: Desk) -> None:
    desk.compare("a", "b")
    assert desk.check(desk.judge(("a", "b"), WORDS)) == (0, None, False)


def test_something_else_and_something_damaged_get_their_sentence(desk: Desk) -> None:
    comparison = desk.compare("a", "b")
    with pytest.raises(StateError) as wrong:
        desk.check(comparison)
    assert wrong.value.code == "not_a_judgement"
    desk.vote(comparison, WORDS)
    damaged = desk.judge(("a", "b"), WORDS)
    path = desk.artifacts.file(damaged, "judgements.jsonl")
    path.write_text('{"id": 1}\n', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        desk.check(damaged)
    assert caught.value.code == "judgement_unreadable"
