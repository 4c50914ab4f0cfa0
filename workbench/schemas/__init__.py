"""Declared records, one module per noun. Forms, commands, recipes and documentation come from them.

Importing this package imports none of torch, gradio, docker, openai or transformers.
"""
