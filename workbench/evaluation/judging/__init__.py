"""A judge for answers: a language model with a rubric, or a reward model; and how far people agree with it."""

from workbench.evaluation.judging.check import NEEDED_VERDICTS, check_judge
from workbench.evaluation.judging.rubrics import list_rubrics, load_rubric

__all__ = ["NEEDED_VERDICTS", "check_judge", "list_rubrics", "load_rubric"]
