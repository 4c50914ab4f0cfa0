"""Text preparation shared by matching, scoring and de-duplication. The original is kept for output."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from workbench.startup import later

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = later("numpy")


_SPACES = re.compile(r"\s+")
_THINK_CLOSED = re.compile(r"<think>(.*?)</think>", re.DOTALL | re.IGNORECASE)
_THINK_CLOSE = re.compile(r"</think>", re.IGNORECASE)
_THINK_OPEN = re.compile(r"<think>", re.IGNORECASE)


class ThinkResult(NamedTuple):
    """An answer without its thinking part."""

    text: str
    reasoning: str
    truncated: bool
    """`<think>` opened and never closed: there is no answer, and `text` is empty."""


class MappedText(NamedTuple):
    """Normalised text that knows where each character came from."""

    text: str
    offsets: Sequence[int]
    """For each character of `text`, the offset of its source in the original."""


def _is_dropped(char: str) -> bool:
    return char.isspace() or unicodedata.category(char)[0] in "PSZC"


_PLANE = 0x1_0000
_SLOW, _UNSEEN = 0xFFFF, 0xFFFE
"""No characters; nothing else stands at or above them."""
_SURROGATES = range(0xD800, 0xE000)


class _Table:
    """What a normalisation makes of each character of the basic plane; filled as characters are met.

    `unicodedata.normalize` takes 0.3 microseconds per character of Japanese text, this look-up 0.01.

    Args:
        fold: The normalisation of one character.
        drops: Whether it leaves such a character out.
    """

    def __init__(self, fold: Callable[[str], str], drops: Callable[[str], bool]) -> None:
        self._fold = fold
        self._drops = drops

    @cached_property
    def _codes(self) -> NDArray[np.uint16]:
        # 0 stands for left out, and `_SLOW` for characters whose form depends on their neighbours or that become
        # several, and for halves of characters beyond the plane
        return np.full(_PLANE, _UNSEEN, dtype=np.uint16)

    def look_up(self, text: str) -> NDArray[np.uint16] | None:
        """The code that each character becomes, 0 for none; None where a look-up is not enough."""
        points = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype=np.uint16)
        if not len(points):
            return None
        codes = self._codes.take(points)
        most = int(codes.max())
        if most == _UNSEEN or (most == _SLOW and _UNSEEN in codes):
            for code in set(points[codes == _UNSEEN].tolist()):
                self._codes[code] = self._find_code(code)
            codes = self._codes.take(points)
            most = int(codes.max())
        return None if most == _SLOW else codes

    def _find_code(self, code: int) -> int:
        char = chr(code)
        plain = self._fold(char)
        joins = any(unicodedata.combining(one) for one in plain)
        if char == "Σ" or "\u1100" <= char <= "\u11ff" or joins or code in _SURROGATES:
            return _SLOW
        kept = [ord(one) for one in plain if not self._drops(one)]
        if not kept:
            return 0
        return kept[0] if len(kept) == 1 and kept[0] < _PLANE else _SLOW


_JA = _Table(lambda char: unicodedata.normalize("NFKC", char).lower(), _is_dropped)
_SPACELESS = _Table(lambda char: unicodedata.normalize("NFKC", char), str.isspace)
_SHORT = 64
"""Characters below which a look-up takes longer than it saves."""
_REMEMBERED = 2000
"""Characters up to which a normalised text is remembered."""


def _decode(codes: NDArray[np.uint16]) -> str:
    return codes.tobytes().decode("utf-16-le")


def norm_light(text: str) -> str:
    """NFKC, stripped, every run of whitespace as one space."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def norm_ja(text: str) -> str:
    """NFKC, lower case, without whitespace, punctuation and symbols; digits and the long vowel mark stay."""
    # the measures of one answer ask for the same texts again and again
    return _remembered_ja(text) if len(text) <= _REMEMBERED else _norm_ja(text)


def _norm_ja(text: str) -> str:
    codes = _JA.look_up(text) if len(text) >= _SHORT else None
    if codes is not None:
        return _decode(codes[codes != 0])
    normal = unicodedata.normalize("NFKC", text).lower()
    return "".join(char for char in normal if not _is_dropped(char))


_remembered_ja = lru_cache(maxsize=1024)(_norm_ja)


def norm_spaceless(text: str) -> str:
    """NFKC without whitespace: punctuation counts, so that a quotation is compared word for word."""
    codes = _SPACELESS.look_up(text) if len(text) >= _SHORT else None
    if codes is not None:
        return _decode(codes[codes != 0])
    return _SPACES.sub("", unicodedata.normalize("NFKC", text))


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: white space and characters without width or shape alone."""
    return all(char.isspace() or unicodedata.category(char) in ("Cf", "Cc") for char in text)


def map_norm_ja(text: str) -> MappedText:
    """`norm_ja` with the source offset of every character that is left."""
    # a mark that joins the character before it is none that a look-up is enough for
    codes = _JA.look_up(text)
    if codes is None:
        return _map(text, _norm_ja_of_cluster)
    kept = np.flatnonzero(codes)
    # a view: of a long document at most a few offsets are ever asked for
    return MappedText(_decode(codes[kept]), kept.data)


def map_norm_spaceless(text: str) -> MappedText:
    """`norm_spaceless` with the source offset of every character that is left."""
    return _map(text, norm_spaceless)


def _map(text: str, normalise: Callable[[str], str]) -> MappedText:
    chars: list[str] = []
    offsets: list[int] = []
    for start, cluster in _split_clusters(text):
        kept = normalise(cluster)
        chars.append(kept)
        offsets.extend([start] * len(kept))
    return MappedText("".join(chars), tuple(offsets))


@lru_cache(maxsize=65_536)
def _norm_ja_of_cluster(cluster: str) -> str:
    # texts are long and repeat few characters: without this, checking quotes takes a hundred times as long
    return norm_ja(cluster)


@lru_cache(maxsize=65_536)
def _joins(char: str) -> bool:
    return ord(char) > 0x7F and unicodedata.combining(unicodedata.normalize("NFKC", char)[0]) != 0


def _split_clusters(text: str) -> list[tuple[int, str]]:
    """Base characters with the marks that NFKC joins to them (half-width voicing marks included)."""
    clusters: list[tuple[int, str]] = []
    for index, char in enumerate(text):
        if clusters and _joins(char):
            start, cluster = clusters[-1]
            clusters[-1] = (start, cluster + char)
        else:
            clusters.append((index, char))
    return clusters


def strip_think(text: str) -> ThinkResult:
    """Remove the thinking part of an answer.

    Every closed `<think>…</think>` goes. A `</think>` without an opener (the opener stood in the prompt)
    leaves what follows the last one. An opener that is never closed leaves nothing.
    """
    reasoning = [match.group(1) for match in _THINK_CLOSED.finditer(text)]
    rest = _THINK_CLOSED.sub("", text)
    closers = list(_THINK_CLOSE.finditer(rest))
    if closers:
        reasoning.append(rest[: closers[-1].start()])
        rest = rest[closers[-1].end() :]
    opener = _THINK_OPEN.search(rest)
    if opener:
        reasoning.append(rest[opener.end() :])
        return ThinkResult("", "\n".join(reasoning).strip(), True)
    return ThinkResult(rest.strip(), "\n".join(reasoning).strip(), False)
