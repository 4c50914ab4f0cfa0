from __future__ import annotations

import json
from string import Formatter

import pytest

from tests.evaluation.makers import PLAIN, QUOTED, REFUSAL, scored
from workbench.errors import StateError
from workbench.evaluation.compare import COMPARED, Side, check_protocols, compare
from workbench.evaluation.items import FILTERS, filter_items
from workbench.i18n import LANGUAGES, has_key, t
from workbench.schemas.evaluation import ScoredAnswer

N = 30


def side(answers: list[ScoredAnswer], **details: object) -> Side:
    return Side("evaluation-1", answers, details)


def many(text: str, prefix: str, count: int = N, **kinds: str) -> list[ScoredAnswer]:
    return [scored(text, f"{prefix}{index}", **kinds) for index in range(count)]  # type: ignore[arg-type]


BEFORE = [
    *many(REFUSAL, "rescued"),
    *many(PLAIN, "both"),
    *many(PLAIN, "lost", 2),
    *many(REFUSAL, "never", 3),
    *many(REFUSAL, "u", kind="unanswerable"),
    *many("1", "g", kind="general"),
]
AFTER = [
    *many(QUOTED, "rescued"),
    *many(QUOTED, "both"),
    *many(REFUSAL, "lost", 2),
    *many(REFUSAL, "never", 3),
    *many(PLAIN, "u", kind="unanswerable"),
    *many("1", "g", kind="general"),
]


def test_the_parts_of_the_change_add_up_to_the_total() -> None:
    parts = compare(side(BEFORE), side(AFTER), draws=500).summary.decomposition
    by_code = {part.code: part for part in parts.parts}
    f1 = scored(QUOTED).scores["char_f1"]
    assert parts.n == 65
    assert by_code["rescued"].contribution == pytest.approx(f1 * 30 / 65)
    assert by_code["both_answered"].contribution == pytest.approx((f1 - 1) * 30 / 65)
    assert by_code["newly_refused"].contribution == pytest.approx(-2 / 65)
    assert by_code["both_refused"].contribution == 0.0
    assert parts.total.value == sum(part.contribution for part in parts.parts)
    assert parts.after is not None
    assert parts.before is not None
    assert parts.total.value == pytest.approx(parts.after - parts.before)
    assert parts.total.low is not None
    assert parts.total.low < parts.total.value


def test_each_figure_has_its_verdict_over_shared_questions() -> None:
    changes = {
        change.metric: change for change in compare(side(BEFORE), side(AFTER), draws=500).summary.changes
    }
    refusals = changes["over_refusal_rate"]
    assert (refusals.verdict, refusals.gained, refusals.lost) == ("improved", 30, 2)
    assert (refusals.before, refusals.after) == pytest.approx((33 / 65, 5 / 65))
    assert refusals.difference.value == pytest.approx(-28 / 65)
    assert changes["verbatim_quote_rate"].verdict == "improved"
    assert changes["correct_refusal_rate"].verdict == "worse"
    assert changes["general_accuracy"].verdict == "no_difference"
    f1 = changes["answered_f1"]
    assert (f1.verdict, f1.n, f1.lost) == ("worse", 30, 30)


def test_a_good_number_never_stands_alone_when_another_fell() -> None:
    codes = [sentence.code for sentence in compare(side(BEFORE), side(AFTER), draws=500).summary.sentences]
    assert "over_refusal_rate_improved" in codes
    assert "also_fell_correct_refusal_rate" in codes
    assert "also_fell_answered_f1" in codes
    assert {"decomposition", "chance_level"} <= set(codes)


def test_where_nothing_fell_nothing_is_said_of_it() -> None:
    before, after = many(REFUSAL, "a"), many(QUOTED, "a")
    codes = [sentence.code for sentence in compare(side(before), side(after), draws=200).summary.sentences]
    assert "over_refusal_rate_improved" in codes
    assert not [code for code in codes if code.startswith("also_fell")]


