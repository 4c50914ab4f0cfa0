"""Choices over the rows of a FAQ file: the target group, and fewer rows."""

from __future__ import annotations

import logging
from dataclasses import replace
from random import Random

from workbench.errors import InputError
from workbench.generation.faq import FaqTable
from workbench.text.normalise import norm_light

logger = logging.getLogger(__name__)


def find_group(table: FaqTable, wanted: str) -> str:
    """The group as it is written in the file; empty where none is wanted.

    Raises:
        InputError: `faq_no_groups` or `faq_group_unknown`.
    """
    if not wanted.strip():
        return ""
    known = table.groups
    if not table.columns.group or not known:
        raise InputError("faq_no_groups", group=wanted)
    for group in known:
        if norm_light(group) == norm_light(wanted):
            return group
    shown = ", ".join(list(known)[:20]) + (" …" if len(known) > 20 else "")
    raise InputError("faq_group_unknown", group=wanted, known=shown)


def thin_table(table: FaqTable, target: str, limit: int, seed: int) -> FaqTable:
    """At most `limit` rows: a random choice, two thirds of them of the target group where there is one."""
    if len(table.rows) <= limit:
        return table
    rng = Random(f"{seed}/thin")
    own = [row for row in table.rows if not target or row.group == target]
    others = [row for row in table.rows if target and row.group != target]
    kept_others = min(len(others), max(limit // 3, limit - len(own)))
    kept = rng.sample(own, min(len(own), limit - kept_others)) + rng.sample(others, kept_others)
    logger.info("%s: %s of %s rows are used", table.name, len(kept), len(table.rows))
    return replace(table, rows=tuple(sorted(kept)))
