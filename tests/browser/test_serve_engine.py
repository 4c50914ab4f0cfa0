"""Serving in a container, in a real browser and on a real engine: pull, start, ready, chat, log, stop, remove.

A fake NIM is pulled with a login over a slow connection, answers 503 and then 200, is asked, and is removed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.browser.conftest import Serve
from tests.browser.page_process import free_port, serving
from tests.browser.quiet import quiet_chromium
from tests.browser.test_serve import LOADING_MS, ask_beside, open_box, open_role, open_serving, stop
from tests.serving.makers import make_model

PATIENCE_MS = 120_000
"""Browser, page, engine, registry and worker share the machine."""
pytestmark = [pytest.mark.browser, pytest.mark.engine, pytest.mark.slow]

CANARY = "nvapi-canary-of-the-page-0123456789"
LOGIN = "$oauthtoken"
REPLY = "はい、動いています。"
SERVER = """#!/bin/sh
echo "loading the model"
(sleep 4; echo "listening"; touch /tmp/ready) &
exec nc -ll -p 8000 -e /bin/sh /srv/answer.sh
"""
# one connection: the request on the standard input, the answer on the standard output
ANSWER = r"""
read -r method path rest
length=0
while read -r line; do
  line=$(printf %s "$line" | tr -d '\r')
  [ -z "$line" ] && break
  case "$line" in [Cc]ontent-[Ll]ength:*) length=${line#*: } ;; esac
done
body=""
[ "$length" -gt 0 ] && body=$(head -c "$length")
reply() { printf 'HTTP/1.1 %s\r\nContent-Type: %s\r\nConnection: close\r\n\r\n' "$1" "$2"; cat "/srv/$3"; }
case "$path" in
  /v1/health/ready)
    if [ -f /tmp/ready ]; then reply "200 OK" application/json empty; else reply "503 Loading" text/plain empty; fi ;;
  /v1/models) reply "200 OK" application/json models ;;
  /v1/chat/completions)
    case "$body" in
      *'"stream":true'*|*'"stream": true'*) reply "200 OK" text/event-stream stream ;;
      *) reply "200 OK" application/json whole ;;
    esac ;;
  *) reply "404 Not Found" application/json empty ;;
