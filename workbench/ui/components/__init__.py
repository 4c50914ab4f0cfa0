"""Parts that several tabs share. Each is a layout function and a pure function that makes its JSON."""

from workbench.ui.components.answer_view import answer_view, render_answer_view
from workbench.ui.components.command_line import command_line, command_payload
from workbench.ui.components.job_card import job_cards, job_row, jobs_payload
from workbench.ui.components.json_view import json_view, labels_of, to_json
from workbench.ui.components.live_chart import Curve, chart_payload, live_chart
from workbench.ui.components.log_view import log_payload, log_view, read_tail

__all__ = [
    "Curve",
    "answer_view",
    "chart_payload",
    "command_line",
    "command_payload",
    "job_cards",
    "job_row",
    "jobs_payload",
    "json_view",
    "labels_of",
    "live_chart",
    "log_payload",
    "log_view",
    "read_tail",
    "render_answer_view",
    "to_json",
]
