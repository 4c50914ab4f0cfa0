"""The result table of several runs."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from openpyxl import load_workbook

from tests.evaluation.makers import PLAIN, QUOTED, REFUSAL, scored
from tests.evaluation.run_makers import JCQ, article, figures_of, flipped, task_answer, task_run
from workbench.errors import InputError, NotFoundError
from workbench.evaluation.runs import Side, unique_labels
from workbench.evaluation.table import build_table
from workbench.evaluation.table_export import FORMATS, list_figures, to_text
from workbench.i18n import LANGUAGES
from workbench.schemas.table import RunTable, TableCell

EVIL = '=HYPERLINK("http://evil")|<img src=x>'


def cell(table: RunTable, run: int, column: int = 0) -> TableCell:
    found = table.rows[run].cells[column]
    assert found is not None
    return found


def four() -> list[Side]:
    """The shape of the article's table: base, teacher, without and with seeds (972, 1073, 981, 995 of 1,119)."""
    runs = []
    for name, (lost, gained) in {
        "base": (0, 0),
        "teacher": (10, 111),
        "without": (32, 41),
        "with": (32, 55),
    }.items():
        runs.append(task_run(name, flipped(1119, 972, lost, gained)[1]))
    return runs


def test_the_articles_four_runs_stand_in_one_table_with_paired_verdicts() -> None:
    table = build_table(four(), "base", draws=500)
    assert [row.label for row in table.rows] == ["base", "teacher", "without", "with"]
    values = [cell(table, index).value.value for index in range(4)]
    assert values == pytest.approx([0.8686, 0.9589, 0.8767, 0.8892], abs=1e-4)
    assert cell(table, 0).difference is None
    found = [cell(table, index).difference for index in (1, 2, 3)]
    assert [one.verdict for one in found if one] == ["improved", "no_difference", "improved"]
    assert table.comparisons == 3


def test_many_differences_are_answered_for_together() -> None:
    """p = .022 alone is a finding; with nine others it is not."""
    runs = [task_run("base", [1.0] * 100 + [0.0] * 100)]
    for index in range(10):
        gained, lost = (14, 4) if index == 0 else (1, 1)
        runs.append(task_run(f"r{index}", flipped(200, 100, lost, gained)[1]))
    alone = cell(build_table(runs, "base", correction="exploratory", draws=200), 1).difference
    together = cell(build_table(runs, "base", draws=200), 1).difference
    assert alone is not None
    assert together is not None
    assert (alone.verdict, together.verdict) == ("improved", "no_difference")
    assert together.p == alone.p
    assert together.p_adjusted == pytest.approx(10 * (alone.p or 0))


def test_the_articles_difference_is_within_chance() -> None:
    found = cell(build_table(list(article()), "base"), 1).difference
    assert found is not None
    assert (found.gained, found.lost, found.verdict) == (19, 24, "no_difference")
    assert found.p == pytest.approx(0.54, abs=0.005)
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.0160, 0.0070), abs=2e-4)


def test_any_run_may_be_the_reference() -> None:
    table = build_table(list(article()), "ft")
    found = cell(table, 0).difference
    assert found is not None
    assert (found.gained, found.lost) == (24, 19)
    assert cell(table, 1).difference is None


def test_an_overlap_score_is_compared_by_bootstrap() -> None:
    generator = np.random.default_rng(0)
    before = generator.random(200) * 0.5
    after = before + 0.05 + generator.normal(0, 0.05, 200)
    found = cell(
        build_table(
            [task_run("a", before.tolist(), metric="f1"), task_run("b", after.tolist(), metric="f1")], "a"
        ),
        1,
    ).difference
    assert found is not None
    assert found.verdict == "improved"
    assert found.interval.low is not None
    assert found.interval.value is not None
    assert 0 < found.interval.low < found.interval.value


