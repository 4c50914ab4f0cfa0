"""`python -m workbench.conversion.prove FOLDER`: checks a converted folder and writes `proof.json` into it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from workbench.artifacts import read_json, write_json_atomic
from workbench.conversion.detect import Place, find_place, open_source
from workbench.conversion.proof import answers, texts
from workbench.conversion.proof.weights import CHECKS, Weights
from workbench.conversion.sources.base import TensorSource
from workbench.schemas.base import parse
from workbench.schemas.conversion import Check, ConvertConfig, ProofReport

SETTINGS, PROOF = "conversion.json", "proof.json"


def prove(folder: Path) -> ProofReport:
    """All checks of a folder that holds its own settings in `conversion.json`."""
    started = time.monotonic()
    settings = parse(ConvertConfig, read_json(folder / SETTINGS))
    return ProofReport(checks=tuple(_check(settings, folder)), seconds=round(time.monotonic() - started, 3))


def _check(settings: ConvertConfig, folder: Path) -> Iterator[Check]:
    if settings.to in ("gguf", "gguf-adapter", "ollama"):
        # the package that knows the format is loaded only where it is needed
        from workbench.conversion.proof.gguf import check_gguf

        yield from check_gguf(settings, folder)
        return
    place = find_place(Path(settings.source))
    base = find_place(Path(settings.base)) if settings.base else None
    merged = settings.to == "merged"
    with ExitStack() as opened:

        def read(found: Place | None) -> TensorSource | None:
            return opened.enter_context(closing(open_source(found))) if found is not None else None

        # a merged weight is no copy of a stored one: there the answers are compared
        output = opened.enter_context(closing(open_source(find_place(folder))))
        weights = Weights(output, read(None if merged else place), read(base), folder)
        for check in CHECKS:
            yield check(weights)
    tokens = place.tokenizer or (base.tokenizer if base is not None else None)
    yield texts.check_tokenizer(folder, tokens, texts.read_texts(settings.texts))
    yield texts.check_template(folder, tokens)
    if merged and base is not None:
        yield answers.check_merged(folder, place, base.weights)
    else:
        yield answers.check_loads(folder)


def main(arguments: list[str]) -> int:
    """Prove one folder; 0 where the checks could be made, whatever they found."""
    folder = Path(arguments[0])
    write_json_atomic(folder / PROOF, prove(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
