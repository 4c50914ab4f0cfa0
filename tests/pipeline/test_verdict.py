from __future__ import annotations

from workbench.pipeline.verdict import check_guard, give_verdict
from workbench.schemas.evaluation import RunMetrics
from workbench.schemas.recipe import Guard

LIMIT = Guard(general_drop_max=0.05)


def _metrics(general: float | None) -> RunMetrics:
    return RunMetrics(n=10, general_accuracy=general, by_kind={"general": {"n": 10}})


def test_a_small_fall_of_the_general_task_passes() -> None:
    assert give_verdict(check_guard(LIMIT, _metrics(0.80), _metrics(0.77), differ=3)) == "pass"


def test_a_large_fall_of_the_general_task_fails_although_all_else_held() -> None:
    conditions = check_guard(LIMIT, _metrics(0.80), _metrics(0.75), differ=3)
    assert give_verdict(conditions) == "fail"
    assert [c.code for c in conditions if c.held is False] == ["general_drop"]


def test_an_adapter_without_effect_fails() -> None:
    assert give_verdict(check_guard(LIMIT, _metrics(0.8), _metrics(0.8), differ=0)) == "fail"


def test_a_general_task_that_was_asked_but_not_measured_is_inconclusive() -> None:
    assert give_verdict(check_guard(LIMIT, _metrics(None), _metrics(0.8), differ=1)) == "inconclusive"


def test_a_recipe_without_general_task_is_judged_by_the_rest() -> None:
    plain = RunMetrics(n=10)
    assert give_verdict(check_guard(LIMIT, plain, plain, differ=1)) == "pass"
