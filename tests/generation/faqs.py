"""FAQ rows and files for tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

PLACES = ("図書館", "体育館", "市民会館", "保健所", "資料館", "プール", "美術館", "斎場", "公民館", "児童館")
TOPICS = ("休館日", "使用料", "予約", "駐車場", "対象者", "持ち物", "担当課", "開館時間", "期限", "減免")


def _is_common(char: str) -> bool:
    try:
        char.encode("shift_jis")
    except UnicodeEncodeError:
        return False
    return True


KANJI = [char for char in map(chr, range(0x4E00, 0x6000)) if _is_common(char)]


def make_rows(count: int, groups: Sequence[str] = ("",)) -> list[tuple[str, str, str]]:
    """Question, answer and group; every pair of place and topic says something else."""
    rows: list[tuple[str, str, str]] = []
    for number in range(count):
        place, topic = PLACES[number % 10], TOPICS[number // 10 % 10]
        floor = number // 100
        name = f"第{floor + 1}{place}"
        filler = "".join(KANJI[(number * 97 + step * 31) % len(KANJI)] for step in range(12))
        answer = f"{name}の{topic}は{filler}に定める{number + 100}番のとおりとします。"
        answer += f"くわしくは窓口{number}へお越しください。"
        rows.append((f"{name}の{topic}を教えてください。", answer, groups[number % len(groups)]))
    return rows


def csv_text(
    rows: Sequence[Sequence[str]], header: Sequence[str] = ("質問", "回答", "部署"), delimiter: str = ","
) -> str:
    """Rows as CSV text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    writer.writerows([header, *rows])
    return buffer.getvalue()


def write_faq(path: Path, count: int = 120, groups: Sequence[str] = ("",)) -> Path:
    """A CSV file in UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(csv_text(make_rows(count, groups)), encoding="utf-8")
    return path
