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
    "体の部分": ("手", "足", "目", "耳", "鼻", "口", "首", "ひざ", "かた", "せなか", "ゆび", "おなか"),
    "スポーツ": (
        "野球", "サッカー", "テニス", "水泳", "すもう", "スキー", "バレー", "ゴルフ", "柔道", "ラグビー",
        "マラソン", "卓球",
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
    """Ask for the one member of a category among five words."""
    answer = rng.randrange(5)
    category = rng.choice(list(CATEGORIES))
    others = rng.sample([name for name in CATEGORIES if name != category], 4)
    words = [rng.choice(CATEGORIES[name]) for name in others]
    words.insert(answer, rng.choice(CATEGORIES[category]))
    return Choice(f"次のうち、{category}はどれですか。", tuple(words), answer)
