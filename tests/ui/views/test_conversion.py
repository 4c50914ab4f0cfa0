"""What a conversion says: the folder in one sentence, the plan to the byte, the proof in words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.i18n import LANGUAGES, Lang, has_key, t
from workbench.schemas.conversion import Check, ConversionPlan, Detected, Layout, PlannedFile, ProofReport
from workbench.ui.models import starter_folder
from workbench.ui.views import conversion as view

GB = 2**30
NEMO = Detected(
    layout="nemo_dcp_v2",
    path="/results/step_138",
    weights="/results/step_138/policy/weights/model",
    step=138,
    base="nvidia/Nemotron-Nano",
    architecture="NemotronHForCausalLM",
    tensors=12,
    parameters=670_000_000,
    dtypes={"F32": 12},
    bytes=2_680_000_000,
    tokenizer="/results/step_138/policy/tokenizer",
)


def make_plan(**changes: Any) -> ConversionPlan:
    files = (
        PlannedFile(name="model.safetensors", bytes=1_234_567_890, tensors=12),
        PlannedFile(name="config.json", bytes=110, tensors=0),
    )
    values: dict[str, Any] = {
        "detected": NEMO,
        "to": "safetensors",
        "dtype": "BF16",
        "files": files,
        "bytes": 1_234_568_000,
        "peak_bytes": GB // 4,
        "free_bytes": 100 * GB,
        "seconds": 65.0,
        "target": "/out",
    }
    return ConversionPlan(**{**values, **changes})


def test_a_checkpoint_is_told_in_one_sentence_in_both_languages() -> None:
    ja, en = view.render_found(NEMO, "ja"), view.render_found(NEMO, "en")
    for part in (
        "NeMo RL、DTensor v2",
        "138 ステップ",
        "fp32",
        "6.7 億パラメーター",
        "元のモデル nvidia/Nemotron-Nano",
    ):
        assert part in ja
    for part in ("NeMo RL, DTensor v2", "step 138", "fp32", "base nvidia/Nemotron-Nano"):
        assert part in en


def test_a_missing_tokenizer_is_told_of_a_model_and_not_of_an_adapter() -> None:
    bare: dict[str, Any] = {**NEMO.model_dump(), "tokenizer": ""}
    assert "トークナイザーなし" in view.render_found(Detected(**bare), "ja")
    assert "トークナイザーなし" not in view.render_found(Detected(**{**bare, "layout": "peft"}), "ja")


def test_text_of_files_is_escaped() -> None:
    evil = "<img src=x onerror=alert(1)>"
    changed = NEMO.model_copy(
        update={"base": evil, "architecture": evil, "weights": evil, "dtypes": {evil: 1}}
    )
    assert "<img" not in view.render_found(changed, "ja")
    files = (PlannedFile(name=evil, bytes=1, tensors=1),)
    assert "<img" not in view.render_plan(make_plan(files=files), "ja", place=evil)
    check = Check(
        name="keys", state="failed", reason="differ", params={"missing": 1, "extra": 0, "name": evil}
    )
    assert "<img" not in view.render_proof(
        ProofReport(checks=(check, Check(name=evil, state="passed"))), "ja"
    )
    assert "<img" not in view.render_registered({"models": [evil], "url": evil}, "ja")
    assert "<img" not in view.render_command(("docker", evil), "ja")


def test_the_practice_model_is_called_by_its_name() -> None:
    assert view.say_model(str(starter_folder()), "ja") == "付属の練習用モデル"
    assert view.say_model("/models/mine", "ja") == "mine"


def test_mixed_types_name_the_most_frequent_first() -> None:
    assert view.say_dtypes({"F32": 2, "BF16": 9}, "ja") == "bf16（一部 fp32）"
    assert view.say_dtypes({"F32": 2}, "en") == "fp32"
    assert view.say_dtypes({}, "en") == ""


def test_every_layout_has_a_name() -> None:
    from typing import get_args

    missing = [
        f"{lang} {name}"
        for lang in LANGUAGES
        for name in get_args(Layout)
        if not has_key(f"layout.{name}", lang)
    ]
    assert missing == []


def test_the_plan_tells_bytes_to_the_last_one_memory_disk_and_time() -> None:
    html = view.render_plan(make_plan(), "ja", place="工房の中")
    for part in ("1,234,568,000 バイト", "256 MB", "100 GB", "1 分 5 秒", "bf16", "工房の中"):
        assert part in html
    assert "wb-good" in html


def test_a_plan_that_does_not_fit_says_what_to_do() -> None:
    html = view.render_plan(make_plan(free_bytes=GB), "ja", place="")
    assert "wb-bad" in html
    assert "足りません" in html
    assert "保存先" in html


def test_an_intermediate_file_is_named_and_not_counted_among_the_results() -> None:
    files = (
        PlannedFile(name="model-f16.gguf", bytes=2 * GB, tensors=3, kept=False),
        PlannedFile(name="model-q4_k_m.gguf", bytes=GB, tensors=3),
    )
    html = view.render_plan(make_plan(files=files, bytes=3 * GB), "ja", place="")
    assert f"{GB:,} バイト" in html
    assert "一時的にさらに 2.0 GB" in html
    assert "model-f16.gguf（途中だけ）" in html


def test_sizes_that_another_program_decides_are_called_estimates() -> None:
    html = view.render_plan(make_plan(command=("python", "convert_hf_to_gguf.py")), "ja", place="")
    assert "合わせて約 1.1 GB" in html
    assert "公式の変換プログラム" in html


@pytest.mark.parametrize(
    ("states", "tone", "words"),
    [
        (("passed", "passed"), "wb-good", "2 項目すべて"),
        (("passed", "not checked"), "wb-warn", "1 項目は確かめられませんでした"),
        (("failed", "not checked"), "wb-bad", "1 項目で違い"),
    ],
)
def test_the_worst_outcome_decides_the_verdict(states: tuple[Any, Any], tone: str, words: str) -> None:
    checks = tuple(
        Check(name=name, state=state, reason="" if state == "passed" else "no_base", params={"tensors": 3})
        for name, state in zip(("keys", "shapes"), states, strict=True)
    )
    html = view.render_proof(ProofReport(checks=checks), "ja")
    verdict = html.split("<table")[0]
    assert tone in verdict
    assert words in verdict


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_check_of_another_version_still_has_a_sentence(lang: Lang) -> None:
    unknown = Check(name="new_thing", state="failed", reason="odd")
    assert view.say_check(unknown, lang) == t("convert_tab.proof.failed.plain", lang)
    without_figures = Check(name="keys", state="passed")
    assert view.say_check(without_figures, lang) == t("convert_tab.proof.passed.plain", lang)


def test_figures_of_a_check_stand_in_its_sentence() -> None:
    check = Check(name="differs", state="passed", params={"changed": 1200, "tensors": 1500})
    assert "1,500 個のうち 1,200 個" in view.say_check(check, "ja")
    merged = {"same": 8, "prompts": 8, "distance": 0.00002, "rounding": 0.01}
    assert "8 個のうち 8 個" in view.say_check(Check(name="answers", state="passed", params=merged), "ja")
    loads = Check(name="answers", state="passed", params={"prompts": 8})
    assert view.say_check(loads, "en") == "8 prompts are answered with sound numbers."


def _checks_in_the_code(repo_root: Path) -> Iterator[tuple[str, str]]:
    """Name and reason of every check that the proof can make, as they stand in the code."""
    for path in sorted((repo_root / "workbench" / "conversion" / "proof").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Check":
                given = {word.arg: word.value for word in node.keywords}
                name, reason = given.get("name"), given.get("reason")
                if isinstance(name, ast.Constant):
                    yield str(name.value), str(reason.value) if isinstance(reason, ast.Constant) else "title"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_check_and_reason_has_words(repo_root: Path, lang: Lang) -> None:
    found = set(_checks_in_the_code(repo_root))
    assert ("keys", "differ") in found
    wanted = {f"proof.{name}.{part}" for name, reason in found for part in (reason, "title", "passed")}
    problems = ("no_llama", "no_tokenizer", "no_model", "remote_code", "not_text", "too_large", "no_space")
    wanted |= {f"proof.answers.{reason}" for reason in problems}
    assert sorted(key for key in wanted if not has_key(key, lang)) == []


def test_the_ways_to_register_are_shown_where_no_server_was_named() -> None:
    html = view.render_registered({"commands": [["ollama", "create", "my model"], "ollama run x"]}, "ja")
    assert "ollama create &#x27;my model&#x27;" in html
    assert "ollama run x" in html
    assert view.render_registered({}, "ja") == ""


def test_targets_that_do_not_fit_stand_with_their_reason() -> None:
    html = view.render_unfit([view.Unfit("merged", "model")], "ja")
    assert "元のモデルにまとめる" in html
    assert "アダプターを選んだときだけ" in html
    assert view.render_unfit([], "ja") == ""
