"""What the review desk draws of one question. While names are hidden nothing in it gives a side away. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, get_args

from workbench.i18n import Lang, has_key, t
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import PinnedNote, Quote, ScoredAnswer, Side, Vote
from workbench.schemas.review import Disagreement, QueueItem, VoteDraft
from workbench.text.diff import DiffMode, DiffSegment, diff

Place = Literal["left", "right"]
PLACES: tuple[Place, ...] = get_args(Place)
SIDES: tuple[Side, ...] = get_args(Side)
MODES: tuple[DiffMode, ...] = ("word", "char", "sentence")
LONG = 8000
"""Characters of an answer from which no differences are looked for: nobody compares that by eye."""
LONGEST = 100_000
"""Characters of an answer or a document that are shown."""

# how a quote's state is told: tone of its badge
QUOTE_TONES: dict[str, str] = {
    "verbatim": "good",
    "elided": "good",
    "near": "warn",
    "misattributed": "warn",
    "from_question": "plain",
    "unsupported": "bad",
    "unclosed": "warn",
}
OWN_SCORES = ("char_f1", "correct", "refused")
"""Which score counts as a question's own where it names none; the first that it has."""
STATE_TONES: dict[str, str] = {"empty": "bad", "truncated": "bad", "error": "bad"}


def side_at(item: QueueItem, place: Place) -> Side:
    """The side that stands at a place."""
    return item.left if place == "left" else other(item.left)


def place_of(item: QueueItem, side: Side) -> Place:
    """The place at which a side stands."""
    return "left" if side == item.left else "right"


def other(side: Side) -> Side:
    """The other side."""
    return "finetuned" if side == "baseline" else "baseline"


def answer_of(item: ComparisonItem, side: Side) -> ScoredAnswer:
    """One side's answer."""
    return item.baseline if side == "baseline" else item.finetuned


def build_item(
    item: ComparisonItem, place: QueueItem, lang: Lang, *, blind: bool, oracle_shown: bool
) -> dict[str, Any]:
    """The question, its documents and both answers, by place.

    Args:
        item: The question.
        place: Which side stands left, and whether this is a repeat.
        lang: The page's language.
        blind: Names and whatever gives them away are left out.
        oracle_shown: The document with the answer is marked.
    """
    left, right = (answer_of(item, side_at(place, name)) for name in PLACES)
    return {
        "key": [place.sample_id, place.repeat],
        "question": item.question[:LONGEST],
        "documents": [document[:LONGEST] for document in item.documents],
        "oracle": item.oracle_position if oracle_shown else None,
        "target": item.target[:LONGEST],
        "left": _answer(left, lang),
        "right": _answer(right, lang),
        "sides": None if blind else {name: side_at(place, name) for name in PLACES},
        "diff": build_diff(left.prediction, right.prediction),
        "differences": say_differences(left.prediction, right.prediction, lang),
    }


def _answer(answer: ScoredAnswer, lang: Lang) -> dict[str, Any]:
    state = answer.state
    return {
        "text": answer.prediction[:LONGEST],
        "cut": len(answer.prediction) > LONGEST,
        "state": state,
        "badge": {"text": t(f"answer_state.{state}", lang), "tone": STATE_TONES[state]}
        if state in STATE_TONES
        else None,
        "quotes": [_quote(quote, lang) for quote in answer.quotes if quote.end <= LONGEST],
    }


def _quote(quote: Quote, lang: Lang) -> dict[str, Any]:
    return {
        "start": quote.start,
        "end": quote.end,
        "document": quote.found_in,
        "span": quote.span,
        "tone": QUOTE_TONES.get(quote.state, "warn"),
        "badge": t(f"review_tab.quote.{quote.state}", lang),
    }


@lru_cache(maxsize=256)
def _compare(left: str, right: str, mode: DiffMode) -> tuple[DiffSegment, ...]:
    """The differences; a place is drawn as the next one first, and by every reviewer."""
    return tuple(diff(left, right, mode))


def build_diff(left: str, right: str) -> dict[str, list[list[Any]]] | None:
    """The differences in each mode as `[same, text left, text right, important]`; None for very long answers."""
    if max(len(left), len(right)) > LONG:
        return None
    return {
        mode: [
            [part.op == "equal", part.text_a, part.text_b, part.important]
            for part in _compare(left, right, mode)
        ]
        for mode in MODES
    }


def say_differences(left: str, right: str, lang: Lang) -> str:
    """How many differences of numbers, dates, articles, money and negation there are, in a sentence."""
    if max(len(left), len(right)) > LONG:
        return t("review_tab.differences.long", lang)
    if left == right:
        return t("review_tab.differences.same", lang)
    count = sum(part.important for part in _compare(left, right, "word"))
    return t("review_tab.differences.some" if count else "review_tab.differences.none", lang, count=count)


