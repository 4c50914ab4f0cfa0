"""Asks models the questions of a test set, scores the answers, and compares two such runs.

Each module is imported by its own name, so that a command that only submits a job loads none of what the job does.
"""
