"""The gate on the page, without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.evaluation.run_makers import JCQ, article
from tests.ui.fakes import make_artifact
from tests.ui.tabs.test_compare_runs import publish
from workbench.errors import ConfigError, InputError, NotFoundError
from workbench.ui.context import UiContext
from workbench.ui.tabs import gate_page as page

SPEC = f"regression: [{{bench: {JCQ}, max_drop: 0.015}}]"


@pytest.fixture
def runs(ctx: UiContext) -> list[str]:
    return [publish(ctx, run) for run in article()]


def event(**values: Any) -> Any:
    return SimpleNamespace(_data=values)


def test_the_newest_comparisons_runs_are_chosen_first(ctx: UiContext, runs: list[str]) -> None:
    assert [one["value"] for one in page.list_runs(ctx, None, None)] == [None, None]
    draft = ctx.artifacts.begin("comparison", "c")
    (draft.folder / "summary.json").write_text("{}", encoding="utf-8")
    draft.commit(details={"baseline": runs[0], "finetuned": runs[1]})
    assert [one["value"] for one in page.list_runs(ctx, None, None)] == runs
    assert [one["value"] for one in page.list_runs(ctx, runs[1], None)] == [runs[1], runs[1]]


def test_the_form_offers_the_benches_of_the_runs_and_the_command(ctx: UiContext, runs: list[str]) -> None:
    form, command = page.show_form(ctx, page.first_gate(), *runs)
    assert JCQ in form
    wanted = f"workbench gate gate.yaml --candidate {runs[1]} --baseline {runs[0]}"
    assert json.loads(command)["command"] == wanted


def test_an_edit_becomes_the_new_gate(ctx: UiContext, runs: list[str]) -> None:
    sent = event(verb="set", place="regression.0", name="threshold", value=0.02)
    text, form, _ = page.edit(ctx, SPEC, *runs, sent)
    assert yaml.safe_load(text)["regression"][0]["max_drop"] == 0.02
    assert "0.02" in form
    with pytest.raises(ConfigError):
        page.edit(ctx, SPEC, *runs, event(verb="set", place="regression.0", name="threshold", value=-1))
    with pytest.raises(InputError):
        page.edit(ctx, SPEC, *runs, SimpleNamespace(_data="nonsense"))  # type: ignore[arg-type]


def test_the_verdict_says_how_many_questions_are_missing(ctx: UiContext, runs: list[str]) -> None:
    markup = page.check(ctx, SPEC, *runs)
    assert "判定保留" in markup
    assert "あと約 256 問" in markup


def test_without_a_candidate_or_with_the_same_run_there_is_a_sentence(
    ctx: UiContext, runs: list[str]
) -> None:
    with pytest.raises(InputError, match="gate_no_candidate"):
        page.check(ctx, SPEC, runs[0], None)
    with pytest.raises(InputError, match="gate_no_baseline"):
        page.check(ctx, SPEC, None, runs[0])
    with pytest.raises(InputError, match="gate_same_run"):
        page.check(ctx, SPEC, runs[0], runs[0])


def test_samples_and_files_become_the_form(ctx: UiContext, runs: list[str], tmp_path: Path) -> None:
    for name in page.SAMPLES:
        text, form, _ = page.take_sample(ctx, name, SPEC, *runs)
        assert yaml.safe_load(text)["regression"]
        assert "regression.0" in form
    with pytest.raises(NotFoundError):
        page.take_sample(ctx, "../../x", SPEC, *runs)
    dropped = tmp_path / "gate.yaml"
    dropped.write_text(SPEC, encoding="utf-8")
    assert yaml.safe_load(page.take_file(ctx, str(dropped), page.first_gate(), *runs)[0]) == {
        "version": 1,
        **yaml.safe_load(SPEC),
    }
    dropped.write_text("[", encoding="utf-8")
    with pytest.raises(InputError, match="gate_not_yaml"):
        page.take_file(ctx, str(dropped), SPEC, *runs)
    with pytest.raises(InputError, match="gate_not_yaml"):
        page.take_file(ctx, None, SPEC, *runs)


def test_gate_report_and_junit_can_be_saved(ctx: UiContext, runs: list[str]) -> None:
    gate = Path(page.save_gate(ctx, SPEC, *runs)["value"]).read_text(encoding="utf-8")
    assert yaml.safe_load(gate)["baseline"] == runs[0]
    assert "判定保留" in Path(page.save_report(ctx, SPEC, *runs)["value"]).read_text(encoding="utf-8")
    assert Path(page.save_junit(ctx, SPEC, *runs)["value"]).read_bytes().startswith(b"<?xml")


def test_another_kind_of_artifact_is_no_run(ctx: UiContext, runs: list[str]) -> None:
    from workbench.errors import StateError

    other = make_artifact(ctx, "dataset", "d").id
    with pytest.raises(StateError, match="not_an_evaluation"):
        page.show_form(ctx, SPEC, runs[0], other)
