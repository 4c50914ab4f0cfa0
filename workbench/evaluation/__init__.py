"""Asks models the questions of a test set, scores the answers, and compares two such runs.

Here stands what reading and scoring answers needs; what a job does is imported from its module (`run`, `compare`,
`score_file`), which brings the machinery of jobs and tables with it.
"""

from workbench.evaluation.items import FILTERS, filter_items, read_items
from workbench.evaluation.samples import load_file, load_samples
from workbench.evaluation.score import METRICS, score
from workbench.evaluation.summary import summarise

__all__ = [
    "FILTERS",
    "METRICS",
    "filter_items",
    "load_file",
    "load_samples",
    "read_items",
    "score",
    "summarise",
]