def test_the_sentence_reads_as_people_say_it() -> None:
    before = [*many(REFUSAL, "a", 47), *many(PLAIN, "b", 153)]
    after = [*many(REFUSAL, "a", 3), *many(PLAIN, "b", 153), *many(PLAIN, "a", 47)[3:]]
    (first, *_) = compare(side(before), side(after), draws=200).summary.sentences
    said = t(f"sentence.{first.code}", "ja", **first.params)
    assert said == "答えがあるのに拒否した割合が 23.5 % から 1.5 % に下がりました（200 問）。"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_sentence_that_can_be_said_is_in_the_catalogue(lang: str) -> None:
    metrics = (
        "over_refusal_rate",
        "correct_refusal_rate",
        "verbatim_quote_rate",
        "answered_f1",
        "general_accuracy",
    )
    codes = {
        f"{metric}_{word}" for metric in metrics for word in ("improved", "worse", "no_difference", "too_few")
    }
    codes |= {f"also_fell_{metric}" for metric in metrics}
    codes |= {f"{code}_differs" for code in COMPARED}
    codes |= {"decomposition", "chance_level", "refusals_leaked", "errors_left_out", "answers_identical"}
    codes |= {"questions_unpaired"}
    assert [code for code in sorted(codes) if not has_key(f"sentence.{code}", lang)] == []  # type: ignore[arg-type]


def test_every_sentence_fills_all_its_placeholders() -> None:
    failed = [*many(QUOTED, "e", 1, state="error"), *many(REFUSAL, "leak", 3, kind="general")]
    before = [*BEFORE, *many(PLAIN, "e", 1), *many("1", "leak", 3, kind="general"), *many(PLAIN, "alone", 1)]
    found = compare(side(before, protocol="a"), side([*AFTER, *failed], protocol="b"), draws=200).summary
    said = [*found.sentences, *found.warnings]
    assert {"errors_left_out", "refusals_leaked", "protocol_differs", "questions_unpaired"} <= {
        s.code for s in said
    }
    for sentence in said:
        text = t(f"sentence.{sentence.code}", "ja", **sentence.params)
        assert not [name for _, name, _, _ in Formatter().parse(text) if name], text


def test_identical_answers_are_said_first() -> None:
    found = compare(side(BEFORE), side(BEFORE), draws=200).summary
    assert found.differ == 0
    assert found.sentences[0].code == "answers_identical"


def test_the_same_evaluations_always_compare_the_same() -> None:
    first = compare(side(BEFORE), side(AFTER), draws=300, seed=5).summary
    assert first == compare(side(BEFORE), side(AFTER), draws=300, seed=5).summary


def test_pairs_are_found_by_id_in_any_order() -> None:
    found = compare(side(BEFORE), side(list(reversed(AFTER))), draws=200)
    assert found.summary.n == len(BEFORE)
    assert all(item.baseline.id == item.finetuned.id for item in found.items)


def test_a_question_with_other_documents_is_no_pair() -> None:
    changed = AFTER[0].model_copy(update={"documents": ("別の文書",)})
    found = compare(side(BEFORE), side([changed, *AFTER[1:]]), draws=200).summary
    assert (found.n, found.unpaired) == (len(BEFORE) - 1, 2)
    assert [warning.code for warning in found.warnings] == ["questions_unpaired"]


def test_evaluations_without_a_shared_question_are_refused() -> None:
    with pytest.raises(StateError, match="nothing_to_compare"):
        compare(side(many(PLAIN, "a", 2)), side(many(PLAIN, "b", 2)))


def test_unequal_protocols_are_named() -> None:
    before = {
        "protocol": "raft_v1",
        "endpoint": {"engine": "embedded", "thinking": "off"},
        "sampling": {"seed": 0},
    }
    after = {"protocol": "raft_v1", "endpoint": {"engine": "vllm", "thinking": "on"}, "sampling": {"seed": 0}}
    assert [warning.code for warning in check_protocols(before, after)] == [
        "engine_differs",
        "thinking_differs",
    ]
    assert check_protocols(before, before) == []
    assert check_protocols({}, after) == []


