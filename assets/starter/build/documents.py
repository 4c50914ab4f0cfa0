"""The procedural world: services, facts about them, documents, and questions in two wordings.

A fact is one attribute of one service. It stands in one sentence that names the service; a document is
that sentence with up to three others around it (exceptions, advice), which never name the service. A
question either uses the document's own noun (direct) or says the same in other words (paraphrased).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from build.names import KANJI, KATAKANA, draw, is_held_out, make_place, make_word


@dataclass(frozen=True)
class Attribute:
    """One kind of fact: the noun documents use, a value maker, and the two wordings of a question."""

    key: str
    noun: str
    make: Callable[[random.Random], str]
    direct: tuple[str, ...]
    paraphrased: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """What one document is about."""

    service: str
    attribute: Attribute
    value: str
    lead: str = "の"

    @property
    def sentence(self) -> str:
        """The sentence in the document, with its full stop."""
        return f"{self.service}{self.lead}{self.answer}"

    @property
    def answer(self) -> str:
        """The plain answer, which leaves the service out."""
        return f"{self.attribute.noun}は{self.value}です。"


def _fee(rng: random.Random) -> str:
    amount = rng.choice((rng.randint(1, 99) * 10, rng.randint(1, 99) * 100, rng.randint(11, 999) * 10))
    return rng.choice(("", "", "1回", "1件につき", "1人", "月額", "年額", "1冊")) + f"{amount}円"


def _date(rng: random.Random) -> str:
    tail = rng.choice(("", "", "の正午", "の消印有効", f"の{rng.randint(13, 20)}時"))
    return f"{rng.choice(('', '', '', '毎年'))}{rng.randint(1, 12)}月{rng.randint(1, 30)}日{tail}"


def _hours(rng: random.Random) -> str:
    opening, closing = rng.randint(6, 12), rng.randint(13, 22)
    halves = [rng.choice(("", "", "半", "15分", "45分")) for _ in range(2)]
    return f"{opening}時{halves[0]}から{closing}時{halves[1]}まで"


def _papers(rng: random.Random) -> str:
    def paper() -> str:
        return make_word(rng) + rng.choice(("票", "証", "書", "カード", "の写し", "通知", "申告書", "手帳"))

    return rng.choice((f"{paper()}と{paper()}", f"{paper()}と印鑑", f"身分証と{paper()}", f"{paper()}1通"))


def _phone(rng: random.Random) -> str:
    return f"0{rng.randint(10, 99)}-{rng.randint(100, 999)}-{rng.randint(1000, 9999)}"


def _people(rng: random.Random) -> str:
    age = rng.randint(3, 89)
    where = rng.choice(("市内に住む", "市内で働く", "市内に通学する", "", f"{make_word(rng)}地区に住む"))
    who = rng.choice((f"{age}歳以上の方", f"{age}歳未満の方", f"{age}歳までの子", f"{age}歳以上の家族"))
    return where + who


def _capacity(rng: random.Random) -> str:
    return (
        rng.choice(("", "各回", "先着", "抽選で", "1日"))
        + f"{rng.randint(5, 400)}"
        + rng.choice(("人", "名", "組"))
    )


def _span(rng: random.Random) -> str:
    start = rng.choice(("発行日から", "交付から", "登録日から", "受取日から", ""))
    return start + rng.choice(
        (f"{rng.randint(2, 36)}か月", f"{rng.randint(2, 15)}年間", f"{rng.randint(5, 180)}日間")
    )


def _closed(rng: random.Random) -> str:
    first = rng.choice(("毎週", "第1", "第2", "第3", "第4")) + rng.choice("月火水木金土日") + "曜日"
    if rng.random() < 0.3:
        return first
    return (
        first
        + "と"
        + rng.choice((f"{rng.randint(1, 12)}月{rng.randint(1, 30)}日", "祝日", f"毎月{rng.randint(1, 28)}日"))
    )


def _wait(rng: random.Random) -> str:
    number = rng.randint(2, 60)
    return rng.choice(("約", "およそ", "通常", "申込みから")) + rng.choice(
        (f"{number}日", f"{number}週間", f"{number}分")
    )


def _payment(rng: random.Random) -> str:
    pay = draw(rng, KATAKANA, 2, 3) + "ペイ"
    return rng.choice(
        (f"現金または{pay}", f"{pay}のみ", f"口座振替または{pay}", f"{draw(rng, KANJI, 2, 2)}銀行への振込")
    )


def _method(rng: random.Random) -> str:
    form = make_word(rng)
    return rng.choice(
        (f"{form}用紙の郵送", f"{form}サイトからの入力", f"{form}箱への投函", f"往復はがきを{form}係へ送付")
    )


def _limit(rng: random.Random) -> str:
    return (
        rng.choice(("年", "月", "週", "1人", "1世帯"))
        + f"{rng.randint(2, 60)}"
        + rng.choice(("回", "点", "枚", "時間"))
    )


def _staff(rng: random.Random) -> str:
    return (
        draw(rng, KANJI, 1, 2)
        + rng.choice(("田", "村", "川", "山", "木", "野", "原", "本"))
        + rng.choice(("主任", "係長", "課長", "主査", "相談員"))
    )


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("fee", "手数料", _fee,
              ("{s}の手数料はいくらですか。", "{s}の手数料を教えてください。", "{s}の手数料は何円ですか。"),
              ("{s}にはお金がいくらかかりますか。", "{s}で払う金額が知りたいです。")),
    Attribute("place", "窓口", make_place,
              ("{s}の窓口はどこですか。", "{s}の窓口を教えてください。"),
              ("{s}はどこへ行けばいいですか。", "{s}の場所が知りたいです。")),
    Attribute("deadline", "申込期限", _date,
              ("{s}の申込期限はいつですか。", "{s}の申込期限を教えてください。"),
              ("{s}はいつまでに頼めばいいですか。", "{s}の締め切りが知りたいです。")),
    Attribute("hours", "受付時間", _hours,
              ("{s}の受付時間は何時までですか。", "{s}の受付時間を教えてください。"),
              ("{s}は何時から何時まで開いていますか。", "{s}に行ける時刻が知りたいです。")),
    Attribute("papers", "必要書類", _papers,
              ("{s}の必要書類は何ですか。", "{s}の必要書類を教えてください。"),
              ("{s}には何を持っていけばいいですか。", "{s}の持ち物が知りたいです。")),
    Attribute("phone", "電話番号", _phone,
              ("{s}の電話番号は何番ですか。", "{s}の電話番号を教えてください。"),
              ("{s}は何番にかければいいですか。", "{s}の連絡先が知りたいです。")),
    Attribute("people", "対象者", _people,
              ("{s}の対象者はだれですか。", "{s}の対象者を教えてください。"),
              ("{s}はどんな人が使えますか。", "{s}を使える人が知りたいです。")),
    Attribute("capacity", "定員", _capacity,
              ("{s}の定員は何人ですか。", "{s}の定員を教えてください。"),
              ("{s}には何人まで入れますか。", "{s}に入れる人数が知りたいです。")),
    Attribute("span", "有効期間", _span,
              ("{s}の有効期間はどれくらいですか。", "{s}の有効期間を教えてください。"),
              ("{s}はどのくらい長く使えますか。", "{s}が切れる時期が知りたいです。")),
    Attribute("closed", "休業日", _closed,
              ("{s}の休業日はいつですか。", "{s}の休業日を教えてください。"),
              ("{s}がお休みなのはいつですか。", "{s}をしていない曜日が知りたいです。")),
    Attribute("wait", "所要日数", _wait,
              ("{s}の所要日数はどれくらいですか。", "{s}の所要日数を教えてください。"),
              ("{s}はどれだけ待てば済みますか。", "{s}にかかる時間が知りたいです。")),
    Attribute("payment", "支払方法", _payment,
              ("{s}の支払方法は何ですか。", "{s}の支払方法を教えてください。"),
              ("{s}ではどうやってお金を払いますか。", "{s}で使えるお金の払い方が知りたいです。")),
    Attribute("method", "申込方法", _method,
              ("{s}の申込方法は何ですか。", "{s}の申込方法を教えてください。"),
              ("{s}はどうやって頼めばいいですか。", "{s}の頼み方が知りたいです。")),
    Attribute("limit", "利用上限", _limit,
              ("{s}の利用上限はどれくらいですか。", "{s}の利用上限を教えてください。"),
              ("{s}はどれだけたくさん使えますか。", "{s}を使いすぎになる量が知りたいです。")),
    Attribute("staff", "担当者", _staff,
              ("{s}の担当者はだれですか。", "{s}の担当者を教えてください。"),
              ("{s}を受け持つのはどなたですか。", "{s}の世話をする人が知りたいです。")),
)  # fmt: skip

LEADS = ("の", "の", "の", "の", "について、")

OTHER_SENTENCES = (
    "ただし、{n}歳以上の方は例外です。",
    "ただし、{w}がある場合を除きます。",
    "ただし、{m}月は変わることがあります。",
    "雨の日は中止することがあります。",
    "くわしくは{w}のページをご覧ください。",
    "混み合う日がありますのでご注意ください。",
    "代理の方でもかまいません。",
    "お子さまは大人と一緒にお越しください。",
    "{w}をお持ちの方はお申し出ください。",
    "年末年始は行いません。",
    "あらかじめご確認ください。",
    "変更は{n}日前までにお知らせください。",
    "{w}が不要になったときはお返しください。",
    "過去{n}年の記録は残っています。",
    "ペットを連れた方はご遠慮ください。",
    "英語の案内も用意しています。",
)
OPENINGS = (
    "お問い合わせありがとうございます。",
    "市からのお知らせです。",
    "次のとおりご案内します。",
    "よくあるご質問です。",
)


def make_value(rng: random.Random, attribute: Attribute, held_out: bool = False) -> str:
    """Draw a value, from the part of the space that belongs to the sample or from the rest."""
    while True:
        value = attribute.make(rng)
        if is_held_out(value) == held_out:
            return value


def make_fact(rng: random.Random, service: str, attribute: Attribute, held_out: bool = False) -> Fact:
    """State one attribute of a service; the joint is even odds, so that it has to be read."""
    return Fact(service, attribute, make_value(rng, attribute, held_out), rng.choice(("の", "について、")))


def make_document(rng: random.Random, fact: Fact, most: int = 2) -> str:
    """Put the sentence of a fact among up to `most` others; it comes first four times in five."""
    others = [
        text.format(n=rng.randint(2, 90), m=rng.randint(1, 12), w=make_word(rng))
        for text in rng.sample(OTHER_SENTENCES, rng.randint(0, most))
    ]
    opening = [rng.choice(OPENINGS)] if rng.random() < 0.2 else []
    return "".join([*opening, fact.sentence, *others])


def make_question(rng: random.Random, service: str, attribute: Attribute, paraphrased: bool) -> str:
    """Ask for an attribute of a service."""
    return rng.choice(attribute.paraphrased if paraphrased else attribute.direct).format(s=service)
