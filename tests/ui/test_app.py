"""Both pages as gradio sees them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.ui.fakes import make_ctx
from workbench.i18n import LANGUAGES, Lang, load_catalogue
from workbench.paths import Workspace
from workbench.ui.app import TABS, build_app

KEY = re.compile(r"^[a-z_]+(\.[A-Za-z_0-9]+)+$")


def config_of(workspace: Workspace, lang: Lang) -> Any:
    return build_app(make_ctx(workspace, lang)).get_config_file()


@pytest.fixture
def configs(workspace: Workspace) -> dict[Lang, Any]:
    return {lang: config_of(workspace, lang) for lang in LANGUAGES}


def test_every_event_is_private(configs: dict[Lang, Any]) -> None:
    for config in configs.values():
        open_events = [d["id"] for d in config["dependencies"] if d["api_visibility"] != "private"]
        assert open_events == []


def test_both_languages_have_the_same_components(configs: dict[Lang, Any]) -> None:
    kinds = {lang: [part["type"] for part in config["components"]] for lang, config in configs.items()}
    assert kinds["ja"] == kinds["en"]


def test_no_raw_key_is_visible(configs: dict[Lang, Any]) -> None:
    keys = set(load_catalogue("ja"))
    prefixes = {key.split(".")[0] for key in keys}
    for config in configs.values():
        shown = [
            text
            for part in config["components"]
            for name in ("label", "info", "value", "placeholder")
            if isinstance(text := part["props"].get(name), str)
            and KEY.match(text)
            and text.split(".")[0] in prefixes
        ]
        assert shown == []


def test_no_secret_stands_in_the_page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "s3cr3t-value")
    assert "s3cr3t-value" not in json.dumps(config_of(workspace, "ja"), default=str)


def test_the_tabs_stand_in_the_order_of_the_work() -> None:
    assert list(TABS) == [
        "start",
        "data",
        "train",
        "convert",
        "serve",
        "evaluate",
        "compare",
        "live",
        "review",
        "jobs",
        "settings",
    ]
