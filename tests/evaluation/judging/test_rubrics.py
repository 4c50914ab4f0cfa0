from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import ConfigError, InputError, NotFoundError
from workbench.evaluation.judging import list_rubrics, load_rubric
from workbench.evaluation.judging.families import families_of
from workbench.i18n import render_error

OWN = """
version: 1
name: own
title: {ja: 自分の基準}
role: 採点してください。
criteria:
  - {name: polite, title: 丁寧さ, ask: 丁寧か。}
  - {name: right, title: 正しさ, ask: 正しいか。, levels: {5: 正しい}}
"""


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_shipped_rubric_loads_under_its_name_in_both_languages() -> None:
    rubrics = {rubric.name: rubric for rubric in list_rubrics()}
    assert {"raft", "qa", "refusal", "pairwise"} == {name.rpartition("_")[0] for name in rubrics}
    for name, rubric in rubrics.items():
        assert name.endswith(f"_{rubric.language}")
        assert set(rubric.title) == set(rubric.about) == {"ja", "en"}
        assert load_rubric(name).path.stem == name


def test_a_rubric_of_ones_own_is_a_file(tmp_path: Path) -> None:
    rubric = load_rubric(write(tmp_path, OWN)).rubric
    assert rubric.primary == "right"
    assert (rubric.low, rubric.high) == (1, 5)


def test_the_hash_follows_the_words_and_not_the_layout(tmp_path: Path) -> None:
    first = load_rubric(write(tmp_path, OWN)).sha256
    assert load_rubric(write(tmp_path, f"# 覚え書き\n{OWN}")).sha256 == first
    assert load_rubric(write(tmp_path, OWN.replace("丁寧か", "親切か"))).sha256 != first


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- 一覧", "rubric_unreadable"),
        ("a: [", "rubric_unreadable"),
        ("!!python/object/apply:os.system [echo]", "rubric_unreadable"),
        ("", "rubric_unreadable"),
    ],
)
def test_a_file_that_is_no_rubric_gets_a_sentence(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        load_rubric(write(tmp_path, text))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("name: own", "name: own\nlow: 5\nhigh: 3", "rubric_range"),
        ("name: own", "name: own\noverall: missing", "rubric_overall_unknown"),
        ("title: 正しさ", "title: 丁寧 さ", "rubric_criteria_repeat"),
        ("levels: {5:", "levels: {9:", "rubric_level_outside"),
        ("role: 採点してください。", "rolle: x", "missing"),
    ],
)
def test_wrong_fields_are_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_rubric(write(tmp_path, OWN.replace(old, new)))
    assert problem in {one.code for one in caught.value.problems}
    assert "problem." not in render_error(caught.value, "ja").text


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(NotFoundError) as caught:
        load_rubric("nothing")
    assert "raft_ja" in str(caught.value.params["known"])


@pytest.mark.parametrize(
    ("name", "families"),
    [
        ("nvidia/Llama-3.3-Nemotron-70B-Instruct", {"llama", "nemotron"}),
        ("meta/llama3-70b", {"llama"}),
        ("gpt-4o-mini", {"gpt"}),
        ("o1-preview", {"gpt"}),
        ("Qwen3-8B", {"qwen"}),
        ("dolphi-4", set()),
        ("video1", set()),
        ("base", set()),
    ],
)
def test_a_name_gives_its_families_away(name: str, families: set[str]) -> None:
    assert families_of(name) == families
