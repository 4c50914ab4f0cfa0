from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from tests.ui.samples import DOCUMENT, OTHER, QUOTED
from workbench.errors import ConfigError, InputError, StateError
from workbench.evaluation.items import read_items
from workbench.generation.templates import build_prompt
from workbench.inference import EndpointRegistry
from workbench.schemas.chat import RaftMetadata, RaftRow
from workbench.schemas.generation import DEFAULT_SYSTEM_PROMPT
from workbench.schemas.inference import ChatReply, Endpoint
from workbench.ui.context import UiContext
from workbench.ui.live_answers import Column, StopSigns
from workbench.ui.live_sources import Source
from workbench.ui.tabs import live_asking, live_keeping, live_models, live_question

QUESTION = "窓口は何時に開きますか。"
NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture(autouse=True)
def no_toasts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(gr, "Info", lambda message, **_: said.append(message))
    return said


@pytest.fixture
def test_set(ctx: UiContext) -> str:
    """A dataset with one question for each of two test sets."""
    rows = {
        "test.jsonl": ("a1", [DOCUMENT, OTHER], {"has_oracle": True, "oracle_position": 1}),
        "test_unanswerable.jsonl": ("u1", [OTHER, OTHER], {"has_oracle": False}),
    }
    draft = ctx.artifacts.begin("dataset", "税 FAQ")
    for name, (row_id, documents, facts) in rows.items():
        split = "test" if facts["has_oracle"] else "test_unanswerable"
        given = {"id": row_id, "split": split, "source": "faq.csv", "question": QUESTION, **facts}
        row = RaftRow(
            messages=build_prompt("指示文", documents, QUESTION),
            metadata=RaftMetadata.model_validate({**given, "expected_answer": DOCUMENT}),
        )
        (draft.folder / name).write_text(row.model_dump_json() + "\n", encoding="utf-8")
    return draft.commit().id


def values(**changes: Any) -> dict[str, Any]:
    sampling = {"temperature": 0.0, "max_tokens": 64, "top_p": 1.0, "seed": 0}
    plain = {
        "question": QUESTION,
        "mode": "none",
        "system": "",
        "thinking": "off",
        "drawn": None,
        "token": "t",
    }
    return {**plain, **sampling, "models": ["endpoint:a"], **changes}


def read(documents: list[str] | None = None, **changes: Any) -> live_question.Asked:
    given = values(**changes)
    return live_question.read_question(given, documents or [], given["drawn"])


def column(name: str, text: str = QUOTED, **endpoint: Any) -> Column:
    made = Endpoint.model_validate({"name": name, "base_url": NOWHERE, "model": name, **endpoint})
    reply = ChatReply(text=text, completion_tokens=3)
    return Column(Source(name, name, made, is_base=name == "base"), "done", text, reply=reply)


def answered(*columns: Column, **changes: Any) -> live_question.Asked:
    asked = read(**changes)
    return live_question.Asked(
        asked.messages, asked.question, asked.documents, asked.sampling, asked.drawn, columns
    )


# ---- what is asked


def test_a_question_without_documents_is_sent_as_it_is() -> None:
    assert [message.content for message in read().messages] == [QUESTION]
    with_system = read(system="丁寧に")
    assert [message.role for message in with_system.messages] == ["system", "user"]


def test_documents_are_put_as_the_training_data_puts_them() -> None:
    asked = read(["", DOCUMENT + "\n", OTHER], mode="paste", system=DEFAULT_SYSTEM_PROMPT)
    assert asked.documents == (DOCUMENT, OTHER)
    assert asked.messages == build_prompt(DEFAULT_SYSTEM_PROMPT, asked.documents, QUESTION)


def test_documents_left_in_their_boxes_are_not_sent_when_none_are_wanted() -> None:
    assert read([DOCUMENT], mode="none").documents == ()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"question": "  "}, "live_no_question"),
        ({"question": None}, "live_no_question"),
        ({"question": "あ" * 20_001}, "live_question_long"),
        ({"mode": "paste"}, "live_no_documents"),
    ],
)
def test_what_is_missing_is_said(changes: Mapping[str, Any], code: str) -> None:
    with pytest.raises(InputError, match=code):
        read(**changes)


def test_sampling_out_of_bounds_is_refused_field_by_field() -> None:
    with pytest.raises(ConfigError) as caught:
        read(temperature=9, max_tokens=0)
    assert {problem.field for problem in caught.value.problems} == {
        "Sampling.temperature",
        "Sampling.max_tokens",
    }


def test_the_system_prompt_of_the_training_data_comes_with_documents_and_goes_with_them(
    ctx: UiContext,
) -> None:
    assert live_question.choose_mode(ctx, "paste", "")[2] == DEFAULT_SYSTEM_PROMPT
    assert live_question.choose_mode(ctx, "none", DEFAULT_SYSTEM_PROMPT)[2] == ""
    assert live_question.choose_mode(ctx, "set", "自分の指示文")[2] == live_question.SKIP


