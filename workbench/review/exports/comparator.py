"""The file that PAIR's LLM Comparator reads: fine-tuned is its model A, the baseline its model B.

Keys and the scale from -1.5 to 1.5 are those of the project's README ("JSON Data Format") and of
`client/lib/types.ts`: a positive score says that A is better, `is_flipped` that B was shown first.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

from workbench.artifacts.files import dump_json
from workbench.review.exports.source import ExportSource
from workbench.review.exports.words import say, say_kind, say_tags
from workbench.review.settle import DECISIVE
from workbench.schemas.comparison import ComparisonItem
from workbench.schemas.evaluation import Side, Vote
from workbench.text.escape import clean_xml

MODELS: tuple[Side, Side] = ("finetuned", "baseline")
_POINTS = {"slight": 0.5, "": 1.0, "clear": 1.5}
_FIELDS = {
    "sample_id": "string",
    "category": "category",
    "reference": "text",
    "score_change": "number",
    "state": "per_model_category",
    "characters": "per_model_number",
}


def write_comparator(source: ExportSource) -> bytes:
    """Every question; its score is the mean of its votes, null where nobody voted."""
    document = {
        "metadata": {
            "source_path": source.comparison,
            "custom_fields_schema": [{"name": name, "type": kind} for name, kind in _FIELDS.items()],
        },
        "models": [
            {"name": clean_xml(source.label(side)) or say(source.lang, "side", side)} for side in MODELS
        ],
        "examples": [_example(source, index, item) for index, item in enumerate(source.items)],
    }
    return dump_json(document, indent=1) + b"\n"


def _example(source: ExportSource, index: int, item: ComparisonItem) -> dict[str, Any]:
    votes = source.by_sample.get(item.key, [])
    deciding = [vote for vote in votes if vote.adjudication] or votes
    both = (item.finetuned, item.baseline)
    return {
        "index": index,
        "input_text": clean_xml("\n\n".join([*item.documents, item.question])),
        "tags": [clean_xml(say_kind(source.lang, item))],
        "output_text_a": clean_xml(item.finetuned.prediction),
        "output_text_b": clean_xml(item.baseline.prediction),
        "score": fmean(map(_score, deciding)) if deciding else None,
        "individual_rater_scores": [_rating(source, place, vote) for place, vote in enumerate(votes)],
        "custom_fields": {
            "sample_id": clean_xml(item.key),
            "category": item.category,
            "reference": clean_xml(item.target),
            "score_change": item.delta,
            "state": [say(source.lang, "state", answer.state) for answer in both],
            "characters": [len(answer.prediction) for answer in both],
        },
    }


def _score(vote: Vote) -> float:
    if vote.verdict not in DECISIVE:
        return 0.0
    return _POINTS[vote.strength] * (1 if vote.verdict == "finetuned" else -1)


def _rating(source: ExportSource, index: int, vote: Vote) -> dict[str, Any]:
    reasons = [
        f"{say(source.lang, 'side', side)}: {say_tags(source.lang, vote.tags[side])}"
        for side in MODELS
        if vote.tags.get(side)
    ]
    return {
        "index": index,
        "score": _score(vote),
        "rating_label": say(source.lang, "verdict", vote.verdict),
        "is_flipped": vote.left == "baseline",
        "rationale": clean_xml("\n".join([*reasons, vote.comment]).strip()),
        "custom_fields": {},
    }
