"""Colours, fonts and the gradio theme. Everything finer is in `static/workbench.css`."""

from __future__ import annotations

from typing import Any, Literal

from gradio.themes import Base, Color, Font

Side = Literal["baseline", "finetuned"]

SIDE_COLORS: dict[Side, str] = {"baseline": "#3b6ea8", "finetuned": "#c4560c"}
"""The same two colours in curves, tables, highlights and answers."""
ACCENT = "#2f5bd0"

# fonts that Linux, Windows and macOS bring along; nothing is fetched
FONTS = ("Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic UI", "Meiryo", "sans-serif")
MONOSPACE = ("Noto Sans Mono CJK JP", "ui-monospace", "SFMono-Regular", "Consolas", "monospace")

_ACCENTS = Color(
    name="workbench",
    c50="#f1f5fe",
    c100="#e8eefc",
    c200="#cbd8f8",
    c300="#a3baf2",
    c400="#7394e8",
    c500="#4a74dc",
    c600=ACCENT,
    c700="#274cb0",
    c800="#213f8f",
    c900="#1d3573",
    c950="#131f42",
)


def make_theme() -> Base:
    """The theme of both languages."""
    theme: Any = Base(
        primary_hue=_ACCENTS,
        secondary_hue=_ACCENTS,
        neutral_hue="slate",
        radius_size="lg",
        font=[Font(name) for name in FONTS],
        font_mono=[Font(name) for name in MONOSPACE],
    )
    return theme.set(
        body_background_fill="#f6f7f9",
        body_background_fill_dark="#12161c",
        body_text_color="#1b2430",
        body_text_color_dark="#e4e8ee",
        body_text_color_subdued="#5b6675",
        body_text_color_subdued_dark="#9aa6b5",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#1a2029",
        background_fill_secondary="#f6f7f9",
        background_fill_secondary_dark="#151a21",
        border_color_primary="#e3e7ec",
        border_color_primary_dark="#2c3542",
        block_background_fill="#ffffff",
        block_background_fill_dark="#1a2029",
        block_border_width="0px",
        block_shadow="none",
        block_label_text_color="#5b6675",
        block_info_text_color="#5b6675",
        block_info_text_color_dark="#9aa6b5",
        block_info_text_size="12.5px",
        block_title_text_weight="600",
        input_background_fill="#ffffff",
        input_background_fill_dark="#141920",
        input_border_color="#cfd6de",
        input_border_color_dark="#3a4554",
        input_border_width="1px",
        button_primary_background_fill=ACCENT,
        button_primary_background_fill_hover="#274cb0",
        button_primary_background_fill_dark="#3d68dc",
        button_primary_background_fill_hover_dark="#4f78e6",
        button_primary_text_color="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_dark="#222a35",
        button_secondary_background_fill_hover="#f1f5fe",
        button_secondary_background_fill_hover_dark="#2a3442",
        button_secondary_border_color="#cfd6de",
        button_secondary_border_color_dark="#3a4554",
        button_border_width="1px",
        button_large_radius="9px",
        button_medium_radius="9px",
        button_small_radius="8px",
        button_large_text_weight="600",
    )
