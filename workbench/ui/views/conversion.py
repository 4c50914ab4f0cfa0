"""A conversion as people read it: what a folder holds, what will be written, and what was proved. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from workbench.i18n import Lang, has_key, load_catalogue, t, translator
from workbench.schemas.conversion import Check, ConversionPlan, Detected, ProofReport, Target
from workbench.ui.models import starter_folder
from workbench.ui.views.html import Child, Html, chip, el, fold, join, paragraph, table
from workbench.ui.views.planning import say_parameters
from workbench.ui.wording import say_bytes, say_number, say_seconds

DTYPES = {"F32": "fp32", "F16": "fp16", "BF16": "bf16", "F64": "fp64"}
"""Names of safetensors -> as the field writes them."""
TONES = {"passed": "good", "failed": "bad", "not checked": "warn"}
STATES = {"passed": "passed", "failed": "failed", "not checked": "unchecked"}
SHOWN_FILES = 200
WITHOUT_TOKENIZER = frozenset({"gguf", "peft", "nemo_peft"})
"""Layouts for which a missing tokenizer is no news: it is inside the file, or the base brings it."""


class Unfit(NamedTuple):
    """A target that this source cannot become."""

    target: Target
    reason: str
    """Key of the reason: `convert_tab.unfit.<reason>`."""


def say_dtypes(dtypes: Mapping[str, int], lang: Lang) -> str:
    """`fp32`, or `bf16（一部 fp32）` where tensors of several kinds are mixed."""
    ordered = sorted(dtypes, key=lambda name: dtypes[name], reverse=True)
    named = [DTYPES.get(name, name.lower()) for name in ordered]
    if len(named) < 2:
        return "".join(named)
    return t("convert_tab.found.mixed", lang, most=named[0], rest=", ".join(named[1:]))


def say_model(name: str, lang: Lang) -> str:
    """A base model by its hub id, or by its folder's name."""
    if not name.startswith("/"):
        return name
    return t("convert_tab.starter", lang) if Path(name) == starter_folder() else Path(name).name


def say_exact(count: int, lang: Lang) -> str:
    """A size in its unit, and to the byte."""
    return t("convert_tab.exact", lang, size=say_bytes(count), bytes=f"{count:,}")


def render_found(found: Detected, lang: Lang) -> Html:
    """One sentence on what a path holds, its details below."""
    sentence = t("convert_tab.found", lang, layout=t(f"layout.{found.layout}", lang))
    details = [found.architecture, t("convert_tab.found.place", lang, path=found.weights)]
    return el(
        "div",
        el("p", el("b", sentence), " ", " · ".join(_facts(found, lang))),
        paragraph(" · ".join(part for part in details if part), "wb-soft wb-tiny cv-path"),
        cls="cv-found",
    )


def _facts(found: Detected, lang: Lang) -> list[str]:
    facts: list[str] = []
    if found.step is not None:
        facts.append(t("convert_tab.found.step", lang, step=f"{found.step:,}"))
    if found.dtypes:
        facts.append(say_dtypes(found.dtypes, lang))
    if found.parameters:
        facts.append(t("convert_tab.found.size", lang, parameters=say_parameters(found.parameters, lang)))
    if found.bytes:
        facts.append(say_bytes(found.bytes))
    if found.base:
        facts.append(t("convert_tab.found.base", lang, name=say_model(found.base, lang)))
    if not found.tokenizer and found.layout not in WITHOUT_TOKENIZER:
        facts.append(t("convert_tab.found.no_tokenizer", lang))
    if found.remote_code:
        facts.append(t("convert_tab.found.remote_code", lang))
    return facts


def render_unfit(unfit: Sequence[Unfit], lang: Lang) -> Html:
    """The targets that cannot be chosen, each with its reason; nothing where all can."""
    if not unfit:
        return Html()
    lines = [
        el("li", el("span", say_target(item.target, lang), cls="cv-off"), el("small", _reason(item, lang)))
        for item in unfit
    ]
    return el("ul", *lines, cls="cv-unfit")


def _reason(item: Unfit, lang: Lang) -> str:
    return t(f"convert_tab.unfit.{item.reason}", lang)


def say_target(target: str, lang: Lang) -> str:
    """A target by its name in the page's language."""
    key = f"choice.ConvertConfig.to.{target}"
    return t(key, lang) if has_key(key, lang) else target


def say_plan_dtype(name: str, lang: Lang) -> str:
    """The dtype of a plan; `source` and `base` stand for keeping what is there."""
    key = f"convert_tab.dtype.{name}"
    return t(key, lang) if has_key(key, lang) else DTYPES.get(name, name.lower())


