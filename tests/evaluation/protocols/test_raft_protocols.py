from __future__ import annotations

import pytest

from tests.evaluation.makers import DOCUMENTS, PLAIN, QUOTED, REFUSAL, scored
from workbench.evaluation.protocols import PROTOCOLS, Given
from workbench.evaluation.score_task import score_task_reply
from workbench.schemas.chat import Sample
from workbench.schemas.inference import ChatReply

QUESTION = "住民票の手数料はいくらですか。"
SEED = PROTOCOLS["seed001_raft"].measure


def test_a_refusal_phrase_anywhere_gives_nothing() -> None:
    text = f"{PLAIN}なお、郵送の手数料の情報は見つかりません。"
    verdict = SEED(Given(text, PLAIN))
    assert verdict.scores == {"f1": 0.0, "refused": 1.0}


def test_brackets_stay_and_widths_differ_in_the_articles_score() -> None:
    assert SEED(Given("「円」", "円")).scores["f1"] == pytest.approx(2 * 1 / (3 + 1))
    assert SEED(Given("３", "3")).scores["f1"] == 0.0
    assert SEED(Given("円。，\n ．、,", "円")).scores["f1"] == 1.0


def test_quotations_are_checked_where_documents_are_given() -> None:
    given = Given(QUOTED, PLAIN, question=QUESTION, documents=DOCUMENTS, meta={"oracle_position": 1})
    verdict = SEED(given)
    assert verdict.scores["oracle_quote"] == verdict.scores["citation_precision"] == 1.0
    assert verdict.scores["has_quote"] == 1.0
    assert verdict.scores["unsupported_specifics"] == 0.0
    assert [quote.state for quote in verdict.quotes] == ["verbatim"]


def test_our_own_state_stands_beside_the_articles_flag() -> None:
    text = f"{QUOTED}なお、郵送の手数料の情報は見つかりません。"
    sample = Sample(id="1", kind="task", messages=(), question=QUESTION, documents=DOCUMENTS, target=PLAIN)
    answer = score_task_reply(sample, ChatReply(text=text), PROTOCOLS["seed001_raft"])
    assert (answer.state, answer.scores["refused"], answer.scores["f1"]) == ("partial", 1.0, 0.0)


@pytest.mark.parametrize("text", [QUOTED, PLAIN, REFUSAL])
@pytest.mark.parametrize("kind", ["answerable", "unanswerable"])
def test_raft_is_scored_as_the_workbench_scores_it_itself(text: str, kind: str) -> None:
    own = scored(text, kind=kind)  # type: ignore[arg-type]
    sample = Sample(
        id="s1",
        kind=own.kind,
        messages=(),
        question=own.question,
        documents=own.documents,
        target=own.target,
        oracle_position=own.oracle_position,
    )
    again = score_task_reply(sample, ChatReply(text=text), PROTOCOLS["raft"])
    right = float((text == REFUSAL) == (kind == "unanswerable"))
    assert again.state == own.state
    assert again.quotes == own.quotes
    assert {name: value for name, value in again.scores.items() if name != "score"} == own.scores
    assert (again.scores["score"] > 0) == bool(right)
