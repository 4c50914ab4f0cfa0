"""An adapter is merged from the page: what it is, the plan, the run, the proof; and the English page is English."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Serve
from tests.tiny_model import build_tiny_model
from workbench.artifacts import ArtifactStore
from workbench.jobs import prepare_workspace
from workbench.paths import Workspace
from workbench.ui.models import register_model

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RUN_MS = 300_000
"""A busy machine takes minutes to load the libraries of the proof."""


def make_adapter(base: Path, folder: Path) -> None:
    """A real adapter, as PEFT saves it, with matrices that change what the model says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(base)
    tuned: Any = get_peft_model(
        model, LoraConfig(target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", r=4)
    )
    torch.manual_seed(3)
    for name, value in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.1)
    tuned.save_pretrained(folder)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a base model and an adapter of it."""
    made = Workspace(tmp_path_factory.mktemp("convert") / "workspace")
    prepare_workspace(made)
    base = build_tiny_model(tmp_path_factory.mktemp("convert-base"))
    register_model(made, str(base))
    store = ArtifactStore(made)
    draft = store.begin("adapter", "窓口 LoRA")
    make_adapter(base, draft.folder)
    draft.commit(details={"base_model": str(base)})
    return made


@pytest.fixture(scope="module")
def url(serve: Serve, workspace: Workspace) -> str:
    return serve(root=workspace.root)


def open_tab(page: Page, address: str) -> None:
    page.goto(f"{address}#convert")
    expect(page.locator("#convert-source input")).to_be_visible()


def choose_adapter(page: Page) -> None:
    box = page.locator("#convert-source input")
    option = page.get_by_role("option", name="窓口 LoRA").first
    for _ in range(10):
        box.click()
        # the list is read from the disk after the page has been drawn
        page.wait_for_timeout(3000)
        if option.count():
            break
        box.blur()
    option.click()


def test_an_adapter_is_merged_from_the_page_and_proves_itself(
    page: Page, url: str, workspace: Workspace
) -> None:
    open_tab(page, f"{url}/ja/")
    expect(page.locator("#convert-start")).to_be_disabled()
    choose_adapter(page)
    found = page.locator("#convert-found")
    expect(found).to_contain_text("LoRA アダプター（PEFT）です。")
    expect(page.locator("#convert-to")).to_contain_text("元のモデルにまとめる")
    expect(page.locator("#convert-unfit")).to_contain_text("アダプターだけではモデルになりません")
    plan = page.locator("#convert-plan")
    expect(plan).to_contain_text("書く前の計画")
    page.locator("#convert-start").click()
    proof = page.locator("#convert-proof")
    expect(proof).to_contain_text("質問 8 個のうち 8 個", timeout=RUN_MS)
    expect(proof).to_contain_text("学習した内容が入っています")
    expect(proof.locator(".wb-bad")).to_have_count(0)
    (made,) = ArtifactStore(workspace).list("model")
    weights = next(entry.bytes for entry in made.files if entry.path == "model.safetensors")
    plan.locator("summary").click()
    expect(plan).to_contain_text(f"{weights:,}")
    expect(page.locator("#convert-serve")).to_be_visible()
    page.locator("#convert-compare").click()
    expect(page.locator("#evaluate-model input")).to_have_value("LoRA-merged", timeout=RUN_MS)
    expect(page.locator("#evaluate-note")).to_contain_text("元のモデル")


def test_a_pasted_folder_is_told_at_once_and_text_of_files_stays_text(
    page: Page, url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "<img src=x onerror=window.hacked=1>"
    build_tiny_model(folder)
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["<b>Evil</b>ForCausalLM"]
    (folder / "config.json").write_text(json.dumps(config))
    open_tab(page, f"{url}/ja/")
    page.locator("#convert-path input").fill(str(folder))
    found = page.locator("#convert-found")
    expect(found).to_contain_text("Hugging Face 形式のモデル（safetensors）です。")
    expect(found).to_contain_text("<b>Evil</b>ForCausalLM")
    assert page.evaluate("window.hacked") is None
    page.locator("#convert-path input").fill("/nowhere/at/all")
    expect(found).to_contain_text("/nowhere/at/all がありません。")
    expect(page.locator("#convert-start")).to_be_disabled()


def test_the_english_page_holds_no_japanese(browser: Browser, url: str) -> None:
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    open_tab(page, f"{url}/en/")
    page.wait_for_timeout(4000)
    choose_adapter(page)
    expect(page.locator("#convert-found")).to_contain_text("LoRA adapter (PEFT).")
    expect(page.locator("#convert-plan")).to_contain_text("The plan")
    text = page.locator("#tab-convert").inner_text()
    assert [char for char in text if "\u3040" <= char <= "\u30ff"] == []
    context.close()


@pytest.mark.parametrize("width", [1920, 1280, 820])
def test_the_page_is_no_wider_than_the_window(page: Page, url: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_tab(page, f"{url}/ja/")
    choose_adapter(page)
    expect(page.locator("#convert-plan")).to_contain_text("書く前の計画")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
