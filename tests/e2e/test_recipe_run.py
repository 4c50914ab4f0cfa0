"""The whole cycle through the command line, on a tiny random model and a small FAQ: real jobs, real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

RECIPE = """
name: tiny
steps:
  - name: data
    kind: generate_raft
    config:
      source: {{path: {faq}}}
      group: 市民課
      train: 16
      test: 4
      unseen: 2
      unanswerable: 3
  - name: train
    kind: train
    config:
      model: {model}
      train_file: "@data.files.train"
      max_steps: 3
      max_length: 512
      per_device_train_batch_size: 2
      gradient_accumulation_steps: 1
      learning_rate: 5.0e-2
      lora: {{r: 4, lora_alpha: 16}}
  - name: serve
    kind: serve
    config: {{model: {model}, adapters: [{{name: finetuned, path: "@train.path"}}], max_context: 1024}}
  - name: baseline
    kind: evaluate
    config:
      label: baseline
      endpoint: {{name: baseline, base_url: "@serve.endpoint", model: base, engine: embedded}}
      sampling: {{max_tokens: 8}}
      tests: {{answerable: "@data.files.test", unanswerable: "@data.files.test_unanswerable"}}
  - name: finetuned
    kind: evaluate
    config:
      label: finetuned
      endpoint: {{name: finetuned, base_url: "@serve.endpoint", model: finetuned, engine: embedded}}
      sampling: {{max_tokens: 8}}
      tests: {{answerable: "@data.files.test", unanswerable: "@data.files.test_unanswerable"}}
  - name: compare
    kind: compare
    config: {{baseline: "@baseline.artifact", finetuned: "@finetuned.artifact"}}
"""


def _faq(path: Path) -> Path:
    topics = (
        "住民票",
        "印鑑登録",
        "転入届",
        "図書館",
        "粗大ごみ",
        "水道",
        "保育園",
        "公園",
        "駐輪場",
        "市民税",
    )
    lines = ["質問,回答,部署"]
    for number, topic in enumerate(topics * 5):
        group = "市民課" if number % 5 else "環境課"
        lines.append(
            f"{topic}{number}の手数料はいくらですか。,"
            f"{topic}{number}の手数料は{100 + number}円です。受付は{number % 12 + 1}番窓口でお願いします。,{group}"
        )
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _workbench(*arguments: str, home: Path, repo_root: Path) -> tuple[int, Any]:
    environ = {
        **os.environ,
        "WORKBENCH_HOME": str(home),
        "PYTHONPATH": str(repo_root),
        "WORKBENCH_LANG": "en",
    }
    done = subprocess.run(
        [sys.executable, "-m", "workbench", *arguments, "--json"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.stdout, done.stderr[-3000:]
    return done.returncode, json.loads(done.stdout)


def test_a_recipe_runs_to_a_verdict_and_a_second_run_does_nothing_again(
    tmp_path: Path, tiny_model: Path, repo_root: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(faq=_faq(tmp_path / "faq.csv"), model=tiny_model), encoding="utf-8")
    home = tmp_path / "home"

    code, first = _workbench("run", str(recipe), home=home, repo_root=repo_root)
    assert first.get("error") is None, first
    assert first["verdict"] in ("pass", "fail", "inconclusive")
    assert code == {"pass": 0, "fail": 1, "inconclusive": 2}[first["verdict"]]
    states = {step["name"]: step["state"] for step in first["steps"]}
    assert states == dict.fromkeys(
        ("data", "train", "serve", "baseline", "finetuned", "compare"), "succeeded"
    )
    assert set(first["metrics"]["baseline"]) == {
        "n",
        "over_refusal_rate",
        "correct_refusal_rate",
        "verbatim_quote_rate",
        "answered_f1",
        "general_accuracy",
    }
    assert first["metrics"]["baseline"]["n"] == 7

    _, second = _workbench("run", str(recipe), home=home, repo_root=repo_root)
    cached = {step["name"]: step["cached"] for step in second["steps"]}
    assert all(cached.values()), cached
    assert second["metrics"] == first["metrics"]

    _, third = _workbench("run", str(recipe), "--from", "compare", home=home, repo_root=repo_root)
    assert [step["name"] for step in third["steps"] if not step["cached"]] == ["compare"]

    _, listed = _workbench("jobs", "list", home=home, repo_root=repo_root)
    running = [job for job in listed["jobs"] if job["state"] in ("running", "queued")]
    assert running == []


def test_a_failing_step_names_itself_and_its_reason(
    tmp_path: Path, tiny_model: Path, repo_root: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    faq = tmp_path / "faq.csv"
    faq.write_text("質問,回答\n", encoding="utf-8")
    recipe.write_text(RECIPE.format(faq=faq, model=tiny_model), encoding="utf-8")
    code, document = _workbench("run", str(recipe), home=tmp_path / "home", repo_root=repo_root)
    assert code == 3
    assert document["error"]["code"] == "recipe_step_failed"
    assert "data" in document["error"]["message"]
