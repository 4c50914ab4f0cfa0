"""`workbench ui`: opens the workbench in the browser."""

from __future__ import annotations

import argparse

from workbench.cli.context import CliContext
from workbench.startup import collection_paused


def add_arguments(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare the arguments of `ui`."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--no-browser", action="store_true")


def handle(context: CliContext, arguments: argparse.Namespace) -> int:
    """Serve the page until it is interrupted."""
    # the page brings gradio, which no other command needs to wait for
    from importlib import import_module

    with collection_paused():
        server = import_module("workbench.ui.server")
    return int(
        server.serve(
            context.workspace,
            host=arguments.host,
            port=arguments.port,
            # without --lang the page speaks the browser's language, not the terminal's
            lang=getattr(arguments, "lang", None),
            first=context.lang,
            open_browser=not arguments.no_browser,
            say=context.out.line,
        )
    )
