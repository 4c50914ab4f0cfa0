"""What is served, where, and when the program refuses to start."""

from __future__ import annotations

import importlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from workbench.errors import ResourceError, StateError
from workbench.jobs import InstanceLock
from workbench.paths import Workspace
from workbench.ui.address import open_socket, page_address
from workbench.ui.context import UiContext
from workbench.ui.server import build_server, check_environment, check_password, guard, serve


def small_page(ctx: UiContext) -> gr.Blocks:
    with gr.Blocks(title=ctx.t("header.name"), analytics_enabled=False) as blocks:
        gr.Markdown(ctx.t("start.title"))
    return blocks


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    with TestClient(build_server(workspace, build=small_page), base_url="http://127.0.0.1:7860") as served:
        yield served


@pytest.mark.parametrize(("accepted", "target"), [("en-GB", "/en/"), ("ja", "/ja/"), ("de", "/ja/")])
def test_the_start_address_leads_to_the_browsers_language(
    client: TestClient, accepted: str, target: str
) -> None:
    answer = client.get("/", headers={"accept-language": accepted}, follow_redirects=False)
    assert answer.headers["location"] == target


def test_the_saved_language_wins(client: TestClient) -> None:
    answer = client.get(
        "/", headers={"accept-language": "ja", "cookie": "wb_lang=en"}, follow_redirects=False
    )
    assert answer.headers["location"] == "/en/"


def test_each_language_has_its_page(client: TestClient) -> None:
    assert "ファインチューニング工房" in client.get("/ja/").text
    assert "Fine-Tuning Workbench" in client.get("/en/").text


def test_a_page_says_its_language_whatever_the_browser_speaks(client: TestClient) -> None:
    for lang in ("ja", "en"):
        head = client.get(f"/{lang}/", headers={"accept-language": "de"}).text.partition("</head>")[0]
        assert re.search(r"<html\s+lang=\"(\w+)\"", head).group(1) == lang
        assert f"['language', '{lang}'], ['languages', ['{lang}']]" in head
        assert "og:" not in head.partition("window.gradio_config")[0]
        assert "githubusercontent" not in head.partition("window.gradio_config")[0]


def test_scripts_styles_and_the_plotting_library_are_served_from_here(client: TestClient) -> None:
    for name in (
        "workbench.js",
        "workbench.css",
        "chart.js",
        "answer.js",
        "cards.js",
        "review_desk.js",
        "favicon.svg",
    ):
        assert client.get(f"/static/{name}").status_code == 200
    assert len(client.get("/static/plotly.min.js").content) > 1_000_000


def test_no_file_of_the_workspace_or_the_machine_is_served(client: TestClient, workspace: Workspace) -> None:
    (workspace.jobs / "secret.txt").write_text("s3cret", encoding="utf-8")
    for path in (workspace.jobs / "secret.txt", Path("/etc/passwd"), Path(__file__)):
        assert client.get(f"/ja/gradio_api/file={path}").status_code in (403, 404)
    assert client.get("/static/../server.py").status_code == 404


def test_there_is_no_mcp_server_and_no_api_page(client: TestClient) -> None:
    assert client.get("/ja/gradio_api/mcp/schema").status_code == 404
    assert client.get("/docs").status_code == 404
    assert client.get("/openapi.json").status_code == 404


def test_an_address_that_others_reach_needs_a_password() -> None:
    with pytest.raises(StateError, match="password_needed"):
        check_password("0.0.0.0", {})
    assert check_password("0.0.0.0", {"WORKBENCH_PASSWORD": "p"}) == "p"
    assert check_password("127.0.0.1", {}) == ""


def test_a_setting_that_lets_visitors_run_code_stops_the_start() -> None:
    with pytest.raises(StateError, match="vibe_mode_set"):
        check_environment({"GRADIO_VIBE_MODE": "1"})
    check_environment({})


def test_the_guard_stands_in_front_of_the_application(workspace: Workspace) -> None:
    app = guard(build_server(workspace, build=small_page), "127.0.0.1", {})
    guarded = TestClient(app, base_url="http://127.0.0.1:7860")  # type: ignore[arg-type]
    assert guarded.get("/ja/").headers["x-content-type-options"] == "nosniff"
    assert guarded.get("/ja/", headers={"host": "evil.example"}).status_code == 403


def test_a_taken_port_gives_the_next_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with open_socket("127.0.0.1", port) as found:
            assert found.getsockname()[1] > port


def test_a_host_that_is_not_ours_is_told() -> None:
    with pytest.raises(ResourceError, match="host_unusable"):
        open_socket("203.0.113.7", 7860)


def test_addresses_to_open() -> None:
    assert page_address("0.0.0.0", 7860, None) == "http://127.0.0.1:7860/"
    assert page_address("::1", 80, "en") == "http://[::1]:80/en/"


def test_a_second_start_on_one_workspace_names_the_page_that_runs(workspace: Workspace) -> None:
    lock = InstanceLock(workspace)
    assert lock.acquire()
    lock.announce("127.0.0.1", 7999, "http://127.0.0.1:7999/")
    said: list[str] = []
    try:
        assert serve(workspace, open_browser=False, say=said.append, environ={}) == 0
    finally:
        lock.release()
    assert len(said) == 1
    assert "http://127.0.0.1:7999/" in said[0]


def test_the_page_loads_none_of_the_heavy_libraries() -> None:
    code = (
        "import workbench.ui.server, sys;"
        "print([name for name in ('torch', 'transformers', 'trl', 'peft', 'datasets', 'openai', 'plotly',"
        " 'pandas', 'pyarrow', 'openpyxl', 'gradio.cli') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_gradio_writes_no_stub_files() -> None:
    inspect = importlib.import_module("inspect")
    meta = importlib.import_module("gradio.component_meta")
    assert inspect.getfile(meta.ComponentMeta).endswith("component_meta.py"), (
        "the replaced function was put back"
    )
