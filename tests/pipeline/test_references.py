from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import InputError, StateError
from workbench.pipeline.references import (
    check_references,
    find_references,
    find_secrets,
    fingerprint,
    resolve,
)
from workbench.schemas.recipe import Recipe, Step


def _step(name: str, **config: object) -> Step:
    return Step(name=name, kind="evaluate", config=dict(config))


def test_references_are_found_at_every_depth() -> None:
    found = set(find_references({"a": "@data.files.train", "b": [{"c": "@serve.endpoint"}], "d": "plain"}))
    assert found == {"@data.files.train", "@serve.endpoint"}


def test_a_reference_becomes_the_value_it_stands_for() -> None:
    results = {"data": {"artifact": "d1", "files": {"train": "/x/train.jsonl"}}}
    assert resolve({"f": "@data.files.train", "n": 3}, results) == {"f": "/x/train.jsonl", "n": 3}


def test_a_value_that_a_step_did_not_make_is_named() -> None:
    with pytest.raises(StateError) as caught:
        resolve({"f": "@data.files.nothing"}, {"data": {"files": {}}})
    assert caught.value.params["reference"] == "@data.files.nothing"


def test_a_reference_to_a_later_step_is_refused() -> None:
    recipe = Recipe(name="r", steps=(_step("first", x="@second.artifact"), _step("second")))
    with pytest.raises(InputError) as caught:
        check_references(recipe)
    assert caught.value.code == "recipe_bad_reference"
    assert caught.value.params["step"] == "first"


def test_a_fingerprint_changes_with_the_content_of_an_input_file(tmp_path: Path) -> None:
    source = tmp_path / "faq.csv"
    source.write_text("a", encoding="utf-8")
    step = _step("data", path=str(source))
    before = fingerprint(step, {})
    assert fingerprint(step, {}) == before
    source.write_text("b", encoding="utf-8")
    assert fingerprint(step, {}) != before


def test_a_fingerprint_changes_with_an_earlier_step_and_not_with_a_server_address() -> None:
    step = _step("ask", base_url="@serve.endpoint", tests="@data.files.test")
    before = fingerprint(step, {"serve": "s", "data": "d"})
    assert fingerprint(step, {"serve": "s", "data": "d"}) == before
    assert fingerprint(step, {"serve": "s", "data": "other"}) != before


def test_the_names_of_keys_are_found_wherever_an_endpoint_stands() -> None:
    config = {
        "endpoint": {"api_key_env": "TEACHER_KEY"},
        "judges": [{"api_key_env": "JUDGE_KEY"}, {"api_key_env": ""}],
    }
    assert set(find_secrets(config)) == {"TEACHER_KEY", "JUDGE_KEY"}
