"""What the settings page asks of other rooms."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workbench.errors import StateError
from workbench.schemas.inference import Endpoint
from workbench.ui.services import make_services


def test_an_endpoint_whose_key_is_not_set_is_told_before_anything_is_sent() -> None:
    test_endpoint = make_services({}).test_endpoint
    assert test_endpoint is not None
    endpoint = Endpoint(name="far", base_url="http://127.0.0.1:9/v1", model="m", api_key_env="NO_SUCH_KEY")
    with pytest.raises(StateError):
        test_endpoint(endpoint)


def test_the_hubs_rooms_are_imported_only_when_asked() -> None:
    code = "import sys, workbench.ui.services; print('workbench.training.hub' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
