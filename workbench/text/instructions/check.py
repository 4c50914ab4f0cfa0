"""Checks a response against its instructions, strictly and loosely, as IFEval does (Zhou et al., arXiv:2311.07911)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from workbench.errors import InputError, StateError
from workbench.text.instructions.base import Instruction
from workbench.text.instructions.language import can_detect
from workbench.text.instructions.registry import INSTRUCTIONS

Check = Callable[[str], bool]


class Followed(NamedTuple):
    """For each instruction whether a response follows it."""

    strict: tuple[bool, ...]
    loose: tuple[bool, ...]
    """The response as it is, or one of seven shortened ones, follows it."""


def check_instructions(ids: Sequence[str], kwargs: Sequence[Mapping[str, Any]], response: str) -> Followed:
    """The verdicts on a response; a blank one follows nothing.

    Args:
        ids: Keys of `INSTRUCTIONS`.
        kwargs: Arguments of each instruction, by name; null is as good as absent.
        response: The answer without its thinking part.

    Raises:
        InputError, StateError: As `prepare_instructions`.
    """
    checks = prepare_instructions(ids, kwargs)
    variants = _shorten(response)
    strict = tuple(bool(response.strip()) and check(response) for check in checks)
    loose = tuple(
        done or any(check(variant) for variant in variants)
        for done, check in zip(strict, checks, strict=True)
    )
    return Followed(strict, loose)


def prepare_instructions(ids: Sequence[str], kwargs: Sequence[Mapping[str, Any]]) -> list[Check]:
    """One check for each instruction.

    Raises:
        InputError: `ifeval_no_instructions`, `ifeval_lists_differ`, `ifeval_instruction_unknown`,
            `ifeval_argument_missing`, `ifeval_argument_unknown`, `ifeval_argument_bad`.
        StateError: `ifeval_langdetect_missing`.
    """
    if not ids:
        raise InputError("ifeval_no_instructions")
    if len(ids) != len(kwargs):
        raise InputError("ifeval_lists_differ", ids=len(ids), kwargs=len(kwargs))
    return [_prepare(name, given) for name, given in zip(ids, kwargs, strict=True)]


def _prepare(name: str, given: Mapping[str, Any]) -> Check:
    instruction = INSTRUCTIONS.get(name)
    if instruction is None:
        raise InputError("ifeval_instruction_unknown", id=str(name)[:80])
    if instruction.detects_language and not can_detect():
        raise StateError("ifeval_langdetect_missing")
    return partial(instruction.check, **_read_arguments(name, instruction, given))


def _read_arguments(name: str, instruction: Instruction, given: Mapping[str, Any]) -> dict[str, Any]:
    told = {field: value for field, value in given.items() if value is not None}
    for field in told.keys() - instruction.arguments.keys():
        raise InputError("ifeval_argument_unknown", id=name, field=str(field)[:80])
    values: dict[str, Any] = {}
    for field, read in instruction.arguments.items():
        if field not in told:
            raise InputError("ifeval_argument_missing", id=name, field=field)
        try:
            values[field] = read(told[field])
        except (ValueError, OverflowError) as exc:
            raise _bad(name, field, told[field]) from exc
    wrong = instruction.fits(values)
    if wrong:
        raise _bad(name, wrong, told[wrong])
    return values


def _bad(name: str, field: str, value: object) -> InputError:
    return InputError("ifeval_argument_bad", id=name, field=field, value=str(value)[:80])


def _shorten(response: str) -> list[str]:
    """The seven loose variants, without the blank ones and those that say the same.

    Without the first line, without the last, without both, and all four forms without asterisks: models like
    to open with "Sure, here it is:" and to close with a remark.
    """
    lines = response.split("\n")
    cut = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    variants = [*cut, *(text.replace("*", "") for text in (response, *cut))]
    return [text for text in dict.fromkeys(variants) if text.strip() and text != response]
