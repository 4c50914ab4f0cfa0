from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.ui.context import UiContext
from workbench.ui.tabs import evaluate_files as page


@pytest.fixture(autouse=True)
def no_toasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page.gr, "Info", lambda *_, **__: None)


def read_sample(ctx: UiContext, shared_data: Path, tmp_path: Path) -> str:
    source = next((shared_data / "llm_jp_eval_v2_result_sample").glob("*.json"))
    dropped = tmp_path / source.name
    shutil.copyfile(source, dropped)
    told, emptied = page.read_files(ctx, [str(dropped)], "よそで測った")
    assert "よそで測った" in told
    assert emptied is None
    return ctx.artifacts.list("evaluation")[0].id


def test_a_result_of_llm_jp_eval_becomes_an_evaluation_and_can_be_written_again(
    ctx: UiContext, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = read_sample(ctx, shared_data, tmp_path)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    made = page.write_files(ctx, run, "llm-jp-eval")["value"]
    assert Path(made).is_relative_to(tmp_path / "served")
    with zipfile.ZipFile(made) as written:
        assert written.namelist()


def test_nothing_to_read_or_write_is_said(ctx: UiContext) -> None:
    with pytest.raises(InputError, match="import_no_file"):
        page.read_files(ctx, None, "")
    with pytest.raises(InputError, match="export_no_run"):
        page.write_files(ctx, None, "llm-jp-eval")
    with pytest.raises(InputError, match="export_format_unknown"):
        page.write_files(ctx, "evaluation-x", "../evil")


def test_a_file_of_no_known_kind_is_refused(ctx: UiContext, tmp_path: Path) -> None:
    strange = tmp_path / "x.json"
    strange.write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(InputError):
        page.read_files(ctx, [str(strange)], "")
    assert ctx.artifacts.list("evaluation") == []
