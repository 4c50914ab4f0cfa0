"""Checks what a GGUF file says: llama.cpp against transformers (and PEFT) on eight prompts, token by token."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil

from workbench.conversion.casting import Array
from workbench.conversion.detect import Place, detect, find_place, has_tokenizer
from workbench.conversion.gguf.quantise import has_llama
from workbench.conversion.gguf.work import ADAPTERS, find_home, prepare_gguf
from workbench.conversion.proof.answers import PROMPTS, TOKENS
from workbench.conversion.proof.gguf_texts import load_llama, load_tokenizer
from workbench.schemas.conversion import Check, ConvertConfig, Detected

COPIES = 4
"""Of the weights in float32: transformers' with an adapter, llama.cpp's, and some room."""
DISTANCE = 1e-2
"""Largest difference of logits relative to their spread where both sides compute in float32."""
HF = ("hf_safetensors", "hf_bin", "nemo_consolidated")


@dataclass(frozen=True)
class Limits:
    """What a type's rounding may cost."""

    divergence: float
    """Mean Kullback-Leibler divergence of the next token's distribution, in nats."""
    agreement: float
    """Share of places where both choose the same token."""


LIMITS = {
    "f32": Limits(1e-3, 1.0),
    "f16": Limits(0.01, 0.95),
    "bf16": Limits(0.02, 0.95),
    "q8_0": Limits(0.05, 0.9),
    "q4_k_m": Limits(0.5, 0.6),
}
"""Two-byte types are not exact: llama.cpp rounds what it multiplies them with as well."""


def check_answers(
    settings: ConvertConfig, place: Place, model: Path | None, adapter: Path | None, folder: Path
) -> Check:
    """The file answers like its source, computed by transformers in float32."""
    home = find_home(settings, place)
    problem = find_problem(settings, place, home)
    if problem:
        return Check(name="answers", state="not checked", reason=problem)
    wanted = answer_by_transformers(place, home)
    with _base_file(settings, model, folder) as path:
        found = answer_by_llama(path, adapter, wanted)
    dtype = (model or adapter or path).stem.split("-", 1)[1]
    return judge(wanted, found, dtype)


def find_problem(settings: ConvertConfig, place: Place, home: Path) -> str:
    """Why nothing can be asked; empty where it can."""
    if not has_llama():
        return "no_llama"
    if not has_tokenizer(home):
        return "no_tokenizer"
    if place.layout not in (*HF, *ADAPTERS) or (place.layout in HF and place.config is None):
        return "no_model"
    found: Detected = detect(home)
    if found.remote_code:
        return "remote_code"
    if "ForCausalLM" not in found.architecture:
        return "not_text"
    if found.parameters * 4 * COPIES > psutil.virtual_memory().available:
        return "too_large"
    if settings.to == "gguf-adapter" and found.parameters * 5 > shutil.disk_usage(home).free:
        return "no_space"
    return ""


@contextmanager
def _base_file(settings: ConvertConfig, model: Path | None, folder: Path) -> Generator[Path]:
    """The file to ask: the written one, or for an adapter alone its base's, made for the moment."""
    if model is not None:
        yield model
        return
    base = settings.model_copy(
        update={"source": settings.base, "base": "", "to": "gguf", "dtype": "f32", "target": ""}
    )
    with tempfile.TemporaryDirectory(dir=folder) as made:
        work = prepare_gguf(base, find_place(Path(settings.base)))
        try:
            work.write(Path(made), lambda size: None)
        finally:
            work.close()
        yield Path(made) / "model-f32.gguf"


@dataclass(frozen=True)
class Answer:
    """What was asked and what came: prompt and answer as ids, logits at every place of the answer."""

    prompt: list[int]
    tokens: list[int]
    logits: Array
    """Shape (tokens, vocabulary)."""


def answer_by_transformers(place: Place, home: Path) -> list[Answer]:
    """Greedy answers of the source, none of its own generation settings applied."""
    import torch

    tokenizer = load_tokenizer(home)
    model = _load_source(place, home)
    found: list[Answer] = []
    with torch.no_grad():
        for prompt in PROMPTS:
            ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
            found.append(_continue(model, ids))
    return found


def _continue(model: Any, ids: Any) -> Answer:
    """A greedy answer, and the logits along it by one pass: step by step, a recurrent state adds rounding up."""
    import torch

    made = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        repetition_penalty=1.0,
        min_new_tokens=TOKENS,
        max_new_tokens=TOKENS,
    )
    start = ids.shape[1]
    logits = model(input_ids=made[:, :-1]).logits[0, start - 1 :].float().numpy()
    return Answer(ids[0].tolist(), made[0, start:].tolist(), logits)


def _load_source(place: Place, home: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    adapter = place.weights if place.layout in ADAPTERS else None
    folder = home if adapter is not None else place.weights
    loaded: Any = cast("Any", AutoModelForCausalLM).from_pretrained(str(folder), dtype=torch.float32)
    if adapter is not None:
        from peft import PeftModel

        loaded = cast("Any", PeftModel).from_pretrained(loaded, str(adapter))
    return loaded.eval()


def answer_by_llama(path: Path, adapter: Path | None, wanted: list[Answer]) -> list[Array]:
    """llama.cpp's logits at every place of the source's answers, shape (tokens, vocabulary) each."""
    options: dict[str, Any] = {"lora_path": str(adapter), "use_mmap": False} if adapter is not None else {}
    found: list[Array] = []
    with closing(load_llama(path, logits_all=True, **options)) as model:
        for answer in wanted:
            # a hybrid model's state cannot be cut back, so each prompt starts from nothing
            model.reset()
            model._ctx.kv_cache_clear()
            model.eval([*answer.prompt, *answer.tokens[:-1]])
            start = len(answer.prompt) - 1
            found.append(np.array(model.scores[start : start + len(answer.tokens)], np.float32))
    return found


def judge(wanted: list[Answer], found: list[Array], dtype: str) -> Check:
    """Compare; where every choice along the source's answer is the same, so is the greedy answer."""
    theirs = np.concatenate([answer.logits for answer in wanted])
    mine = np.concatenate([logits[:, : theirs.shape[1]] for logits in found])
    same = sum(
        bool((logits.argmax(axis=1) == answer.logits.argmax(axis=1)).all())
        for answer, logits in zip(wanted, found, strict=True)
    )
    distance = float((np.abs(mine - theirs).max(axis=1) / theirs.std(axis=1)).max())
    divergence = measure_divergence(theirs, mine)
    agreement = float((mine.argmax(axis=1) == theirs.argmax(axis=1)).mean())
    limits = LIMITS[dtype]
    params: dict[str, str | int | float] = {
        "same": same,
        "prompts": len(wanted),
        "distance": round(distance, 6),
        "kl": round(divergence, 6),
        "top1": round(agreement, 4),
    }
    fits = divergence <= limits.divergence and agreement >= limits.agreement
    if fits and (dtype != "f32" or (distance <= DISTANCE and same == len(wanted))):
        return Check(name="answers", state="passed", reason="gguf", params=params)
    return Check(name="answers", state="failed", reason="gguf_differs", params=params)


def measure_divergence(theirs: Array, mine: Array) -> float:
    """Mean Kullback-Leibler divergence of the second distribution from the first, in nats."""
    first, second = (_log_softmax(logits.astype(np.float64)) for logits in (theirs, mine))
    return max(float((np.exp(first) * (first - second)).sum(axis=1).mean()), 0.0)


def _log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
