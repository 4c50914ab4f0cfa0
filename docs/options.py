"""Writes the option tables from the schemas and the catalogue: `python docs/options.py` (a test checks they are current)."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pydantic import BaseModel  # noqa: E402

from workbench.i18n import LANGUAGES, Lang, has_key, t  # noqa: E402
from workbench.schemas.generation import FaqSource, RaftConfig  # noqa: E402
from workbench.schemas.training import DownloadConfig, LoraSettings, SFTSettings  # noqa: E402

SCHEMAS: tuple[type[BaseModel], ...] = (FaqSource, RaftConfig, SFTSettings, LoraSettings, DownloadConfig)
TITLES: dict[Lang, tuple[str, str, str, str, str]] = {
    "ja": ("設定の一覧", "項目", "名前", "既定値", "説明"),
    "en": ("Options", "Field", "Name", "Default", "Meaning"),
}


def default_of(model: type[BaseModel], name: str) -> str:
    """The default as it would be written in a recipe."""
    field = model.model_fields[name]
    if field.is_required():
        return "-"
    value = field.get_default(call_default_factory=True)
    text = str(value.model_dump() if isinstance(value, BaseModel) else value)
    return f"`{text[:60]}{'…' if len(text) > 60 else ''}`" if text else "-"


def table(lang: Lang) -> str:
    """All schemas as Markdown tables in one language."""
    title, field, name, default, meaning = TITLES[lang]
    lines = [f"# {title}", ""]
    for model in SCHEMAS:
        lines += [f"## {model.__name__}", "", f"| {field} | {name} | {default} | {meaning} |", "|---|---|---|---|"]
        for key in model.model_fields:
            base = f"field.{model.__name__}.{key}"
            label, hint = (t(f"{base}.{part}", lang) if has_key(f"{base}.{part}", lang) else "" for part in ("label", "hint"))
            lines.append(f"| `{key}` | {label} | {default_of(model, key)} | {hint} |")
        lines.append("")
    return "\n".join(lines)


def write(folder: Path) -> None:
    """Write one file per language."""
    for lang in LANGUAGES:
        (folder / f"options.{lang}.md").write_text(table(lang), encoding="utf-8")


if __name__ == "__main__":
    write(ROOT / "docs")
