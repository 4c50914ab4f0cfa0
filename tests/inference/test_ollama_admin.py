"""The client speaks Ollama's protocol: blobs by digest, progress and errors inside the stream, versions."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.inference import fake_ollama
from tests.inference.fake_ollama import OllamaServer
from workbench.errors import EndpointError
from workbench.inference.ollama_admin import HttpOllama, takes_adapters
from workbench.inference.ollama_fake import FakeOllama
from workbench.schemas.ollama import OllamaCreate


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with fake_ollama.running(OllamaServer(FakeOllama("0.33.9"))) as found:
        yield found


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(range(256)) * 20_000)
    return path


def digest_of(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


async def upload(client: HttpOllama, path: Path) -> list[int]:
    sent: list[int] = []
    await client.upload_blob(digest_of(path), path, sent.append)
    return sent


async def test_a_file_is_sent_once_and_its_bytes_are_counted(server: OllamaServer, blob: Path) -> None:
    async with HttpOllama(server.url) as client:
        assert not await client.has_blob(digest_of(blob))
        sent = await upload(client, blob)
        assert sum(sent) == blob.stat().st_size
        assert len(sent) > 1
        assert await client.has_blob(digest_of(blob))
    assert server.fake.uploads == [digest_of(blob)]
    assert server.received == blob.stat().st_size


async def test_a_file_that_is_not_what_its_name_says_is_refused_in_the_servers_words(
    server: OllamaServer, blob: Path
) -> None:
    async with HttpOllama(server.url) as client:
        with pytest.raises(EndpointError) as raised:
            await client.upload_blob("sha256:" + "0" * 64, blob, lambda _: None)
    assert raised.value.code == "ollama_refused"
    assert "digest mismatch" in str(raised.value.params["detail"])


async def test_an_upload_that_is_stopped_leaves_nothing_and_can_be_repeated(
    server: OllamaServer, blob: Path
) -> None:
    server.pause_s = 0.05
    begun = asyncio.Event()
    async with HttpOllama(server.url) as client:
        task = asyncio.create_task(client.upload_blob(digest_of(blob), blob, lambda _: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not await client.has_blob(digest_of(blob))
        assert 0 < server.received < blob.stat().st_size
        server.pause_s = 0.0
        await upload(client, blob)
        assert await client.has_blob(digest_of(blob))


async def test_a_model_is_created_listed_shown_and_deleted(server: OllamaServer, blob: Path) -> None:
    wanted = OllamaCreate(
        model="tuned",
        files={"model.gguf": digest_of(blob)},
        template="{{ .Prompt }}",
        system="あなたは\n「助手」です。",
        parameters={"temperature": 0, "stop": ["<|im_end|>"]},
    )
    async with HttpOllama(server.url) as client:
        await upload(client, blob)
        said = [progress.status async for progress in client.create(wanted)]
        assert said[-1] == "success"
        assert [model.name for model in await client.tags()] == ["tuned:latest"]
        assert (await client.show("tuned"))["system"] == wanted.system
        await client.delete("tuned")
        assert await client.tags() == ()
        with pytest.raises(EndpointError) as raised:
            await client.show("tuned")
    assert raised.value.code == "ollama_model_missing"
    assert server.creates[0]["parameters"] == {"temperature": 0, "stop": ["<|im_end|>"]}
    assert "adapters" not in server.creates[0]


async def create(client: HttpOllama, **values: object) -> None:
    async for _ in client.create(OllamaCreate.model_validate({"model": "m", **values})):
        pass


async def test_an_error_inside_the_stream_is_raised(server: OllamaServer, blob: Path) -> None:
    server.fake.fails = "llama_model_load: unknown architecture"
    async with HttpOllama(server.url) as client:
        await upload(client, blob)
        with pytest.raises(EndpointError) as raised:
            await create(client, files={"model.gguf": digest_of(blob)})
    assert raised.value.code == "ollama_refused"
    assert "unknown architecture" in str(raised.value.params["detail"])
    assert server.fake.models == {}


async def test_a_stream_that_ends_without_success_is_no_success(server: OllamaServer, blob: Path) -> None:
    server.stops_early = True
    async with HttpOllama(server.url) as client:
        await upload(client, blob)
        with pytest.raises(EndpointError) as raised:
            await create(client, files={"model.gguf": digest_of(blob)})
    assert raised.value.code == "ollama_stopped"


@pytest.mark.parametrize(("version", "code"), [("0.33.9", ""), ("0.34.1", "ollama_adapters_gone")])
async def test_only_older_servers_take_an_adapter(version: str, code: str, blob: Path) -> None:
    with fake_ollama.running(OllamaServer(FakeOllama(version))) as server:
        async with HttpOllama(server.url) as client:
            assert takes_adapters(await client.version()) is (code == "")
            await upload(client, blob)
            files = {"model.gguf": digest_of(blob)}
            if not code:
                await create(client, files=files, adapters={"a.gguf": digest_of(blob)})
                assert "m:latest" in server.fake.models
                return
            with pytest.raises(EndpointError) as raised:
                await create(client, files=files, adapters={"a.gguf": digest_of(blob)})
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("version", "takes"),
    [
        ("0.34.0", True),
        ("v0.9.12-rc1", True),
        ("0.34.1", False),
        ("0.35", False),
        ("1.0.0", False),
        ("?", False),
    ],
)
def test_versions_are_compared_as_numbers(version: str, takes: bool) -> None:
    assert takes_adapters(version) is takes


async def test_a_server_that_is_off_and_one_that_is_no_ollama_are_told_apart(tmp_path: Path) -> None:
    async with HttpOllama("http://127.0.0.1:9") as client:
        with pytest.raises(EndpointError) as raised:
            await client.version()
    assert raised.value.code == "ollama_unreachable"

    async def page(request: web.Request) -> web.Response:
        if request.path == "/api/version":
            return web.Response(text="<html>hello</html>", content_type="text/html")
        raise web.HTTPFound("http://127.0.0.1:9/")

    server = OllamaServer(FakeOllama())
    server.build = lambda: _other(page)  # type: ignore[method-assign]
    with fake_ollama.running(server):
        async with HttpOllama(server.url) as client:
            for ask in (client.version, client.tags):
                with pytest.raises(EndpointError) as raised:
                    await ask()
                assert raised.value.code == "ollama_not_ollama"


def _other(handler: object) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    return app
