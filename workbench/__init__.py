"""The Fine-Tuning Workbench: from documents to a compared, fine-tuned model on one machine.

Importing this package imports none of its heavy dependencies (torch, gradio, docker).
"""

from __future__ import annotations

__version__ = "0.1.0"
