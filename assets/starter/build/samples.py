"""Write the sample data: the questions and answers of a fictional city, and the small general task.

`python -m build.samples` (from assets/starter). Topics are written by hand and values come from the
part of the space that training never draws from, so the starter model has seen neither.
"""

from __future__ import annotations

import csv
import json
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import cast

from build.documents import ATTRIBUTES, LEADS, OPENINGS, Attribute, Fact, make_question
from build.general import make_choice
from build.names import is_held_out

LOGGER = logging.getLogger("samples")
SAMPLES = Path(__file__).parent.parent.parent / "samples"
SEED = 2026
PER_SERVICE = 8
PARAPHRASED = 0.25
GENERAL, REHEARSAL = 200, 30

TARGET = "くらし窓口課"
SERVICES: dict[str, tuple[str, ...]] = {
    TARGET: (
        "住民票の写し", "転入のお知らせ", "結婚記念カード", "ほしみ市民カード", "日曜の受付コーナー",
        "出前の市民相談",
        "通訳さんの同行", "空き家の見回り", "生ごみ箱の貸し出し", "こもれび貸し菜園", "みどり貸し自転車",
        "つばめ乗合バス",
        "くらしの困りごと相談", "法律の初回相談", "自治会の集会室", "防災ラジオの配布",
        "家具の固定の手伝い", "雨水タンクの設置",
        "引っこしごみの回収", "古い布団の回収", "小さな家電の回収", "ペットの迷子さがし",
        "犬の初めての登録", "ねこの手術の補助",
        "市民活動の保険", "生活道具の修理会", "リユース家具の市", "星見の丘の使用", "花だんの里親",
        "公園の清掃グループ",
        "町内の掲示板", "市政だよりの点字版", "声の市政だより", "夜の窓口", "電話での手話", "合同墓地",
        "結婚式の写真コーナー",
        "海の家の組合票", "山小屋つつじ", "ふるさと便の申し出", "新米パパの手続き案内", "転出の予告はがき",
    ),
    "子育て支援課": (
        "おもちゃ図書館くるり", "一時預かりひよこ", "双子のお出かけ応援",
        "放課後の学び部屋", "赤ちゃんの体重測定",
    ),
    "環境課": (
        "落ち葉の無料引き取り", "ほたるの水路見学", "太陽光の共同購入", "川の水質しらべ隊",
        "大型ごみの持ちこみ",
    ),
    "文化スポーツ課": (
        "市民オーケストラ", "朝のラジオ体操スクール", "町なか美術館",
        "弓道場ゆみはり", "古文書の読み方入門",
    ),
    "道路交通課": (
        "駅前の月ぎめ駐輪", "街灯の新設の願い", "雪道の砂まき", "通学路の旗当番", "高齢者の電動カート",
    ),
}  # fmt: skip

WORDS = (
    "ほしみ",
    "つばめ",
    "こもれび",
    "みなと",
    "あけぼの",
    "さざなみ",
    "やまびこ",
    "若葉",
    "白鳥",
    "銀河",
    "朝日",
    "花園",
    "松風",
    "清流",
    "星空",
)
SURNAMES = (
    "森下",
    "青木",
    "金子",
    "小川",
    "野村",
    "石田",
    "平野",
    "西村",
    "松本",
    "安田",
    "黒木",
    "宮田",
    "北川",
    "高野",
    "大原",
)
OTHER_SENTENCES = (
    "ただし、{n}歳以上の方は例外です。",
    "ただし、{m}月は変わることがあります。",
    "雨の日は中止することがあります。",
    "くわしくは{w}広場のページをご覧ください。",
    "混み合う日がありますのでご注意ください。",
    "代理の方でもかまいません。",
    "お子さまは大人と一緒にお越しください。",
    "{w}カードをお持ちの方はお申し出ください。",
    "年末年始は行いません。",
    "あらかじめご確認ください。",
    "変更は{n}日前までにお知らせください。",
    "英語の案内も用意しています。",
)


def _place(rng: random.Random) -> str:
    tail = rng.choice(("会館", "公民館", "支所", "センター", "分室"))
    return (
        rng.choice(WORDS)
        + tail
        + rng.choice(("", f"の{rng.randint(1, 7)}階", f"{rng.randint(1, 20)}番窓口", "の受付"))
    )


def _papers(rng: random.Random) -> str:
    first, second = rng.sample(
        (
            "登録票",
            "身分証",
            "保険証",
            "通知書",
            "申告書",
            "印鑑",
            "年金手帳",
            "住所の写し",
            "学生証",
            "前年の届出書",
        ),
        2,
    )
    return rng.choice(
        (f"{first}と{second}", f"{rng.choice(WORDS)}カードと{first}", f"{first}{rng.randint(1, 4)}通")
    )


