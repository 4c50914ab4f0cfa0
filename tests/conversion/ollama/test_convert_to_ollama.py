"""A checkpoint or an adapter becomes a model of an Ollama server; what is there already is not sent again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conversion.checkpoints import write_v1
from tests.conversion.test_merge import make_adapter
from tests.inference import fake_ollama
from tests.inference.fake_ollama import OllamaServer
from tests.training.support import events_of, make_job
from workbench.artifacts import write_json_atomic
from workbench.conversion import run as conversion_run
from workbench.conversion.run import run
from workbench.errors import EndpointError, InputError, StateError, WorkbenchError
from workbench.inference.ollama_fake import FakeOllama
from workbench.jobs import CancelRequested, JobContext
from workbench.paths import Workspace
from workbench.schemas.conversion import Check, ConvertConfig, ProofReport
from workbench.schemas.ollama import OllamaCreate

SYSTEM = 'あなたは\n"図書館"の案内係です。'


@pytest.fixture(autouse=True)
def no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is proved of a GGUF stands in other tests; here it would only take time."""

    def check(settings: ConvertConfig, part: Path, job: JobContext) -> ProofReport:
        write_json_atomic(part / "conversion.json", settings)
        report = ProofReport(checks=(Check(name="keys", state="passed"),))
        write_json_atomic(part / "proof.json", report)
        return report

    monkeypatch.setattr(conversion_run, "prove", check)


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with fake_ollama.running(OllamaServer(FakeOllama("0.34.2"))) as found:
        yield found


@pytest.fixture
def source(tmp_path: Path, base: Path, trained: Any) -> Path:
    return write_v1(tmp_path / "step_7", base, trained)


def convert(
    workspace: Workspace,
    source: Path,
    name: str = "job",
    cancels: Callable[[], bool] | None = None,
    **options: Any,
) -> tuple[dict[str, Any], JobContext]:
    job: Any = make_job(workspace, "convert", name)
    if cancels is not None:
        job.check = lambda: (_ for _ in ()).throw(CancelRequested()) if cancels() else False
    try:
        return run({"source": str(source), "to": "ollama", **options}, job), job
    finally:
        job.close()


def test_without_a_server_the_folder_and_the_commands_are_left(
    tmp_path: Path,
    workspace: Workspace,
    base: Path,
    source: Path,
) -> None:
    target = tmp_path / "out"
    result, _ = convert(
        workspace, source, target=str(target), base=str(base), system=SYSTEM, ollama_name="Mine:v1"
    )
    assert result["ollama"] == {"commands": ["ollama create Mine:v1 -f Modelfile"]}
    text = (target / "Modelfile").read_text(encoding="utf-8")
    gguf = next(name for name in result["files"] if name.endswith(".gguf"))
    assert f"FROM ./{gguf}\n" in text
    assert "ADAPTER" not in text
    assert f'SYSTEM """{SYSTEM}"""' in text or f'SYSTEM "{SYSTEM}"' in text
    assert "<|user|>" in text
    assert "PARAMETER temperature 0\n" in text
    assert "PARAMETER stop </s>\n" in text
    assert "PARAMETER num_ctx 2048\n" in text
    assert (target / gguf).read_bytes()[:4] == b"GGUF"
    plan_sum = sum((target / name).stat().st_size for name in result["files"])
    assert result["bytes"] == plan_sum
    assert not list(tmp_path.glob("out.*"))


def test_the_model_is_uploaded_and_registered(
    tmp_path: Path,
    workspace: Workspace,
    base: Path,
    source: Path,
    server: OllamaServer,
) -> None:
    result, job = convert(
        workspace, source, target=str(tmp_path / "out"), base=str(base), ollama_url=server.url,
        ollama_name="city", system="全角　空白",
    )  # fmt: skip
    assert result["ollama"]["models"] == ["city"]
    assert result["ollama"]["version"] == "0.34.2"
    made = server.fake.models["city:latest"]
    assert made.system == "全角　空白"
    assert made.template.startswith("{{ if .System }}")
    assert made.parameters["stop"] == ["</s>"]
    # what a Modelfile cannot hold was sent, and is not pretended to stand there
    assert "SYSTEM" not in (tmp_path / "out" / "Modelfile").read_text(encoding="utf-8")
    assert len(server.fake.uploads) == 1
    assert [event["code"] for event in events_of(job)] == ["ollama_model_made"]


def test_a_server_that_is_off_is_told_before_anything_is_written(
    tmp_path: Path,
    workspace: Workspace,
    base: Path,
    source: Path,
) -> None:
    with pytest.raises(EndpointError) as raised:
        convert(
            workspace, source, target=str(tmp_path / "out"), base=str(base), ollama_url="http://127.0.0.1:9"
        )
    assert raised.value.code == "ollama_unreachable"
    assert not list(tmp_path.glob("out*"))


def test_a_broken_creation_keeps_the_folder_and_goes_on_without_sending_again(
    tmp_path: Path,
    workspace: Workspace,
    base: Path,
    source: Path,
    server: OllamaServer,
) -> None:
    options = {
        "target": str(tmp_path / "out"),
        "base": str(base),
        "ollama_url": server.url,
        "ollama_name": "m",
    }
    server.fake.fails = "unknown model architecture"
    with pytest.raises(EndpointError) as raised:
        convert(workspace, source, **options)
    assert raised.value.code == "ollama_refused"
    assert (tmp_path / "out" / "Modelfile").is_file()
    received = server.received
    # the same job again, as a resume runs it; then another one with the same target
    for name in ("job", "other"):
        result, job = convert(workspace, source, name, **options)
        assert result["ollama"]["models"] == ["m"]
        assert "ollama_blob_present" in [event["code"] for event in events_of(job)]
    assert server.received == received