def render_plan(plan: ConversionPlan, lang: Lang, *, place: str) -> Html:
    """What a conversion will write and need.

    Args:
        plan: The plan; its bytes are exact.
        lang: The page's language.
        place: Where the result will be, in words.
    """
    kept = [file for file in plan.files if file.kept]
    size = sum(file.bytes for file in kept)
    about = "about" if plan.command else "files"
    said = say_bytes(size) if plan.command else say_exact(size, lang)
    files = t(f"convert_tab.plan.{about}", lang, count=len(kept), size=said)
    between = plan.bytes - size
    needs = {
        "memory": say_bytes(plan.peak_bytes),
        "time": say_seconds(max(1.0, plan.seconds), translator(lang)),
    }
    room = "fits" if plan.fits else "full"
    free = t(f"convert_tab.plan.{room}", lang, free=say_bytes(plan.free_bytes))
    return el(
        "div",
        el("h3", t("convert_tab.plan", lang)),
        paragraph(
            join([files, " ", t("convert_tab.plan.dtype", lang, dtype=say_plan_dtype(plan.dtype, lang))])
        ),
        el("p", chip(t(f"convert_tab.plan.{room}.chip", lang), "good" if plan.fits else "bad"), " ", free),
        paragraph(t("convert_tab.plan.needs", lang, **needs)),
        paragraph(t("convert_tab.plan.between", lang, size=say_bytes(between))) if between else None,
        paragraph(t("convert_tab.plan.official", lang)) if plan.command else None,
        paragraph(place, "wb-soft wb-tiny cv-path"),
        render_files(plan, lang),
        cls="wv-plan",
    )


def render_files(plan: ConversionPlan, lang: Lang) -> Html:
    """Every file with its exact size, behind one click."""
    head = [t(f"convert_tab.files.{name}", lang) for name in ("name", "bytes", "tensors")]
    rows: list[list[Child]] = [
        [
            file.name if file.kept else t("convert_tab.files.between", lang, name=file.name),
            f"{file.bytes:,}",
            f"{file.tensors:,}" if file.tensors else "",
        ]
        for file in plan.files[:SHOWN_FILES]
    ]
    return fold(t("convert_tab.files", lang), table(head, rows, numbers=(1, 2)))


def render_command(command: Sequence[str], lang: Lang) -> Html:
    """The command of another program that must do the work."""
    return el(
        "div",
        paragraph(t("convert_tab.elsewhere", lang)),
        el("pre", shlex.join(command), cls="cv-command"),
        cls="cv-elsewhere",
    )


def render_registered(ollama: Mapping[str, Any], lang: Lang) -> Html:
    """What an Ollama server has now, or how a person registers the folder there."""
    models = [str(name) for name in cast("Sequence[Any]", ollama.get("models") or ())]
    if models:
        said = t("convert_tab.ollama.made", lang, names=", ".join(models), url=str(ollama.get("url") or ""))
        return paragraph(said)
    commands = [_say_line(line) for line in cast("Sequence[Any]", ollama.get("commands") or ())]
    if not commands:
        return Html()
    return el(
        "div",
        paragraph(t("convert_tab.ollama.commands", lang)),
        el("pre", "\n".join(commands), cls="cv-command"),
    )


def _say_line(line: Any) -> str:
    return line if isinstance(line, str) else shlex.join(str(word) for word in line)


def render_proof(proof: ProofReport, lang: Lang) -> Html:
    """What was checked, and what came out: one line in words, then a table."""
    counts = {state: sum(check.state == state for check in proof.checks) for state in TONES}
    verdict = next((s for s in ("failed", "not checked") if counts[s]), "passed")
    said = {"count": len(proof.checks), "passed": counts["passed"], "open": counts["not checked"]}
    rows: list[list[Child]] = [
        [
            _say_check(check, "title", lang) or check.name,
            chip(t(f"convert_tab.proof.{STATES[check.state]}", lang), TONES[check.state]),
            say_check(check, lang),
        ]
        for check in proof.checks
    ]
    head = [t(f"convert_tab.proof.{name}", lang) for name in ("check", "outcome", "detail")]
    key = f"convert_tab.proof.{STATES[verdict]}"
    summary = t(f"{key}.all", lang, **said, failed=counts["failed"])
    return el(
        "div",
        el("h2", t("convert_tab.proof", lang)),
        el("p", chip(t(f"{key}.verdict", lang), TONES[verdict]), " ", summary),
        table(head, rows, cls="cv-proof"),
        paragraph(
            t("convert_tab.proof.took", lang, time=say_seconds(proof.seconds, translator(lang))),
            "wb-soft wb-tiny",
        ),
        cls="cv-proof-box",
    )


def say_check(check: Check, lang: Lang) -> str:
    """One check's outcome as a sentence: `proof.<name>.<reason>`, or `proof.<name>.passed`."""
    said = _say_check(check, check.reason or "passed", lang)
    return said or t(f"convert_tab.proof.{STATES[check.state]}.plain", lang)


def _say_check(check: Check, part: str, lang: Lang) -> str:
    """A text of the catalogue with the check's figures; empty where it has none for them."""
    params: dict[str, str | int | float] = {name: _say_figure(value) for name, value in check.params.items()}
    for key in (f"proof.{check.name}.{part}", f"proof.{check.name}.{part}.plain"):
        text = load_catalogue(lang).get(key)
        try:
            if text is not None:
                return text.format(**params)
        except KeyError:  # a figure of another version of the check
            continue
    return ""


def _say_figure(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else say_number(value, 3)
