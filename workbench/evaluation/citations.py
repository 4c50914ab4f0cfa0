"""What the quotations and figures of an answer are worth, given the documents it was to be drawn from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.schemas.evaluation import Quote
from workbench.text.specifics import find_unsupported

RIGHT_QUOTES = frozenset({"verbatim", "elided"})
_QUOTED = re.compile(r"「[^「」]*」")


def quotes_oracle(quotes: Sequence[Quote], oracle: int | None) -> bool:
    """Whether a quote stands word for word in the answering document and names its number."""
    return oracle is not None and any(
        quote.state in RIGHT_QUOTES and quote.found_in == oracle and quote.cited == oracle for quote in quotes
    )


def citation_precision(quotes: Sequence[Quote]) -> float | None:
    """Share of the quotes that stand in the cited document; those of the question count neither way."""
    counted = [quote for quote in quotes if quote.state not in ("from_question", "unclosed")]
    if not counted:
        return None
    return sum(quote.state in ("verbatim", "elided", "near") for quote in counted) / len(counted)


def count_unsupported(text: str, documents: Sequence[str], question: str) -> float | None:
    """Numbers, dates, articles and money outside quotes that stand in no document and not in the question."""
    if not documents:
        return None
    return float(len(find_unsupported(_QUOTED.sub("", text), [*documents, question])))
