"""A real llama-server in a real container: base and adapter as GGUF files, held by the guard, and their answers.

WORKBENCH_LLAMA_SERVER names the program, built from llama.cpp's sources (`cmake --build build --target llama-server`).
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.conversion.gguf.support import write
from tests.engine.waiting import until_ready
from workbench.inference import create_client
from workbench.jobs import JobStore
from workbench.paths import Workspace
from workbench.schemas.chat import ChatMessage
from workbench.schemas.inference import ChatRequest, Endpoint, Sampling
from workbench.schemas.serving import AdapterMount, ServeConfig
from workbench.serving.guarding import guard_endpoints, served_models
from workbench.serving.planning import plan_server, submit_server

IMAGE = "ftw-test/llama-server:1"
TOKENS = 24
QUESTIONS = (
    "次のうち、色はどれですか。\n0. 犬\n1. 赤\n2. すし\n3. 手\n4. ピアノ\n番号だけで答えてください。",
    "書き写してください。",
)


@pytest.fixture(scope="module")
def image(raw: docker.APIClient) -> str:
    """The program and what it is linked against, as the published image has them: it is the entry point."""
    program = Path(os.environ.get("WORKBENCH_LLAMA_SERVER", "/nowhere"))
    if not program.is_file():
        pytest.skip("a real llama-server was not tested (WORKBENCH_LLAMA_SERVER)")
    told = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("tmp", "dev", "proc", "sys", "etc", "models"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        tar.add(program, "app/llama-server")
        for library in sorted(set(re.findall(r"(/\S+\.so\S*) \(0x", told))):
            tar.add(Path(library).resolve(), library.lstrip("/"))
    repository, _, tag = IMAGE.rpartition(":")
    raw.import_image_from_data(
        archive.getvalue(), repository=repository, tag=tag, changes=['ENTRYPOINT ["/app/llama-server"]']
    )
    return IMAGE


@pytest.fixture(scope="module")
def starter(repo_root: Path) -> Path:
    return repo_root / "assets" / "starter" / "model"


@pytest.fixture(scope="module")
def adapter(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter that changes every answer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    base: Any = AutoModelForCausalLM.from_pretrained(str(starter), dtype=torch.float32)
    # a random B, so that it does something
    lora = LoraConfig(r=8, lora_alpha=64, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapter")
    get_peft_model(base, lora).save_pretrained(str(folder))
    return folder


def answer_by_transformers(starter: Path, adapter: Path | None) -> list[str]:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(str(starter))
    model: Any = AutoModelForCausalLM.from_pretrained(str(starter), dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    found = []
    for question in QUESTIONS:
        ids = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        made = model.generate(**ids, max_new_tokens=TOKENS, do_sample=False)
        found.append(tokenizer.decode(made[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))
    return found


async def ask(endpoint: Endpoint) -> list[str]:
    client = create_client(endpoint, environ={})
    try:
        sampling = Sampling(temperature=0.0, max_tokens=TOKENS)
        requests = [
            ChatRequest(messages=(ChatMessage(role="user", content=question),), sampling=sampling)
            for question in QUESTIONS
        ]
        return [(await client.complete(request)).text for request in requests]
    finally:
        await client.close()


def test_base_and_adapter_from_one_llama_server_answer_like_transformers_and_peft(
    jobs: JobStore, workspace: Workspace, image: str, starter: Path, adapter: Path, tmp_path: Path
) -> None:
    model = write(starter, tmp_path / "base", to="gguf", dtype="f32")
    extra = write(adapter, tmp_path / "extra", to="gguf-adapter", base=str(starter))
    wanted = ServeConfig(
        engine="llamacpp",
        model=str(model),
        adapters=(AdapterMount(name="ft", path=str(extra)),),
        image=image,
        allow_other_image=True,
        gpus="none",
        memory_share=0.1,
        max_context=1024,
        max_batch_size=2,
        idle_seconds=0,
        ready_seconds=120,
    )
    plan = plan_server(wanted, workspace, jobs=jobs, environ=os.environ)
    assert plan.preflight.stops == ()
    record = until_ready(jobs, submit_server(wanted, jobs))
    assert record.status.note["guard"]["state"] == "held"
    base, tuned = (one.endpoint for one in served_models(record.status.note))
    guarded = asyncio.run(guard_endpoints(base, tuned, environ={}, models=served_models(record.status.note)))
    assert guarded.state == "held"
    plain, changed = answer_by_transformers(starter, None), answer_by_transformers(starter, adapter)
    assert plain != changed
    assert asyncio.run(ask(base)) == plain
    assert asyncio.run(ask(tuned)) == changed
    # the base again: an adapter's scale must not stay behind from the request before
    assert asyncio.run(ask(base)) == plain
