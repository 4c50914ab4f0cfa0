"""From a FAQ file to training data: loading, splitting, distractors, teachers, files."""

from workbench.generation.faq import FaqPreview, FaqRow, FaqTable, SkippedRow, load_faq, preview_faq
from workbench.generation.sizes import SuggestedSizes, suggest_sizes

__all__ = [
    "FaqPreview",
    "FaqRow",
    "FaqTable",
    "SkippedRow",
    "SuggestedSizes",
    "load_faq",
    "preview_faq",
    "suggest_sizes",
]
