"""The chart and the answer view in a real browser."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Serve
from workbench.ui.components import answer_view, chart_payload, command_line, live_chart, render_answer_view
from workbench.ui.context import UiContext

pytestmark = pytest.mark.browser

EVIL = "<script>window.hacked=1</script><img src=x onerror='window.hacked=2'>"
SHARED = "費用は対象とはなりません。"
DOCUMENT = (
    f"𠮷野家の{SHARED}\n{EVIL}\n"
    + "\n".join(f"第{n}条 ほかの定め。" for n in range(60))
    + "\n最後の条文です。"
)


def quote(text: str, answer: str, state: str = "verbatim") -> dict[str, Any]:
    start, place = answer.index(text), DOCUMENT.find(text)
    found = place >= 0
    return {
        "text": text,
        "state": state,
        "start": start,
        "end": start + len(text),
        "found_in": 2 if found else None,
        "span": [place, place + len(text)] if found else None,
    }


LEFT = f"𠮷野家: 文書2に「{SHARED}」とあります。「書かれていない文」です。{EVIL}"
RIGHT = f"文書2に「{SHARED}」とあり、「最後の条文です。」ともあります。"
ITEM: dict[str, Any] = {
    "id": "q1",
    "kind": "answerable",
    "question": f"対象ですか。{EVIL}",
    "documents": ["一つ目の文書。", DOCUMENT, "三つ目の文書。"],
    "target": "対象になりません。",
    "oracle_position": 2,
    "left": {
        "label": "A",
        "side": "baseline",
        "text": LEFT,
        "state": "answered",
        "quotes": [quote(SHARED, LEFT), quote("書かれていない文", LEFT, "unsupported")],
    },
    "right": {
        "label": "B",
        "side": "finetuned",
        "text": RIGHT,
        "state": "answered",
        "quotes": [quote(SHARED, RIGHT), quote("最後の条文です。", RIGHT)],
    },
    "diff": [
        {"op": "equal", "a": LEFT[:6], "b": "", "important": False},
        {"op": "replace", "a": LEFT[6:], "b": RIGHT, "important": True},
    ],
}


def series(count: int) -> dict[str, tuple[list[int], list[float]]]:
    steps = list(range(1, count + 1))
    return {
        "loss": (steps, [1 + 10 / step for step in steps]),
        "learning_rate": (steps, [0.1 / step for step in steps]),
    }


def build_parts(ctx: UiContext) -> gr.Blocks:
    with gr.Blocks(analytics_enabled=False) as blocks:
        chart = live_chart(ctx, "chart")
        count = gr.State(100)
        more: Any = gr.Button("more", elem_id="more")
        answers = answer_view(ctx, "answers")
        pressed = gr.Textbox(elem_id="pressed", label="pressed", interactive=True)
        for name in ("next", "prev"):
            button: Any = gr.Button(name, elem_id=f"cmp-{name}")
            button.click(lambda name=name: name, None, pressed, api_visibility="private")
        command_line(ctx, "command", ["workbench", "train", "--token", "abc"])

        def grow(count: int) -> tuple[str, int]:
            return chart_payload(series(count + 20), ctx.lang, run="r", total_steps=500), count + 20

        def fill() -> tuple[str, str]:
            return chart_payload(series(100), ctx.lang, run="r", total_steps=500), render_answer_view(
                ITEM, ctx.lang
            )

        more.click(grow, count, [chart, count], api_visibility="private")
        blocks.load(fill, None, [chart, answers], api_visibility="private")
    return blocks


@pytest.fixture(scope="module")
def url(serve: Serve) -> str:
    return serve(build_parts)


@pytest.fixture
def parts(page: Page, url: str) -> Page:
    page.goto(f"{url}/ja/")
    page.wait_for_selector(".wb-answer")
    page.wait_for_selector(".js-plotly-plot .trace")
    return page


PLOT = "document.querySelector('.js-plotly-plot')"


def points(page: Page) -> int:
    return page.evaluate(f"{PLOT}.data[0].x.length")


def drag_over_a_part(page: Page) -> None:
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.02, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.7, steps=6)
    page.mouse.up()


def test_the_readers_zoom_stays_while_the_curve_grows(parts: Page) -> None:
    parts.evaluate(f"{PLOT}.dataset.same = 'yes'")
    drag_over_a_part(parts)
    parts.wait_for_function(f"{PLOT}.layout.xaxis.range[1] < 100")
    ranges = f"[{PLOT}.layout.xaxis.range, {PLOT}.layout.yaxis.range]"
    zoomed = parts.evaluate(ranges)
    for _ in range(3):
        before = points(parts)
        parts.click("#more")
        parts.wait_for_function(f"{PLOT}.data[0].x.length > {before}")
    assert points(parts) == 160
    assert parts.evaluate(ranges) == zoomed
    assert parts.evaluate(f"{PLOT}.dataset.same") == "yes", "the drawing was replaced"


def test_another_metric_can_be_chosen_and_stays_chosen(parts: Page) -> None:
    choice = parts.get_by_role("button", name="学習率")
    choice.click()
    expect(choice).to_have_attribute("aria-pressed", "true")
    before = points(parts)
    parts.click("#more")
    parts.wait_for_function(f"{PLOT}.data[0].x.length > {before}")
    expect(choice).to_have_attribute("aria-pressed", "true")
    assert parts.evaluate(f"{PLOT}.data[0].name") == "学習率"


def test_the_chart_follows_light_and_dark(parts: Page) -> None:
    light = parts.evaluate(f"{PLOT}.layout.font.color")
    parts.evaluate("document.body.classList.toggle('dark')")
    parts.wait_for_function(f"{PLOT}.layout.font.color !== '{light}'")


def test_texts_of_models_and_files_stay_texts(parts: Page) -> None:
    expect(parts.locator(".wb-question")).to_contain_text(EVIL)
    expect(parts.locator(".wb-document-text")).to_contain_text(EVIL)
    expect(parts.locator("[data-side=left] .wb-answer-text")).to_have_text(LEFT)
    assert parts.evaluate("window.hacked") is None
    assert parts.locator("#answers img, #answers script").count() == 0


def test_quotes_are_marked_in_the_document_with_the_colour_of_their_side(parts: Page) -> None:
    expect(parts.locator("mark.wb-mark-ab")).to_have_text(SHARED)
    expect(parts.locator("mark.wb-mark-b")).to_have_text("最後の条文です。")
    expect(parts.locator("[data-side=left] .wb-chip")).to_have_text(["引用 原文どおり", "引用 見つからない"])
    expect(parts.locator("[data-side=right] .wb-chip")).to_have_text(["引用 原文どおり 2"])


def test_a_press_on_a_quote_scrolls_its_document_to_it(parts: Page) -> None:
    parts.locator("[data-document='1']").click()
    expect(parts.locator(".wb-document-text")).to_have_text("一つ目の文書。")
    parts.locator("[data-side=right] .wb-quote", has_text="最後の条文です。").click()
    mark = parts.locator("mark.wb-mark-b.wb-flash")
    expect(mark).to_have_text("最後の条文です。")
    parts.wait_for_function("document.querySelector('.wb-document-text').scrollTop > 100")


def test_both_answers_have_the_same_width(parts: Page) -> None:
    widths = [parts.locator(f"[data-side={side}]").bounding_box()["width"] for side in ("left", "right")]  # type: ignore[index]
    assert abs(widths[0] - widths[1]) < 1


def test_keys_change_the_view(parts: Page) -> None:
    parts.keyboard.press("d")
    expect(parts.locator("[data-diff=all]")).to_have_attribute("aria-pressed", "true")
    assert parts.locator(".wb-diff-important").count() > 0
    parts.keyboard.press("g")
    expect(parts.locator(".wb-reference")).to_contain_text("対象になりません。")
    parts.keyboard.press("Shift+Digit3")
    expect(parts.locator(".wb-document-text")).to_have_text("三つ目の文書。")


@pytest.mark.parametrize(("key", "name"), [("n", "next"), ("p", "prev")])
def test_keys_press_the_real_buttons(parts: Page, key: str, name: str) -> None:
    parts.keyboard.press(key)
    expect(parts.locator("#pressed textarea, #pressed input")).to_have_value(name)


def test_keys_do_nothing_while_a_text_is_typed_or_converted(parts: Page) -> None:
    box = parts.locator("#pressed textarea, #pressed input")
    box.click()
    parts.keyboard.type("dgn")
    expect(box).to_have_value("dgn")
    expect(parts.locator("[data-diff=off]")).to_have_attribute("aria-pressed", "true")
    parts.locator(".wb-question").click()
    parts.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {code: 'KeyD', isComposing: true}))")
    expect(parts.locator("[data-diff=off]")).to_have_attribute("aria-pressed", "true")


def test_the_command_is_shown_with_its_secret_masked(parts: Page) -> None:
    expect(parts.locator("#command code")).to_have_text("workbench train --token '***'")
