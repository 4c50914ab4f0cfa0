"""Reviewing in a real Chromium: by keyboard alone, with an input method on, through a closed browser, and by two at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PATIENCE_MS, Serve
from tests.ui.fakes import make_ctx
from tests.ui.review_samples import save_review
from workbench.jobs import prepare_workspace
from workbench.paths import Workspace
from workbench.ui.context import UiContext

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZE = 20
PLACES = 22
"""With the hidden repeats."""
# what a Japanese input method sends while it converts: none of it may be taken for a verdict
CONVERT = """(target) => {
  const at = target || document.body;
  at.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true, data: "" }));
  const codes = "ArrowLeft ArrowRight ArrowDown ArrowUp KeyA KeyB Digit1 Space Enter KeyU".split(" ");
  for (const code of codes) {
    const press = (more) => at.dispatchEvent(new KeyboardEvent("keydown", { code, bubbles: true, cancelable: true, ...more }));
    press({ key: "Process", isComposing: true, keyCode: 229 });
    press({ key: "Process", keyCode: 229 });
    press({ isComposing: true });
  }
  at.dispatchEvent(new CompositionEvent("compositionupdate", { bubbles: true, data: "かくにん" }));
  at.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true, data: "確認" }));
}"""

PROCESS = """(code) => document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { key: "Process", code, keyCode: 229, bubbles: true, cancelable: true }))"""


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> UiContext:
    workspace = Workspace(tmp_path_factory.mktemp("review") / "workspace")
    prepare_workspace(workspace)
    return make_ctx(workspace)


@pytest.fixture
def comparison(ctx: UiContext) -> str:
    """A fresh comparison, so that one test's votes are not another's."""
    return save_review(ctx)


@pytest.fixture(scope="module")
def url(serve: Serve, ctx: UiContext) -> str:
    return serve(root=ctx.workspace.root)


class Reviewer:
    """A person at a browser of their own; scripts that fail, fail the test."""

    def __init__(self, browser: Browser, state: Any = None) -> None:
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1280, "height": 820},
            locale="ja-JP",
            storage_state=state,
            accept_downloads=True,
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def open(self, address: str) -> None:
        self.page.goto(address)

    def begin(self, name: str) -> None:
        """From the start card, by keyboard: the name, and on to the button."""
        self.page.locator("#rd-name").focus()
        self.page.keyboard.insert_text(name)
        self.page.keyboard.press("Tab")
        expect(self.page.locator("#rd-begin")).to_be_enabled()
        self.page.locator("[data-key=size-random]").fill(str(SIZE))
        self.page.locator("#rd-begin").focus()
        self.page.keyboard.press("Enter")
        expect(self.page.locator(".rd-answer")).to_have_count(2)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def expect_done(self, count: int) -> None:
        expect(self.page.locator(".rd-count")).to_have_text(f"{count} / {PLACES} 問")

    def expect_saved(self) -> None:
        expect(self.page.locator(".rd-saved")).to_have_text("自動保存")

    def go_on(self) -> None:
        place = self.page.locator(".rd-question-head").text_content() or ""
        self.press("n")
        expect(self.page.locator(".rd-question-head")).not_to_have_text(place)

    def close(self) -> Any:
        """Close the browser; what it keeps is what a browser keeps."""
        kept = self.context.storage_state()
        self.context.close()
        assert self.faults == []
        return kept


@pytest.fixture
def reviewer(browser: Browser) -> Iterator[Any]:
    opened: list[Reviewer] = []

    def open_(state: Any = None) -> Reviewer:
        opened.append(Reviewer(browser, state))
        return opened[-1]

    yield open_
    for one in opened:
        one.context.close()


def test_twenty_questions_by_keyboard_alone_through_a_closed_browser_to_the_exports(
    reviewer: Any, url: str, ctx: UiContext, comparison: str, tmp_path: Path
) -> None:
    first: Reviewer = reviewer()
    first.open(f"{url}/ja/?tab=review")
    first.begin("税務担当")
    first.expect_done(0)

    # with the input method on, keys that belong to it decide nothing
    first.page.evaluate(CONVERT)
    first.press("c")
    field = first.page.locator("#rd-comment")
    expect(field).to_be_focused()
    first.page.evaluate(CONVERT, field.element_handle())
    first.page.keyboard.insert_text("根拠が違う a b n u 1")
    first.press("Escape")
    first.expect_saved()
    first.expect_done(0)
    assert ctx.votes.votes(comparison) == []

    # reasons, strength and correctness before the verdict; then the names
    expect(first.page.locator(".rd-name")).to_have_count(0)
    first.press("2", "t", "3", "s", "q", "q", "ArrowRight")
    expect(first.page.locator(".rd-reveal")).to_contain_text("学習")
    expect(first.page.locator(".rd-name")).to_have_count(2)
    first.expect_done(1)
    (saved,) = ctx.votes.votes(comparison)
    assert saved.blind
    assert saved.comment == "根拠が違う a b n u 1"
    assert saved.strength == "slight"
    assert saved.verdict != saved.left
    assert saved.tags == {saved.left: ("no_ground",), saved.verdict: ("wrong_quote",)}
    assert saved.correctness == {saved.left: "partly"}

    # a key that is held down is one verdict, and goes nowhere
    first.page.evaluate(
        "() => { for (let i = 0; i < 5; i += 1) document.body.dispatchEvent("
        "new KeyboardEvent('keydown', { code: 'ArrowLeft', repeat: true, bubbles: true })); }"
    )
    first.expect_done(1)

    for number in range(2, 10):
        first.go_on()
        if number == 2:
            # an input method that is on but idle names every key "Process": the key still says what it says
            first.page.evaluate(PROCESS, "ArrowDown")
        else:
            first.press(("ArrowLeft", "ArrowRight", "ArrowDown", "ArrowUp")[number % 4])
        first.expect_done(number)
    first.go_on()
    first.press("e")
    first.page.keyboard.insert_text("市民課は午前9時に開きます。")
    first.press("Escape")
    first.expect_saved()
    stopped = first.page.locator(".rd-question").text_content() or ""
    kept = first.close()

    # a new browser: the same question, the same unfinished words
    second: Reviewer = reviewer(kept)
    second.open(f"{url}/ja/?tab=review")
    expect(second.page.locator(".rd-question")).to_have_text(stopped)
    expect(second.page.locator("#rd-correction")).to_have_value("市民課は午前9時に開きます。")
    second.expect_done(9)
    second.press("ArrowUp")
    second.expect_done(10)
    second.press("u")
    second.expect_done(9)
    expect(second.page.locator("#rd-correction")).to_have_value("市民課は午前9時に開きます。")
    second.press("ArrowUp")
    for number in range(11, PLACES + 1):
        second.go_on()
        second.press(("a", "b")[number % 2])
        second.expect_done(number)
    second.press("Enter")
    expect(second.page.locator(".rd-finished")).to_be_visible()

    votes = ctx.votes.votes(comparison)
    assert len([vote for vote in votes if not vote.repeat]) == SIZE
    assert len([vote for vote in votes if vote.repeat]) == PLACES - SIZE

    second.page.locator("#rd-results").click()
    expect(second.page.locator("#review-figures")).to_contain_text("優劣のついた")
    rows = [json.loads(line) for line in read_download(second, "dpo", tmp_path).splitlines()]
    assert {"prompt", "chosen", "rejected"} <= rows[0].keys()
    assert rows[0]["prompt"][0]["role"] == "system"
    assert all(row["chosen"][0]["content"] != row["rejected"][0]["content"] for row in rows)
    save_download(second, "xlsx", tmp_path / "review.xlsx")
    book = openpyxl.load_workbook(tmp_path / "review.xlsx")
    assert book.worksheets[0].max_row == 25
    second.close()


def save_download(who: Reviewer, name: str, path: Path) -> None:
    row = who.page.locator(f"#review-exports [data-row={name}] button")
    if not row.is_visible():
        who.page.locator("#review-exports > button").click()
    with who.page.expect_download() as found:
        row.click()
    found.value.save_as(path)


def read_download(who: Reviewer, name: str, folder: Path) -> str:
    save_download(who, name, folder / name)
    return (folder / name).read_text(encoding="utf-8")


def test_two_reviewers_at_once_do_not_touch_each_other(
    reviewer: Any, url: str, ctx: UiContext, comparison: str
) -> None:
    people: list[Reviewer] = [reviewer(), reviewer()]
    for who, name in zip(people, ("一人目", "二人目"), strict=True):
        who.open(f"{url}/ja/?tab=review")
        who.begin(name)
    for number in range(1, 4):
        for who, key in zip(people, ("ArrowLeft", "ArrowRight"), strict=True):
            if number > 1:
                who.go_on()
            who.press(key)
        for who in people:
            who.expect_done(number)
    by_name = {name: ctx.votes.votes(comparison, name) for name in ("一人目", "二人目")}
    assert all(len(votes) == 3 for votes in by_name.values())
    assert {vote.sample_id for vote in by_name["一人目"]} == {vote.sample_id for vote in by_name["二人目"]}
    assert all(vote.verdict == vote.left for vote in by_name["一人目"])
    assert all(vote.verdict != vote.left for vote in by_name["二人目"])
    # in the middle of a blind review the sum is hidden
    people[0].page.locator("#review-results > button").click()
    expect(people[0].page.locator("#review-figures")).to_contain_text("隠しています")
    for who in people:
        who.close()


def test_a_double_click_is_one_verdict_and_texts_stay_texts(
    reviewer: Any, url: str, ctx: UiContext, comparison: str
) -> None:
    who: Reviewer = reviewer()
    who.open(f"{url}/ja/?tab=review")
    who.page.locator("#rd-name").fill("三人目")
    who.page.locator("#rd-name").blur()
    who.page.locator("[data-mode=all] input").check()
    who.page.locator("#rd-begin").click()
    who.page.locator("#rd-list-open").click()
    who.page.locator("[data-key=list-4]").click()
    trouble = who.page.locator(".rd-answer", has_text="太字")
    expect(trouble).to_contain_text("<script>alert(1)</script>")
    expect(trouble).to_contain_text("![x](http://evil.example/x.png)")
    expect(trouble.locator(".rd-bold")).to_have_text("太字")
    expect(trouble.locator(".rd-hidden-char").first).to_have_text("U+202E")
    assert who.page.locator("#review-desk .rd-desk :is(img, script, a)").count() == 0
    who.page.locator("#rd-vote-left").dblclick()
    expect(who.page.locator(".rd-reveal")).to_be_visible()
    who.expect_saved()
    assert [vote.sample_id for vote in ctx.votes.votes(comparison)] == ["s3"]
    who.close()


def test_a_press_right_after_typing_the_name_begins_the_review(
    reviewer: Any, url: str, comparison: str
) -> None:
    who: Reviewer = reviewer()
    who.open(f"{url}/ja/?tab=review")
    who.page.locator("#rd-name").fill("五人目")
    # the name asks the server; its answer comes between press and release and must not swallow the click
    who.page.locator("#rd-begin").hover()
    with who.page.expect_response(lambda answer: "component_server" in answer.url):
        who.page.mouse.down()
    who.page.wait_for_timeout(300)
    who.page.mouse.up()
    expect(who.page.locator(".rd-answer")).to_have_count(2)
    who.close()


def test_a_selected_passage_becomes_a_note_at_the_same_place(
    reviewer: Any, url: str, ctx: UiContext, comparison: str
) -> None:
    who: Reviewer = reviewer()
    who.open(f"{url}/ja/?tab=review")
    who.begin("四人目")
    passage = who.page.evaluate(
        """() => {
          // the sides are drawn by lot, and an answer with marks is cut into pieces
          const pieces = [...document.querySelectorAll(".rd-answer[data-place=right] [data-at]")].map((one) => one.firstChild);
          const piece = pieces.find((one) => one.length >= 5);
          const range = document.createRange();
          range.setStart(piece, 2);
          range.setEnd(piece, 5);
          getSelection().removeAllRanges();
          getSelection().addRange(range);
          return range.toString();
        }"""
    )
    expect(who.page.locator(".rd-pin")).to_be_visible()
    who.press("x")
    who.page.keyboard.insert_text("数字が違う")
    who.press("Escape")
    expect(who.page.locator(".rd-note")).to_have_text(passage)
    who.press("ArrowDown")
    who.expect_done(1)
    (saved,) = ctx.votes.votes(comparison)
    (note,) = saved.notes
    assert note.text == "数字が違う"
    assert note.side != saved.left
    assert note.end - note.start == len(passage) == 3
    who.close()


@pytest.mark.parametrize("width", [1920, 1280, 1024])
def test_the_desk_is_not_wider_than_the_window_and_the_verdict_is_in_view(
    reviewer: Any, url: str, comparison: str, width: int
) -> None:
    who: Reviewer = reviewer()
    who.page.set_viewport_size({"width": width, "height": 820})
    who.open(f"{url}/en/?tab=review")
    who.page.locator("#rd-name").fill(f"width {width}")
    who.page.locator("#rd-name").blur()
    who.page.locator("#rd-begin").click()
    expect(who.page.locator("#rd-vote-left")).to_be_in_viewport(ratio=1)
    assert who.page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [
        who.page.locator(f".rd-answer[data-place={place}]").bounding_box() for place in ("left", "right")
    ]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert abs(boxes[0]["width"] - boxes[1]["width"]) < 1
    who.press("?")
    expect(who.page.locator(".rd-help")).to_contain_text("A is better")
    who.close()


def test_the_comparison_page_leads_to_its_own_review(reviewer: Any, url: str, comparison: str) -> None:
    who: Reviewer = reviewer()
    who.open(f"{url}/ja/#compare")
    who.page.locator("#cmp-review").click()
    expect(who.page.locator("#rd-comparison")).to_have_value(comparison)
    who.close()


def test_behind_the_password_a_link_leads_to_the_review(reviewer: Any, serve: Serve, ctx: UiContext) -> None:
    address = serve(root=ctx.workspace.root, environ={"WORKBENCH_PASSWORD": "opensesame"})
    save_review(ctx)
    who: Reviewer = reviewer()
    who.open(f"{address}/en?tab=review")
    who.page.locator("input[type=password]").fill("opensesame")
    who.page.keyboard.press("Enter")
    expect(who.page.locator("#rd-begin")).to_have_text("Begin the review")
    who.close()
