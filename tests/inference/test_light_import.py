from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("openai", "torch", "transformers", "peft", "fastapi", "workbench.inference.embedded")


def find_loaded(root: Path, code: str) -> str:
    """Which of the heavy modules are loaded after that code."""
    code += f"\nimport sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    return shown.stdout.strip()


def test_importing_the_package_loads_no_model_library_and_no_openai(repo_root: Path) -> None:
    assert find_loaded(repo_root, "import workbench.inference") == "[]"


def test_asking_for_whole_answers_loads_no_openai(repo_root: Path) -> None:
    code = """
import asyncio
from workbench.inference import create_client
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatRequest, Endpoint, Sampling

async def ask():
    async def answer(reader, writer):
        await reader.readuntil(b"\\r\\n\\r\\n")
        body = b'{"choices": [{"finish_reason": "stop", "message": {"content": "2"}}]}'
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint = Endpoint(name="e", base_url=f"http://127.0.0.1:{port}/v1", model="m")
    client = create_client(endpoint, environ={})
    question = ChatMessage(role="user", content="1+1?")
    reply = await client.complete(ChatRequest(messages=(question,), sampling=Sampling()))
    assert reply.text == "2", reply
    await client.close()
    server.close()

asyncio.run(ask())
"""
    assert find_loaded(repo_root, code) == "[]"
