"""A gate's outcome in words: for a screen, as Markdown, as JUnit XML, and as the document of `--json`. Pure."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from workbench.evaluation.naming import NOTHING, say_bench, say_bounds, say_change, say_measure, say_value
from workbench.i18n import Lang, has_key, t
from workbench.schemas.comparison import Sentence
from workbench.schemas.gate import Condition, ConditionResult, GateReport, GateVerdict
from workbench.text.escape import clean_xml, escape_markdown

EXIT_CODES: dict[GateVerdict, int] = {"pass": 0, "fail": 1, "inconclusive": 2}
VOTES = frozenset({"judge", "human"})
_GAINS = frozenset({"max_drop", "min_delta"})


def say_condition(condition: Condition | ConditionResult, lang: Lang) -> str:
    """A condition as one plain sentence."""
    limit, threshold = condition.limit, condition.threshold
    if isinstance(condition, ConditionResult) and condition.section in VOTES:
        return t(f"gate.say.{condition.section}.{limit}", lang, threshold=f"{threshold:g}")
    # "at least −0.02 better" is said the way people say it
    worse = limit == "min_delta" and threshold < 0
    said = t(
        f"gate.say.{'min_delta_below' if worse else limit}",
        lang,
        bench=_say_bench(condition.bench, lang),
        metric=say_measure(condition.metric, lang) if condition.metric else t("gate.own_score", lang),
        threshold=f"{abs(threshold) if worse else threshold:g}",
    )
    return said + (t("gate.say.both_answered", lang) if condition.scope == "both_answered" else "")


def _say_bench(name: str, lang: Lang) -> str:
    return t("gate.any_bench", lang) if name == "*" else say_bench(name, lang)


def say_seen(result: ConditionResult, lang: Lang) -> str:
    """What was seen: the figure that decides, with its interval and the number of questions."""
    value = result.statistic.value
    if value is None:
        return NOTHING
    if result.limit == "min_ratio":
        said = t("gate.seen.ratio", lang, value=f"{value:.3f}")
        bounds = say_bounds(result.statistic, lang, rate=False)
    elif result.limit in _GAINS:
        params = {"before": result.before, "after": result.after}
        shown = {name: say_value(number, rate=result.rate) for name, number in params.items()}
        change = say_change(abs(value), lang, rate=result.rate).lstrip("+")
        said = t(f"gate.seen.{'gain' if value >= 0 else 'loss'}", lang, change=change, **shown)
        bounds = t(
            "gate.seen.signed", lang, bounds=say_bounds(result.statistic, lang, rate=result.rate, signed=True)
        )
    else:
        whole = result.limit in ("min_decisive_votes", "max_critical_tags")
        said = f"{value:g}" if whole else say_value(value, rate=result.rate)
        bounds = say_bounds(result.statistic, lang, rate=result.rate)
    unit = "votes" if result.section == "human" else "questions"
    if bounds:
        return t(f"gate.seen.with_range.{unit}", lang, said=said, bounds=bounds, n=f"{result.n:,}")
    return t(f"gate.seen.plain.{unit}", lang, said=said, n=f"{result.n:,}")


def say_reason(result: ConditionResult, lang: Lang) -> str:
    """Why the condition came out so, and how many more questions or votes would decide it."""
    said = t(f"gate.reason.{result.reason}", lang)
    if result.outcome != "inconclusive":
        return said
    return f"{said} {say_needed(result, lang)}".rstrip()


def say_needed(result: ConditionResult, lang: Lang) -> str:
    """How many more would decide; empty where more of them do not help."""
    unit = "votes" if result.section == "human" or result.reason == "judge_unchecked" else "questions"
    if result.needed:
        return t(f"gate.needed.{unit}", lang, count=f"{result.needed:,}")
    return t("gate.needed.unknown", lang) if result.reason == "straddles" else ""


def say_sentence(kind: str, sentence: Sentence, lang: Lang) -> str:
    """A note, or a reason why two runs may not be compared (`note`, `invalid`)."""
    key = f"gate.{kind}.{sentence.code}"
    return t(key, lang, **sentence.params) if has_key(key, lang) else sentence.code


def report_document(report: GateReport, lang: Lang) -> dict[str, Any]:
    """What `gate --json` prints."""
    content = report.model_dump(mode="json")
    for shown, result in zip(content["conditions"], report.conditions, strict=True):
        shown["text"] = say_condition(result, lang)
        shown["message"] = say_reason(result, lang)
    for kind, sentences in (("invalid", report.invalid), ("notes", report.notes)):
        name = kind.rstrip("s") if kind == "notes" else kind
        for shown, sentence in zip(content[kind], sentences, strict=True):
            shown["text"] = say_sentence(name, sentence, lang)
    return content


def render_text(report: GateReport, lang: Lang) -> str:
    """The outcome for a terminal."""
    lines = [t("gate.headline", lang, verdict=t(f"verdict.{report.verdict}", lang))]
    lines += [f"! {say_sentence('invalid', sentence, lang)}" for sentence in report.invalid]
    lines += [f"- {say_sentence('note', sentence, lang)}" for sentence in report.notes]
    for result in report.conditions:
        outcome = t(f"gate.outcome.{result.outcome}", lang)
        tier = t(f"gate.tier.{result.tier}", lang)
        lines.append(f"[{outcome}] ({tier}) {say_condition(result, lang)}")
        lines.append(f"    {say_seen(result, lang)}  {say_reason(result, lang)}")
    return "\n".join(lines)


def render_markdown(report: GateReport, lang: Lang) -> str:
    """The outcome as Markdown, for a pull request or a report."""
    names = ("outcome", "condition", "seen", "reason", "tier")
    head = [t(f"gate.col.{name}", lang) for name in names]
    lines = [
        f"# {t('gate.headline', lang, verdict=t(f'verdict.{report.verdict}', lang))}",
        "",
        f"- {t('gate.baseline', lang)}: {escape_markdown(_name(report, 'baseline'))}",
        f"- {t('gate.candidate', lang)}: {escape_markdown(_name(report, 'candidate'))}",
        *(f"- **{escape_markdown(say_sentence('invalid', one, lang))}**" for one in report.invalid),
        *(f"- {escape_markdown(say_sentence('note', one, lang))}" for one in report.notes),
        "",
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
    ]
    for result in report.conditions:
        cells = (
            t(f"gate.outcome.{result.outcome}", lang),
            say_condition(result, lang),
            say_seen(result, lang),
            say_reason(result, lang),
            t(f"gate.tier.{result.tier}", lang),
        )
        lines.append(f"| {' | '.join(escape_markdown(cell) for cell in cells)} |")
    return "\n".join([*lines, ""])


def render_junit(report: GateReport, lang: Lang) -> bytes:
    """The outcome as JUnit XML: a test case per condition, undecided ones skipped, advisory ones never failing."""
    blocked = [result for result in report.conditions if _fails(result)]
    undecided = [result for result in report.conditions if result.outcome == "inconclusive"]
    suite = ElementTree.Element(
        "testsuite",
        name="workbench gate",
        tests=str(len(report.conditions) + 1),
        failures=str(len(blocked)),
        errors=str(int(not report.valid)),
        skipped=str(len(undecided)),
    )
    comparable = ElementTree.SubElement(
        suite, "testcase", classname="gate.require", name=clean_xml(t("gate.comparable", lang))
    )
    if not report.valid:
        said = "\n".join(say_sentence("invalid", one, lang) for one in report.invalid)
        ElementTree.SubElement(comparable, "error", message=clean_xml(said))
    for result in report.conditions:
        _add_case(suite, result, lang)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _add_case(suite: ElementTree.Element, result: ConditionResult, lang: Lang) -> None:
    place = ".".join(part for part in ("gate", result.section, result.bench) if part)
    case = ElementTree.SubElement(
        suite, "testcase", classname=clean_xml(place), name=clean_xml(say_condition(result, lang))
    )
    said = clean_xml(f"{say_seen(result, lang)} {say_reason(result, lang)}")
    if _fails(result):
        ElementTree.SubElement(case, "failure", message=said, type=result.outcome)
    elif result.outcome == "inconclusive":
        ElementTree.SubElement(case, "skipped", message=said)
    else:
        ElementTree.SubElement(case, "system-out").text = said


def _fails(result: ConditionResult) -> bool:
    return result.outcome in ("fail", "missing") and result.tier != "advisory"


def _name(report: GateReport, side: str) -> str:
    label = report.labels["baseline" if side == "baseline" else "candidate"]
    run = report.baseline if side == "baseline" else report.candidate
    return f"{label} ({run})" if label else run