def test_boxes_for_documents_come_one_by_one_up_to_the_limit(ctx: UiContext) -> None:
    count, *boxes = live_question.add_document(ctx, 1)
    assert count == 2
    assert [box["visible"] for box in boxes] == [True, True] + [False] * 8
    with pytest.raises(InputError, match="live_documents_full"):
        live_question.add_document(ctx, live_question.MAX_DOCUMENTS)


# ---- drawing from a test set


def test_a_question_of_a_test_set_fills_the_form(ctx: UiContext, test_set: str) -> None:
    chosen = live_question.show_sets(ctx, None)[0]["value"]
    assert chosen == f"{test_set}/test.jsonl"
    assert live_question.show_items(ctx, chosen)["choices"] == [(QUESTION, "a1")]
    sample, question, system, reference, count, *boxes = live_question.draw_item(ctx, chosen, "a1")
    assert (question, system, count) == (QUESTION, "指示文", 2)
    assert [box["value"] for box in boxes[:3]] == [DOCUMENT, OTHER, ""]
    assert DOCUMENT in reference
    assert read([DOCUMENT, OTHER], mode="set", drawn=sample).drawn == sample


def test_a_changed_question_no_longer_has_the_reference_of_the_set(ctx: UiContext, test_set: str) -> None:
    sample = live_question.draw_item(ctx, f"{test_set}/test.jsonl", None)[0]
    assert read([DOCUMENT, OTHER], mode="set", drawn=sample, question="別の質問").drawn is None
    assert read([DOCUMENT], mode="set", drawn=sample).drawn is None


def test_where_no_document_answers_declining_is_called_right(ctx: UiContext, test_set: str) -> None:
    assert "断るのが正解" in live_question.draw_item(ctx, f"{test_set}/test_unanswerable.jsonl", None)[3]


@pytest.mark.parametrize("chosen", [None, "", "x/train.jsonl", "../../etc/passwd"])
def test_only_test_sets_can_be_drawn_from(ctx: UiContext, chosen: str | None) -> None:
    with pytest.raises(InputError, match="live_no_set"):
        live_question.load_set(ctx, chosen)


# ---- whom to ask


def register(ctx: UiContext, name: str, **changes: Any) -> None:
    values = {"name": name, "base_url": NOWHERE, "model": name, "timeout_s": 5, **changes}
    EndpointRegistry(ctx.workspace).add(Endpoint.model_validate(values))


def test_the_chosen_models_stay_chosen_while_they_answer(ctx: UiContext) -> None:
    register(ctx, "a")
    update, known, hint = live_models.show_sources(ctx, ["endpoint:a", "serve:gone:base"], [])
    assert (update["value"], known, hint) == (["endpoint:a"], ["endpoint:a"], "")


def test_where_nobody_answers_the_page_says_what_to_do(ctx: UiContext) -> None:
    assert "モデルを起動する" in live_models.show_sources(ctx, None, [])[2]


def test_all_models_get_the_same_thinking_mode(ctx: UiContext) -> None:
    register(ctx, "a", thinking="on")
    register(ctx, "b")
    chosen = ["endpoint:a", "endpoint:b"]
    for thinking, expected in (("off", ["off", "off"]), ("on", ["on", "on"]), ("default", ["on", "off"])):
        opened = live_asking.open_columns(ctx, chosen, thinking)
        assert [column.source.endpoint.thinking for column in opened] == expected


@pytest.mark.parametrize(
    ("chosen", "error", "code"),
    [
        ([], InputError, "live_no_model"),
        (None, InputError, "live_no_model"),
        (["a", "b", "c", "d", "e"], InputError, "live_too_many"),
        (["endpoint:gone"], StateError, "live_source_gone"),
    ],
)
def test_models_that_cannot_be_asked_are_refused(
    ctx: UiContext, chosen: list[str] | None, error: type[Exception], code: str
) -> None:
    with pytest.raises(error, match=code):
        live_asking.open_columns(ctx, chosen, "off")


async def test_a_server_that_is_gone_is_told_in_its_column(ctx: UiContext) -> None:
    register(ctx, "a")
    drawn = [drawn async for drawn in live_asking.send(ctx, StopSigns(), None, [], values())]
    first, last = json.loads(drawn[0][0]), json.loads(drawn[-1][0])
    assert first["columns"][0]["chips"][0]["text"] == "待っています"
    assert last["columns"][0]["error"]["message"] == "サーバーにつながらず、回答が得られませんでした。"
    assert [asked for _, asked in drawn[:-1]] == [None] * (len(drawn) - 1)
    assert drawn[-1][1] is not None


# ---- what speaks against comparing


