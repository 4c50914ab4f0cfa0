"""Fixtures of the face's tests."""

from __future__ import annotations

import pytest

from tests.ui.fakes import make_ctx
from workbench.paths import Workspace
from workbench.ui.context import UiContext


@pytest.fixture
def ctx(workspace: Workspace) -> UiContext:
    """A Japanese page's context on an empty workspace."""
    return make_ctx(workspace)
