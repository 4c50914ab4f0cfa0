"""Evaluations and comparisons for tests of the pages, scored by the real scorer."""

from __future__ import annotations

from workbench.artifacts import write_json_atomic, write_jsonl_atomic
from workbench.evaluation.compare import Comparison, Side, compare
from workbench.evaluation.score import score
from workbench.schemas.artifact import Artifact
from workbench.schemas.chat import ChatMessage, Sample
from workbench.schemas.evaluation import ScoredAnswer
from workbench.schemas.inference import ChatReply
from workbench.ui.context import UiContext

DOCUMENT = "市民課の窓口は午前9時に開きます。お昼は休みません。"
OTHER = "図書館は月曜日に休みます。"
REFUSAL = "提供された情報からは回答できません。"
QUOTED = "参考文書1に「市民課の窓口は午前9時に開きます」と記載されています。"
MADE_UP = "参考文書1に「市民課の窓口は午前7時に開いて夜まで続きます」と記載されています。"
SCRIPT = "<script>alert(1)</script>"


def make_sample(number: int, kind: str = "answerable") -> Sample:
    oracle = None if kind == "unanswerable" else 1
    documents = (OTHER, OTHER) if oracle is None else (DOCUMENT, OTHER)
    return Sample.model_validate(
        {
            "id": f"s{number}",
            "kind": kind,
            "messages": [ChatMessage(role="user", content="q")],
            "question": f"{number} 番の窓口は何時に開きますか。",
            "documents": documents,
            "target": DOCUMENT if oracle else "",
            "oracle_position": oracle,
        }
    )


def answer(number: int, text: str, kind: str = "answerable") -> ScoredAnswer:
    return score(make_sample(number, kind), ChatReply(text=text, seconds=0.5))


def make_comparison() -> Comparison:
    """s0 rescued, s1 newly refused, s2 both quote, s3 invents a quote, s4 has markup, s5 nothing answers."""
    before = [REFUSAL, QUOTED, QUOTED, QUOTED, SCRIPT, QUOTED]
    after = [QUOTED, REFUSAL, QUOTED, MADE_UP, QUOTED, REFUSAL]
    kinds = ["answerable"] * 5 + ["unanswerable"]
    sides = [[answer(i, text, kinds[i]) for i, text in enumerate(texts)] for texts in (before, after)]
    return compare(
        Side("e1", sides[0], {"label": "baseline"}), Side("e2", sides[1], {"label": "finetuned"}), draws=200
    )


def save_comparison(
    ctx: UiContext, found: Comparison | None = None, evaluations: dict[str, str] | None = None
) -> Artifact:
    found = found or make_comparison()
    draft = ctx.artifacts.begin("comparison", "比較")
    write_jsonl_atomic(draft.folder / "items.jsonl", found.items)
    write_json_atomic(draft.folder / "summary.json", found.summary)
    return draft.commit(details=evaluations or {"baseline": "e1", "finetuned": "e2"})