def build_entry(entered: Vote | VoteDraft | None, place: QueueItem) -> dict[str, Any]:
    """What a reviewer has entered, by place. A vote brings its verdict along."""
    if entered is None:
        return {"verdict": None}
    return {
        "verdict": _pressed(entered, place) if isinstance(entered, Vote) else None,
        "strength": entered.strength,
        "correctness": {place_of(place, side): value for side, value in entered.correctness.items()},
        "tags": {place_of(place, side): list(value) for side, value in entered.tags.items()},
        "notes": [
            {"place": place_of(place, note.side), "start": note.start, "end": note.end, "text": note.text}
            for note in entered.notes
        ],
        "correction": entered.correction,
        "states": {place_of(place, side): value for side, value in entered.states.items()},
        "comment": entered.comment,
    }


def _pressed(vote: Vote, place: QueueItem) -> str:
    if vote.verdict in ("baseline", "finetuned"):
        return place_of(place, vote.verdict)
    return "tie" if vote.verdict == "tie" else "bad"


def reveal(
    item: ComparisonItem, place: QueueItem, labels: Mapping[Side, str], lang: Lang, judge: str = ""
) -> dict[str, Any]:
    """What is told after the verdict: names, scores, the kind of question, and what the judge said.

    Args:
        item: The question.
        place: Which side stands left.
        labels: Names of the two runs.
        lang: The page's language.
        judge: The judge's verdict (baseline, finetuned, tie, both_bad); empty: there is none.
    """
    sides: dict[Place, Side] = {name: side_at(place, name) for name in PLACES}
    return {
        "sides": sides,
        "names": {name: say_side(side, labels, lang) for name, side in sides.items()},
        "kind": say_kind(item, lang),
        "scores": _score_rows(item, sides, lang),
        "judge": t("review_tab.judge", lang, verdict=t(f"review.verdict.{judge}", lang)) if judge else "",
    }


def say_side(side: Side, labels: Mapping[Side, str], lang: Lang) -> str:
    """`学習前`, with the run's own name where it says more."""
    name, label = t(f"review.side.{side}", lang), labels.get(side, "")
    return name if label in ("", side) else t("review_tab.side_named", lang, name=name, label=label)


def say_kind(item: ComparisonItem, lang: Lang) -> str:
    """The kind of question, or its task's name."""
    if item.kind == "task":
        return item.task
    return t(f"sample_kind.{item.kind}", lang)


def _score_rows(item: ComparisonItem, sides: Mapping[Place, Side], lang: Lang) -> list[list[str]]:
    """`[name, left, right]` for each score that either answer has, the question's own first."""
    answers = [answer_of(item, sides[name]) for name in PLACES]
    names = dict.fromkeys(name for answer in answers for name in answer.scores)
    own = find_own_score(item.baseline) or next((name for name in OWN_SCORES if name in names), "")
    ordered = sorted(names, key=lambda name: name != own)
    return [
        [say_score(name, lang), *(_figure(answer.scores.get(name)) for answer in answers)] for name in ordered
    ]


def find_own_score(answer: ScoredAnswer) -> str:
    """Which of an answer's scores counts as the question's own; empty where it has none."""
    return answer.primary or next((name for name in OWN_SCORES if name in answer.scores), "")


def say_score(name: str, lang: Lang) -> str:
    """A score's name in words where the catalogue has them."""
    key = f"review_tab.score.{name}"
    return t(key, lang) if has_key(key, lang) else name


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".removesuffix(".00")


def build_opinions(
    found: Disagreement, votes: Sequence[Vote], place: QueueItem, lang: Lang
) -> list[dict[str, Any]]:
    """For who decides between reviewers: what each of them said, told by place because names stay hidden."""
    mine = [
        vote
        for vote in votes
        if vote.reviewer in found.verdicts and not vote.repeat and not vote.adjudication
    ]
    return [
        {
            "reviewer": vote.reviewer,
            "verdict": t(f"review_tab.vote_{_pressed(vote, place)}", lang),
            "pressed": _pressed(vote, place),
            "tags": [
                f"{'A' if place_of(place, side) == 'left' else 'B'}: {say_tag(tag, lang)}"
                for side, tags in vote.tags.items()
                for tag in tags
            ],
            "comment": vote.comment,
        }
        for vote in mine
    ]


def say_tag(tag: str, lang: Lang) -> str:
    """A reason's words: of the catalogue for the codes on offer, the project's own as they are."""
    key = f"review.tag.{tag}"
    return t(key, lang) if has_key(key, lang) else tag


def to_sides(given: Mapping[Place, Any], place: QueueItem) -> dict[Side, Any]:
    """What was entered by place, by side."""
    return {side_at(place, name): value for name, value in given.items()}


def pin(place: QueueItem, note: Mapping[str, Any], item: ComparisonItem) -> PinnedNote | None:
    """A note on a passage, None where the answer holds no such passage."""
    side = side_at(place, note["place"])
    start, end = int(note["start"]), int(note["end"])
    if not 0 <= start < end <= len(answer_of(item, side).prediction):
        return None
    return PinnedNote(side=side, start=start, end=end, text=str(note.get("text", "")).strip())
