"""The frame in a real browser: steps, languages, keyboard, password."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Serve
from workbench.ui.middleware import CONTENT_POLICY

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url(serve: Serve) -> str:
    return serve()


def open_page(page: Page, address: str) -> Page:
    page.goto(address)
    page.wait_for_selector("#wb-tabs [role=tab]")
    expect(page.locator(".wb-place")).not_to_be_empty(timeout=30_000)
    return page


def tab(page: Page, name: str):
    return page.locator(f"[role=tab][data-tab-id={name}]:visible")


def test_the_browsers_language_decides_and_the_switch_keeps_the_tab(page: Page, url: str) -> None:
    open_page(page, url)
    assert page.url.startswith(f"{url}/ja/")
    expect(page).to_have_title("ファインチューニング工房")
    tab(page, "settings").click()
    expect(page).to_have_url(f"{url}/ja/#settings")
    page.locator(".wb-lang").click()
    expect(page).to_have_url(f"{url}/en/#settings")
    expect(tab(page, "settings")).to_have_attribute("aria-selected", "true")
    # the choice is remembered
    page.goto(url)
    expect(page).to_have_url(re.compile("/en/"))


def test_a_page_that_is_not_there_yet_says_so_in_its_language(page: Page, url: str) -> None:
    cover = page.locator(".wb-cover")
    page.goto(f"{url}/ja/#settings", wait_until="commit")
    expect(cover).to_have_text("読み込んでいます…")
    open_page(page, f"{url}/ja/#settings")
    expect(cover).to_be_hidden()
    # the other language's page takes its time; Playwright looks at no page that is being left, so this one stays
    page.evaluate(
        "document.querySelector('.wb-lang').addEventListener('click', (event) => event.preventDefault())"
    )
    page.locator(".wb-lang").click()
    expect(cover).to_be_visible()
    expect(cover).to_have_text("Loading…")


def test_the_start_page_in_english(browser: Browser, url: str) -> None:
    context = browser.new_context(locale="en-US")
    page = open_page(context.new_page(), url)
    assert page.url.startswith(f"{url}/en/")
    expect(page.get_by_role("button", name="Run the whole cycle on the sample")).to_be_visible()
    expect(page.locator(".wb-place")).to_have_text("Stays on this machine")
    context.close()


def test_gradios_own_words_are_in_the_pages_language(browser: Browser, url: str) -> None:
    context = browser.new_context(locale="en-US")
    page = open_page(context.new_page(), f"{url}/ja/#data")
    upload = page.locator("#data-file")
    expect(upload).to_contain_text("ここに")
    expect(upload).not_to_contain_text("Drop")
    page = open_page(context.new_page(), f"{url}/en/#data")
    expect(page.locator("#data-file")).to_contain_text("Drop")
    context.close()


def test_the_command_of_the_data_form_follows_every_field(page: Page, url: str) -> None:
    open_page(page, f"{url}/ja/#data")
    page.locator("#data-sample").click()
    expect(page.locator("#data-command")).to_contain_text("--question-column '質問'")
    page.locator("#data-advanced").get_by_role("button").first.click()
    page.locator("#data-refusal textarea").fill("お答えできません。")
    expect(page.locator("#data-command")).to_contain_text("--refusal 'お答えできません。'")
    page.locator("#data-seed input").fill("7")
    expect(page.locator("#data-command")).to_contain_text("--seed 7")


def test_arrow_keys_move_between_the_steps(page: Page, url: str) -> None:
    open_page(page, f"{url}/ja/")
    tab(page, "start").focus()
    page.keyboard.press("ArrowRight")
    expect(tab(page, "data")).to_have_attribute("aria-selected", "true")
    expect(tab(page, "data")).to_be_focused()


def test_the_second_button_leads_to_the_data(page: Page, url: str) -> None:
    open_page(page, f"{url}/ja/")
    page.locator("#start-own").click()
    expect(tab(page, "data")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("width", [1920, 1280, 820])
def test_nothing_is_wider_than_the_window(page: Page, url: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, f"{url}/ja/")
    tabs = ("start", "data", "train", "convert", "serve", "evaluate", "compare", "review", "jobs", "settings")
    for name in tabs:
        tab(page, name).click()
        expect(page.locator(f"#tab-{name}")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_a_folder_that_is_no_model_is_told_in_a_sentence(page: Page, url: str) -> None:
    open_page(page, f"{url}/ja/#settings")
    page.locator("#settings-folder textarea, #settings-folder input").fill("/nowhere/<b>x</b>")
    page.locator("#settings-add-folder").click()
    expect(page.get_by_text("このフォルダーはモデルとして使えません: /nowhere/<b>x</b>")).to_be_visible()


def test_the_page_keeps_to_its_content_policy_and_asks_nobody_else(page: Page, url: str) -> None:
    asked: list[str] = []
    refused: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on(
        "console",
        lambda message: refused.append(message.text) if "Content Security" in message.text else None,
    )
    answer = page.goto(f"{url}/ja/")
    assert answer is not None
    assert answer.headers["content-security-policy"] == CONTENT_POLICY
    page.wait_for_selector("#wb-tabs [role=tab]")
    assert [address for address in asked if not address.startswith((url, "data:", "blob:"))] == []
    assert refused == []


def test_with_a_password_nothing_is_seen_before_it_is_given(page: Page, serve: Serve) -> None:
    url = serve(environ={"WORKBENCH_PASSWORD": "opensesame"})
    page.goto(f"{url}/ja/")
    expect(page.locator("input[type=password]")).to_be_visible()
    page.locator("input[type=password]").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("パスワードが違います")
    page.locator("input[type=password]").fill("opensesame")
    page.keyboard.press("Enter")
    expect(page.locator("#start-sample")).to_be_visible(timeout=60_000)
