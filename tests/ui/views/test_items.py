import csv
import io

import pytest

from tests.ui.samples import SCRIPT, make_comparison
from workbench.schemas.evaluation import Vote
from workbench.ui.views.items import (
    FILTERS,
    Choice,
    Seat,
    build_csv,
    build_item,
    count_filters,
    escape_cell,
    say_verdict,
    seat_sides,
    select,
    verdict_of,
)

ITEMS = make_comparison().items
PLAIN = Seat("baseline", "finetuned")


def ids(choice: Choice, reviewed: set[str] | None = None) -> list[str]:
    return [item.id for item in select(ITEMS, choice, reviewed or set())]


def vote(sample: str, verdict: str = "finetuned", comment: str = "") -> Vote:
    return Vote.model_validate(
        {
            "comparison": "c",
            "sample_id": sample,
            "reviewer": "税",
            "verdict": verdict,
            "left": "baseline",
            "comment": comment,
        }
    )


def test_rescued_and_newly_refused_questions_are_found() -> None:
    assert ids(Choice("rescued")) == ["s0"]
    assert ids(Choice("newly_refused")) == ["s1"]


def test_an_invented_quote_is_found() -> None:
    assert ids(Choice("quote_missing")) == ["s3"]


def test_unreviewed_questions_are_those_without_this_reviewers_vote() -> None:
    assert ids(Choice("unreviewed"), {"s0", "s2"}) == ["s1", "s3", "s4", "s5"]


def test_a_kind_and_words_narrow_the_list_further() -> None:
    assert ids(Choice(kind="unanswerable")) == ["s5"]
    assert ids(Choice(search="3 番の窓口")) == ["s3"]
    assert ids(Choice(search="午前7時")) == ["s3"]
    assert ids(Choice(search="どこにもない")) == []


def test_a_forged_filter_shows_everything() -> None:
    assert len(ids(Choice("__class__", "x"))) == len(ITEMS)


def test_every_filter_stands_with_its_number() -> None:
    named = dict((value, text) for text, value in count_filters(ITEMS, set(), "ja"))
    assert set(named) == set(FILTERS)
    assert "（1）" in named["rescued"]


def test_hidden_names_give_both_sides_about_equally_often_and_the_same_again() -> None:
    lefts = [seat_sides("c", f"s{i}", "税", True).left for i in range(400)]
    assert 140 < lefts.count("baseline") < 260
    assert lefts == [seat_sides("c", f"s{i}", "税", True).left for i in range(400)]
    assert seat_sides("c", "s1", "税", False) == PLAIN


@pytest.mark.parametrize("seat", [PLAIN, Seat("finetuned", "baseline")])
def test_hidden_names_give_no_side_away(seat: Seat) -> None:
    drawn = build_item(ITEMS[0], seat, True, "ja")
    assert drawn["left"]["side"] == drawn["right"]["side"] == ""
    assert (drawn["left"]["label"], drawn["right"]["label"]) == ("答え A", "答え B")


def test_the_diff_gives_both_texts_back() -> None:
    drawn = build_item(ITEMS[3], Seat("finetuned", "baseline"), False, "ja")
    assert "".join(part["a"] for part in drawn["diff"]) == ITEMS[3].finetuned.prediction
    assert "".join(part["b"] for part in drawn["diff"]) == ITEMS[3].baseline.prediction
    assert any(part["important"] for part in drawn["diff"])


def test_a_button_means_the_side_that_stands_there() -> None:
    seat = Seat("finetuned", "baseline")
    assert [verdict_of(p, seat) for p in ("left", "right", "tie", "bad")] == [
        "finetuned",
        "baseline",
        "tie",
        "both_bad",
    ]


def test_a_vote_under_hidden_names_speaks_of_a_and_b() -> None:
    assert "A が良い" in say_verdict(vote("s0"), Seat("finetuned", "baseline"), True, "ja")
    assert "学習後が良い" in say_verdict(vote("s0"), PLAIN, False, "ja")


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\t=1", " =1"])
def test_a_cell_is_never_a_formula(value: str) -> None:
    assert escape_cell(value).startswith("'")
    assert escape_cell("普通の文") == "普通の文"


def test_the_export_opens_in_excel_and_holds_every_question_and_vote() -> None:
    data = build_csv(ITEMS, [vote("s0", comment="=HYPERLINK()"), vote("s4")], "ja")
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert len(rows) == len(ITEMS)
    assert rows[0]["確認者"] == "税"
    assert rows[0]["コメント"] == "'=HYPERLINK()"
    assert rows[4]["学習前の答え"] == SCRIPT
    assert rows[1]["判定"] == ""
