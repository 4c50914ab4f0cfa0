"""Embedded server: many requests at once against one after the other, over HTTP.

    python benchmarks/embedded_throughput.py [--model FOLDER] [--requests 48] [--tokens 48] [--rounds 3]

Prints tokens per second of both ways and their ratio. Each round measures both, and the medians are compared,
so that a busy machine disturbs both alike. Without the starter model a random model of two layers is used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from workbench.inference import complete_all, create_client  # noqa: E402
from workbench.inference.embedded import RunningServer, serve  # noqa: E402
from workbench.schemas.chat import ChatMessage  # noqa: E402
from workbench.schemas.inference import ChatReply, ChatRequest, Endpoint, Sampling  # noqa: E402
from workbench.schemas.serving import ServeConfig  # noqa: E402

QUESTION = (
    "以下の参考文書を基に質問に答えてください。\n\n参考文書1:\n銀河図書館は午前{n}時に開館します。月曜日は休みです。\n\n"
    "参考文書2:\n粗大ごみの手数料は一点につき{n}00円です。\n\n質問: 銀河図書館は何時に開館しますか。"
)
BATCH = 16


def main() -> None:
    arguments = parse_arguments()
    model = arguments.model or find_model()
    config = ServeConfig.model_validate({"model": str(model), "max_batch_size": BATCH})
    measured: list[dict[str, float]] = []

    def on_ready(server: RunningServer) -> None:
        asking = threading.Thread(target=measure_all, args=(server.endpoint, arguments, measured))
        asking.start()
        threads.append(asking)

    threads: list[threading.Thread] = []
    serve(config, 0, on_ready, lambda: bool(threads) and not threads[0].is_alive())
    report(model, arguments, measured)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Embedded server: batched against one by one.")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--requests", type=int, default=48)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def find_model() -> Path:
    starter = REPO / "assets" / "starter" / "model"
    if (starter / "model.safetensors").is_file():
        return starter
    from tests.tiny_model import build_tiny_model

    return build_tiny_model(Path(tempfile.mkdtemp()) / "model")


def measure_all(url: str, arguments: argparse.Namespace, measured: list[dict[str, float]]) -> None:
    asyncio.run(ask_all(url, BATCH, BATCH, arguments.tokens))
    for _ in range(arguments.rounds):
        one = asyncio.run(ask_all(url, 1, max(4, arguments.requests // 4), arguments.tokens))
        many = asyncio.run(ask_all(url, BATCH, arguments.requests, arguments.tokens))
        measured.append({"one_by_one": one, "batched": many})


async def ask_all(url: str, in_flight: int, count: int, tokens: int) -> float:
    """Tokens per second over so many requests."""
    endpoint = Endpoint.model_validate(
        {"name": "bench", "base_url": url, "model": "base", "engine": "embedded", "max_in_flight": in_flight}
    )
    # drawn, so that answers do not all end at the same short place
    sampling = Sampling.model_validate({"max_tokens": tokens, "temperature": 1.0})
    requests = [
        (
            str(number),
            ChatRequest(
                messages=(ChatMessage(role="user", content=QUESTION.format(n=number % 9 + 1)),),
                sampling=sampling.model_copy(update={"seed": number}),
            ),
        )
        for number in range(count)
    ]
    replies: list[ChatReply] = []
    client = create_client(endpoint, environ={})
    started = time.perf_counter()
    await complete_all(
        client,
        requests,
        in_flight=in_flight,
        on_reply=lambda _, reply: replies.append(reply),
        should_stop=lambda: False,
    )
    seconds = time.perf_counter() - started
    await client.close()
    failed = [reply for reply in replies if reply.state == "error"]
    if failed:
        raise SystemExit(f"{len(failed)} requests failed: {failed[0].error_code} {failed[0].error_detail}")
    return sum(reply.completion_tokens for reply in replies) / seconds


def report(model: Path, arguments: argparse.Namespace, measured: list[dict[str, float]]) -> None:
    one = statistics.median(entry["one_by_one"] for entry in measured)
    many = statistics.median(entry["batched"] for entry in measured)
    print(f"model                {model}")
    print(f"requests x tokens    {arguments.requests} x {arguments.tokens}, batches of at most {BATCH}")
    print(f"one by one           {one:9.1f} tokens/s")
    print(f"batched              {many:9.1f} tokens/s")
    print(f"ratio                {many / one:9.2f}")
    print(json.dumps({"one_by_one": one, "batched": many, "ratio": many / one}))


if __name__ == "__main__":
    main()
