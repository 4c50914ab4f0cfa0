"""Serving in a real browser: a server of this program is started, handed over, asked and stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

from tests.browser.conftest import Serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ARMED_MS, PRESSES = 6000, 10
GENERAL = "次のうち、動物はどれですか。\n0. 電車\n1. うさぎ\n2. 赤\n3. ピアノ\n4. テニス\n番号だけで答えてください。"
LOADING_MS = 300_000
"""Starting Python, its libraries and a model on a busy machine."""


def open_serving(page: Page, url: str, lang: str = "ja") -> None:
    """The tab in front, however slowly the page came up."""
    page.goto(f"{url}/{lang}/#serve")
    page.wait_for_selector("#serve-cards .sv-card", state="attached", timeout=LOADING_MS)
    page.locator("[role=tab][data-tab-id=serve]:visible").click()
    expect(page.locator("#tab-serve")).to_be_visible()


def card(page: Page, role: str) -> Locator:
    return page.locator(f"#serve-cards [data-role={role}]")


def open_role(page: Page, role: str) -> Locator:
    found = card(page, role)
    found.locator(".sv-title").click()
    expect(found.locator(".sv-title")).to_have_attribute("aria-pressed", "true")
    return found


def open_box(page: Page, elem_id: str) -> None:
    page.locator(f"#{elem_id} > button").first.click()


def ask_beside(page: Page, question: str) -> None:
    """The chosen model is asked in the tab that it was handed to."""
    expect(page.locator("[role=tab][data-tab-id=live]:visible")).to_have_attribute("aria-selected", "true")
    page.locator("#live-question textarea").fill(question)
    page.locator("#live-send").click()
    expect(page.locator("#live-view [data-place='0']")).to_contain_text("完了", timeout=LOADING_MS)


def stop(page: Page, role: str) -> None:
    """The careful button asks once more, and forgets after five seconds, which a busy machine may need for a press."""
    found = card(page, role)
    again = found.locator(".sv-main.wb-armed")
    for _ in range(PRESSES):
        expect(found.locator(".sv-main")).to_have_text("止める")
        found.locator(".sv-main").click()
        try:
            again.filter(has_text="もう一度押すと実行").click(timeout=ARMED_MS)
            break
        except TimeoutError:
            continue
    else:
        pytest.fail("the button never stayed armed")
    expect(found.locator(".sv-state")).to_have_text("止まっています", timeout=LOADING_MS)


def test_a_server_of_this_program_is_started_asked_and_stopped(page: Page, serve: Serve) -> None:
    url = serve()
    open_serving(page, url)
    before = open_role(page, "before")
    expect(before.locator(".sv-state")).to_have_text("止まっています")
    expect(page.locator("#serve-checks")).to_contain_text("メモリ")
    expect(page.locator("#serve-command")).to_contain_text("workbench serve start --engine embedded")
    page.locator("#serve-start").click()
    expect(before.locator(".sv-state")).to_have_text("使えます", timeout=LOADING_MS)
    # handed to the evaluation under the role's name
    page.locator("#serve-use-evaluate").click()
    expect(page.locator("[role=tab][data-tab-id=evaluate]:visible")).to_have_attribute(
        "aria-selected", "true"
    )
    expect(page.locator("#evaluate-what input[value=endpoint]")).to_be_checked()
    expect(page.locator("#evaluate-endpoint input")).to_have_value("before · base")
    # and asked
    open_serving(page, url)
    open_role(page, "before")
    page.locator("#serve-use-live").click()
    # what the teaching model can answer without documents
    ask_beside(page, GENERAL)
    open_serving(page, url)
    open_role(page, "before")
    stop(page, "before")


def test_without_an_engine_the_page_says_so_and_goes_on(
    page: Page, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    url = serve()
    open_serving(page, url)
    expect(page.locator("#serve-engine")).to_contain_text("組み込みサーバーは、このまま使えます")
    expect(card(page, "before").locator(".sv-main")).to_have_text("起動する")
    open_serving(page, url, "en")
    expect(page.locator("#serve-engine")).to_contain_text("The embedded server can be used all the same")


@pytest.mark.parametrize("width", [1920, 1280, 820])
def test_the_page_is_not_wider_than_the_window(page: Page, serve: Serve, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_serving(page, serve())
    expect(card(page, "reward")).to_be_visible()
    for box in ("serve-setup", "serve-outside", "serve-load"):
        open_box(page, box)
    expect(page.locator("#load-start")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
