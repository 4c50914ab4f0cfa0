"""The seed article's way of scoring RAFT answers, so that its table can be reproduced.

Its F1 is taken over the sets of distinct characters, and an answer with one of five phrases anywhere in it
scores 0. Our own state of the answer stands beside its flag, and so do the checks of quotations.
"""

from __future__ import annotations

from workbench.evaluation.citations import citation_precision, count_unsupported, quotes_oracle
from workbench.evaluation.protocols.base import Given, Protocol, Verdict
from workbench.evaluation.protocols.chance import chance_by_shuffling
from workbench.schemas.evaluation import Quote
from workbench.text.matching import best_of
from workbench.text.overlap import char_set_f1_seed001
from workbench.text.quotes import check_quotes
from workbench.text.refusals import classify_seed001


def _measure(given: Given) -> Verdict:
    refused = classify_seed001(given.prediction) == "refused"
    scores = {"refused": float(refused)}
    if given.expected.strip():
        overlap = best_of(char_set_f1_seed001, given.prediction, given.accepted)
        scores = {"f1": 0.0 if refused else overlap, **scores}
    if not given.documents:
        return Verdict(scores)
    quotes = tuple(check_quotes(given.prediction, given.documents, given.question))
    return Verdict(scores | _citations(given, quotes), quotes=quotes)


def _citations(given: Given, quotes: tuple[Quote, ...]) -> dict[str, float]:
    precision = citation_precision(quotes)
    unsupported = count_unsupported(given.prediction, given.documents, given.question)
    oracle = given.meta.get("oracle_position")
    found = {"has_quote": float(any(quote.state != "unclosed" for quote in quotes))}
    if precision is not None:
        found["citation_precision"] = precision
    if isinstance(oracle, int):
        found["oracle_quote"] = float(quotes_oracle(quotes, oracle))
    return found if unsupported is None else found | {"unsupported_specifics": unsupported}


SEED001_RAFT = Protocol(
    name="seed001_raft",
    version=1,
    primary="f1",
    measure=_measure,
    rates=frozenset({"refused", "has_quote", "oracle_quote"}),
    asides=frozenset({"refused", "has_quote", "citation_precision", "unsupported_specifics"}),
    chance=chance_by_shuffling(char_set_f1_seed001),
    needs_expected=False,
)
