"""Reads values of foreign JSON whose shape nobody promised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

Json = Mapping[str, Any]


def as_mapping(value: object) -> Json:
    """The value where it is an object of JSON, else an empty one."""
    return cast("Json", value) if isinstance(value, Mapping) else {}
