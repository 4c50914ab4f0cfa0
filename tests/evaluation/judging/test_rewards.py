from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.judging.makers import Bench, Said, answer
from tests.inference.embedded.test_reward import build
from workbench.errors import ConfigError
from workbench.paths import Workspace

FIVE = "helpfulness:{h},correctness:2.0,coherence:3.0,complexity:1.0,verbosity:1.0"


@pytest.fixture
def bench(workspace: Workspace) -> Bench:
    return Bench(workspace)


def score(prompt: str, body: dict[str, Any]) -> Said:
    """A reward server: the prompt is the answer, the last turn."""
    assert body["messages"][-1]["role"] == "assistant"
    return FIVE.format(h=3.5 if "300円" in prompt else 1.0)


def runs(bench: Bench, count: int = 4) -> list[str]:
    texts = {"baseline": "500円です。", "finetuned": "300円です。"}
    return [
        bench.save_run([answer(n, f"{text}{n}") for n in range(count)], label)
        for label, text in texts.items()
    ]


def test_rewards_of_one_run_are_means_by_attribute(bench: Bench) -> None:
    done = bench.judge_over_http("reward", runs(bench)[1:], score)
    summary = bench.summary(done)
    assert summary.primary == "helpfulness"
    assert summary.criteria["helpfulness"].value == 3.5
    assert "weighted" in summary.criteria
    assert (summary.rubric, summary.low, summary.distribution) == ("", None, {})
    assert "reward_within_question" not in {one.code for one in summary.warnings}
    assert bench.judgements(done)[0].calls[0].raw.startswith("helpfulness:3.5")


def test_rewards_of_two_runs_are_compared_question_by_question(bench: Bench) -> None:
    summary = bench.summary(bench.judge("reward", runs(bench), score))
    assert summary.pairs is not None
    assert (summary.pairs.wins, summary.pairs.flip_rate) == (4, None)
    assert summary.differences["helpfulness"].value == 2.5
    assert summary.baseline_criteria["helpfulness"].value == 1.0


def test_a_single_number_is_told_to_compare_within_a_question_only(bench: Bench) -> None:
    summary = bench.summary(bench.judge("reward", runs(bench)[:1], lambda prompt, body: "reward:-12.5"))
    assert summary.criteria == summary.criteria | {"reward": summary.criteria["reward"]}
    assert summary.criteria["reward"].value == -12.5
    assert "reward_within_question" in {one.code for one in summary.warnings}


def test_a_server_that_chats_instead_gives_no_score(bench: Bench) -> None:
    done = bench.judge("reward", runs(bench)[:1], lambda prompt, body: "よい回答ですね。")
    assert done.error is not None
    assert done.error.code == "judging_no_verdicts"


def test_a_model_folder_scores_without_a_server(bench: Bench, tmp_path: Path) -> None:
    folder = build(tmp_path / "reward")
    done = bench.work(bench.submit("reward", runs(bench), reward_model=str(folder)))
    summary = bench.summary(done)
    assert (summary.n, summary.errors, summary.judge.engine) == (4, 0, "embedded")
    assert summary.pairs is not None
    assert summary.pairs.wins + summary.pairs.losses + summary.pairs.ties == 4


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rubric": "raft_ja", "reward_model": "/m"},
        {"mode": "absolute", "reward_model": "/m", "rubric": "raft_ja"},
    ],
)
def test_settings_that_do_not_fit_together_are_refused(bench: Bench, changes: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        bench.submit(**{"mode": "reward", "evaluations": ["x"]} | changes)  # type: ignore[arg-type]
