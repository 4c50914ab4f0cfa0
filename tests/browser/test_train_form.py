"""The form of a new run: what makes it fit the memory is set by one button."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Serve
from workbench.artifacts import ArtifactStore
from workbench.jobs import prepare_workspace
from workbench.paths import Workspace
from workbench.ui.tabs import train_form

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_one_button_makes_a_run_fit(
    page: Page, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    prepare_workspace(workspace)
    turns = [
        {"role": "user", "content": "窓口はどこですか。" * 40},
        {"role": "assistant", "content": "3 階です。"},
    ]
    draft = ArtifactStore(workspace).begin("dataset", "窓口 FAQ")
    row = json.dumps({"messages": turns}, ensure_ascii=False) + "\n"
    (draft.folder / "train.jsonl").write_text(row * 64, encoding="utf-8")
    (draft.folder / "valid.jsonl").write_text(row, encoding="utf-8")
    draft.commit()
    # a small machine: what the starter model's own program needs, and one gigabyte
    monkeypatch.setattr(train_form, "most_bytes", lambda _: 1_700_000_000)

    page.goto(f"{serve(root=workspace.root)}/ja/#train")
    plan, apply = page.locator("#train-plan"), page.locator("#train-fix")
    expect(plan).to_contain_text("収まります")
    expect(apply).to_be_hidden()
    page.locator("#train-advanced").get_by_text("くわしい設定").click()
    rows = page.locator("#train-per-device-train-batch-size input")
    passes = page.locator("#train-gradient-accumulation-steps input")
    passes.fill("2")
    rows.fill("64")
    rows.blur()
    expect(plan).to_contain_text("このままでは始められません")
    expect(plan).to_contain_text("「一度に読む行数」を ")
    apply.click()
    expect(plan).to_contain_text("収まります")
    expect(apply).to_be_hidden()
    assert int(rows.input_value()) < 64
    assert int(rows.input_value()) * int(passes.input_value()) == 64 * 2
