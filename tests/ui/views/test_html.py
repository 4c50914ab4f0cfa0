from workbench.ui.views.html import Html, chip, el, join, mark_quote, table

SCRIPT = "<script>alert(1)</script>"


def test_text_put_into_an_element_is_escaped() -> None:
    assert el("p", SCRIPT) == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"


def test_markup_that_is_already_safe_is_not_escaped_twice() -> None:
    assert el("p", el("b", "a & b")) == "<p><b>a &amp; b</b></p>"


def test_attributes_cannot_be_left_through_a_quote() -> None:
    assert '"><script>' not in el("p", "x", title='"><script>')


def test_the_text_between_joined_parts_is_escaped_too() -> None:
    assert join(["a", "b"], " < ") == "a &lt; b"


def test_nothing_is_left_out_of_a_table_and_every_cell_is_escaped() -> None:
    made = table(["a", "b"], [[SCRIPT, Html("<b>x</b>")]], numbers=(1,))
    assert "&lt;script&gt;" in made
    assert "<b>x</b>" in made
    assert made.count("wv-num") == 2


def test_a_chip_without_a_tone_is_plain() -> None:
    assert "wb-plain" in chip("x")


def test_a_quote_is_marked_where_it_stands_and_its_text_is_escaped() -> None:
    marked = mark_quote("前<i>中</i>後", "<i>中</i>")
    assert marked == '前<mark class="wv-quote">&lt;i&gt;中&lt;/i&gt;</mark>後'


def test_a_quote_that_is_not_there_marks_nothing() -> None:
    assert "<mark" not in mark_quote("本文", "ない")
