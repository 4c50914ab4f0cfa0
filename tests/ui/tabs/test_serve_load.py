"""Measuring how much a server bears."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ui.fakes import finish
from tests.ui.serve_samples import set_running
from workbench.errors import ConfigError, InputError
from workbench.inference import EndpointRegistry
from workbench.jobs import JobFolder
from workbench.schemas.inference import Endpoint
from workbench.schemas.job import JobRecord
from workbench.schemas.probing import LoadLevel, LoadProbeConfig
from workbench.ui.context import UiContext
from workbench.ui.tabs import serve_load as page

SOURCE = "endpoint:near"


def level(in_flight: int, speed: float) -> dict[str, Any]:
    made = LoadLevel(
        in_flight=in_flight,
        requests=in_flight,
        ok=in_flight,
        seconds=1.0,
        requests_per_second=1.0,
        tokens_per_second=speed,
        p50_seconds=in_flight / 10,
        p95_seconds=in_flight / 5,
    )
    return made.model_dump(mode="json")


@pytest.fixture
def job(ctx: UiContext) -> JobRecord:
    endpoint = Endpoint(name="near", base_url="http://10.0.0.2:8000/v1", model="m", api_key_env="NEAR_KEY")
    EndpointRegistry(ctx.workspace).add(endpoint)
    for _ in range(2):
        page.start_load(ctx, source=SOURCE, token="t", max_tokens=32, rounds=2, budget_seconds=60)
    return page.list_load_jobs(ctx)[0]


def test_a_measurement_is_one_job_however_often_it_is_pressed(ctx: UiContext, job: JobRecord) -> None:
    assert len(page.list_load_jobs(ctx)) == 1
    config = LoadProbeConfig.model_validate(job.spec.config)
    assert (config.endpoint.name, config.rounds, config.levels) == ("near", 2, (1, 4, 16, 64))
    assert job.spec.secret_names == ("NEAR_KEY",)


def test_levels_are_drawn_as_they_come_and_the_knee_is_named_at_the_end(
    ctx: UiContext, job: JobRecord
) -> None:
    set_running(ctx, job)
    folder = JobFolder.of(ctx.workspace, job.spec.id)
    levels = [level(1, 30.0), level(4, 100.0)]
    lines = [{**{k: v for k, v in one.items() if not isinstance(v, bool)}, "at": 1.0} for one in levels]
    folder.metrics_file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    _, _, said, chart = page.show_load(ctx, SOURCE)
    assert "ちょうどよい数" not in said
    assert json.loads(chart)["figures"][0]["data"][0]["y"] == [30.0, 100.0]
    report = {"endpoint": "near", "levels": [*levels, level(16, 104.0)], "knee": 4, "ended": "done"}
    finish(ctx, job, report)
    _, card, said, chart = page.show_load(ctx, SOURCE)
    assert not card["visible"]
    assert "同時に 4 件がちょうどよい数" in said
    assert "16 件に増やしても" in said
    assert json.loads(chart)["figures"][0]["layout"]["shapes"][0]["x0"] == 1


def test_without_a_model_or_with_bad_figures_nothing_starts(ctx: UiContext) -> None:
    with pytest.raises(InputError, match="load_no_source"):
        page.start_load(ctx, source="serve:gone:base", token="t")
    EndpointRegistry(ctx.workspace).add(Endpoint(name="near", base_url="http://10.0.0.2/v1", model="m"))
    with pytest.raises(ConfigError):
        page.start_load(ctx, source=SOURCE, token="t", rounds=0)
    assert page.list_load_jobs(ctx) == []


def test_nothing_measured_shows_nothing(ctx: UiContext) -> None:
    _, cards, said, chart = page.show_load(ctx, None)
    assert json.loads(cards)["jobs"] == []
    assert said == ""
    assert json.loads(chart)["figures"] == []
