"""The card of a data set: what it is, in Japanese and in English."""

from __future__ import annotations

from workbench.generation.report import RaftReport
from workbench.generation.teachers import EXTRACTIVE
from workbench.i18n import LANGUAGES, Lang, has_key, t
from workbench.schemas.generation import RaftConfig


def write_card(report: RaftReport, config: RaftConfig) -> str:
    """The card as Markdown, Japanese first."""
    return "\n".join(_write_part(report, config, lang) for lang in LANGUAGES)


def _write_part(report: RaftReport, config: RaftConfig, lang: Lang) -> str:
    source = report.source
    teacher = "extractive" if report.teacher == EXTRACTIVE else "endpoint"
    license_name = config.source.license
    lines = [
        f"# {t('raft_card.title', lang, name=_code(source.name))}",
        "",
        t("raft_card.what", lang, documents=config.distractors + 1),
        "",
        t("raft_card.source", lang, name=_code(source.name), rows=source.rows, usable=source.usable),
        t(
            "raft_card.license",
            lang,
            license=_code(license_name) if license_name else t("raft_card.license_unknown", lang),
        ),
        t(f"raft_card.teacher.{teacher}", lang, name=_code(report.teacher)),
        t(
            "raft_card.group",
            lang,
            group=_code(config.group) if config.group else t("raft_card.group_all", lang),
        ),
        t("raft_card.refusals", lang, share=_percent(report.refusal_share)),
        t(
            "raft_card.difficulty",
            lang,
            share=_percent(report.difficulty),
            ratio=_percent(report.nearest_ratio),
        ),
        t("raft_card.split", lang, seed=report.seed),
        "",
        *_table(report, lang),
        "",
        *_reasons(report, lang),
    ]
    return "\n".join(lines)


def _table(report: RaftReport, lang: Lang) -> list[str]:
    head = [t(f"raft_card.column.{name}", lang) for name in ("set", "requested", "kept")]
    body = [
        [t(f"raft_card.set.{name}", lang), str(wanted), str(report.kept[name])]
        for name, wanted in report.requested.items()
    ]
    body.append([t("raft_card.set.valid", lang), "-", str(report.valid)])
    return [_line(head), _line(["---"] * len(head)), *(_line(cells) for cells in body)]


def _reasons(report: RaftReport, lang: Lang) -> list[str]:
    counts: dict[str, int] = dict(report.source.skipped_by_reason)
    for entry in report.listed:
        if entry.reason not in counts:
            counts[entry.reason] = sum(one.reason == entry.reason for one in report.listed)
    if not counts:
        return []
    lines = [f"- {reason_text(reason, lang)}: {count}" for reason, count in sorted(counts.items())]
    return [t("raft_card.reasons", lang), "", *lines, ""]


def reason_text(reason: str, lang: Lang) -> str:
    """Why a row is missing, in words."""
    key = f"reason.{reason}"
    return t(key, lang) if has_key(key, lang) else reason


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _code(text: str) -> str:
    """A name from outside, so that Markdown does not read it as markup."""
    return "`" + text.replace("`", "'").replace("\n", " ") + "`"
