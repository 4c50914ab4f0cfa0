"""The table of several runs and the gate in a real browser."""

from __future__ import annotations

import os
from pathlib import Path

import gradio as gr
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Serve
from tests.evaluation.run_makers import flipped, task_answer
from workbench.artifacts import write_jsonl_atomic
from workbench.ui.context import UiContext
from workbench.ui.tabs import compare_runs, gate_section

pytestmark = pytest.mark.browser

GENRES = ("地理・生活圏常識", "食べ物・料理", "<img src=x onerror='window.hacked=1'>")
RUNS = {"base": (0, 0), "teacher": (10, 90), "without": (30, 34), "with": (20, 52)}


def publish(ctx: UiContext) -> None:
    for name, (lost, gained) in RUNS.items():
        answers = [
            task_answer(f"{task}{number}", score, task=task, genre=GENRES[number % 3])
            for task in ("jcq_chat", "gsm8k", "jsquad")
            for number, score in enumerate(flipped(300, 200, lost, gained)[1])
        ]
        draft = ctx.artifacts.begin("evaluation", name)
        write_jsonl_atomic(draft.folder / "answers.jsonl", answers)
        draft.commit(details={"label": name, "endpoint": {"model": f"model-{name}", "engine": "vllm"}})


def build_parts(ctx: UiContext) -> gr.Blocks:
    if not ctx.artifacts.list("evaluation"):
        publish(ctx)
    with gr.Blocks(analytics_enabled=False) as blocks:
        compare_runs.build_section(ctx)
        gate_section.build_section(ctx)
    return blocks


@pytest.fixture(scope="module")
def url(serve: Serve) -> str:
    return serve(build_parts)


def look(page: Page, name: str) -> None:
    """Keep a picture where a folder for pictures is named."""
    folder = os.environ.get("WORKBENCH_PICTURES")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def choose(page: Page, elem: str, text: str) -> None:
    page.locator(f"#{elem} input").first.click()
    page.locator("[role=option]", has_text=text).first.click()


def test_runs_become_a_table_with_plots_categories_and_files(page: Page, url: str) -> None:
    page.goto(f"{url}/ja/")
    page.locator("#runs-section button").first.click()
    for name in RUNS:
        choose(page, "runs-chosen", f"{name} ·")
    page.keyboard.press("Escape")
    choose(page, "runs-reference", "base ·")
    page.locator("#runs-make").click()
    expect(page.locator("#runs-table")).to_contain_text("改善")
    expect(page.locator("#runs-table tbody tr")).to_have_count(4)
    page.wait_for_selector("#runs-plots .js-plotly-plot .trace")
    expect(page.locator("#runs-plots .wb-choice")).to_have_count(3)
    page.locator("#runs-plots .wb-choice", has_text="レーダー").click()
    page.wait_for_selector("#runs-plots .js-plotly-plot .polarlayer .trace")
    expect(page.locator("#runs-genres")).to_contain_text("地理・生活圏常識")
    expect(page.locator("#runs-flips")).to_contain_text("大きく良くなった質問")
    look(page, "runs")
    with page.expect_download() as saved:
        page.locator("#runs-save").click()
    assert saved.value.suggested_filename == "runs.xlsx"
    with page.expect_download() as picture:
        page.get_by_role("button", name="画像を保存").click()
    assert picture.value.suggested_filename.endswith(".png")
    assert page.evaluate("window.hacked") is None


def test_a_gate_is_edited_as_a_form_and_gives_its_verdict(page: Page, url: str) -> None:
    page.goto(f"{url}/ja/")
    page.locator("#gate-section button").first.click()
    choose(page, "gate-baseline", "base ·")
    choose(page, "gate-candidate", "without ·")
    choose(page, "gate-sample", "95 %")
    rows = page.locator("#gate-form .wv-gate-row")
    expect(page.locator("#gate-form [data-section=regression] .wv-gate-row")).to_have_count(2)
    threshold = page.locator("[data-key='regression.1/threshold']")
    threshold.fill("0.999")
    threshold.press("Tab")
    expect(rows.nth(1)).to_contain_text("0.999 倍以上")
    page.locator("#gate-check button, button#gate-check").first.click()
    expect(page.locator("#gate-verdict")).to_contain_text("判定保留")
    expect(page.locator("#gate-verdict")).to_contain_text("あと約")
    look(page, "gate")
    with page.expect_download() as saved:
        page.locator("#gate-save-gate").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert "0.999" in text
    assert "baseline: evaluation-" in text
    page.locator("[data-key='regression.1/remove']").click()
    expect(page.locator("#gate-form [data-section=regression] .wv-gate-row")).to_have_count(1)