def test_one_model_in_two_columns_is_pointed_out(ctx: UiContext) -> None:
    twins = [column("base"), column("base")]
    assert "同じモデルです" in live_asking.warn(ctx, twins, {})[0]
    assert live_asking.warn(ctx, [column("base"), column("tuned")], {}) == []


def test_who_says_nothing_without_documents_is_to_be_given_some(ctx: UiContext) -> None:
    silent = column("base")
    silent.reply = ChatReply(text="", state="empty", finish_reason="stop")
    spoken = column("tuned")
    assert "文書を付けて" in live_asking.advise(ctx, read(), [spoken, silent])[0]
    assert live_asking.advise(ctx, read(), [spoken]) == []
    assert live_asking.advise(ctx, read([DOCUMENT], mode="paste"), [silent]) == []


def test_models_that_always_answer_the_same_are_pointed_out(ctx: UiContext) -> None:
    pair = [column("base"), column("tuned")]
    assert live_asking.warn(ctx, pair, {live_asking.pair_key(*pair): 2}) == []
    assert "3 問続けて" in live_asking.warn(ctx, pair, {live_asking.pair_key(*pair): 3})[0]


# ---- keeping


def test_a_pair_is_offered_with_the_base_first(ctx: UiContext) -> None:
    row, first, second = live_keeping.offer_pair(ctx, answered(column("tuned"), column("base")))
    assert (row["visible"], first["value"], second["value"]) == (True, 1, 0)
    broken = Column(column("x").source, "error")
    assert live_keeping.offer_pair(ctx, answered(column("base"), broken))[0]["visible"] is False
    assert live_keeping.offer_pair(ctx, None)[0]["visible"] is False


def test_kept_pairs_become_a_comparison(ctx: UiContext, no_toasts: list[str]) -> None:
    asked = answered(column("base", "知りません。"), column("tuned"))
    assert "1 問" in live_keeping.keep_pair(ctx, asked, 0, 1)
    assert "1 問" in live_keeping.keep_pair(ctx, asked, 0, 1), "kept twice is one"
    assert "まだありません" in live_keeping.publish(ctx)
    made = ctx.artifacts.list("comparison")
    assert len(made) == 1
    item = read_items(ctx.artifacts.file(made[0].id, "items.jsonl"))[0]
    assert (item.question, item.baseline.prediction, item.finetuned.prediction) == (
        QUESTION,
        "知りません。",
        QUOTED,
    )
    assert len(no_toasts) == 3


def test_the_reference_of_a_test_set_comes_along(ctx: UiContext, test_set: str) -> None:
    sample = live_question.draw_item(ctx, f"{test_set}/test.jsonl", None)[0]
    asked = read([DOCUMENT, OTHER], mode="set", drawn=sample)
    asked = live_question.Asked(**{**vars(asked), "columns": (column("base"), column("tuned"))})
    entry = live_keeping.make_entry(asked, 0, 1)
    assert (entry.kind, entry.target, entry.oracle_position) == ("answerable", DOCUMENT, 1)


@pytest.mark.parametrize(("first", "second"), [(None, 1), (0, 0), (0, 5), (-1, 1), (1, -1)])
def test_a_pair_that_is_none_is_refused(first: int | None, second: int | None) -> None:
    with pytest.raises(InputError, match="live_no_pair"):
        live_keeping.make_entry(answered(column("base"), column("tuned")), first, second)


def test_an_answer_that_was_stopped_is_not_kept() -> None:
    stopped = Column(column("x").source, "stopped", "途中")
    with pytest.raises(InputError, match="live_answer_failed"):
        live_keeping.make_entry(answered(column("base"), stopped), 0, 1)


# ---- the command


def test_the_command_asks_the_same_and_names_the_key_by_its_variable_only(
    ctx: UiContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_KEY", "s3cret")
    asked = answered(column("base"), column("tuned", api_key_env="LIVE_KEY"))
    lines = json.loads(live_asking.show_command(ctx, asked))["command"].splitlines()
    assert len(lines) == 2
    assert '"Authorization: Bearer $LIVE_KEY"' in lines[1]
    assert "s3cret" not in lines[1]
    body = json.loads(shlex.split(lines[0])[-1])
    assert body["messages"] == [{"role": "user", "content": QUESTION}]
    assert body["stream"] is True


def test_quotes_in_a_question_cannot_leave_the_command(ctx: UiContext) -> None:
    evil = "'; rm -rf / #"
    line = json.loads(live_asking.show_command(ctx, answered(column("base"), question=evil)))["command"]
    assert json.loads(shlex.split(line)[-1])["messages"][0]["content"] == evil


def test_before_the_first_question_there_is_no_command(ctx: UiContext) -> None:
    assert json.loads(live_asking.show_command(ctx, None))["command"] == ""


def test_the_set_is_read_where_the_workspace_keeps_it(ctx: UiContext) -> None:
    assert ctx.workspace.live_set_file.parent == ctx.workspace.root
    assert not Path(ctx.workspace.live_set_file).exists()
