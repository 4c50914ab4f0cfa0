"""The server as its callers see it: over HTTP, on a real port."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.inference.embedded.reference import generate, load_reference
from workbench.errors import EndpointError, ResourceError
from workbench.inference import complete_all, create_client
from workbench.inference.embedded import Engine, RunningServer, serve
from workbench.inference.probe import probe
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint, Sampling
from workbench.schemas.serving import ServeConfig


class Lasting:
    """An engine that outlives its servers: closing is left to the fixture that made it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def close(self) -> None:
        pass


class Server:
    """A server in a thread of the test."""

    def __init__(self, config: ServeConfig, load: Callable[[ServeConfig], Any]) -> None:
        self.ready = threading.Event()
        self.stop = threading.Event()
        self.running: RunningServer | None = None
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(config, load))
        self._thread.start()

    def _run(self, config: ServeConfig, load: Callable[[ServeConfig], Any]) -> None:
        try:
            serve(config, 0, self._note, self.stop.is_set, load=load)
        except ResourceError as exc:
            self.failure = exc
            self.ready.set()

    def _note(self, running: RunningServer) -> None:
        self.running = running
        self.ready.set()

    @property
    def url(self) -> str:
        assert self.running is not None
        return self.running.endpoint

    def close(self) -> None:
        self.stop.set()
        self._thread.join()


@pytest.fixture(scope="module")
def server(serve_config: ServeConfig, engine: Engine) -> Iterator[Server]:
    started = Server(serve_config, lambda _: Lasting(engine))
    assert started.ready.wait(30)
    yield started
    started.close()


@pytest.fixture
async def http(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(base_url=server.url.removesuffix("v1")) as session:
        yield session


def chat(**values: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "図書館は何時に開館しますか。"}]
    return {"model": "base", "messages": messages, "max_tokens": 12, "temperature": 0, **values}


async def post(http: aiohttp.ClientSession, body: Any, path: str = "v1/chat/completions") -> tuple[int, Any]:
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    async with http.post(path, data=data, headers={"Content-Type": "application/json"}) as answer:
        return answer.status, await answer.json()


async def test_a_chat_answer_is_that_of_generate_with_its_counts(
    http: aiohttp.ClientSession, engine: Engine, tiny_model: Path, adapters: dict[str, Path]
) -> None:
    prompt = engine.codec.render(chat()["messages"], {})
    for name, adapter in (("base", None), ("ft-1.0", adapters["ft-1.0"])):
        status, answer = await post(http, chat(model=name))
        expected = generate(load_reference(tiny_model, adapter), prompt, 12)
        assert status == 200
        assert answer["model"] == name
        assert answer["choices"][0]["message"] == {
            "role": "assistant",
            "content": engine.codec.decode(expected),
        }
        assert answer["usage"]["prompt_tokens"] == len(prompt)
        assert answer["usage"]["completion_tokens"] == 12
        assert answer["choices"][0]["finish_reason"] == "length"


async def test_a_stream_brings_the_same_answer_in_pieces(http: aiohttp.ClientSession) -> None:
    _, whole = await post(http, chat(max_tokens=40))
    body = chat(max_tokens=40, stream=True, stream_options={"include_usage": True})
    async with http.post("v1/chat/completions", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line.decode().strip() async for line in answer.content if line.strip()]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    deltas = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"]]
    assert len([delta for delta in deltas if delta]) > 3
    assert "".join(deltas) == whole["choices"][0]["message"]["content"]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"] == whole["usage"]
    assert {chunk["id"] for chunk in chunks} == {chunks[0]["id"]}


