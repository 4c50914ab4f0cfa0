"""Models are handed to Ollama by content hash; the server is a fake that speaks its documented protocol."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.inference.fake_ollama_chat import FakeOllama, ollama
from tests.serving.makers import make_gguf
from workbench.errors import EndpointError, InputError
from workbench.schemas.ollama import OLLAMA_EXPORT, OllamaExport, OllamaVariant
from workbench.schemas.serving import ServeConfig
from workbench.serving.ollama_models import prepare_models
from workbench.serving.recipes import load_recipe
from workbench.serving.sides import ollama_name


def config(model: str, *adapters: tuple[str, Path]) -> ServeConfig:
    mounts = [{"name": name, "path": str(path)} for name, path in adapters]
    return ServeConfig.model_validate({"engine": "ollama", "model": model, "adapters": mounts})


async def prepare(server: FakeOllama, wanted: ServeConfig, sent: list[tuple[int, int]] | None = None) -> None:
    def note(done: int, total: int) -> None:
        if sent is not None:
            sent.append((done, total))

    await asyncio.to_thread(prepare_models, server.url, wanted, load_recipe("ollama"), note, lambda: None)


async def test_a_gguf_is_uploaded_once_and_becomes_a_model(tmp_path: Path) -> None:
    gguf = make_gguf(tmp_path / "m.gguf")
    wanted = config(str(gguf))
    sent: list[tuple[int, int]] = []
    async with ollama(FakeOllama()) as server:
        await prepare(server, wanted, sent)
        await prepare(server, wanted)
        assert len(server.created) == 1
        assert list(server.created[0]["files"]) == ["m.gguf"]
        assert ollama_name(wanted, 0) in server.models
    assert sent[-1] == (gguf.stat().st_size, gguf.stat().st_size)


async def test_a_merged_model_is_a_second_model_beside_the_base(tmp_path: Path) -> None:
    wanted = config("m:latest", ("ft", make_gguf(tmp_path / "merged.gguf")))
    async with ollama(FakeOllama()) as server:
        await prepare(server, wanted)
        assert "files" in server.created[0]
        assert "adapters" not in server.created[0]
        assert ollama_name(wanted, 1) in server.models


async def test_an_adapter_is_refused_by_newer_servers_before_anything_is_sent(tmp_path: Path) -> None:
    wanted = config("m:latest", ("ft", make_gguf(tmp_path / "a.gguf", adapter=True)))
    async with ollama(FakeOllama(version="0.34.1")) as server:
        with pytest.raises(InputError, match="ollama_adapter_refused"):
            await prepare(server, wanted)
        assert server.blobs == {}
        assert server.created == []


async def test_an_old_server_takes_the_adapter_on_the_base(tmp_path: Path) -> None:
    wanted = config("m:latest", ("ft", make_gguf(tmp_path / "a.gguf", adapter=True)))
    async with ollama(FakeOllama(version="0.33.9")) as server:
        await prepare(server, wanted)
        assert server.created[0]["from"] == "m:latest"
        assert list(server.created[0]["adapters"]) == ["a.gguf"]


async def test_a_model_that_the_server_does_not_have_is_said_with_those_it_has() -> None:
    async with ollama(FakeOllama()) as server:
        with pytest.raises(InputError) as caught:
            await prepare(server, config("other:7b"))
    assert caught.value.params == {"name": "other:7b", "models": "m:latest"}


async def test_a_name_without_a_tag_means_latest() -> None:
    async with ollama(FakeOllama()) as server:
        await prepare(server, config("m"))


async def test_a_failure_inside_the_stream_is_a_failure(tmp_path: Path) -> None:
    class Failing(FakeOllama):
        async def create(self, request: Any) -> Any:
            self.blobs.clear()
            return await super().create(request)

    async with ollama(Failing()) as server:
        with pytest.raises(EndpointError) as caught:
            await prepare(server, config(str(make_gguf(tmp_path / "m.gguf"))))
    assert caught.value.code == "ollama_refused"
    assert caught.value.params["detail"] == "blob not found"


async def test_a_folder_made_for_ollama_brings_its_own_template_and_options(tmp_path: Path) -> None:
    gguf = make_gguf(tmp_path / "model-q8_0.gguf")
    plain = OllamaVariant(
        modelfile="Modelfile", file=gguf.name, template="{{ .Prompt }}", options={"stop": ["</s>"]}
    )
    quiet = plain.model_copy(update={"suffix": "nothink", "template": "other"})
    (tmp_path / OLLAMA_EXPORT).write_text(OllamaExport(models=(plain, quiet)).model_dump_json())
    async with ollama(FakeOllama()) as server:
        await prepare(server, config(str(tmp_path)))
        (made,) = server.created
    assert (made["template"], made["parameters"]) == ("{{ .Prompt }}", {"stop": ["</s>"]})
