"""Servers, checks, trials and load in words."""

from __future__ import annotations

import pytest

from workbench.errors import ResourceError
from workbench.i18n import LANGUAGES, Lang, load_catalogue
from workbench.schemas.containers import ContainerStats, EngineInfo
from workbench.schemas.inference import Endpoint
from workbench.schemas.probing import EndpointReport, LoadLevel, LoadReport
from workbench.schemas.serving import GuardResult, Preflight, PreflightCheck, ServeConfig, ServerCard
from workbench.ui.views import preflight as checks
from workbench.ui.views import probing
from workbench.ui.views import serving as view

EVIL = "<script>alert(1)</script>"
STATES = tuple(view.TONES)


def card(**values: object) -> ServerCard:
    return ServerCard.model_validate({"id": "j", "job": "j", "role": "after", "state": "ready", **values})


def level(in_flight: int, speed: float, wait: float | None = 1.0) -> LoadLevel:
    return LoadLevel(
        in_flight=in_flight,
        requests=4,
        ok=4,
        seconds=1.0,
        requests_per_second=4.0,
        tokens_per_second=speed,
        p50_seconds=wait,
        p95_seconds=wait,
    )


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_sentence_and_one_button_with_words(lang: Lang, state: str) -> None:
    found = view.RoleCard("after", card(state=state), config=ServeConfig(model="/m"))
    row = view.card_row(found, 0.0, lang)
    assert row["sentence"] not in ("", f"serve.state.{state}")
    assert f"serve_tab.do.{row['action']['verb']}" in load_catalogue(lang)


def test_a_start_is_told_in_whole_minutes_after_the_first() -> None:
    starting = card(state="starting", started_at=1000.0)
    assert "45 秒" in view.say_state(starting, None, 1045.0, "ja")
    assert "（起動してから 2 分）" in view.say_state(starting, None, 1000.0 + 170, "ja")


def test_a_living_server_wins_over_a_newer_one_that_ended() -> None:
    cards = [card(id="new", state="failed"), card(id="old", state="ready")]
    picked = view.pick_card(cards, "after")
    assert picked is not None
    assert picked.id == "old"
    assert view.pick_card(cards, "judge") is None


def test_what_is_left_of_an_ended_server_is_a_leftover() -> None:
    assert view.is_leftover(card(state="failed", container="c"))
    assert not view.is_leftover(card(state="failed"))
    assert not view.is_leftover(card(state="ready", container="c"))


def test_stopping_asks_twice_and_cannot_be_pressed_again() -> None:
    stop = view.card_row(view.RoleCard("after", card()), 0.0, "ja")["action"]
    assert (stop["verb"], stop["careful"], stop["disabled"]) == ("stop", True, False)
    assert view.card_row(view.RoleCard("after", card(state="stopping")), 0.0, "ja")["action"]["disabled"]


def test_facts_are_escaped_and_digests_are_cut() -> None:
    shown = card(
        endpoint="http://127.0.0.1:1/v1",
        container="c",
        container_name=EVIL,
        image=f"vllm/vllm-openai@sha256:{'a' * 64}",
        config=ServeConfig(model="/m"),
        guard=GuardResult(state="held", code="held", params={"count": 1}),
    )
    stats = ContainerStats(cpu_percent=12.4, memory_bytes=2**30, memory_limit=2**31, processes=3)
    html = view.render_facts(view.RoleCard("after", shown, model=EVIL), stats, "ja", adapters=[EVIL])
    assert "<script>" not in html
    assert f"sha256:{'a' * 12}…" in html
    assert "1.0 GB / 2.0 GB" in html
    assert "12 %" in html
    assert "確かめました" in html


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", ["engine_not_installed", "engine_not_running", "engine_no_permission"])
def test_without_an_engine_the_page_says_what_to_do_and_what_still_works(lang: Lang, code: str) -> None:
    error = ResourceError(code, address="unix:///x", socket="/x")
    html = view.render_engine(None, error, lang, slow=False)
    assert "docker" in html.lower()
    assert {"ja": "組み込みサーバーは", "en": "embedded server can"}[lang] in html


