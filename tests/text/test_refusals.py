from __future__ import annotations

import pytest

from workbench.text.refusals import DEFAULT_RULES, REFUSAL_RULES, classify, classify_seed001

PLAIN = "提供された情報からは回答できません。"


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN,
        "「提供された情報からは回答できません。」",
        "申し訳ございません。提供された情報からは回答できません。お手数ですが、窓口へお問い合わせください。",
        "参考文書には該当する記述が見つかりません。提供された情報からは回答できません。",
        "提供された参考文書にはこの質問に回答するための十分な情報が含まれていません。" + PLAIN,
        "**回答できません。**",
        "わかりません。",
        "The documents do not say. I cannot answer the question.",
        PLAIN + "\n\n参考文書1は酒類の規定、参考文書2は連携の手続きについて記載されています。",
    ],
)
def test_a_sentence_that_declines_and_claims_nothing_is_a_refusal(answer: str) -> None:
    assert classify(answer) == "refused"


@pytest.mark.parametrize(
    "answer",
    [
        "手数料は300円です。ただし、割引については提供された情報からは回答できません。",
        "参考文書2には「甲社は、中小企業者に該当しません。」との記載がありますが、これは一例です。" + PLAIN,
        "ホクロの除去は美容を目的とするものであり、疾病の治療には当たらないため、医療費控除の対象になるとは考えにくいでしょう。"
        + PLAIN,
    ],
)
def test_a_refusal_beside_content_is_partial(answer: str) -> None:
    assert classify(answer) == "partial"


@pytest.mark.parametrize(
    "answer",
    [
        "手数料は300円です。",
        "参考文書1に「お電話では個別のご質問には回答できません」と記載されています。",
        "**回答：できません。** 翌年の譲渡には使えないためです。",
        "分からないことは窓口で聞けます。",
    ],
)
def test_an_answer_stays_an_answer(answer: str) -> None:
    assert classify(answer) == "answered"


def test_a_sentence_copied_from_a_document_declines_nothing() -> None:
    copied = "お電話での個別のご質問には回答できません。"
    assert classify(copied) == "refused"
    assert classify(copied, ["受付は平日です。" + copied]) == "answered"


def test_a_project_can_add_its_own_phrases() -> None:
    answer = "その件は当方では承知しておりません。"
    assert classify(answer) == "answered"
    assert classify(answer, rules=DEFAULT_RULES.extended(["承知しておりません"])) == "refused"


def test_the_articles_rule_counts_a_caveat_anywhere() -> None:
    answer = "参考文書1に「手数料は300円です」とあります。割引は提供された情報からは回答できません。"
    assert classify_seed001(answer) == "refused"
    assert REFUSAL_RULES["three_way"](answer) == "partial"
    assert REFUSAL_RULES["seed001"]("わかりません。") == "answered"