async def test_text_completions_take_text_tokens_and_lists(
    http: aiohttp.ClientSession, engine: Engine
) -> None:
    body = {"model": "base", "prompt": "みどり市", "max_tokens": 8, "temperature": 0}
    _, by_text = await post(http, body, "v1/completions")
    _, by_tokens = await post(http, body | {"prompt": engine.codec.encode("みどり市")}, "v1/completions")
    _, by_list = await post(http, body | {"prompt": ["みどり市", "図書館"]}, "v1/completions")
    assert by_text["object"] == "text_completion"
    assert by_text["choices"][0]["text"] == by_tokens["choices"][0]["text"] == by_list["choices"][0]["text"]
    assert [choice["index"] for choice in by_list["choices"]] == [0, 1]
    async with http.post("v1/completions", json=body | {"stream": True}) as answer:
        lines = [line.decode().strip() async for line in answer.content if line.strip()]
    pieces = [json.loads(line[6:])["choices"][0]["text"] for line in lines[:-1]]
    assert "".join(pieces) == by_text["choices"][0]["text"]


async def test_the_model_list_says_what_the_check_found(http: aiohttp.ClientSession) -> None:
    async with http.get("v1/models") as answer:
        listed = await answer.json()
    entries = {entry["id"]: entry for entry in listed["data"]}
    assert list(entries) == ["base", "ft-1.0", "other", "hollow"]
    assert entries["hollow"]["notes"] == ["adapter_has_no_effect"]
    assert entries["ft-1.0"]["difference_from_base"] > 0
    assert entries["base"]["max_model_len"] == 1024
    assert listed["facts"]["engine"] == "embedded"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (chat(model="gone"), 404, "model_not_found"),
        (chat(messages=[{"role": "user", "content": "zq" * 900}]), 400, "context_length_exceeded"),
        ("{not json", 400, "serve_body_not_json"),
        ("[]", 400, "serve_body_invalid"),
        (b"\xff\xfe", 400, "serve_body_not_json"),
        (chat(messages=[]), 400, "serve_body_invalid"),
        (chat(messages=[{"role": "user", "content": 3}]), 400, "serve_body_invalid"),
        (chat(messages=[{"role": "user", "content": [{"type": "image_url"}]}]), 400, "serve_body_invalid"),
        (chat(temperature=9), 400, "serve_body_invalid"),
        (chat(max_tokens=0), 400, "serve_body_invalid"),
        (chat(n=2), 400, "serve_parameter_unknown"),
        (chat(logprobs=True), 400, "serve_parameter_unknown"),
        (chat(tools=[{"type": "function"}]), 400, "serve_parameter_unknown"),
    ],
)
async def test_bad_requests_get_a_sentence_in_the_shape_of_openai(
    http: aiohttp.ClientSession, body: Any, status: int, code: str
) -> None:
    got, answer = await post(http, body)
    assert (got, answer["error"]["code"]) == (status, code)
    assert len(answer["error"]["message"]) > 20


async def test_a_body_without_end_is_cut_off(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.inference.embedded.app.MAX_BODY_BYTES", 1000)
    status, answer = await post(http, chat(messages=[{"role": "user", "content": "あ" * 1000}]))
    assert (status, answer["error"]["code"]) == (413, "body_too_big")


async def test_harmless_extras_and_parts_are_accepted(http: aiohttp.ClientSession) -> None:
    parts = [
        {"role": "developer", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "質問"}]},
    ]
    body = chat(messages=parts, n=1, stop=None, stream=None, logprobs=False, user="u", metadata={"a": 1})
    status, _ = await post(http, body | {"chat_template_kwargs": {"enable_thinking": False}})
    assert status == 200


async def test_unknown_paths_and_foreign_callers_are_refused(http: aiohttp.ClientSession) -> None:
    async with http.get("v1/secrets") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "serve_path_unknown"
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        async with http.get("v1/models", headers=headers) as answer:
            assert answer.status == 403
            assert (await answer.json())["error"]["code"] == "foreign_caller"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_frees_its_row(
    server: Server, http: aiohttp.ClientSession, engine: Engine, stream: bool
) -> None:
    answered = engine.answered
    body = chat(max_tokens=900, stream=stream, messages=[{"role": "user", "content": "参考文書"}])
    call = asyncio.create_task(_read_all(http, body))
    await _until(lambda: engine.pending == 1)
    call.cancel()
    await _until(lambda: engine.pending == 0)
    # it left before its answer was whole, and the next one is served
    assert engine.answered == answered
    assert (await post(http, chat()))[0] == 200


