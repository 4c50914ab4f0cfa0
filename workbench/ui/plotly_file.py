"""Where the plotting library lies."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from workbench.errors import StateError


def plotly_script() -> Path:
    """The plotting library as the installed Python package brings it; that package itself is not imported.

    Raises:
        StateError: `plotly_missing`.
    """
    spec = importlib.util.find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise StateError("plotly_missing")
    return Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
