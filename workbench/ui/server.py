"""Serves the pages: one process, one FastAPI application, a gradio page per language, the guard in front."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from workbench.artifacts import ArtifactStore
from workbench.errors import StateError
from workbench.i18n import LANGUAGES, Lang, Translator, translator
from workbench.jobs import InstanceLock, JobStore, prepare_workspace
from workbench.paths import Workspace
from workbench.pipeline import load_recipe, sample_recipe_path, submit_recipe
from workbench.review import VoteStore
from workbench.schemas.job import JobRecord
from workbench.startup import collection_paused
from workbench.ui.address import open_socket, page_address
from workbench.ui.app import build_app
from workbench.ui.context import Services, UiContext
from workbench.ui.gradio_import import no_application_yet
from workbench.ui.handlers import GRADIO
from workbench.ui.late_page import LatePage, mounted
from workbench.ui.middleware import App, Guard, HostRule, Sessions, is_loopback, page_language
from workbench.ui.page_template import install
from workbench.ui.plotly_file import plotly_script
from workbench.ui.services import make_services
from workbench.ui.theme import make_theme

logger = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
PASSWORD_VARIABLE = "WORKBENCH_PASSWORD"
HOSTS_VARIABLE = "WORKBENCH_HOSTS"
"""Further host names, separated by commas, for a machine behind a proxy."""
MAX_UPLOAD = "1gb"
_BUILDING = threading.Lock()
"""Gradio keeps the page that is being laid out in one place for the whole process."""
LATE_SECONDS = 3.0
"""How long the first page is left alone with its person before the other language is built beside it."""
HEAD = (
    '<link rel="icon" type="image/svg+xml" href="/static/favicon.svg">'
    '<link rel="stylesheet" href="/static/workbench.css">'
    '<link rel="stylesheet" href="/static/tabs.css">'
    '<link rel="stylesheet" href="/static/review.css">'
    '<link rel="stylesheet" href="/static/live.css">'
    '<link rel="stylesheet" href="/static/runs.css">'
    '<link rel="stylesheet" href="/static/convert.css">'
    '<link rel="stylesheet" href="/static/serve.css">'
    '<script src="/static/workbench.js"></script>'
    # four megabytes that the first look at a curve would otherwise wait for
    '<link rel="prefetch" as="script" href="/static/plotly.min.js">'
)


Say = Callable[[str], object]


def check_environment(environ: Mapping[str, str]) -> None:
    """Refuse settings of gradio that would let visitors run code.

    Raises:
        StateError: `GRADIO_VIBE_MODE` is set.
    """
    if environ.get("GRADIO_VIBE_MODE"):
        raise StateError("vibe_mode_set")


def check_password(host: str, environ: Mapping[str, str]) -> str:
    """The shared password; an address that others can reach must have one.

    Raises:
        StateError: The host is not loopback and no password is set.
    """
    password = environ.get(PASSWORD_VARIABLE, "")
    if not password and not is_loopback(host):
        raise StateError("password_needed", host=host, variable=PASSWORD_VARIABLE)
    return password


def make_context(workspace: Workspace, lang: Lang, jobs: JobStore, services: Services) -> UiContext:
    """The context of one language's page."""

    def run_sample(request_id: str) -> JobRecord:
        return submit_recipe(jobs, load_recipe(sample_recipe_path()), lang=lang, request_id=request_id)

    def run_recipe(path: Path, values: Mapping[str, object], request_id: str) -> JobRecord:
        settings = [f"{key}={value}" for key, value in values.items()]
        return submit_recipe(jobs, load_recipe(path, settings), lang=lang, request_id=request_id)

    return UiContext(
        lang=lang,
        t=translator(lang),
        workspace=workspace,
        jobs=jobs,
        artifacts=ArtifactStore(workspace),
        votes=VoteStore(workspace),
        base_path=f"/{lang}",
        run_sample=run_sample,
        run_recipe=run_recipe,
        services=services,
    )


def _add_own_routes(app: FastAPI, default_lang: Lang | None) -> None:
    script = plotly_script()

    @app.get("/", include_in_schema=False)
    def choose_language(request: Request) -> RedirectResponse:
        lang = page_language(request.scope, default_lang or "ja")
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/{lang}/{query}", status_code=307)

    @app.get("/static/plotly.min.js", include_in_schema=False)
    def plotly() -> FileResponse:
        return FileResponse(script, media_type="text/javascript", headers={"cache-control": "max-age=86400"})

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> FileResponse:
        return FileResponse(STATIC / "favicon.svg", media_type="image/svg+xml")

    @app.get("/manifest.json", include_in_schema=False)
    def manifest() -> JSONResponse:
        return JSONResponse({"name": "Fine-Tuning Workbench", "start_url": "/", "display": "browser"})

    app.mount("/static", StaticFiles(directory=STATIC), name="static")


def build_server(
    workspace: Workspace,
    *,
    lang: Lang | None = None,
    first: Lang = "ja",
    services: Services | None = None,
    build: Callable[[UiContext], gr.Blocks] = build_app,
) -> FastAPI:
    """The application without its guard.

    Args:
        workspace: A prepared workspace.
        lang: Language of the start address where neither the browser nor the person chose one.
        first: Language of the page that is built here; others are built when they are asked for, or soon after.
        services: What pages ask of other rooms.
        build: Makes one language's page.
    """
    install()
    jobs = JobStore(workspace)

    def mount(app: FastAPI, language: Lang) -> FastAPI:
        with _BUILDING, collection_paused():
            with no_application_yet():
                blocks = build(make_context(workspace, language, jobs, services or Services()))
            _mount(app, blocks, language, workspace)
        return app

    late = {
        language: LatePage(partial(mount, FastAPI(), language)) for language in LANGUAGES if language != first
    }

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for page in late.values():
                await stack.enter_async_context(page.until_closed(LATE_SECONDS))
            yield

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    _add_own_routes(app, lang)
    mount(app, first)
    for language, page in late.items():
        app.mount(f"/{language}", page)
    return app