def test_a_finished_folder_of_other_settings_is_not_taken_for_this_one(
    tmp_path: Path,
    workspace: Workspace,
    base: Path,
    source: Path,
) -> None:
    options = {"target": str(tmp_path / "out"), "base": str(base)}
    convert(workspace, source, **options)
    with pytest.raises(InputError) as raised:
        convert(workspace, source, "other", **options, system="another")
    assert raised.value.code == "target_not_empty"


def test_an_upload_is_cancelled_at_once_and_goes_on_later(
    tmp_path: Path,
    workspace: Workspace,
    base: Path,
    source: Path,
    server: OllamaServer,
) -> None:
    options = {
        "target": str(tmp_path / "out"),
        "base": str(base),
        "ollama_url": server.url,
        "ollama_name": "m",
    }
    server.pause_s = 0.5
    with pytest.raises(CancelRequested):
        convert(
            workspace,
            source,
            cancels=lambda: any("POST /api/blobs" in line for line in server.log),
            **options,
        )
    assert server.fake.uploads == []
    server.pause_s = 0.0
    result, _ = convert(workspace, source, **options)
    assert result["ollama"]["models"] == ["m"]


def test_a_server_that_says_nothing_can_be_left_at_once(
    tmp_path: Path,
    workspace: Workspace,
    base: Path,
    source: Path,
    server: OllamaServer,
) -> None:
    import time

    server.silent_s = 30.0
    begun = time.monotonic()
    with pytest.raises(CancelRequested):
        convert(
            workspace, source, target=str(tmp_path / "out"), base=str(base), ollama_url=server.url,
            cancels=lambda: bool(server.creates),
        )  # fmt: skip
    assert time.monotonic() - begun < 20
    assert server.fake.models == {}


def test_an_adapter_is_merged_where_nothing_else_is_asked(
    tmp_path: Path,
    workspace: Workspace,
    base: Path,
    server: OllamaServer,
) -> None:
    adapter = make_adapter(base, tmp_path / "adapter", r=4, lora_alpha=8)
    convert(
        workspace,
        adapter,
        target=str(tmp_path / "out"),
        base=str(base),
        ollama_url=server.url,
        ollama_name="m",
    )
    assert "adapters" not in server.creates[0]


@pytest.mark.parametrize("version", ["0.33.0", "0.34.1"])
def test_an_adapter_apart_is_offered_to_older_servers_alone(
    version: str,
    tmp_path: Path,
    workspace: Workspace,
    base: Path,
) -> None:
    adapter = make_adapter(base, tmp_path / "adapter", r=4, lora_alpha=8)
    options = {"target": str(tmp_path / "out"), "base": str(base), "ollama_adapter": True, "ollama_name": "m"}
    with pytest.raises(InputError) as raised:
        convert(workspace, adapter, **options)
    assert raised.value.code == "ollama_adapter_needs_server"
    with fake_ollama.running(OllamaServer(FakeOllama(version))) as server:
        if version == "0.34.1":
            with pytest.raises(StateError) as refused:
                convert(workspace, adapter, **options, ollama_url=server.url)
            assert refused.value.code == "ollama_too_new"
            return
        result, _ = convert(workspace, adapter, **options, ollama_url=server.url)
    made = server.fake.models["m:latest"]
    assert len(made.adapters) == 1
    assert len(server.fake.uploads) == 2
    assert f"ADAPTER ./{next(iter(made.adapters))}\n" in (tmp_path / "out" / "Modelfile").read_text()
    assert len([name for name in result["files"] if name.endswith(".gguf")]) == 2


THINKS = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}"
    "<|assistant|>{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}{% endif %}"
)


def test_a_model_that_can_be_told_not_to_think_is_registered_twice_from_one_file(
    tmp_path: Path,
    workspace: Workspace,
    base: Path,
    source: Path,
    server: OllamaServer,
) -> None:
    (source / "policy" / "tokenizer" / "chat_template.jinja").write_text(THINKS)
    result, _ = convert(
        workspace, source, target=str(tmp_path / "out"), base=str(base), ollama_url=server.url,
        ollama_name="me/city:v2",
    )  # fmt: skip
    assert result["ollama"]["models"] == ["me/city:v2", "me/city-nothink:v2"]
    assert result["ollama"]["commands"][1] == "ollama create me/city-nothink:v2 -f Modelfile-nothink"
    quiet = server.fake.models["me/city-nothink:v2"]
    assert "<think></think>" in quiet.template
    assert "<think>" not in server.fake.models["me/city:v2"].template
    assert len(server.fake.uploads) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"ollama_url": "ftp://x"}, "ollama_url"),
        ({"ollama_url": "http://me:secret@x"}, "ollama_url"),
        ({"ollama_name": "../../etc"}, "ollama_name"),
        ({"ollama_name": "a b"}, "ollama_name"),
    ],
)
def test_addresses_and_names_are_checked_by_the_schema(
    values: dict[str, str],
    field: str,
    tmp_path: Path,
    workspace: Workspace,
) -> None:
    with pytest.raises(WorkbenchError) as raised:
        convert(workspace, tmp_path, **values)
    assert field in getattr(raised.value, "problems")[0].field  # noqa: B009


async def test_the_fake_that_is_shipped_does_the_same_without_a_network(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUFxxxx")
    fake = FakeOllama("0.33.0")
    digest = "sha256:" + __import__("hashlib").sha256(path.read_bytes()).hexdigest()
    await fake.upload_blob(digest, path, lambda _: None)
    said = [line.status async for line in fake.create(OllamaCreate(model="m", files={"m.gguf": digest}))]
    assert said[-1] == "success"
    assert json.dumps(await fake.show("m"))
    assert [model.name for model in await fake.tags()] == ["m:latest"]