def _method(rng: random.Random) -> str:
    word = rng.choice(WORDS)
    return rng.choice(
        (f"{word}サイトからの入力", f"{word}用紙の郵送", f"{word}箱への投函", f"往復はがきを{word}係へ送付")
    )


def _payment(rng: random.Random) -> str:
    word = rng.choice(WORDS)
    return rng.choice(
        (f"現金または{word}ペイ", f"{word}ペイのみ", f"{word}銀行への振込", f"口座振替または{word}ペイ")
    )


def _people(rng: random.Random) -> str:
    who = rng.choice(("歳以上の方", "歳未満の方", "歳までの子", "歳以上の家族"))
    where = rng.choice(("市内に住む", "市内で働く", "市内に通学する", f"{rng.choice(WORDS)}地区に住む"))
    return f"{where}{rng.randint(3, 80)}{who}"


def _staff(rng: random.Random) -> str:
    return rng.choice(SURNAMES) + rng.choice(("主任", "係長", "課長", "主査", "相談員"))


VALUES: dict[str, Callable[[random.Random], str]] = {
    "place": _place,
    "papers": _papers,
    "method": _method,
    "payment": _payment,
    "people": _people,
    "staff": _staff,
}


def make_value(rng: random.Random, attribute: Attribute) -> str:
    """Draw a value that training cannot have drawn."""
    maker = VALUES.get(attribute.key, attribute.make)
    while True:
        value = maker(rng)
        if is_held_out(value):
            return value


def make_answer(rng: random.Random, fact: Fact) -> str:
    """Write two to four sentences; only one of them names the service."""
    others = [
        text.format(n=rng.randint(2, 80), m=rng.randint(1, 12), w=rng.choice(WORDS))
        for text in rng.sample(OTHER_SENTENCES, rng.randint(1, 2))
    ]
    opening = [rng.choice(OPENINGS)] if rng.random() < 0.2 else []
    return "".join([*opening, fact.sentence, *others])


def make_rows(seed: int = SEED) -> list[dict[str, str]]:
    """Every service with eight of its facts; one question in four says it in other words."""
    rng = random.Random(seed)
    rows = []
    for department, services in SERVICES.items():
        cells = [
            (service, attribute) for service in services for attribute in rng.sample(ATTRIBUTES, PER_SERVICE)
        ]
        reworded = set(rng.sample(range(len(cells)), round(len(cells) * PARAPHRASED)))
        for index, (service, attribute) in enumerate(cells):
            fact = Fact(service, attribute, make_value(rng, attribute), rng.choice(LEADS))
            question = make_question(rng, service, attribute, index in reworded)
            rows.append({"質問": question, "回答": make_answer(rng, fact), "部署": department})
    rng.shuffle(rows)
    return rows


def make_general(seed: int = SEED) -> list[dict[str, object]]:
    """Items of the general task, no two alike."""
    rng = random.Random(seed + 1)
    items = {choice.prompt: choice for choice in (make_choice(rng) for _ in range(GENERAL * 2))}
    return [
        {
            "id": f"g{number:03d}",
            "question": item.question,
            "choices": list(item.choices),
            "answer": item.answer,
        }
        for number, item in enumerate(list(items.values())[:GENERAL], 1)
    ]


def make_rehearsal(seed: int = SEED) -> list[dict[str, object]]:
    """Training rows of the general task, none of them an item of `make_general`."""
    tested = {(item["question"], *cast("list[str]", item["choices"])) for item in make_general(seed)}
    rng = random.Random(seed + 2)
    drawn = (make_choice(rng) for _ in range(REHEARSAL * 2))
    fresh = [item for item in drawn if (item.question, *item.choices) not in tested][:REHEARSAL]
    return [
        {
            "messages": [
                {"role": "user", "content": item.prompt},
                {"role": "assistant", "content": str(item.answer)},
            ]
        }
        for item in fresh
    ]


def main() -> None:
    """Write the three files."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    SAMPLES.mkdir(parents=True, exist_ok=True)
    rows = make_rows()
    with (SAMPLES / "city_faq.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["質問", "回答", "部署"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for name, items in (("general.jsonl", make_general()), ("general_rehearsal.jsonl", make_rehearsal())):
        lines = [json.dumps(item, ensure_ascii=False) for item in items]
        (SAMPLES / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    LOGGER.info("%d rows in %s", len(rows), SAMPLES)


if __name__ == "__main__":
    main()
