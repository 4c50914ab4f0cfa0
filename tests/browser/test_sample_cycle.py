"""As a newcomer would: open the page, press the one button, wait, and read the answers side by side."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.page_process import free_port, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CYCLE_MINUTES = 20
"""A busy machine takes several times the five minutes of a quiet one."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        made = browser.new_page(viewport={"width": 1440, "height": 900}, locale="ja-JP")
        # a busy machine draws slowly; nothing here measures time
        made.set_default_timeout(_minutes(2))
        expect.set_options(timeout=_minutes(2))
        yield made
        browser.close()


def _minutes(count: float) -> float:
    return count * 60_000


def test_the_sample_cycle_survives_the_death_of_the_page_and_ends_at_the_comparison(
    page: Page, tmp_path: Path, repo_root: Path
) -> None:
    workspace, port = tmp_path / "workspace", free_port()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    with serving(workspace, repo_root, port):
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page).to_have_url(f"http://127.0.0.1:{port}/ja/")
        page.locator("#start-sample").click()
        # the data step is done and training has begun: now the page's process is killed (leaving the block does it)
        expect(page.locator("#start-cycle")).to_contain_text("学習", timeout=_minutes(2))
        page.wait_for_timeout(8000)
    second = free_port()
    with serving(workspace, repo_root, second):
        page.goto(f"http://127.0.0.1:{second}/ja/")
        expect(page.locator("#start-cycle")).to_contain_text("学習", timeout=_minutes(2))
        # the chart is mounted late, in a row that was hidden: its words must be there all the same
        page.evaluate("WB.openTab('train')")
        chart = page.locator("#train-chart")
        expect(chart).to_contain_text("学習（平滑）", timeout=_minutes(3))
        expect(chart).not_to_contain_text("undefined")
        page.evaluate("WB.openTab('start')")
        # who watches the run to its end is taken to the comparison
        view = page.locator("#cmp-question")
        expect(view).to_contain_text("参考文書", timeout=_minutes(CYCLE_MINUTES))
        expect(page.locator("#cmp-summary")).to_contain_text("拒否")
        first = view.inner_text()
        page.locator("#cmp-next").click()
        expect(view).not_to_have_text(first, timeout=_minutes(2))
        page.locator("#cmp-review").click()
        page.locator("#rd-name").fill("テスト")
        page.locator("#rd-name").blur()
        page.locator("#rd-begin").click()
        page.locator("#rd-vote-right").click()
        expect(page.locator(".rd-count")).to_contain_text("1 /", timeout=_minutes(2))
    assert faults == []


def test_the_start_page_speaks_english_to_an_english_browser(
    chromium: str, tmp_path: Path, repo_root: Path
) -> None:
    port = free_port()
    with serving(tmp_path / "workspace", repo_root, port), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(locale="en-US")
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page).to_have_url(f"http://127.0.0.1:{port}/en/")
        expect(page.locator("#start-sample")).to_contain_text("Run the whole cycle on the sample")
        text = page.locator("body").inner_text()
        foreign = {
            char
            for char in text.replace("日本語", "")
            if "\u3040" <= char <= "\u30ff" or "\u4e00" <= char <= "\u9fff"
        }
        assert foreign == set()
        browser.close()


def test_who_ends_the_program_while_a_page_is_open_reads_a_sentence_and_no_traceback(
    page: Page, tmp_path: Path, repo_root: Path
) -> None:
    port = free_port()
    with serving(tmp_path / "workspace", repo_root, port) as process:
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page.locator("#start-sample")).to_be_visible()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    said = (tmp_path / f"page-{port}.log").read_text(encoding="utf-8")
    assert "実行中のジョブはそのまま続きます" in said
    assert "Traceback" not in said
    assert "ERROR" not in said
