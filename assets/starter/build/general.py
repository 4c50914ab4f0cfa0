"""The small general task: five choices, one digit as the answer, no documents."""

from __future__ import annotations

import random
from dataclasses import dataclass

CATEGORIES: dict[str, tuple[str, ...]] = {
    "動物": (
        "犬", "ねこ", "馬", "牛", "きつね", "たぬき", "うさぎ", "ライオン", "ぞう", "くま", "さる",
        "ひつじ",
    ),
    "食べ物": (
        "パン", "ごはん", "うどん", "カレー", "とうふ", "おにぎり", "ピザ", "たまご", "チーズ", "みそしる",
        "すし", "もち",
    ),
    "乗り物": (
        "電車", "バス", "飛行機", "船", "自転車", "タクシー", "新幹線", "トラック", "ヨット", "ロケット",
        "馬車", "バイク",
    ),
    "色": ("赤", "青", "黄色", "緑", "白", "黒", "茶色", "むらさき", "ピンク", "銀色", "オレンジ色", "水色"),
    "国": (
        "日本", "フランス", "インド", "ブラジル", "カナダ", "エジプト", "ドイツ", "タイ", "ケニア",
        "スペイン", "中国", "ペルー",
    ),
    "花": (
        "さくら", "ばら", "ひまわり", "チューリップ", "ゆり", "あさがお", "たんぽぽ", "すみれ", "コスモス",
        "つばき", "きく", "あじさい",
    ),
    "楽器": (
        "ピアノ", "ギター", "たいこ", "ふえ", "バイオリン", "トランペット", "ハープ", "こと", "オルガン",
        "チェロ", "すず", "フルート",
    ),
    "仕事": (
        "医者", "先生", "大工", "歌手", "農家", "漁師", "画家", "警官", "消防士", "記者", "料理人",
        "運転手",
    ),
    "体の部分": ("手", "足", "目", "耳", "鼻", "口", "首", "ひざ", "かた", "せなか", "ゆび", "おなか"),
    "家具": (
        "つくえ", "いす", "本だな", "ベッド", "ソファー", "たんす", "こたつ", "テーブル", "食器だな",
        "かがみ台", "たな", "ざぶとん",
    ),
    "スポーツ": (
        "野球", "サッカー", "テニス", "水泳", "すもう", "スキー", "バレー", "ゴルフ", "柔道", "ラグビー",
        "マラソン", "卓球",
    ),
    "天気": (
        "晴れ", "雨", "くもり", "雪", "あらし", "きり", "かみなり", "台風", "にじ", "夕立", "ふぶき",
        "みぞれ",
    ),
    "文房具": (
        "えんぴつ", "ノート", "けしごむ", "はさみ", "のり", "ものさし", "ペン", "ふでばこ", "クレヨン",
        "手帳", "画用紙", "セロテープ",
    ),
    "魚": (
        "まぐろ", "さけ", "たい", "さば", "いわし", "あじ", "かつお", "ひらめ", "うなぎ", "さんま", "ふぐ",
        "ぶり",
    ),
}  # fmt: skip
END = "番号だけで答えてください。"


@dataclass(frozen=True)
class Choice:
    """One question with five choices and the index of the right one."""

    question: str
    choices: tuple[str, ...]
    answer: int

    @property
    def prompt(self) -> str:
        """The user turn."""
        lines = [f"{number}. {choice}" for number, choice in enumerate(self.choices)]
        return "\n".join([self.question, *lines, END])


def make_choice(rng: random.Random) -> Choice:
    """Ask for the member of a category, or for the largest or smallest number."""
    answer = rng.randrange(5)
    if rng.random() < 0.15:
        numbers = rng.sample(range(1, 100), 5)
        biggest = rng.random() < 0.5
        right = max(numbers) if biggest else min(numbers)
        numbers.remove(right)
        numbers.insert(answer, right)
        return Choice(
            f"一番{'大きい' if biggest else '小さい'}数はどれですか。", tuple(map(str, numbers)), answer
        )
    category = rng.choice(list(CATEGORIES))
    others = rng.sample([name for name in CATEGORIES if name != category], 4)
    words = [rng.choice(CATEGORIES[name]) for name in others]
    words.insert(answer, rng.choice(CATEGORIES[category]))
    return Choice(f"次のうち、{category}はどれですか。", tuple(words), answer)
