"""SQuAD's exact match and token F1 for English, as its official evaluation defines them (Rajpurkar et al., 2016, 2018).

Lower case, ASCII punctuation and the articles a, an, the away, white space collapsed. For SQuAD 2.0 an
unanswerable question has the reference "": it is right to say nothing, and anything else scores 0.
"""

from __future__ import annotations

import re
import string
from collections import Counter

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def norm_squad(text: str) -> str:
    """The form in which two English answers are compared."""
    plain = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def squad_em(prediction: str, target: str) -> float:
    """1 where both are the same in that form."""
    return float(norm_squad(prediction) == norm_squad(target))


def squad_f1(prediction: str, target: str) -> float:
    """F1 over the multisets of words in that form; 1 where both are empty, 0 where one is."""
    said, wanted = norm_squad(prediction).split(), norm_squad(target).split()
    if not said or not wanted:
        return float(said == wanted)
    common = (Counter(said) & Counter(wanted)).total()
    return 2 * common / (len(said) + len(wanted))
