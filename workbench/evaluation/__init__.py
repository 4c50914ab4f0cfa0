"""Asks models the questions of a test set, scores the answers, and compares two such runs."""

from workbench.evaluation.compare import compare
from workbench.evaluation.items import FILTERS, filter_items, read_items
from workbench.evaluation.samples import load_file, load_samples
from workbench.evaluation.score import METRICS, score
from workbench.evaluation.summary import summarise

__all__ = [
    "FILTERS",
    "METRICS",
    "compare",
    "filter_items",
    "load_file",
    "load_samples",
    "read_items",
    "score",
    "summarise",
]
