"""Files of other evaluation programs: llm-jp-eval, lm-evaluation-harness, promptfoo."""

from workbench.evaluation.formats.exporting import WRITERS, export_run
from workbench.evaluation.formats.importing import import_results, read_results

__all__ = ["WRITERS", "export_run", "import_results", "read_results"]
