"""The face in the browser, built with gradio. Submits jobs and draws what is on disk; computes nothing."""

from workbench.ui import gradio_import as gradio_import