esac
"""


def make_bodies() -> dict[str, str]:
    """What the fake NIM answers, by file name."""
    common = {"id": "c", "created": 0, "model": "base"}
    said = {"message": {"role": "assistant", "content": REPLY}, "finish_reason": "stop", "index": 0}
    bits = [({"content": REPLY}, None), ({}, "stop")]
    chunks = [
        {
            **common,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": end}],
        }
        for delta, end in bits
    ]
    events = [json.dumps(chunk, ensure_ascii=False) for chunk in chunks]
    return {
        "empty": "{}",
        "models": json.dumps({"object": "list", "data": [{"id": "base", "object": "model"}]}),
        "whole": json.dumps({**common, "object": "chat.completion", "choices": [said]}, ensure_ascii=False),
        "stream": "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]),
    }


def add_file(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def make_nim(client: Any, registry: str, key: str) -> str:
    """A fake NIM of a few megabytes in a registry that asks for a login; not on this machine."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("bin", "tmp", "etc", "dev", "proc", "sys", "srv", "opt"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(str(shutil.which("busybox")), "bin/busybox")
        for program in ("sh", "cat", "sleep", "nc", "touch", "tr", "head", "printf"):
            link = tarfile.TarInfo(f"bin/{program}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        add_file(tar, "etc/passwd", b"root:x:0:0::/:/bin/sh\n")
        add_file(tar, "srv/nim.sh", SERVER.encode(), 0o755)
        add_file(tar, "srv/answer.sh", ANSWER.encode(), 0o755)
        for name, content in make_bodies().items():
            add_file(tar, f"srv/{name}", content.encode())
        # what random bytes weigh is what has to be pulled
        add_file(tar, "srv/filler", os.urandom(6 * 2**20))
    reference = f"{registry}/nim/fake:1"
    repository, _, tag = reference.rpartition(":")
    changes = ['CMD ["/bin/sh", "/srv/nim.sh"]']
    client.import_image_from_data(archive.getvalue(), repository=repository, tag=tag, changes=changes)
    auth = {"username": LOGIN, "password": key}
    said = list(client.push(repository, tag=tag, stream=True, decode=True, auth_config=auth))
    assert not [message for message in said if "error" in message], said
    client.remove_image(reference, force=True)
    return reference


@pytest.fixture(scope="module")
def nim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The reference of a fake NIM behind a slow connection; engine and key are in the environment."""
    docker = pytest.importorskip("docker")
    from tests.engine.daemon import running_daemon, running_registry, why_no_engine
    from tests.engine.proxies import SlowProxy

    why = why_no_engine()
    if why:
        pytest.skip(f"the real container engine was not tested: {why}")
    patch = pytest.MonkeyPatch()
    with (
        running_daemon(tmp_path_factory.mktemp("engine")) as daemon,
        running_registry(tmp_path_factory.mktemp("locked"), os.environ, login=(LOGIN, CANARY)) as registry,
    ):
        client = docker.APIClient(base_url=f"unix://{daemon.socket}", timeout=60)
        proxy = SlowProxy(registry, 500_000)
        try:
            reference = make_nim(client, registry, CANARY)
            patch.setenv("DOCKER_HOST", f"unix://{daemon.socket}")
            patch.setenv("NGC_API_KEY", CANARY)
            yield reference.replace(registry, proxy.address)
        finally:
            patch.undo()
            proxy.close()
            client.close()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nim") / "workspace"


@contextlib.contextmanager
def quiet_page(chromium: str, folder: Path, port: int) -> Iterator[Page]:
    """A page in a browser that containers cannot disturb."""
    folder.mkdir(exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    with quiet_chromium(chromium, folder, port) as program, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 820}, locale="ja-JP")
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


@pytest.fixture
def engine(nim: str) -> Iterator[Any]:
    """The engine itself, to see what is left on it."""
    import docker

    client = docker.APIClient(base_url=os.environ["DOCKER_HOST"], timeout=60)
    yield client
    client.close()


def fill_in_nim(page: Page, model: Path, image: str) -> None:
    """Everything that a NIM asks for, on a machine without a GPU."""
    open_box(page, "serve-setup")
    page.locator("#serve-engine-choice input").click()
    page.get_by_role("option", name="NVIDIA NIM 1.x").click()
    expect(page.locator("#serve-about")).to_contain_text("NIM")
    page.locator("#serve-model input").fill(str(model))
    page.keyboard.press("Enter")
    expect(page.locator("#serve-rights")).to_be_visible()
    page.locator("#serve-accept-licence input").check()
    page.locator("#serve-api-key-env textarea, #serve-api-key-env input").fill("NGC_API_KEY")
    open_box(page, "serve-more")
    page.locator("#serve-image textarea, #serve-image input").fill(image)
    page.locator("#serve-allow-other-image input").check()
    page.locator("#serve-gpus textarea, #serve-gpus input").fill("none")
    page.locator("#serve-memory-share input").fill("0.05")
    page.keyboard.press("Tab")


def start_nim(page: Page, url: str, model: Path, image: str) -> Locator:
    """Fill in the form for the teacher, read what the page says of it, start, and see the image come."""
    open_serving(page, url)
    expect(page.locator("#serve-engine")).to_contain_text("コンテナが使えます")
    teacher = open_role(page, "teacher")
    fill_in_nim(page, model, image)
    expect(page.locator("#serve-checks")).to_contain_text("起動のときに取得します")
    expect(page.locator("#serve-checks .sv-check-stop")).to_have_count(0)
    expect(page.locator("#serve-docker-run")).to_contain_text("docker run")
    expect(page.locator("#serve-docker-run")).to_contain_text("NIM_SERVED_MODEL_NAME=base")
    page.locator("#serve-start").click()
    expect(teacher.locator(".sv-state")).to_contain_text("イメージを取得しています", timeout=LOADING_MS)
    expect(teacher.locator(".sv-state")).to_contain_text("%", timeout=LOADING_MS)
    return teacher


def test_a_nim_is_pulled_started_asked_stopped_and_removed(
    nim: str, engine: Any, serve: Serve, root: Path, chromium: str, tmp_path: Path
) -> None:
    url = serve(root=root)
    with quiet_page(chromium, tmp_path / "browser", int(url.rpartition(":")[2])) as page:
        teacher = start_nim(page, url, make_model(tmp_path / "tuned"), nim)
        expect(teacher.locator(".sv-state")).to_have_text("使えます", timeout=LOADING_MS)
        open_box(page, "serve-log-box")
        expect(page.locator("#serve-log")).to_contain_text("listening")
        open_box(page, "serve-facts-box")
        expect(page.locator("#serve-facts")).to_contain_text("sha256:")
        seen = page.content()
        page.locator("#serve-use-live").click()
        ask_beside(page, "動いていますか。")
        expect(page.locator("#live-view [data-place='0']")).to_contain_text(REPLY)
        open_serving(page, url)
        open_role(page, "teacher")
        stop(page, "teacher")
        assert engine.containers(all=True) == [], "a container was left behind"
        assert CANARY not in seen + page.content()
    holders = [path for path in root.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert holders == []


def test_a_page_that_is_killed_in_a_pull_and_in_a_start_finds_both_again(
    nim: str, engine: Any, chromium: str, tmp_path: Path, repo_root: Path
) -> None:
    for image in engine.images():
        engine.remove_image(image["Id"], force=True)
    workspace, model, port = tmp_path / "workspace", make_model(tmp_path / "tuned"), free_port()
    with serving(workspace, repo_root, port), quiet_page(chromium, tmp_path / "first", port) as page:
        start_nim(page, f"http://127.0.0.1:{port}", model, nim)
    assert engine.images() == [], "the pull was over before the page was killed"
    # the pull goes on by itself; the next page is killed as soon as the server's container is there
    with serving(workspace, repo_root, free_port()):
        until = time.monotonic() + LOADING_MS / 1000
        while not engine.containers(all=True):
            assert time.monotonic() < until, "no container was made"
            time.sleep(0.05)
    port = free_port()
    with serving(workspace, repo_root, port), quiet_page(chromium, tmp_path / "last", port) as page:
        open_serving(page, f"http://127.0.0.1:{port}")
        teacher = open_role(page, "teacher")
        expect(teacher.locator(".sv-state")).to_have_text("使えます", timeout=LOADING_MS)
        stop(page, "teacher")
        assert engine.containers(all=True) == [], "a container was left behind"