def test_an_engine_that_is_there_is_one_calm_line() -> None:
    html = view.render_engine(EngineInfo(version="27.5", gpu="cdi"), None, "ja", slow=False)
    assert "Docker 27.5" in html
    assert "wv-box" not in html
    assert "返事を待っています" in view.render_engine(None, None, "ja", slow=True)
    assert "問い合わせています" in view.render_engine(None, None, "ja", slow=False)


def test_the_list_of_checks_says_first_what_stands_in_the_way() -> None:
    found = Preflight(
        checks=(
            PreflightCheck(code="engine_missing", level="stop"),
            PreflightCheck(code="remote_code", level="warn"),
            PreflightCheck(code="port_chosen", level="ok"),
        )
    )
    html = checks.render_preflight(found, "ja")
    assert "先に 1 件を直してください" in html
    assert html.index("sv-check-stop") < html.index("sv-check-warn") < html.index("<details")
    assert "Docker Engine を入れてください" in html


def test_all_in_order_is_said_in_one_sentence() -> None:
    html = checks.render_preflight(Preflight(checks=(PreflightCheck(code="port_chosen", level="ok"),)), "ja")
    assert "このまま起動できます" in html
    assert "<details" not in html


def test_parameters_of_checks_are_escaped_and_unknown_ones_keep_their_code() -> None:
    found = Preflight(
        checks=(
            PreflightCheck(code="model_unreadable", level="stop", params={"path": EVIL, "uid": 1}),
            PreflightCheck(code="from_the_future", level="warn"),
        )
    )
    html = checks.render_preflight(found, "ja")
    assert "<script>" not in html
    assert "from_the_future" in html


def report(**values: object) -> EndpointReport:
    return EndpointReport.model_validate({"endpoint": "e", "answer": "2", "seconds": 0.5, **values})


def test_a_trial_tells_models_answer_streaming_thinking_speed_and_place() -> None:
    good = probing.render_report(
        report(models=("m",), streams=True, first_token_seconds=0.2, tokens_per_second=33.0), "ja"
    )
    for said in (
        "m",
        "答えました",
        "少しずつ送れます",
        "混じりませんでした",
        "33.0 トークン",
        "社外に出ません",
    ):
        assert said in good
    assert "wv-warn" not in good
    bad = probing.render_report(
        report(streams=False, thinking_leaks=True, leaves_house=True, answer="", locality="lan"), "ja"
    )
    for said in (
        "空でした",
        "少しずつ送れません",
        "思考の文が混じりました",
        "社外送信あり",
        "アドレスは社外",
    ):
        assert said in bad


def test_words_of_an_endpoint_are_escaped() -> None:
    html = probing.render_report(report(answer=EVIL, models=(EVIL,)), "ja")
    assert "<script>" not in html
    assert "<script>" not in probing.render_trial(Endpoint(name="e", base_url="http://h/v1", model="m"), "ja")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_knee_is_named_in_words_and_marked(lang: Lang) -> None:
    levels = (level(1, 30.0), level(4, 100.0, 1.1), level(16, 104.0, 4.2))
    found = LoadReport(endpoint="e", levels=levels, knee=4)
    said = probing.say_knee(found, lang)
    for figure in ("4", "100", "1.1", "16", "4.2"):
        assert figure in said
    figure = probing.make_load_figure(levels, 4, lang)[0]
    assert figure["layout"]["shapes"][0]["x0"] == 1, "the second place on the axis"
    assert [trace["yaxis"] for trace in figure["data"]] == ["y", "y2", "y2"]
    assert all("%{x}" in trace["hovertemplate"] for trace in figure["data"])


def test_a_probe_that_nothing_answered_names_no_knee() -> None:
    found = LoadReport(endpoint="e", levels=(level(1, 0.0, None),), ended="errors")
    assert "分かりませんでした" in probing.say_knee(found, "ja")
    assert probing.make_load_figure([], None, "ja") == []
    assert "半分より多く" in probing.render_load(found.levels, found, "ja")