def test_questions_on_the_same_documents_count_as_the_group_that_they_are() -> None:
    """Twenty paragraphs of ten questions each, that rise or fall as one: less sure than 200 single questions."""
    widths = []
    for grouped in (False, True):
        runs = []
        for name, change in (("a", 0.0), ("b", 0.1)):
            answers = [
                task_answer(
                    str(i),
                    0.4 + (change if (i // 10) % 2 else -change / 2),
                    metric="f1",
                    documents=(f"段落 {i // 10 if grouped else i}",),
                    target="t",
                )
                for i in range(200)
            ]
            runs.append(Side(name, answers))
        found = cell(build_table(runs, "a"), 1).difference
        assert found is not None
        widths.append((found.interval.high or 0) - (found.interval.low or 0))
    assert widths[1] > 2 * widths[0]


def test_too_few_shared_questions_decide_nothing() -> None:
    runs = [task_run("a", [0.0] * 12), task_run("b", [1.0] * 12)]
    table = build_table(runs, "a")
    found = cell(table, 1).difference
    assert found is not None
    assert (found.verdict, table.comparisons) == ("too_few", 0)


def test_raft_figures_stand_beside_tasks() -> None:
    before = [
        *(scored(REFUSAL, f"r{i}") for i in range(30)),
        *(scored("1", f"g{i}", "general") for i in range(25)),
    ]
    after = [
        *(scored(QUOTED, f"r{i}") for i in range(30)),
        *(scored("1", f"g{i}", "general") for i in range(25)),
    ]
    table = build_table([Side("a", before), Side("b", after)], "a", draws=200)
    found = {column.metric: cell(table, 1, index) for index, column in enumerate(table.columns)}
    assert list(found) == ["over_refusal_rate", "verbatim_quote_rate", "answered_f1", "general_accuracy"]
    refusals = found["over_refusal_rate"].difference
    assert refusals is not None
    assert (refusals.verdict, refusals.gained) == ("improved", 30)
    assert found["answered_f1"].difference is None, "nothing was answered on both sides"


def test_errors_and_missing_answers_are_shown_and_not_scored() -> None:
    run = task_run("a", [1.0] * 30)
    states = ("error", "empty", "truncated")
    broken = [task_answer(str(i), None, state=states[i]) for i in range(3)]
    shown = cell(build_table([run, Side("b", [*broken, *run.answers[3:]])], "a"), 1)
    assert (shown.n, shown.errors, shown.empty, shown.truncated) == (30, 1, 1, 1)
    assert shown.value.value == pytest.approx(27 / 29)
    assert shown.value.n == 29


def test_what_speaks_against_comparing_is_said() -> None:
    base = task_run("a", [1.0] * 30, details={"endpoint": {"engine": "ollama"}}, figures=figures_of(shots=4))
    other = task_run(
        "b", [1.0] * 25, details={"endpoint": {"engine": "vllm"}}, figures=figures_of(protocol="jcq_llmjp@1")
    )
    table = build_table([base, other], "a")
    codes = [warning.code for warning in table.rows[1].warnings]
    assert codes == ["engine_differs", "task_protocol_differs", "task_shots_differs", "bench_unpaired"]
    assert cell(table, 1).difference is None, "scores of different protocols are not compared"
    assert table.rows[0].warnings == ()


def test_a_run_that_was_not_asked_has_an_empty_cell() -> None:
    table = build_table([task_run("a", [1.0] * 30), task_run("b", [1.0] * 30, task="gsm8k")], "a")
    assert [column.bench for column in table.columns] == [JCQ, "gsm8k"]
    assert table.rows[0].cells[1] is None
    assert cell(table, 1, 1).difference is None


def test_a_question_whose_text_differs_is_no_pair() -> None:
    first = task_run("a", [1.0] * 30)
    changed = [answer.model_copy(update={"question": "別の質問"}) for answer in first.answers[:5]]
    table = build_table([first, Side("b", [*changed, *first.answers[5:]])], "a")
    found = cell(table, 1).difference
    assert found is not None
    assert found.n == 25


def test_runs_with_the_same_name_are_told_apart() -> None:
    endpoint = {"endpoint": {"model": "m2"}}
    runs = [Side("x1", [], {"label": "baseline"}), Side("x2", [], {"label": "baseline", **endpoint})]
    assert unique_labels(runs) == ["baseline", "baseline (m2)"]
    assert unique_labels([runs[0], runs[0]]) == ["baseline (x1)", "baseline (x1)"]


def test_unusable_choices_are_refused() -> None:
    run = task_run("a", [1.0] * 30)
    for runs in ([], [run, run], [task_run(str(i), [1.0]) for i in range(13)]):
        with pytest.raises(InputError, match="table_run_count"):
            build_table(runs, "a")
    with pytest.raises(NotFoundError, match="run_missing"):
        build_table([run], "b")


def test_the_same_runs_always_give_the_same_table() -> None:
    runs = [
        Side("a", [scored(PLAIN, f"r{i}") for i in range(30)]),
        Side("b", [scored(QUOTED, f"r{i}") for i in range(30)]),
    ]
    assert build_table(runs, "a", draws=300) == build_table(runs, "a", draws=300)


# ---- files ----


@pytest.fixture
def table() -> RunTable:
    runs = [task_run(EVIL, flipped(60, 40, 0, 0)[1]), task_run("ft", flipped(60, 40, 5, 9)[1])]
    return build_table(runs, EVIL)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_csv_opens_in_excel_and_runs_no_formula(table: RunTable, lang: Any) -> None:
    data = FORMATS["csv"](table, lang)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert len(rows) == 3
    assert rows[1][0].startswith("'=")
    assert float(rows[2][14]) == pytest.approx(4 / 60)


def test_xlsx_holds_numbers_as_numbers_and_text_as_text(table: RunTable) -> None:
    book = load_workbook(io.BytesIO(FORMATS["xlsx"](table, "ja")))
    read, numbers = book.worksheets
    assert read["A2"].value == EVIL
    assert read["A2"].data_type == "s"
    assert numbers["O3"].value == pytest.approx(4 / 60)
    assert numbers.freeze_panes == "B2"
    assert numbers.max_row == 3


def test_markdown_keeps_its_columns_and_opens_no_markup(table: RunTable) -> None:
    text = FORMATS["md"](table, "ja").decode()
    assert "<img" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {3}


def test_json_holds_everything(table: RunTable) -> None:
    assert RunTable.model_validate(json.loads(FORMATS["json"](table, "ja"))) == table
    assert len(list_figures(table)) == 2


def test_a_terminal_gets_plain_lines(table: RunTable) -> None:
    text = to_text(table, "ja")
    assert "差があるとは言えない" in text
    assert "\\" not in text
