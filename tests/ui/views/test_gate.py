"""The gate as a form, and its verdict as markup."""

from __future__ import annotations

from typing import Any

import pytest

from tests.evaluation.run_makers import JCQ, article, task_run
from workbench.errors import ConfigError, InputError
from workbench.i18n import LANGUAGES
from workbench.pipeline.gate import Gate, check_gate
from workbench.schemas.base import parse
from workbench.schemas.gate import GateSpec
from workbench.ui.views.gate import apply_edit, build_form, render_report

EVIL = "<script>alert(1)</script>"
SPEC = {
    "regression": [
        {"bench": JCQ, "min_ratio": 0.95, "decide_on": "point"},
        {"bench": JCQ, "max_drop": 0.015},
    ],
    "human": {"min_win_rate": 0.55},
}


@pytest.fixture
def spec() -> GateSpec:
    return parse(GateSpec, SPEC, prefix="gate")


def rows(form: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["place"]: row for section in form["sections"] for row in section["rows"]}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_condition_is_a_row_with_a_sentence_and_its_fields(spec: GateSpec, lang: Any) -> None:
    form = build_form(spec, {JCQ: ["correct"], "gsm8k": ["exact"]}, lang)
    found = rows(form)
    assert list(found) == ["regression.0", "regression.1", "human", "require"]
    fields = {field["name"]: field for field in found["regression.0"]["fields"]}
    assert fields["threshold"]["value"] == 0.95
    assert [value for value, _ in fields["bench"]["options"]] == ["*", JCQ, "gsm8k"]
    assert [value for value, _ in fields["metric"]["options"]] == ["", "correct"]
    assert fields["decide_on"]["value"] == "point"
    assert "gate." not in str(form)


def test_an_edit_changes_one_thing(spec: GateSpec) -> None:
    edits = [
        {"verb": "set", "place": "regression.0", "name": "threshold", "value": 0.9},
        {"verb": "set", "place": "regression.0", "name": "tier", "value": "critical"},
        {"verb": "set", "place": "regression.1", "name": "limit", "value": "min_value"},
        {"verb": "set", "place": "human", "name": "min_win_rate", "value": None},
        {"verb": "set", "place": "require", "name": "same_engine", "value": False},
        {"verb": "add", "section": "improvement"},
        {"verb": "add", "section": "judge"},
        {"verb": "remove", "place": "regression.1"},
    ]
    for edit in edits:
        spec = apply_edit(spec, edit)
    assert len(spec.regression) == 1
    assert (spec.regression[0].min_ratio, spec.regression[0].tier) == (0.9, "critical")
    assert spec.human is not None
    assert spec.human.min_win_rate is None
    assert not spec.require.same_engine
    assert spec.improvement[0].min_delta == 0.0
    assert spec.judge is not None


def test_another_limit_begins_with_a_threshold_of_its_own(spec: GateSpec) -> None:
    changed = apply_edit(spec, {"verb": "set", "place": "regression.0", "name": "limit", "value": "max_drop"})
    assert (changed.regression[0].limit, changed.regression[0].threshold) == ("max_drop", 0.03)


@pytest.mark.parametrize(
    "edit",
    [
        {"verb": "set", "place": "regression.0", "name": "threshold", "value": "many"},
        {"verb": "set", "place": "regression.0", "name": "threshold", "value": None},
        {"verb": "set", "place": "regression.0", "name": "threshold", "value": -1},
        {"verb": "set", "place": "regression.0", "name": "limit", "value": "evil"},
        {"verb": "set", "place": "regression.0", "name": "tier", "value": EVIL},
        {"verb": "set", "place": "human", "name": "__class__", "value": 1},
        {"verb": "set", "place": "require", "name": "error_rate_max", "value": 7},
    ],
)
def test_a_value_that_cannot_be_used_is_refused(spec: GateSpec, edit: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        apply_edit(spec, edit)


@pytest.mark.parametrize(
    "edit",
    [
        {},
        {"verb": "set", "place": "regression.9", "name": "tier", "value": "critical"},
        {"verb": "set", "place": "regression.-1", "name": "tier", "value": "critical"},
        {"verb": "set", "place": "judge", "name": "min_mean", "value": 3},
        {"verb": "set", "place": "version", "name": "x", "value": 3},
        {"verb": "add", "section": "require"},
        {"verb": "remove", "place": "require"},
        {"verb": "remove", "place": "regression.x"},
    ],
)
def test_a_forged_edit_is_refused(spec: GateSpec, edit: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        apply_edit(spec, edit)


def test_the_last_condition_stays(spec: GateSpec) -> None:
    one = apply_edit(
        apply_edit(spec, {"verb": "remove", "place": "human"}), {"verb": "remove", "place": "regression.1"}
    )
    with pytest.raises(ConfigError):
        apply_edit(one, {"verb": "remove", "place": "regression.0"})


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_verdict_stands_with_its_reasons(lang: Any) -> None:
    spec = parse(GateSpec, {"regression": SPEC["regression"]}, prefix="gate")
    markup = render_report(check_gate(spec, Gate(*article())), lang)
    assert ("判定保留" if lang == "ja" else "inconclusive") in markup.lower()
    assert "256" in markup
    assert "gate." not in markup


def test_an_invalid_comparison_says_why_and_runs_nothing() -> None:
    sides = [
        task_run(EVIL, [1.0] * 30, task=EVIL, details={"endpoint": {"engine": engine}})
        for engine in ("ollama", EVIL)
    ]
    spec = parse(GateSpec, {"regression": [{"bench": EVIL, "min_value": 0.1}]}, prefix="gate")
    markup = render_report(check_gate(spec, Gate(*sides)), "ja")
    assert "推論エンジンが違う" in markup
    assert "<script" not in markup
