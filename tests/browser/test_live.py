"""Trying a question in a real browser: two answers stream side by side, and a pair is kept for the review."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Page, expect

from tests.browser.conftest import Serve
from workbench.artifacts import ArtifactStore
from workbench.evaluation.items import read_items
from workbench.inference import EndpointRegistry
from workbench.jobs import prepare_workspace
from workbench.paths import Workspace
from workbench.schemas.generation import DEFAULT_SYSTEM_PROMPT
from workbench.schemas.inference import Endpoint

pytestmark = pytest.mark.browser

DOCUMENT = "市民課の窓口は午前9時に開きます。"
SAID = {
    "base": "わかりません。<script>window.hacked=1</script>",
    "tuned": f"参考文書1に「{DOCUMENT}」と記載されています。",
}
PIECE_SECONDS = 0.03
CTRL = 2


class FakeModels(threading.Thread):
    """A chat server for two models that streams, and notes who went away."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bodies: list[dict[str, Any]] = []
        self.hold = threading.Event()
        self.pause = PIECE_SECONDS
        """While set, answers go on for ever."""
        self.left = threading.Event()
        self.url = ""
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self.ready.set()
        await self._end.wait()
        await runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.text())
        self.bodies.append(body)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        text = SAID[body["model"]]
        try:
            for start in range(0, len(text), 3):
                await response.write(_event({"content": text[start : start + 3]}))
                await asyncio.sleep(self.pause)
            while self.hold.is_set():
                await response.write(_event({"content": "…"}))
                await asyncio.sleep(self.pause)
        except ConnectionError:
            self.left.set()
            return response
        await response.write(_event({}, "stop") + b"data: [DONE]\n\n")
        return response

    def stop(self) -> None:
        if self._loop is not None and self._end is not None:
            self._loop.call_soon_threadsafe(self._end.set)
        self.join(timeout=20)


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


@pytest.fixture(scope="module")
def models() -> Iterator[FakeModels]:
    server = FakeModels()
    server.start()
    assert server.ready.wait(30)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live") / "workspace"


@pytest.fixture(scope="module")
def url(serve: Serve, root: Path, models: FakeModels) -> str:
    workspace = Workspace(root)
    prepare_workspace(workspace)
    for name in SAID:
        EndpointRegistry(workspace).add(Endpoint(name=name, base_url=models.url, model=name))
    return serve(root=root)


@pytest.fixture
def live(page: Page, url: str, models: FakeModels) -> Page:
    models.hold.clear()
    models.left.clear()
    models.pause = PIECE_SECONDS
    page.goto(f"{url}/ja/#live")
    box = page.locator("#live-models input")
    expect(page.locator("#live-nobody")).to_have_text("")
    for name in SAID:
        box.click()
        page.get_by_role("option", name=f"{name} · {name}").click()
    page.keyboard.press("Escape")
    return page


def answer(page: Page, place: int) -> Any:
    return page.locator(f"#live-view [data-place='{place}']")


def question(page: Page) -> Any:
    return page.locator("#live-question textarea")


def test_two_answers_stream_side_by_side_and_the_pair_is_kept(
    live: Page, models: FakeModels, root: Path
) -> None:
    live.locator("#live-mode label", has_text="貼り付ける").click()
    live.locator("#live-document-1 textarea").fill(DOCUMENT)
    live.get_by_role("button", name="くわしい設定").click()
    expect(live.locator("#live-system textarea")).to_have_value(DEFAULT_SYSTEM_PROMPT)
    question(live).fill("窓口は何時に開きますか。")
    asked = len(models.bodies)
    # slow enough to be seen while it comes in
    models.pause = 0.5
    live.keyboard.press("Control+Enter")
    expect(answer(live, 0)).to_contain_text("答えています")
    for place, text in enumerate(SAID.values()):
        expect(answer(live, place)).to_contain_text("完了")
        # a badge stands behind a quote
        for part in text.split("」"):
            expect(answer(live, place).locator(".live-body")).to_contain_text(part)
    assert live.evaluate("window.hacked") is None
    sent = models.bodies[asked:]
    assert {body["model"] for body in sent} == set(SAID)
    assert sent[0]["messages"] == sent[1]["messages"]
    assert [body["seed"] for body in sent] == [0, 0]
    # the quote is marked in the document, and a press on it leads there
    expect(live.locator(".live-documents mark")).to_have_text(DOCUMENT.removesuffix("。"))
    answer(live, 1).locator(".rd-quote-go").first.click()
    expect(live.locator(".live-documents mark.wb-flash")).to_have_count(1)
    expect(answer(live, 1).locator(".live-facts")).to_contain_text("トークン/秒")
    expect(live.locator("#live-command code")).to_contain_text("curl -N")
    live.locator("#live-keep").click()
    expect(live.locator("#live-waiting")).to_contain_text("1 問")
    live.locator("#live-publish").click()
    expect(live.locator("#live-waiting")).to_contain_text("まだありません")
    store = ArtifactStore(Workspace(root))
    made = store.list("comparison")[0]
    item = read_items(store.file(made.id, "items.jsonl"))[0]
    assert (item.baseline.prediction, item.finetuned.prediction) == tuple(SAID.values())


def test_enter_does_not_send_while_japanese_is_being_composed_nor_alone(
    live: Page, models: FakeModels
) -> None:
    asked = len(models.bodies)
    question(live).click()
    ime = live.context.new_cdp_session(live)
    ime.send("Input.imeSetComposition", {"text": "まどぐち", "selectionStart": 4, "selectionEnd": 4})
    enter = {"type": "rawKeyDown", "key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    for modifiers in (0, CTRL):
        ime.send("Input.dispatchKeyEvent", {**enter, "modifiers": modifiers})
    ime.send("Input.insertText", {"text": "窓口はどこですか"})
    live.keyboard.press("Enter")
    live.keyboard.type("2 行目")
    expect(question(live)).to_have_value("窓口はどこですか\n2 行目")
    live.wait_for_timeout(500)
    assert len(models.bodies) == asked
    live.keyboard.press("Control+Enter")
    expect(answer(live, 1)).to_contain_text("完了")
    assert models.bodies[-1]["messages"][-1]["content"] == "窓口はどこですか\n2 行目"


def ask_for_ever(live: Page, models: FakeModels) -> None:
    """Ask, and wait until both answers have run past their own words."""
    models.hold.set()
    question(live).fill("長い話をしてください。")
    live.locator("#live-send").click()
    for place in range(2):
        # an answer that has not begun yet shows one such sign
        expect(answer(live, place).locator(".live-body")).to_contain_text("……")


def test_stop_ends_the_answers_and_keeps_what_came(live: Page, models: FakeModels) -> None:
    ask_for_ever(live, models)
    live.locator("#live-stop").click()
    for place in range(2):
        expect(answer(live, place)).to_contain_text("止めました")
        expect(answer(live, place).locator(".live-body")).to_contain_text("……")
    assert models.left.wait(20), "the connection stayed open"


def test_a_closed_page_closes_the_connections(live: Page, models: FakeModels) -> None:
    ask_for_ever(live, models)
    live.goto("about:blank")
    assert models.left.wait(30), "the server went on for nobody"
