"""Which questions go wrong: categories by the file's own column, by keyword rules, or by a list. Pure but for reading."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from workbench.artifacts.files import parse_line
from workbench.errors import InputError, NotFoundError
from workbench.evaluation.items import own_score
from workbench.evaluation.paired import judge_p
from workbench.evaluation.pairing import Key, Pair, key_of, pair_up
from workbench.schemas.base import parse
from workbench.schemas.evaluation import ScoredAnswer
from workbench.schemas.genres import GenreBreakdown, GenreFigures, GenreFlip, GenreRule, GenreRules
from workbench.text.significance import adjust_holm
from workbench.text.stats import MIN_PAIRS, flip_difference, mcnemar_exact, wilson

RIGHT_FROM = 0.5
"""An answer whose own score is below this is a wrong one; of right or wrong scores it is the wrong ones."""
SHOWN = 50
_MOST_BYTES = 64 * 2**20
_SAME = 1e-9

Genres = Mapping[Key, str]
"""The category of each question; empty where it has none."""


def genres_by_column(answers: Iterable[ScoredAnswer]) -> dict[Key, str]:
    """The categories that the test file itself gave."""
    return {key_of(answer): answer.genre for answer in answers}


def genres_by_source(answers: Iterable[ScoredAnswer]) -> dict[Key, str]:
    """Where the documents of each question come from."""
    return {key_of(answer): answer.source for answer in answers}


def genres_by_rules(answers: Iterable[ScoredAnswer], rules: GenreRules) -> dict[Key, str]:
    """The first category whose words stand in the question."""
    folded = [(rule.name, _fold_rule(rule)) for rule in rules.genres]
    found: dict[Key, str] = {}
    for answer in answers:
        text = _fold(answer.question)
        found[key_of(answer)] = next((name for name, rule in folded if _fits(rule, text)), rules.other)
    return found


def genres_by_list(answers: Iterable[ScoredAnswer], listed: Mapping[str, str]) -> dict[Key, str]:
    """The categories that a list gives by the questions' ids."""
    return {key_of(answer): listed.get(answer.id, "") for answer in answers}


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _fold_rule(rule: GenreRule) -> tuple[list[str], list[str], list[str]]:
    any_, all_, none_ = ([_fold(word) for word in words] for words in (rule.any, rule.all, rule.none))
    return any_, all_, none_


def _fits(rule: tuple[list[str], list[str], list[str]], text: str) -> bool:
    any_, all_, none_ = rule
    wanted = not any_ or any(word in text for word in any_)
    return wanted and all(word in text for word in all_) and not any(word in text for word in none_)


def read_rules(path: Path) -> GenreRules:
    """Rules from a YAML file.

    Raises:
        NotFoundError: `genre_file_missing`.
        InputError: `genre_file_unreadable`.
        ConfigError: Fields are wrong; all of them are reported.
    """
    try:
        loaded: object = yaml.safe_load(_read_text(path))
    except yaml.YAMLError as exc:
        raise InputError("genre_file_unreadable", path=str(path)) from exc
    if not isinstance(loaded, dict):
        raise InputError("genre_file_unreadable", path=str(path))
    return parse(GenreRules, cast("dict[str, Any]", loaded), prefix="genres")


def read_list(path: Path) -> dict[str, str]:
    """Categories by id from a CSV or JSONL file with the columns `id` and `genre`.

    Raises:
        NotFoundError: `genre_file_missing`.
        InputError: `genre_file_unreadable`, `genre_list_columns`.
    """
    text = _read_text(path)
    if path.suffix.lower() == ".csv":
        rows: Iterable[Mapping[str, Any] | None] = csv.DictReader(io.StringIO(text, newline=""))
    else:
        rows = (parse_line(line.encode()) for line in text.splitlines() if line.strip())
    found: dict[str, str] = {}
    try:
        for number, row in enumerate(rows, start=1):
            if row is None or row.get("id") in (None, "") or row.get("genre") is None:
                raise InputError("genre_list_columns", path=str(path), line=number)
            found[str(row["id"])] = str(row["genre"]).strip()[:60]
    except csv.Error as exc:
        raise InputError("genre_file_unreadable", path=str(path)) from exc
    if not found:
        raise InputError("genre_file_unreadable", path=str(path))
    return found


