"""Checks what the model says: the next-token logits and greedy tokens of the converted model against the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import psutil

from workbench.conversion.detect import Place, detect, has_tokenizer
from workbench.schemas.conversion import Check, Detected

PROMPTS: tuple[str, ...] = (
    "参考文書を基に質問に答えてください。",
    "日本の首都は",
    "手数料はいくらですか。",
    "The capital of France is",
    "1 + 1 =",
    "次のうち、動物はどれですか。",
    "申込期限を教えてください。",
    "提供された情報からは",
)
TOKENS = 16
TOLERANCE = 1e-3
"""Largest difference of logits relative to their spread, both sides computed in float32."""
_COPIES = 2.5


def check_merged(folder: Path, adapter: Place, base: Path) -> Check:
    """The merged model answers like the base with the adapter merged by PEFT, on eight prompts.

    `rounding` tells how far both are from the adapter applied without rounding: what storing the sum in the
    base's dtype costs.
    """
    found = detect(folder)
    problem = _cannot_run(found, folder)
    if problem:
        return Check(name="answers", state="not checked", reason=problem)
    merged = _run(_load(folder), folder)
    by_peft = _run(_load(base, adapter.weights, merge=True), folder)
    unrounded = _run(_load(base, adapter.weights), folder)
    same = sum(mine[1] == theirs[1] for mine, theirs in zip(merged, by_peft, strict=True))
    distance = _distance(merged, by_peft)
    params: dict[str, str | int | float] = {
        "same": same,
        "prompts": len(PROMPTS),
        "distance": round(distance, 6),
        "rounding": round(_distance(merged, unrounded), 6),
    }
    if distance <= TOLERANCE and same == len(PROMPTS):
        return Check(name="answers", state="passed", params=params)
    return Check(name="answers", state="failed", reason="differ", params=params)


def check_loads(folder: Path) -> Check:
    """Transformers loads the converted model and it gives finite logits."""
    problem = _cannot_run(detect(folder), folder)
    if problem:
        return Check(name="answers", state="not checked", reason=problem)
    logits = [scores for scores, _ in _run(_load(folder), folder)]
    if all(bool(scores.isfinite().all()) for scores in logits):
        return Check(name="answers", state="passed", params={"prompts": len(PROMPTS)})
    return Check(name="answers", state="failed", reason="not_finite")


def _cannot_run(found: Detected, folder: Path) -> str:
    if not has_tokenizer(folder):
        return "no_tokenizer"
    if found.remote_code:
        return "remote_code"
    if "ForCausalLM" not in found.architecture:
        return "not_text"
    if found.parameters * 4 * _COPIES > psutil.virtual_memory().available:
        return "too_large"
    return ""


def _load(model: Path, adapter: Path | None = None, *, merge: bool = False) -> Any:
    """A model for computing in float32; merging happens in the dtype in which the base is stored."""
    import torch
    from transformers import AutoModelForCausalLM

    dtype = "auto" if merge else torch.float32
    loaded: Any = cast("Any", AutoModelForCausalLM).from_pretrained(str(model), dtype=dtype)
    if adapter is not None:
        from peft import PeftModel

        loaded = cast("Any", PeftModel).from_pretrained(loaded, str(adapter))
        if merge:
            loaded = loaded.merge_and_unload().float()
    return loaded.eval()


def _run(model: Any, tokenizer: Path) -> list[tuple[Any, list[int]]]:
    """Next-token logits, shape (vocabulary,), and greedy tokens for every prompt."""
    import torch
    from transformers import AutoTokenizer

    tokens: Any = cast("Any", AutoTokenizer).from_pretrained(str(tokenizer))
    results: list[tuple[Any, list[int]]] = []
    with torch.no_grad():
        for prompt in PROMPTS:
            ids = tokens(prompt, return_tensors="pt")["input_ids"]
            scores = model(input_ids=ids).logits[0, -1].float()
            mask = torch.ones_like(ids)
            made = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=TOKENS, do_sample=False)
            results.append((scores, made[0, ids.shape[1] :].tolist()))
    return results


def _distance(mine: list[tuple[Any, list[int]]], theirs: list[tuple[Any, list[int]]]) -> float:
    pairs = zip(mine, theirs, strict=True)
    return max(float((one[0] - other[0]).abs().max() / other[0].std()) for one, other in pairs)