def _mount(app: FastAPI, blocks: gr.Blocks, lang: Lang, workspace: Workspace) -> None:
    private = [
        *workspace.folders()[1:],
        workspace.endpoints_file,
        workspace.settings_file,
        workspace.review_db,
        workspace.live_set_file,
    ]
    kept = {workspace.uploads, workspace.empty}
    GRADIO.mount_gradio_app(
        app,
        blocks,
        path=f"/{lang}",
        footer_links=[],
        run_history=False,
        mcp_server=False,
        ssr_mode=False,
        enable_monitoring=False,
        show_error=False,
        pwa=False,
        allowed_paths=[],
        blocked_paths=[str(path) for path in (*private, workspace.log_file) if path not in kept],
        max_file_size=MAX_UPLOAD,
        theme=make_theme(),
        head=HEAD,
    )
    # the one that serves, where gradio keeps the one that it made while the page was laid out
    vars(blocks)["app"] = mounted(app)


def guard(app: FastAPI, host: str, environ: Mapping[str, str]) -> Guard:
    """Put the guard in front of an application that listens on `host`."""
    password = check_password(host, environ)
    names = [
        socket.gethostname(),
        f"{socket.gethostname()}.local",
        *environ.get(HOSTS_VARIABLE, "").split(","),
    ]
    own = () if is_loopback(host) and not environ.get(HOSTS_VARIABLE) else names
    sessions = Sessions(password, time.monotonic) if password else None
    inner: Any = app
    checked: App = inner
    return Guard(checked, HostRule.of(host, (name.strip() for name in own)), sessions)


def serve(
    workspace: Workspace,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    lang: Lang | None = None,
    first: Lang = "ja",
    open_browser: bool = True,
    say: Say = logger.info,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Serve until interrupted; a second start on one workspace opens the page that runs already.

    Args:
        workspace: Where everything lies; prepared here.
        host: Address to listen on; anything but loopback needs the password variable.
        port: Wanted port; a taken one gives the next free one, and `say` hears of it.
        lang: Language of the first page and of what is said; None: the browser's choice, and Japanese.
        first: Language that is ready first where `lang` is None: the likeliest choice of the browser.
        open_browser: Whether to open a browser window.
        say: Told lines for people: the address, a taken port.
        environ: The environment, for the password and further host names.

    Returns:
        Exit code 0.

    Raises:
        StateError: The environment forbids a safe start, or the instance that runs does not answer.
        ResourceError: No port is free.
    """
    check_environment(environ)
    check_password(host, environ)
    prepare_workspace(workspace)
    os.environ["GRADIO_TEMP_DIR"] = str(workspace.uploads / "incoming")
    os.environ["GRADIO_MCP_SERVER"] = "False"
    words = translator(lang or "ja")
    lock = InstanceLock(workspace)
    if not lock.acquire():
        return _show_running(lock, say, words, open_browser)
    try:
        listener = open_socket(host, port)
        found = int(listener.getsockname()[1])
        if port not in (0, found):
            say(words("server.port_taken", wanted=port, port=found))
        url = page_address(host, found, lang)
        lock.announce(host, found, url)
        app = guard(
            build_server(workspace, lang=lang, first=lang or first, services=make_services(environ)),
            host,
            environ,
        )
        # what waited in the queue, or died with the machine, is seen to now
        JobStore(workspace).dispatch()
        # nothing lies here, so nothing of the working directory can be served
        os.chdir(workspace.empty)
        _run(
            app, listener, lambda: _greet(url, say, words, open_browser), lambda: say(words("server.closing"))
        )
    finally:
        lock.release()
    return 0


def _show_running(lock: InstanceLock, say: Say, words: Translator, open_browser: bool) -> int:
    running = lock.find_running()
    if running is None:
        raise StateError("instance_silent")
    say(words("server.already_running", url=running.url))
    if open_browser:
        webbrowser.open(running.url)
    return 0


def _greet(url: str, say: Say, words: Translator, open_browser: bool) -> None:
    say(words("server.started", url=url))
    if open_browser:
        webbrowser.open(url)


class _Server(uvicorn.Server):
    """Tells when it really listens and when it stops."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], on_end: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._on_ready, self._on_end = on_ready, on_end

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_end()
        # every open page holds a stream that never ends; to cut those is no error
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def _run(
    app: Guard, listener: socket.socket, on_ready: Callable[[], None], on_end: Callable[[], object]
) -> None:
    # the guard is a plain ASGI application; uvicorn's own type for one is wider
    inner: Any = app
    config = uvicorn.Config(inner, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    # it shuts down in order and hands the interruption on
    with suppress(KeyboardInterrupt):
        _Server(config, on_ready, on_end).run(sockets=[listener])


def main(arguments: list[str], environ: Mapping[str, str] = os.environ) -> int:
    """`python -m workbench.ui.server`: the page without the command line around it."""
    parser = argparse.ArgumentParser(prog="workbench.ui.server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--workspace")
    parser.add_argument("--lang", choices=LANGUAGES)
    parser.add_argument("--no-browser", action="store_true")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logger.setLevel(logging.INFO)
    return serve(
        Workspace.locate(given.workspace, environ),
        host=given.host,
        port=given.port,
        lang=given.lang,
        open_browser=not given.no_browser,
        environ=environ,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
