"""Every check in both directions, from what was seen to the sentence."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.serving.makers import make_gguf, make_model
from workbench.containers.fakes import FakeEngine
from workbench.errors import ResourceError
from workbench.i18n import has_key, t
from workbench.jobs import JobStore
from workbench.jobs.fakes import FakeExecutor
from workbench.jobs.machine import Memory
from workbench.paths import Workspace
from workbench.schemas.containers import EngineInfo, ImageRecord
from workbench.schemas.engines import EngineRecipe
from workbench.schemas.serving import PreflightCheck, ServeConfig
from workbench.serving.engines import Place
from workbench.serving.preflight import ORDER, Seen, check_server, is_port_taken, look_around
from workbench.serving.recipes import load_recipe

GIB = 2**30


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "model")


def config(model: Path, engine: str = "nim1", **values: Any) -> ServeConfig:
    given = {"engine": engine, "model": str(model), "accept_licence": True, "api_key_env": "NGC_API_KEY"}
    return ServeConfig.model_validate({**given, **values})


def seen(tmp_path: Path, **values: Any) -> Seen:
    place = Place(tmp_path / "cache", os.getuid(), os.getgid(), gpu="toolkit", arch="amd64")
    given: dict[str, Any] = {
        "place": place,
        "memory": Memory(64 * GIB, 60 * GIB, 0),
        "free_memory": 50 * GIB,
        "need": 20 * GIB,
        "engine": EngineInfo(version="28", arch="amd64", gpu="toolkit", data_root=str(tmp_path)),
        "has_key": True,
        "disk_free": lambda path: 500 * GIB,
        "port_taken": lambda port: False,
    }
    return Seen(**{**given, **values})


def look(config: ServeConfig, seen: Seen, recipe: EngineRecipe | None = None) -> dict[str, PreflightCheck]:
    found = check_server(config, recipe or load_recipe(config.engine), seen)
    return {check.code: check for check in found.checks}


def test_where_nothing_is_wrong_everything_is_said_to_be_fine(model: Path, tmp_path: Path) -> None:
    found = check_server(config(model), load_recipe("nim1"), seen(tmp_path))
    assert found.level == "ok"
    assert found.stops == ()
    assert {check.code for check in found.checks} == {
        "engine_found",
        "image_to_pull",
        "gpu_found",
        "model_readable",
        "port_chosen",
        "disk_enough_images",
        "disk_enough_cache",
        "memory_enough",
        "key_for_pull",
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ResourceError("engine_not_installed"), "engine_missing"),
        (ResourceError("engine_not_running", address="x"), "engine_stopped"),
        (ResourceError("engine_no_permission", socket="x"), "engine_forbidden"),
        (ResourceError("engine_not_answering", address="x"), "engine_unusable"),
    ],
)
def test_why_the_engine_cannot_be_used_is_told_apart(
    error: ResourceError, code: str, model: Path, tmp_path: Path
) -> None:
    found = look(config(model), seen(tmp_path, engine=None, engine_error=error))
    assert found[code].level == "stop"
    # nothing is claimed about what only the engine could tell
    assert not {"gpu_found", "gpu_unreachable", "disk_enough_images"} & found.keys()


def test_an_engine_on_another_machine_cannot_read_our_files(model: Path, tmp_path: Path) -> None:
    away = EngineInfo(arch="amd64", gpu="toolkit", remote=True, socket="tcp://10.0.0.9")
    assert look(config(model), seen(tmp_path, engine=away))["engine_elsewhere"].level == "stop"


def test_docker_desktop_s_own_memory_limit_is_told(model: Path, tmp_path: Path) -> None:
    desktop = EngineInfo(arch="amd64", gpu="toolkit", desktop=True, memory_bytes=8 * GIB)
    found = look(config(model), seen(tmp_path, engine=desktop))
    assert found["engine_memory_small"].params == {"limit": 8.0, "need": 20.0}


def test_an_image_for_another_processor_is_refused(model: Path, tmp_path: Path) -> None:
    image = ImageRecord(id="i", arch="arm64")
    found = look(config(model), seen(tmp_path, image=image))
    assert found["image_other_processor"].level == "stop"
    assert found["image_other_processor"].params["host"] == "amd64"
    # not pulled yet, but its maker publishes it for arm64 only
    spark = config(model, "nim_spark")
    assert look(spark, seen(tmp_path))["image_other_processor"].level == "stop"


def test_an_unknown_maker_needs_a_person_s_word(model: Path, tmp_path: Path) -> None:
    around = seen(tmp_path, known_image=False)
    assert look(config(model), around)["image_maker_unknown"].level == "stop"
    assert "image_maker_unknown" not in look(config(model, allow_other_image=True), around)


def test_a_gpu_that_cannot_be_handed_on_stops_only_who_asks_for_one(model: Path, tmp_path: Path) -> None:
    without = EngineInfo(arch="amd64", gpu="none")
    around = seen(tmp_path, engine=without, place=Place(tmp_path, os.getuid(), os.getgid(), arch="amd64"))
    assert look(config(model), around)["gpu_unreachable"].level == "stop"
    gguf = make_gguf(tmp_path / "m.gguf")
    assert look(config(gguf, "llamacpp"), around)["gpu_unused"].level == "ok"
    assert look(config(model, gpus="none"), around)["gpu_not_asked"].level == "warn"


def test_a_model_that_the_container_s_user_cannot_read_is_named(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", mode=0o600)
    tmp_path.chmod(0o755)
    model.chmod(0o755)
    found = look(config(model, run_as="12345"), seen(tmp_path))
    assert found["model_unreadable"].level == "stop"
    assert found["model_unreadable"].params["uid"] == 12345
    assert look(config(model, run_as=f"{os.getuid()}"), seen(tmp_path))["model_readable"].level == "ok"


def test_a_missing_model_is_said_in_the_engine_s_own_terms(tmp_path: Path) -> None:
    found = look(config(tmp_path / "nothing"), seen(tmp_path))
    assert found["model_unfit_folder"].level == "stop"
    gguf = look(config(tmp_path / "nothing", "llamacpp"), seen(tmp_path))
    assert gguf["model_unfit_file"].level == "stop"


def test_a_cache_of_somebody_else_is_named(model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "theirs"
    cache.mkdir(mode=0o755)
    found = look(config(model, run_as="12345", cache_dir=str(cache)), seen(tmp_path))
    assert found["cache_unwritable"].level == "stop"


def test_a_taken_port_stops_and_no_port_never_does(model: Path, tmp_path: Path) -> None:
    around = seen(tmp_path, port_taken=lambda port: port == 8000)
    assert look(config(model, port=8000), around)["port_taken"].level == "stop"
    assert look(config(model, port=8001), around)["port_free"].level == "ok"
    assert look(config(model), around)["port_chosen"].level == "ok"


def test_little_disk_warns_and_next_to_none_stops(model: Path, tmp_path: Path) -> None:
    assert (
        look(config(model), seen(tmp_path, disk_free=lambda p: 10 * GIB))["disk_low_images"].level == "warn"
    )
    assert look(config(model), seen(tmp_path, disk_free=lambda p: GIB))["disk_low_images"].level == "stop"
    # an image that is here already takes no more room
    here = seen(tmp_path, disk_free=lambda p: 10 * GIB, image=ImageRecord(id="i", arch="amd64"))
    assert "disk_low_images" not in look(config(model), here)


def test_memory_that_is_taken_now_is_waited_for_and_memory_that_never_is_there_stops(
    model: Path, tmp_path: Path
) -> None:
    assert look(config(model), seen(tmp_path, free_memory=GIB))["memory_waits"].level == "warn"
    small = seen(tmp_path, memory=Memory(16 * GIB, 15 * GIB, 0))
    # an eighth of the machine is kept back
    assert look(config(model), small)["memory_too_small"].params == {"need": 20.0, "most": 14.0}


def test_licence_and_key_are_asked_for_before_anything_is_fetched(model: Path, tmp_path: Path) -> None:
    assert look(config(model, accept_licence=False), seen(tmp_path))["licence_open"].level == "stop"
    assert look(config(model, api_key_env=""), seen(tmp_path))["key_unnamed"].params == {
        "name": "NGC_API_KEY"
    }
    assert look(config(model), seen(tmp_path, has_key=False))["key_missing"].level == "stop"
    # what is here already needs no key
    here = seen(tmp_path, has_key=False, image=ImageRecord(id="i", arch="amd64"))
    assert not {"key_missing", "key_unnamed"} & look(config(model, api_key_env=""), here).keys()


def test_a_second_server_waits_for_the_first_to_be_ready(model: Path, tmp_path: Path) -> None:
    found = look(config(model), seen(tmp_path, starting="教師"))
    assert found["other_starting"].params == {"title": "教師"}


def test_a_four_bit_image_is_no_baseline(tmp_path: Path) -> None:
    arm = EngineInfo(arch="arm64", gpu="toolkit")
    spark = config(tmp_path, "nim_spark", role="before")
    assert look(spark, seen(tmp_path, engine=arm))["precision_differs"].level == "warn"
    teacher = spark.model_copy(update={"role": "teacher"})
    assert "precision_differs" not in look(teacher, seen(tmp_path, engine=arm))


def test_the_worst_stands_first(model: Path, tmp_path: Path) -> None:
    found = check_server(config(model, accept_licence=False), load_recipe("nim1"), seen(tmp_path))
    levels = [ORDER[check.level] for check in found.checks]
    assert levels == sorted(levels)
    assert found.checks[0].code == "licence_open"


def test_every_check_has_its_words_in_both_languages() -> None:
    source = (Path(__file__).parents[2] / "workbench" / "serving" / "preflight.py").read_text()
    codes = set(re.findall(r'_say\(\s*"(?:ok|warn|stop)",\s*"(\w+)"', source))
    codes |= {"disk_low_images", "disk_low_cache", "disk_enough_images", "disk_enough_cache"}
    codes |= {"key_inside", "key_for_pull", "model_link_outside", "model_unreadable"}
    codes |= {"engine_missing", "engine_stopped", "engine_forbidden", "engine_unusable"}
    assert len(codes) > 30
    assert [code for code in codes if not has_key(f"preflight.{code}.say")] == []
    assert t("preflight.port_taken.do", "en") != t("preflight.port_taken.do", "ja")


@pytest.fixture
def jobs(workspace: Workspace) -> JobStore:
    return JobStore(workspace, executor=FakeExecutor())


def test_looking_around_asks_the_engine_and_the_machine(
    model: Path, workspace: Workspace, jobs: JobStore
) -> None:
    engine = FakeEngine(engine=EngineInfo(arch="arm64", gpu="cdi"))
    engine.add_image("nvcr.io/nim/nvidia/llm-nim:1.15.0", arch="arm64")
    found = look_around(
        config(model),
        load_recipe("nim1"),
        workspace,
        jobs=jobs,
        connect=lambda: engine,
        environ={"NGC_API_KEY": "k"},
    )
    assert found.engine is not None
    assert (found.place.arch, found.place.gpu) == ("arm64", "cdi")
    assert found.image is not None
    assert found.has_key
    assert found.known_image
    assert found.need > 0


def test_an_engine_that_is_not_there_is_a_finding_and_no_error(
    model: Path, workspace: Workspace, jobs: JobStore
) -> None:
    def missing() -> FakeEngine:
        raise ResourceError("engine_not_installed")

    found = look_around(config(model), load_recipe("nim1"), workspace, jobs=jobs, connect=missing, environ={})
    assert found.engine is None
    assert found.engine_error is not None


def test_a_port_that_something_listens_on_is_taken() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        assert is_port_taken(sock.getsockname()[1])
    assert not is_port_taken(sock_free())


def sock_free() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
