"""Which side stands left for a reviewer. Pure: a page that is opened again shows the same."""

from __future__ import annotations

import hashlib
from typing import Literal

Side = Literal["baseline", "finetuned"]


def side_for(seed: int, comparison: str, sample: str, reviewer: str) -> Side:
    """The side that stands left; over many questions each side does so about equally often.

    Args:
        seed: Of the review.
        comparison: Artifact id.
        sample: Question id.
        reviewer: Name; two reviewers see a question with different sides as often as with the same.
    """
    text = "\0".join((str(seed), comparison, sample, reviewer))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return "baseline" if digest[0] & 1 else "finetuned"
