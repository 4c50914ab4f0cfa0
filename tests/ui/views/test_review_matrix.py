from tests.ui.samples import make_comparison
from workbench.schemas.evaluation import Vote
from workbench.ui.views import review_matrix as view


def vote(sample: str, verdict: str, reviewer: str, **values: object) -> Vote:
    given = {
        "comparison": "c",
        "sample_id": sample,
        "reviewer": reviewer,
        "verdict": verdict,
        "left": "baseline",
    }
    return Vote.model_validate({**given, **values})


ITEMS = make_comparison().items
VOTES = [vote("s4", "finetuned", "a"), vote("s4", "finetuned", "b"), vote("s4", "tie", "a", repeat=True)]


def test_every_question_stands_in_the_list_with_states_change_and_verdicts() -> None:
    html = view.render_matrix(ITEMS, VOTES, "ja")
    assert html.count("番の窓口は何時に開きますか。") == len(ITEMS)
    assert html.index("4 番の窓口") < html.index("0 番の窓口"), "questions with verdicts come first"
    assert "学習後が良い 2" in html
    assert "同じくらい 1" not in html, "hidden repeats count nowhere"
    assert "拒否" in html
    assert "<script>" not in html


def test_categories_count_settled_verdicts_and_the_mean_change() -> None:
    html = view.render_categories(ITEMS, VOTES, "ja")
    assert html.count("<tr>") == 3, "a head, the answerable questions, and the unanswerable one"
    answerable = html.split("<tr>")[2]
    assert ">5<" in answerable
    assert ">1<" in answerable


def test_a_long_list_says_how_many_more_there_are() -> None:
    html = view.render_matrix(list(ITEMS) * 60, (), "en")
    assert "60 more questions" in html


def test_the_documents_sources_have_a_table_where_any_question_names_one() -> None:
    assert view.render_sources(ITEMS, VOTES, "ja") is None
    named = [
        item.model_copy(
            update={"baseline": item.baseline.model_copy(update={"source": "国税庁" if n else "厚労省"})}
        )
        for n, item in enumerate(ITEMS)
    ]
    html = view.render_sources(named, VOTES, "ja") or ""
    assert html.index("国税庁") < html.index("厚労省"), "the largest comes first"
    assert "文書の出典" in view.render_matrix(named, VOTES, "ja")
