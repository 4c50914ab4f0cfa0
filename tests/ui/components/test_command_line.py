"""The command at the foot."""

from __future__ import annotations

import json

import pytest

from workbench.ui.components.command_line import command_payload


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["workbench", "train", "a b.yaml"], "workbench train 'a b.yaml'"),
        (["workbench", "x", "--token", "abc"], "workbench x --token '***'"),
        (["workbench", "x", "--api-key=abc", "-v"], "workbench x '--api-key=***' -v"),
        (["docker", "run", "-e", "NGC_API_KEY=abc"], "docker run -e 'NGC_API_KEY=***'"),
        (["workbench", "x", "--token-env", "HF_TOKEN"], "workbench x --token-env HF_TOKEN"),
        ([], ""),
    ],
)
def test_secrets_are_masked_and_words_quoted(command: list[str], shown: str) -> None:
    assert json.loads(command_payload(command))["command"] == shown
