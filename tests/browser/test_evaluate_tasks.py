"""Published benchmarks are asked from the page, through the local server: the real files, a few questions of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Serve
from workbench.artifacts import ArtifactStore, read_jsonl
from workbench.paths import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.slow]

RUN_MS = 600_000
TASKS = {"IFEval": "ifeval", "GSM8K": "gsm8k", "SQuAD 2.0": "squad_v2_subset", "JSQuAD": "jsquad"}
"""What its title begins with -> folder of the real data."""
EACH = 2


def choose(page: Page, elem: str, text: str) -> None:
    page.locator(f"#{elem} input").first.click()
    page.locator("[role=option]", has_text=text).first.click()


def add_task(page: Page, title: str, data: Path) -> None:
    choose(page, "evaluate-task", title)
    expect(page.locator("#evaluate-task-about")).not_to_be_empty()
    page.locator("#evaluate-task-data textarea, #evaluate-task-data input").first.fill(str(data))
    page.locator("#evaluate-task-limit input").fill(str(EACH))
    page.locator("#evaluate-task-add").click()
    expect(page.locator("#evaluate-task-list")).to_contain_text(title)


def test_four_benchmarks_run_through_the_local_server(
    page: Page, serve: Serve, shared_data: Path, tmp_path: Path
) -> None:
    root = tmp_path / "workspace"
    url = serve(root=root)
    page.goto(f"{url}/ja/#evaluate")
    page.locator("#evaluate-what").get_by_role("radio").nth(1).check()
    choose(page, "evaluate-model", "練習用モデル")
    page.locator("#evaluate-tasks button").first.click()
    for title, folder in TASKS.items():
        add_task(page, title, shared_data / folder)
    page.locator("#evaluate-start").click()
    detail = page.locator("#evaluate-detail")
    expect(detail).to_contain_text("IFEval", timeout=RUN_MS)
    for title in TASKS:
        expect(detail).to_contain_text(title)
    artifacts = ArtifactStore(Workspace(root))
    (run,) = artifacts.list("evaluation")
    answers = list(read_jsonl(artifacts.file(run.id, "answers.jsonl")))
    assert len(answers) == EACH * len(TASKS)
    assert all(answer["state"] != "error" for answer in answers)
    assert (run.details["endpoint"]["engine"], run.numbers["errors"]) == ("embedded", 0)