def test_servers_of_unequal_images_or_weights_are_named() -> None:
    held = {"quantisation": "q8_0", "image_digest": "llama.cpp@sha256:1", "base_sha256": "a"}
    before = {"provenance": held}
    after = {
        "provenance": {
            **held,
            "image_digest": "llama.cpp@sha256:2",
            "base_sha256": "b",
            "adapters": {"ft": "c"},
        }
    }
    assert [warning.code for warning in check_protocols(before, after)] == [
        "image_differs",
        "base_model_differs",
    ]


def test_a_hash_in_a_caution_is_short_enough_to_read() -> None:
    before, after = ({"provenance": {"image_digest": f"sha256:{digit * 64}"}} for digit in "ab")
    (warning,) = check_protocols(before, after)
    assert warning.params == {"before": "sha256:" + "a" * 12 + "…", "after": "sha256:" + "b" * 12 + "…"}


def test_two_whole_models_may_differ_in_their_weights() -> None:
    before = {"provenance": {"base_sha256": "a", "dtype": "float32"}}
    after = {"provenance": {"base_sha256": "b", "dtype": "float32", "adapters": {}}}
    assert check_protocols(before, after) == []


def test_items_say_what_became_of_each_question() -> None:
    items = compare(side(BEFORE), side(AFTER), draws=200).items
    assert {item.id.rstrip("0123456789"): item.category for item in items} == {
        "rescued": "rescued",
        "both": "both_answered_worse",
        "lost": "newly_refused",
        "never": "both_refused",
        "u": "refusal_lost",
        "g": "general_same",
    }
    deltas = {item.id: item.delta for item in items}
    assert deltas["u0"] == -1.0
    assert deltas["lost0"] == -1.0
    assert deltas["g0"] == 0.0


def test_an_error_on_a_side_gives_no_difference() -> None:
    found = compare(
        side(many(PLAIN, "a", 2)), side([*many(PLAIN, "a", 1), scored("", "a1", state="error")]), draws=200
    )
    assert [item.category for item in found.items] == ["both_answered_same", "failed"]
    assert found.items[1].delta is None
    assert found.summary.decomposition.n == 1


def test_a_cut_off_answer_is_neither_rescued_nor_refused() -> None:
    found = compare(side(many(REFUSAL, "a", 2)), side(many(QUOTED, "a", 2, state="truncated")), draws=200)
    assert {item.category for item in found.items} == {"no_answer"}


def test_filters_find_the_typical_questions() -> None:
    items = compare(side(BEFORE), side(AFTER), draws=200).items
    counts = {name: len(filter_items(items, name)) for name in FILTERS}
    assert counts["all"] == len(items)
    assert counts["rescued"] == 30
    assert counts["newly_refused"] == 2
    assert counts["refusal_lost"] == 30
    assert counts["differs"] == 92
    # the largest fall comes first: the newly refused ones lost everything
    assert {item.category for item in filter_items(items, "worse")[:2]} <= {"newly_refused", "refusal_lost"}


def test_a_wrong_quote_and_a_changed_figure_are_found() -> None:
    wrong = "参考文書1に「住民票の写しの手数料は1通900円です」と記載されています。"
    items = compare(side(many(QUOTED, "a", 1)), side(many(wrong, "a", 1)), draws=200).items
    assert len(filter_items(items, "quote_missing")) == 1
    assert len(filter_items(items, "important")) == 1


def test_the_summary_survives_its_file() -> None:
    summary = compare(side(BEFORE), side(AFTER), draws=200).summary
    assert type(summary).model_validate(json.loads(summary.model_dump_json())) == summary
