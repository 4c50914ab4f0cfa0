"""Choosing a source, what it is, the plan, and the start of a conversion."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.ui.fakes import finish, make_artifact
from tests.ui.small_models import make_adapter, make_result, write_adapter, write_model
from workbench.conversion.detect import find_place
from workbench.conversion.plan import prepare
from workbench.errors import InputError
from workbench.jobs import JobFolder
from workbench.schemas.conversion import ConvertConfig, Detected
from workbench.schemas.training import SFTSettings
from workbench.ui.context import UiContext
from workbench.ui.models import register_model
from workbench.ui.tabs import convert
from workbench.ui.tabs import convert_page as page


@pytest.fixture
def base(ctx: UiContext, tmp_path: Path) -> Path:
    folder = write_model(tmp_path / "base")
    register_model(ctx.workspace, str(folder))
    return folder


@pytest.fixture
def adapter(ctx: UiContext, base: Path) -> Path:
    return ctx.artifacts.folder(make_adapter(ctx, "税 LoRA", base).id)


def values(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {"source": None, "path": "", "to": None, "base": None, "dtype": "", "name": ""}
    return {**plain, "target": "", "texts": "", "shard_gb": 5, **changes}


def targets_of(look: page.Look) -> list[str]:
    return [value for _, value in look.to["choices"]]


def test_adapters_checkpoints_and_models_can_be_chosen(ctx: UiContext, adapter: Path, base: Path) -> None:
    settings = SFTSettings.model_validate({"model": str(base), "train_file": "/t.jsonl", "name": "税"})
    job = ctx.jobs.submit("train", "train", settings)
    for step in (20, 100):
        write_adapter(JobFolder(Path(job.folder)).work_dir / "checkpoints" / f"checkpoint-{step}", str(base))
    said = [label for label, _ in page.source_choices(ctx)]
    assert said[0].startswith("アダプター · 税 LoRA")
    assert said[1:3] == ["学習「税」の 100 ステップ目", "学習「税」の 20 ステップ目"]
    assert said[3:] == ["モデル · 付属の練習用モデル", "モデル · base"]


def test_an_adapter_is_told_and_offered_with_its_base(ctx: UiContext, adapter: Path, base: Path) -> None:
    look = page.look_at_source(ctx, values(source=str(adapter)))
    assert "LoRA アダプター（PEFT）です。" in look.found
    assert "safetensors" not in targets_of(look)
    assert "merged" in targets_of(look)
    assert look.to["value"] == "merged"
    assert look.base["value"] == str(base)
    assert "アダプターだけではモデルになりません" in look.unfit
    assert look.start["interactive"] is True


def test_the_page_says_the_very_bytes_that_are_written(ctx: UiContext, base: Path, tmp_path: Path) -> None:
    settings = page.read_settings(ctx, values(source=str(base), to="safetensors"))
    work = prepare(settings, find_place(base))
    try:
        work.write(tmp_path, lambda size: None)
    finally:
        work.close()
    plan = page.make_plan(ctx, settings)
    sizes = {file.name: (tmp_path / file.name).stat().st_size for file in plan.files}
    assert {file.name: file.bytes for file in plan.files} == sizes
    look = page.look_at_source(ctx, values(source=str(base)))
    assert f"{sum(sizes.values()):,} バイト" in look.plan
    assert f'<td class="wv-num">{sizes["model.safetensors"]:,}</td>' in look.plan


def test_a_model_cannot_be_merged_and_the_reason_stands_there(ctx: UiContext, base: Path) -> None:
    look = page.look_at_source(ctx, values(source=str(base)))
    assert "merged" not in targets_of(look)
    assert targets_of(look)[0] == "safetensors"
    assert "アダプターを選んだときだけ" in look.unfit


def test_what_was_pasted_wins_over_the_list(ctx: UiContext, adapter: Path, base: Path) -> None:
    given = f'  "{base}" '
    assert page.read_source(values(source=str(adapter), path=given)) == base
    assert page.read_source(values(source=str(adapter))) == adapter


@pytest.mark.parametrize("path", ["relative/folder", "/nowhere/at/all"])
def test_a_path_that_is_not_finished_yet_alarms_nobody(ctx: UiContext, path: str) -> None:
    look = page.look_at_source(ctx, values(path=path))
    assert "wb-error" not in look.found
    assert path in look.found
    assert look.start["interactive"] is False


def test_a_folder_that_is_no_model_is_told_with_what_to_do(ctx: UiContext, tmp_path: Path) -> None:
    look = page.look_at_source(ctx, values(path=str(tmp_path)))
    assert "wb-error" in look.found
    assert "知っている形のモデルやチェックポイントがありません" in look.found
    assert look.to["visible"] is False


def test_a_save_that_goes_on_is_refused_with_a_sentence(ctx: UiContext, tmp_path: Path) -> None:
    folder = tmp_path / "tmp_step_20"
    folder.mkdir()
    assert "保存の途中" in page.look_at_source(ctx, values(path=str(folder))).found


def test_without_its_base_an_adapter_asks_for_one_calmly(ctx: UiContext, tmp_path: Path) -> None:
    lonely = write_adapter(tmp_path / "lonely", "someone/gone")
    look = page.look_at_source(ctx, values(path=str(lonely)))
    assert look.base["value"] is None
    assert "wb-error" not in look.plan
    assert "どんなモデルかが分かりません" in look.plan
    assert look.start["interactive"] is False


def test_a_base_is_found_by_its_name_in_the_hub(ctx: UiContext, tmp_path: Path) -> None:
    write_model(ctx.workspace.models / "nvidia" / "nano")
    found = Detected(layout="peft", path="/a", weights="/a", base="nvidia/nano")
    assert page.guess_base(ctx, found) == str((ctx.workspace.models / "nvidia" / "nano").resolve())
    assert page.guess_base(ctx, found.model_copy(update={"base": "nvidia/other"})) == ""


def test_nothing_can_be_made_of_a_gguf_file_and_only_a_model_of_megatron() -> None:
    gguf = Detected(layout="gguf", path="/a", weights="/a")
    assert {item.target for item in page.find_unfit(gguf)} == set(page.TARGETS)
    megatron = Detected(layout="nemo_megatron", path="/a", weights="/a")
    assert {item.target for item in page.find_unfit(megatron)} == set(page.TARGETS) - {"safetensors"}


def test_megatron_shows_the_command_and_cannot_be_started(ctx: UiContext, tmp_path: Path) -> None:
    (tmp_path / "step_5" / "policy" / "weights" / "iter_0000000").mkdir(parents=True)
    look = page.look_at_source(ctx, values(path=str(tmp_path / "step_5")))
    assert "docker run" in look.plan
    assert look.start["interactive"] is False


def test_small_types_are_offered_where_a_target_can_hold_them(ctx: UiContext) -> None:
    def offered(to: str) -> set[str]:
        return {value for _, value in page.dtype_choices(ctx, to)}

    assert "q8_0" in offered("gguf")
    assert "q8_0" not in offered("merged")
    assert "q8_0" not in offered("gguf-adapter")
    assert page.AS_IT_IS in offered("safetensors")


def test_a_type_that_the_new_target_cannot_hold_is_let_go(ctx: UiContext, base: Path) -> None:
    shown = page.replan(ctx, values(source=str(base), to="safetensors", dtype="q8_0"))
    assert shown[0]["value"] == page.AS_IT_IS
    assert "wv-plan" in shown[2]


def test_a_folder_that_holds_something_is_told_before_anything_starts(
    ctx: UiContext, base: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    shown = page.show_plan(ctx, values(source=str(base), to="safetensors", target=str(tmp_path / "full")))
    assert "もう何か入っています" in shown[0]
    inside = page.show_plan(ctx, values(source=str(base), to="safetensors", target=str(base / "out")))
    assert "元のチェックポイントや元のモデルの中" in inside[0]


def test_the_command_does_the_same(ctx: UiContext, adapter: Path, base: Path, tmp_path: Path) -> None:
    given = values(
        source=str(adapter), to="merged", base=str(base), dtype="bf16", target=str(tmp_path / "out")
    )
    command = json.loads(page.show_plan(ctx, given)[1])["command"]
    assert command == (
        f"workbench convert {adapter} {tmp_path / 'out'} --to merged --base {base} --dtype bf16"
    )


def test_settings_of_ollama_are_asked_for_only_there(ctx: UiContext, base: Path) -> None:
    ollama = {"ollama_url": "http://127.0.0.1:11434", "ollama_name": "", "system": "短く。"}
    given = values(source=str(base), to="ollama", **ollama)
    assert page.read_settings(ctx, given).ollama_url == "http://127.0.0.1:11434"
    assert page.read_settings(ctx, given).system == "短く。"
    apart = page.read_settings(ctx, {**given, "ollama_adapter": True})
    assert apart.ollama_adapter
    assert page.command_for(ctx, apart)[-1] == "--ollama-adapter"
    other = page.read_settings(ctx, {**given, "to": "gguf", "ollama_adapter": True})
    assert (other.ollama_url, other.ollama_adapter) == (None, False)


def test_an_adapter_registered_apart_needs_a_server_and_that_is_said(ctx: UiContext, base: Path) -> None:
    folder = write_adapter(base.parent / "tuned", str(base))
    html, _, start = page.show_plan(
        ctx, values(source=str(folder), to="ollama", base=str(base), ollama_adapter=True)
    )
    assert "サーバーの版" in html
    assert start["interactive"] is False


def test_a_name_is_made_that_is_safe_for_a_folder(ctx: UiContext, adapter: Path, tmp_path: Path) -> None:
    assert page.suggest_name(ctx, adapter, "merged") == "LoRA-merged"
    assert page.suggest_name(ctx, tmp_path / "税", "gguf") == "model-gguf"
    assert page.suggest_name(ctx, tmp_path / "step_138", "safetensors") == "step_138-safetensors"


def test_starting_twice_makes_one_job_with_these_settings(ctx: UiContext, adapter: Path, base: Path) -> None:
    data = make_artifact(ctx, "dataset", "d", {"train.jsonl": "{}\n"})
    given = values(source=str(adapter), to="merged", base=str(base), texts=data.id, token="t")
    for _ in range(2):
        assert page.start_conversion(ctx, **given) == ""
    (job,) = page.list_jobs(ctx)
    config = ConvertConfig.model_validate(job.spec.config)
    assert (config.source, config.base, config.to) == (str(adapter), str(base), "merged")
    assert config.texts.endswith("train.jsonl")
    assert job.spec.memory_bytes > 0
    finish(ctx, job)
    page.start_conversion(ctx, **given)
    assert len(page.list_jobs(ctx)) == 2


def test_what_cannot_be_planned_is_not_started(ctx: UiContext, base: Path) -> None:
    cases = {"conversion_no_source": values(), "conversion_no_target": values(source=str(base))}
    cases["not_an_adapter"] = values(source=str(base), to="merged", base=str(base))
    for code, given in cases.items():
        with pytest.raises(InputError, match=code):
            page.start_conversion(ctx, **given, token="t")
    assert page.list_jobs(ctx) == []


def test_lists_keep_what_is_chosen_and_a_base_may_be_written(ctx: UiContext, adapter: Path) -> None:
    source, base, texts = page.show_lists(ctx, str(adapter), "/my/base", "gone")
    assert source["value"] == str(adapter)
    assert base["value"] == "/my/base"
    assert texts["value"] == ""
    assert page.show_lists(ctx, "/gone", None, None)[0]["value"] is None


def test_results_of_conversions_can_be_converted_again(ctx: UiContext) -> None:
    made = make_result(ctx, "tax-merged")
    assert ("モデル · tax-merged", str(ctx.artifacts.folder(made.id).resolve())) in page.source_choices(ctx)


def test_planning_loads_no_torch(ctx: UiContext, adapter: Path, base: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.ui.fakes import make_ctx\n"
        "from workbench.paths import Workspace; from workbench.ui.tabs import convert_page as page\n"
        "ctx = make_ctx(Workspace(Path(sys.argv[1])))\n"
        "values = {'source': sys.argv[2], 'to': 'merged'}\n"
        "look = page.look_at_source(ctx, values); assert 'wv-plan' in look.plan, look.plan\n"
        "print([name for name in ('torch', 'transformers', 'peft') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(ctx.workspace.root), str(adapter)]
    root = Path(__file__).parents[3]
    environ = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=root)
    assert done.stdout.strip() == "[]", done.stderr[-2000:]


async def collect(ctx: UiContext, seconds: float) -> list[tuple[Any, ...]]:
    def work() -> tuple[Any, ...]:
        time.sleep(seconds)
        return ("found",)

    return [shown async for shown in convert.tell(ctx, work, 0)]


def test_a_quick_look_says_nothing_meanwhile_and_a_slow_one_does(
    ctx: UiContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asyncio.run(collect(ctx, 0.0)) == [("found",)]
    monkeypatch.setattr(convert, "PATIENCE", 0.01)
    first, last = asyncio.run(collect(ctx, 0.5))
    assert "調べています" in first[0]
    assert len(first) == len(page.Look._fields)
    assert last == ("found",)
