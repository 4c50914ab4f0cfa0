"""The arguments of every command, and how wrong ones are told."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from workbench import __version__
from workbench.cli.commands import COMMANDS, load_command
from workbench.cli.context import CliContext
from workbench.errors import InputError
from workbench.i18n import Lang, t

Handler = Callable[[CliContext, argparse.Namespace], int]


class RaisingParser(argparse.ArgumentParser):
    """Raises our error instead of printing usage and ending the process, so that `--json` stays JSON."""

    def error(self, message: str) -> NoReturn:
        """Turn a wrong usage into an error with a sentence."""
        raise InputError("usage", detail=message, usage=self.format_usage().strip())


def _common() -> RaisingParser:
    """Options that stand before or after the sub-command. SUPPRESS keeps the later default from hiding the earlier value."""
    common = RaisingParser(add_help=False)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    common.add_argument("--workspace", metavar="DIR", default=argparse.SUPPRESS)
    common.add_argument("--lang", choices=("ja", "en"), default=argparse.SUPPRESS)
    return common


def build_parser(lang: Lang, arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the `workbench` command.

    Args:
        lang: Of the help.
        arguments: What will be parsed; a command that is not among them is listed and knows no arguments.
    """
    common = _common()
    parser = RaisingParser(prog="workbench", description=t("cli.description", lang), parents=[common])
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", parser_class=RaisingParser, required=True
    )
    for name in COMMANDS:
        summary = t(f"cli.{name}.help", lang)
        sub = commands.add_parser(name, help=summary, description=summary, parents=[common])
        if name in arguments:
            command = load_command(name)
            command.add_arguments(sub, common)
            sub.set_defaults(handler=command.handle)
    return parser
