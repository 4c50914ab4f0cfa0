from pathlib import Path

import pytest

from tests.ui.samples import make_comparison, save_comparison
from workbench.errors import InputError
from workbench.i18n import load_catalogue
from workbench.schemas.comparison import Change, Sentence
from workbench.schemas.evaluation import Interval
from workbench.ui.context import UiContext
from workbench.ui.views.comparison import (
    read_summary,
    render_change,
    render_decomposition,
    render_figures,
    render_summary,
    sentence_tone,
)
from workbench.ui.views.evaluation import FIGURES

F1 = next(figure for figure in FIGURES if figure.name == "answered_f1")
RATE = FIGURES[0]


def change(metric: str, value: float, verdict: str) -> Change:
    interval = Interval(value=value, low=value - 0.02, high=value + 0.02, n=60)
    return Change.model_validate(
        {
            "metric": metric,
            "before": 0.5,
            "after": 0.5 + value,
            "n": 60,
            "difference": interval,
            "verdict": verdict,
        }
    )


def test_a_saved_comparison_is_read_back(ctx: UiContext) -> None:
    saved = save_comparison(ctx)
    assert read_summary(ctx.artifacts.folder(saved.id)).n == 6


def test_a_damaged_summary_is_told_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="comparison_unreadable"):
        read_summary(tmp_path)
    with pytest.raises(InputError, match="comparison_unreadable"):
        read_summary(tmp_path / "gone")


def test_a_figure_that_fell_stands_in_a_warning_box() -> None:
    summary = make_comparison().summary
    fell = summary.model_copy(
        update={
            "sentences": (
                Sentence(
                    code="over_refusal_rate_improved", params={"before": "23.5", "after": "1.5", "n": 200}
                ),
                Sentence(code="also_fell_answered_f1"),
            )
        }
    )
    html = render_summary(fell, "ja")
    assert "下がった数字があります" in html
    assert 'class="wv-box warn"' in html
    assert "23.5" in html


def test_what_speaks_against_comparing_stands_in_a_box_of_its_own() -> None:
    caution = Sentence(code="image_differs", params={"before": "a", "after": "b"})
    summary = make_comparison().summary.model_copy(
        update={"warnings": (caution,), "sentences": (Sentence(code="also_fell_answered_f1"),)}
    )
    careful, fell = render_summary(summary, "ja").split("wv-box warn")[1:]
    assert "このまま比べるときの注意" in careful
    assert "イメージが違います" in careful
    assert "下がった数字があります" in fell


def test_without_a_fall_there_is_no_warning_box() -> None:
    summary = make_comparison().summary
    only = Sentence(code="over_refusal_rate_improved", params={"before": "23.5", "after": "1.5", "n": 200})
    assert "wv-box" not in render_summary(
        summary.model_copy(update={"sentences": (only,), "warnings": ()}), "ja"
    )


def test_every_sentence_code_of_the_catalogue_has_a_tone_that_fits_its_ending() -> None:
    codes = [key.removeprefix("sentence.") for key in load_catalogue("ja") if key.startswith("sentence.")]
    assert codes
    for code in codes:
        tone = sentence_tone(Sentence(code=code))
        assert tone == "good" if code.endswith("_improved") else tone in ("", "bad", "warn")


def test_every_figure_stands_in_the_table_with_chance_and_number() -> None:
    html = render_figures(make_comparison().summary, "ja")
    assert html.count("<tr>") == 1 + len(FIGURES)
    assert "偶然の値" in html


def test_a_change_is_told_with_its_interval_and_what_it_means() -> None:
    html = render_change(RATE, change("over_refusal_rate", -0.22, "improved"), "ja")
    assert "−22.0 ポイント" in html
    assert "wb-good" in html
    assert "良くなった" in html
    assert "wb-bad" in render_change(F1, change("answered_f1", -0.06, "worse"), "ja")


def test_a_figure_that_was_not_measured_has_no_change() -> None:
    assert render_change(RATE, None, "ja") == "–"


def test_the_parts_of_the_change_are_told_in_words() -> None:
    html = render_decomposition(make_comparison().summary.decomposition, "ja")
    assert html is not None
    assert "拒否をやめた 1 問" in html
    assert "新しく拒否した 1 問" in html