async def _read_all(http: aiohttp.ClientSession, body: dict[str, Any]) -> None:
    async with http.post("v1/chat/completions", json=body) as answer:
        await answer.read()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.001)


async def test_our_own_client_gets_all_answers_of_both_models(server: Server) -> None:
    questions = [
        (
            f"{model}-{number}",
            ChatRequest(
                messages=(ChatMessage(role="user", content=f"質問 {number}"),),
                sampling=Sampling.model_validate({"max_tokens": 6}),
            ),
        )
        for model in ("base", "ft-1.0")
        for number in range(12)
    ]
    replies: dict[str, ChatReply] = {}
    for model in ("base", "ft-1.0"):
        client = create_client(_endpoint(server, model), environ={})
        mine = [(key, request) for key, request in questions if key.startswith(model)]
        await complete_all(
            client,
            mine,
            in_flight=8,
            on_reply=lambda key, reply: replies.update({key: reply}),
            should_stop=lambda: False,
        )
        await client.close()
    assert len(replies) == 24
    assert {reply.state for reply in replies.values()} <= {"truncated", "ok"}
    assert replies["base-0"].text != replies["ft-1.0-0"].text


async def test_our_own_client_understands_the_servers_errors(server: Server) -> None:
    with pytest.raises(EndpointError) as caught:
        await probe(_endpoint(server, "gone"), environ={})
    assert caught.value.code == "endpoint_model_missing"
    assert "ft-1.0" in str(caught.value.params["models"])
    client = create_client(_endpoint(server, "base"), environ={})
    reply = await client.complete(ChatRequest(messages=(ChatMessage(role="user", content="zq" * 900),)))
    await client.close()
    assert (reply.state, reply.error_code) == ("error", "context_too_long")


def _endpoint(server: Server, model: str) -> Endpoint:
    return Endpoint.model_validate(
        {"name": "own", "base_url": server.url, "model": model, "engine": "embedded"}
    )


async def test_health_says_loading_until_the_model_is_there(
    serve_config: ServeConfig, engine: Engine
) -> None:
    loading, go = threading.Event(), threading.Event()
    ports: list[int] = []

    def load(config: ServeConfig) -> Any:
        loading.set()
        go.wait()
        return Lasting(engine)

    with pytest.MonkeyPatch.context() as patched:
        from workbench.inference.embedded import server as module

        make = module._listen

        def note(port: int) -> socket.socket:
            sock = make(port)
            ports.append(sock.getsockname()[1])
            return sock

        patched.setattr(module, "_listen", note)
        started = Server(serve_config, load)
        loading.wait()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{ports[0]}") as http:
        async with http.get("/health") as answer:
            status, shown = answer.status, await answer.json()
        assert (status, shown) == (503, {"status": "loading"})
        code, refused = await post(http, chat(), "/v1/chat/completions")
        assert (code, refused["error"]["code"]) == (503, "loading")
        go.set()
        await asyncio.to_thread(started.ready.wait)
        async with http.get("/health") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ready"})
    await asyncio.to_thread(started.close)


def test_a_taken_port_is_reported(serve_config: ServeConfig) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ResourceError, match="serve_port_taken"):
            serve(serve_config, taken.getsockname()[1], lambda _: None, lambda: True)


def test_a_stopped_server_is_gone_and_what_should_stop_raises_is_passed_on(
    serve_config: ServeConfig, engine: Engine
) -> None:
    found: list[RunningServer] = []

    def stop() -> bool:
        raise KeyError("cancel")

    with pytest.raises(KeyError):
        serve(serve_config, 0, found.append, stop, load=lambda _: Lasting(engine))  # type: ignore[arg-type,return-value]
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", found[0].port)):
        pass
