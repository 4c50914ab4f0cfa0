"""A conversion that runs or ran, its proof, and where its result can go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.serving.makers import make_gguf
from tests.ui.fakes import fail, finish, set_status
from tests.ui.small_models import make_gguf_result, make_result, write_model
from workbench.errors import StateError
from workbench.inference import EndpointRegistry
from workbench.jobs import JobFolder
from workbench.schemas.conversion import Check, ConvertConfig, ProofReport
from workbench.schemas.job import JobRecord
from workbench.ui.context import UiContext
from workbench.ui.models import list_askable, list_models
from workbench.ui.tabs import convert_run as run

# positions in what `show_run` returns
CARD, FACTS, CONSENT, PROOF, SERVE, COMPARE, MORE, DELIVER = 1, 2, 3, 4, 5, 6, 7, 8
REPORT = ProofReport(
    checks=(
        Check(name="finite", state="passed"),
        Check(name="differs", state="not checked", reason="no_base"),
    )
)


def submit(ctx: UiContext, **config: Any) -> JobRecord:
    settings = ConvertConfig.model_validate({"source": "/s", "name": "tax", **config})
    return ctx.jobs.submit("convert", "tax", settings)


def seen(update: Any) -> bool:
    return bool(update["visible"])


@pytest.fixture
def finished(ctx: UiContext) -> JobRecord:
    made = make_result(ctx, "tax-merged", proof=REPORT.model_dump_json())
    result = {"artifact": made.id, "path": "/gone", "bytes": 1234567, "peak_rss_bytes": 2**28}
    return finish(ctx, submit(ctx), result)


def test_without_a_conversion_nothing_is_shown(ctx: UiContext) -> None:
    shown = run.show_run(ctx, "")
    assert [seen(shown[place]) for place in (CONSENT, SERVE, COMPARE, MORE)] == [False] * 4


def test_a_running_conversion_counts_bytes_and_can_be_cancelled(ctx: UiContext) -> None:
    progress = {"phase": "convert", "done": 1_234_567, "total": 7_825_839, "unit": "bytes"}
    job = submit(ctx)
    pid = 1_000_000_000
    set_status(ctx, job, "running", pid=pid, pid_started_at=float(pid), progress=progress)
    shown = run.show_run(ctx, "")
    assert "1,234,567 / 7,825,839 バイト" in shown[FACTS]
    (card,) = json.loads(shown[CARD])["jobs"]
    assert [action["verb"] for action in card["actions"]] == ["cancel"]
    assert card["share"] == pytest.approx(0.1578, abs=1e-3)
    assert not seen(shown[SERVE])


def test_a_dead_one_can_be_resumed_and_tells_what_it_left(ctx: UiContext) -> None:
    fail(ctx, submit(ctx), "internal")
    (ctx.workspace.models / "tax.part").mkdir(parents=True)
    shown = run.show_run(ctx, "")
    (card,) = json.loads(shown[CARD])["jobs"]
    assert "resume" in [action["verb"] for action in card["actions"]]
    assert str(ctx.workspace.models / "tax.part") in shown[FACTS]
    assert not seen(shown[CONSENT])


def test_a_finished_one_shows_its_proof_and_two_ways_on(ctx: UiContext, finished: JobRecord) -> None:
    shown = run.show_run(ctx, "")
    assert "壊れた数" in shown[PROOF]
    assert "元のモデルを選んでいない" in shown[PROOF]
    assert "1,234,567 バイト" in shown[FACTS]
    assert seen(shown[SERVE])
    assert seen(shown[COMPARE])
    assert seen(shown[MORE])


def test_a_result_that_no_server_here_can_load_offers_neither(ctx: UiContext, tmp_path: Path) -> None:
    folder = tmp_path / "gguf"
    folder.mkdir()
    (folder / "model.gguf").write_text("x")
    (folder / "proof.json").write_text(REPORT.model_dump_json())
    finish(ctx, submit(ctx, target=str(folder)), {"artifact": str(folder), "path": str(folder), "bytes": 1})
    shown = run.show_run(ctx, "")
    assert not seen(shown[SERVE])
    assert not seen(shown[COMPARE])
    assert not seen(shown[DELIVER])
    assert "壊れた数" in shown[PROOF]
    for hand in (run.hand_over, run.hand_to_serving):
        with pytest.raises(StateError, match="convert_no_result"):
            hand(ctx, "")


def finish_gguf(ctx: UiContext, to: str, **settings: Any) -> Path:
    made = make_gguf_result(ctx, "tax", to=to, **settings)
    finish(ctx, submit(ctx, to=to), {"artifact": made.id, "bytes": 1})
    return ctx.artifacts.folder(made.id).resolve()


@pytest.mark.parametrize(("to", "engine"), [("gguf", "llamacpp"), ("ollama", "ollama")])
def test_a_gguf_goes_to_its_engine_and_to_the_evaluation(ctx: UiContext, to: str, engine: str) -> None:
    folder = finish_gguf(ctx, to)
    shown = run.show_run(ctx, "")
    assert not seen(shown[SERVE])
    assert seen(shown[DELIVER])
    assert seen(shown[COMPARE])
    served = run.hand_to_serving(ctx, "")
    assert (served["target"], served["name"], served.get("engine")) == ("serve", str(folder), engine)
    asked = run.hand_over(ctx, "")
    assert (asked["target"], asked["what"], asked["name"]) == ("evaluate", "model", str(folder))


def test_an_adapters_gguf_is_served_beside_the_file_of_its_base(ctx: UiContext, tmp_path: Path) -> None:
    base = write_model(tmp_path / "base")
    folder = finish_gguf(ctx, "gguf-adapter", base=str(base), dtype=None)
    alone = run.hand_to_serving(ctx, "")
    assert (alone["name"], alone.get("adapter")) == ("", str(folder))
    assert seen(run.show_run(ctx, "")[COMPARE])
    with pytest.raises(StateError, match="convert_base_first"):
        run.hand_over(ctx, "")
    whole = make_gguf_result(ctx, "base", source=str(base))
    beside = run.hand_to_serving(ctx, "")
    assert beside["name"] == str(ctx.artifacts.folder(whole.id))
    assert (beside.get("adapter"), beside.get("engine")) == (str(folder), "llamacpp")
    asked = run.hand_over(ctx, "")
    assert (asked["what"], asked["name"]) == ("model", str(folder))
    assert str(folder) in {model.path for model in list_askable(ctx.workspace, "")}


def test_an_adapters_gguf_in_a_folder_of_ones_own_is_served_only(ctx: UiContext, tmp_path: Path) -> None:
    folder = make_gguf(tmp_path / "mine" / "adapter-f32.gguf", adapter=True).parent
    finish(ctx, submit(ctx, target=str(folder)), {"artifact": str(folder), "path": str(folder)})
    shown = run.show_run(ctx, "")
    assert seen(shown[DELIVER])
    assert not seen(shown[COMPARE])


def test_a_gguf_in_a_folder_of_ones_own_joins_what_can_be_asked_and_not_what_can_be_trained(
    ctx: UiContext, tmp_path: Path
) -> None:
    folder = make_gguf(tmp_path / "mine" / "m-q8_0.gguf").parent
    finish(ctx, submit(ctx, target=str(folder)), {"artifact": str(folder), "path": str(folder)})
    assert run.hand_over(ctx, "")["name"] == str(folder)
    assert str(folder) in {model.path for model in list_askable(ctx.workspace, "")}
    assert str(folder) not in {model.path for model in list_models(ctx.workspace, "")}


def test_a_model_that_brings_its_own_program_is_not_offered(tmp_path: Path) -> None:
    strange = {"auto_map": {"AutoConfig": "conf.C"}, "model_type": "unheard_of"}
    assert run.can_answer(write_model(tmp_path / "plain"))
    assert not run.can_answer(write_model(tmp_path / "strange", **strange))
    assert not run.can_answer(tmp_path / "gone")


def test_a_result_that_was_deleted_shows_nothing(ctx: UiContext, finished: JobRecord) -> None:
    ctx.artifacts.delete(str((finished.result or {})["artifact"]))
    shown = run.show_run(ctx, "")
    assert shown[PROOF] == ""
    assert not seen(shown[MORE])
    assert not seen(shown[SERVE])


def test_serving_starts_one_server_for_the_result(ctx: UiContext, finished: JobRecord) -> None:
    place = run.result_place(ctx, finished)
    assert place is not None
    first = run.serve_result(ctx, "")
    assert first.spec.config["model"] == str(place.resolve())
    assert run.serve_result(ctx, "").spec.id == first.spec.id


def test_a_folder_of_ones_own_joins_the_models_when_it_is_handed_over(ctx: UiContext, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "mine")
    finish(ctx, submit(ctx, target=str(folder)), {"artifact": str(folder), "path": str(folder)})
    handed = run.hand_over(ctx, "")
    assert (handed["target"], handed["what"], handed["name"]) == ("evaluate", "model", str(folder))
    assert str(folder) in {model.path for model in list_models(ctx.workspace, "")}


def test_what_ollama_has_is_handed_over_as_an_endpoint(ctx: UiContext) -> None:
    ollama = {"models": ["team/tax:latest"], "url": "http://127.0.0.1:11434", "commands": []}
    finish(ctx, submit(ctx), {"artifact": "gone", "path": "/gone", "ollama": ollama})
    shown = run.show_run(ctx, "")
    assert seen(shown[COMPARE])
    assert not seen(shown[SERVE])
    handed = run.hand_over(ctx, "")
    assert (handed["what"], handed["name"]) == ("endpoint", "ollama-team-tax-latest")
    endpoint = EndpointRegistry(ctx.workspace).get("ollama-team-tax-latest")
    assert (endpoint.model, endpoint.dialect) == ("team/tax:latest", "ollama")


def fail_by_tokenizer(ctx: UiContext) -> JobRecord:
    job = submit(ctx)
    folder = JobFolder.of(ctx.workspace, job.spec.id)
    error = {"code": "tokenizer_not_confirmed", "params": {"equal": 3, "texts": 5, "path": "/p"}}
    folder.error_file.write_text(json.dumps(error), encoding="utf-8")
    return set_status(ctx, job, "failed", started_at=1.0, ended_at=2.0)


def test_another_tokenizer_is_accepted_by_a_tick_and_only_then(ctx: UiContext) -> None:
    failed = fail_by_tokenizer(ctx)
    assert seen(run.show_run(ctx, "")[CONSENT])
    with pytest.raises(StateError, match="convert_no_consent"):
        run.accept_tokenizer(ctx, "", False, "t")
    run.accept_tokenizer(ctx, "", True, "t")
    again = ctx.jobs.list(kind="convert")[0]
    assert again.spec.id != failed.spec.id
    assert again.spec.config["accept_tokenizer"] is True
    assert again.spec.config["source"] == "/s"
    assert not seen(run.show_run(ctx, "")[CONSENT])


def test_consent_is_not_taken_where_nothing_waits_for_it(ctx: UiContext, finished: JobRecord) -> None:
    with pytest.raises(StateError, match="convert_no_consent"):
        run.accept_tokenizer(ctx, "", True, "t")
