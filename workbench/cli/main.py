"""`workbench COMMAND`: parses, runs, and turns every outcome into an exit code.

0 success, 1 a result that fails, 2 not enough evidence, 3 an error (a wrong usage included).
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Mapping, Sequence

from workbench.cli.context import CliContext
from workbench.cli.output import Output
from workbench.cli.parser import build_parser
from workbench.errors import InternalError, WorkbenchError
from workbench.i18n import LANGUAGES, Lang, pick_language
from workbench.paths import Workspace
from workbench.startup import collection_paused

logger = logging.getLogger(__name__)

ERROR_EXIT = 3
LANG_VARIABLE = "WORKBENCH_LANG"


def choose_language(arguments: Sequence[str], environ: Mapping[str, str]) -> Lang:
    """The language before arguments are parsed: `--lang`, then WORKBENCH_LANG, then the locale, then Japanese."""
    for index, argument in enumerate(arguments):
        value = argument.partition("=")[2] if argument.startswith("--lang=") else ""
        if argument == "--lang" and index + 1 < len(arguments):
            value = arguments[index + 1]
        for lang in LANGUAGES:
            if value == lang:
                return lang
    for variable in (LANG_VARIABLE, "LC_ALL", "LANG"):
        if environ.get(variable):
            return pick_language(environ[variable])
    return "ja"


def main(arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> int:
    """Run one command and return its exit code."""
    environ = os.environ if environ is None else environ
    lang = choose_language(arguments, environ)
    out = Output(as_json="--json" in arguments, lang=lang)
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    try:
        with collection_paused():  # the command's own modules are imported here
            parser = build_parser(lang, arguments)
        parsed, unknown = parser.parse_known_args(list(arguments))
        if unknown and parsed.command != "test":
            parser.error(" ".join(unknown))
        parsed.unknown = unknown
        workspace = Workspace.locate(getattr(parsed, "workspace", None), environ)
        return int(parsed.handler(CliContext(workspace, lang, out, environ), parsed))
    except WorkbenchError as error:
        out.error(error)
        return ERROR_EXIT
    except KeyboardInterrupt:
        out.say("cli.interrupted")
        return ERROR_EXIT
    except BrokenPipeError:
        # the reader of our output went away (`| head`): nothing more to say
        return ERROR_EXIT
    except Exception as exc:  # the last resort: a person sees an id, the log has the cause
        error_id = secrets.token_hex(4)
        logger.error("internal error %s", error_id, exc_info=exc)
        out.error(InternalError("internal", id=error_id))
        return ERROR_EXIT


def entry() -> None:
    """The `workbench` script."""
    sys.exit(main(sys.argv[1:]))
