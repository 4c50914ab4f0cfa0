from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.schemas.evaluation import Quote
from workbench.text.quotes import check_quotes, find_quotes

DOCUMENTS = (
    "図書館の開館時間は午前９時から午後８時までです。\n貸出は１人10冊までで、期間は2週間です。",
    "住民票の写しの手数料は、1通300円です。郵送の場合は、別に切手代がかかります。受付は平日のみです。",
    "粗大ごみの処理手数料は1.5 %を加算した金額です。事前の申し込みが必要で、当日の受付はできません。",
)


def only(answer: str, question: str = "") -> Quote:
    (quote,) = check_quotes(answer, DOCUMENTS, question)
    return quote


def test_a_verbatim_quote_maps_to_the_place_in_the_original_document() -> None:
    answer = "参考文書1に「図書館の開館時間は、午前9時から午後8時まで」と記載されています。"
    quote = only(answer)
    assert (quote.state, quote.cited, quote.found_in) == ("verbatim", 1, 1)
    assert quote.span is not None
    assert DOCUMENTS[0][slice(*quote.span)] == "図書館の開館時間は午前９時から午後８時まで"
    assert answer[quote.start : quote.end] == quote.text


def test_half_width_voicing_marks_stay_inside_the_span() -> None:
    document = "受付はﾊﾞｽ停の前にある建物です。"
    (quote,) = check_quotes("参考文書1に「受付はバス停の前にある建物」とあります。", [document])
    assert quote.span is not None
    assert document[slice(*quote.span)] == "受付はﾊﾞｽ停の前にある建物"
    (tail,) = check_quotes("参考文書1に「目的地の手前のｻｳｽﾊﾞ」とあります。", ["目的地の手前のｻｳｽﾊﾞ"])
    assert tail.span == (0, len("目的地の手前のｻｳｽﾊﾞ"))


def test_a_quote_of_another_document_is_misattributed() -> None:
    quote = only("参考文書1に「住民票の写しの手数料は、1通300円です」とあります。")
    assert (quote.state, quote.cited, quote.found_in) == ("misattributed", 1, 2)


def test_without_a_citation_any_document_will_do() -> None:
    quote = only("「住民票の写しの手数料は、1通300円です」とあります。")
    assert (quote.state, quote.cited, quote.found_in) == ("verbatim", None, 2)


def test_parts_around_an_ellipsis_are_elided() -> None:
    for dots in ("…", "……", "（中略）", "...", "〔略〕"):
        quote = only(f"参考文書2によると「住民票の写しの手数料は{dots}切手代がかかります」とのことです。")
        assert quote.state == "elided", dots
        assert quote.span is not None
        assert DOCUMENTS[1][slice(*quote.span)].startswith("住民票")
        assert DOCUMENTS[1][slice(*quote.span)].endswith("かかります")


def test_elided_parts_in_the_wrong_order_are_unsupported() -> None:
    assert only("参考文書2に「切手代がかかります…住民票の写しの手数料は」とあります。").state == "unsupported"


def test_a_small_slip_is_near_but_a_changed_number_or_negation_is_not() -> None:
    near = only(
        "参考文書2に「住民票の写しの手数料は、1通300円でして、郵送の場合は別に切手代がかかります」とあります。"
    )
    assert near.state == "near"
    wrong_fee = only(
        "参考文書2に「住民票の写しの手数料は、1通500円です。郵送の場合は、別に切手代がかかります」とあります。"
    )
    assert wrong_fee.state == "unsupported"
    turned = only("参考文書3に「事前の申し込みが必要で、当日の受付はできます」とあります。")
    assert turned.state == "unsupported"


def test_a_lost_decimal_point_is_no_verbatim_quote() -> None:
    assert only("参考文書3に「粗大ごみの処理手数料は1.5%を加算した金額」とあります。").state == "verbatim"
    assert only("参考文書3に「粗大ごみの処理手数料は15%を加算した金額」とあります。").state == "unsupported"


def test_repeating_the_question_is_no_invention() -> None:
    question = "市営プールの回数券はどこで買えますか。"
    assert (
        only("「市営プールの回数券はどこで買えますか」についてお答えします。", question).state
        == "from_question"
    )


def test_an_unclosed_quote_does_not_swallow_the_next() -> None:
    states = [
        quote.state
        for quote in check_quotes(
            "参考文書1に「図書館の開館時間は午前9時、参考文書2に「住民票の写しの手数料は、1通300円」とあり、「郵送の場合は別に",
            DOCUMENTS,
        )
    ]
    assert states == ["unclosed", "verbatim", "unclosed"]


def test_nested_brackets_are_one_quote() -> None:
    (quote,) = find_quotes("参考文書1に「窓口で「転入届」を出すと、当日に受け取れます」とあります。")
    assert quote.text == "窓口で「転入届」を出すと、当日に受け取れます"


def test_short_brackets_count_only_right_after_a_document() -> None:
    assert find_quotes("「市民課」へお越しください。") == []
    assert [quote.text for quote in find_quotes("参考文書２には「1,300円」とあります。")] == ["1,300円"]
    assert find_quotes("参考文書2には「円」とあります。") == []


def test_a_citation_in_brackets_behind_the_quote_counts() -> None:
    quote = only("「住民票の写しの手数料は、1通300円です」（参考文書2）とされています。")
    assert (quote.cited, quote.state) == (2, "verbatim")


@given(st.text(alphabet="「」『』参考文書0123、。あアA漢1ﾊﾞ…・ \n", max_size=80))
def test_spans_are_always_inside_their_texts(answer: str) -> None:
    for quote in check_quotes(answer, DOCUMENTS, "質問"):
        assert answer[quote.start : quote.end] == quote.text
        if quote.span is not None and quote.found_in is not None:
            assert 0 <= quote.span[0] < quote.span[1] <= len(DOCUMENTS[quote.found_in - 1])
