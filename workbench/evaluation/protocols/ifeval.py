"""IFEval: instructions that can be checked by rule, strictly and loosely, by question and by instruction.

The lists `instructions_strict` and `instructions_loose` hold 0 or 1 for each instruction of a question; pooled
over all questions they give the published instruction-level accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from workbench.errors import InputError
from workbench.evaluation.protocols.base import Given, Protocol, Verdict

IDS, KWARGS = "instruction_id_list", "kwargs"


def _measure(given: Given) -> Verdict:
    # imported here: its rules are many, and most tasks have none of them
    from workbench.text.instructions import check_instructions

    followed = check_instructions(*_read(given.meta), given.prediction)
    return Verdict(
        scores={"prompt_strict": float(all(followed.strict)), "prompt_loose": float(all(followed.loose))},
        lists={
            "instructions_strict": tuple(map(float, followed.strict)),
            "instructions_loose": tuple(map(float, followed.loose)),
        },
        rule="instructions",
    )


def _read(meta: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[Mapping[str, Any]]]:
    ids, kwargs = _list(meta, IDS), _list(meta, KWARGS)
    if not all(isinstance(name, str) for name in ids):
        raise InputError("ifeval_lists_bad", field=IDS)
    if not all(isinstance(values, dict) for values in kwargs):
        raise InputError("ifeval_lists_bad", field=KWARGS)
    return cast("list[str]", ids), cast("list[dict[str, Any]]", kwargs)


def _list(meta: Mapping[str, Any], field: str) -> list[Any]:
    value = meta.get(field)
    if not isinstance(value, list | tuple):
        raise InputError("ifeval_lists_bad", field=field)
    return list(cast("Sequence[Any]", value))


IFEVAL = Protocol(
    name="ifeval",
    version=1,
    primary="prompt_strict",
    measure=_measure,
    rates=frozenset({"prompt_strict", "prompt_loose", "instructions_strict", "instructions_loose"}),
    needs_expected=False,
    needs=(IDS, KWARGS),
)