def _read_text(path: Path) -> str:
    if not path.is_file():
        raise NotFoundError("genre_file_missing", path=str(path))
    if path.stat().st_size > _MOST_BYTES:
        raise InputError("genre_file_unreadable", path=str(path))
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InputError("genre_file_unreadable", path=str(path)) from exc


def break_down(
    after: Sequence[ScoredAnswer], genres: Genres, before: Sequence[ScoredAnswer] = ()
) -> GenreBreakdown:
    """Errors by category, and where another run is given, what changed against it.

    Args:
        after: The run that is looked at.
        genres: The category of each question.
        before: The run to compare with; empty: none.
    """
    asked = [answer for answer in after if answer.state != "error"]
    pairs = [pair for pair in pair_up(before, after) if "error" not in (pair[0].state, pair[1].state)]
    groups: dict[str, tuple[list[ScoredAnswer], list[Pair]]] = {}
    for answer in asked:
        groups.setdefault(genres.get(key_of(answer), ""), ([], []))[0].append(answer)
    for pair in pairs:
        groups[genres.get(key_of(pair[1]), "")][1].append(pair)
    figures = [_count(name, *group) for name, group in groups.items()]
    whole = _count("", asked, pairs)
    flips = [_flip(pair, genres) for pair in pairs]
    return GenreBreakdown(
        genres=tuple(sorted(_correct(figures), key=lambda one: (-one.wrong, one.genre))),
        whole=whole,
        gains=_top(flips, 1),
        regressions=_top(flips, -1),
        fixed=whole.fixed,
        broken=whole.broken,
    )


def is_wrong(answer: ScoredAnswer) -> bool:
    """Whether the question's own score says that the answer is wrong."""
    return own_score(answer) < RIGHT_FROM


def _count(name: str, asked: Sequence[ScoredAnswer], pairs: Sequence[Pair]) -> GenreFigures:
    wrong = sum(is_wrong(answer) for answer in asked)
    plain = GenreFigures(genre=name, n=len(asked), wrong=wrong, share=wilson(wrong, len(asked)))
    if not pairs:
        return plain
    fixed = sum(is_wrong(old) and not is_wrong(new) for old, new in pairs)
    broken = sum(is_wrong(new) and not is_wrong(old) for old, new in pairs)
    difference, p = flip_difference(broken, fixed, len(pairs)), mcnemar_exact(broken, fixed)
    return plain.model_copy(
        update={
            "before_wrong": sum(is_wrong(old) for old, _ in pairs),
            "after_wrong": sum(is_wrong(new) for _, new in pairs),
            "shared": len(pairs),
            "difference": difference,
            "fixed": fixed,
            "broken": broken,
            "p": p,
            "verdict": judge_p(p, difference, higher_is_better=False),
        }
    )


def _correct(figures: Sequence[GenreFigures]) -> list[GenreFigures]:
    """Verdicts that hold for all categories together: of twenty, one "differs" by chance (Holm)."""
    tested = [one for one in figures if one.shared >= MIN_PAIRS and one.p is not None]
    adjusted = dict(
        zip((one.genre for one in tested), adjust_holm([one.p or 0.0 for one in tested]), strict=True)
    )
    return [
        one.model_copy(
            update={
                "p": adjusted[one.genre],
                "verdict": judge_p(adjusted[one.genre], one.difference, higher_is_better=False),
            }
        )
        if one.genre in adjusted and one.difference is not None
        else one
        for one in figures
    ]


def _flip(pair: Pair, genres: Genres) -> GenreFlip:
    before, after = pair
    return GenreFlip(
        id=after.id,
        task=after.task,
        genre=genres.get(key_of(after), ""),
        question=after.question,
        target=after.target,
        before=before.extracted or before.prediction,
        after=after.extracted or after.prediction,
        delta=own_score(after) - own_score(before),
    )


def _top(flips: Sequence[GenreFlip], sign: int) -> tuple[GenreFlip, ...]:
    kept = [flip for flip in flips if flip.delta * sign > _SAME]
    return tuple(sorted(kept, key=lambda flip: -abs(flip.delta))[:SHOWN])
