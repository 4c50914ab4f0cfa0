"""From what a person chose to a container: the articles' own commands first, flag by flag."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.serving.makers import make_adapter, make_gguf, make_model
from workbench.containers import render_arguments
from workbench.errors import InputError
from workbench.schemas.containers import ContainerSpec
from workbench.schemas.serving import ServeConfig, TrainingContainer
from workbench.serving.engines import (
    ENGINES,
    Place,
    build_spec,
    build_training_spec,
    choose_image,
)
from workbench.serving.recipes import load_recipe

PLACE = Place(cache_root=Path("/home/user/wb/engine-caches"), uid=1000, gid=1000, gpu="toolkit", arch="amd64")

# the articles' commands, with the shell's variables filled in
ARTICLE_NIM = """
docker run -it --rm --name=LLM-NIM \\
--gpus '"device=0"' \\
--shm-size=124GB \\
-e NIM_MODEL_NAME="/opt/models/local_model" \\
-e NIM_SERVED_MODEL_NAME=custom_nemotron_nano_v2_9b \\
-v "$MODEL:/opt/models/local_model" \\
-v "$CACHE:/opt/nim/.cache" \\
-e NIM_FORCE_TRUST_REMOTE_CODE=1 \\
-e NIM_MANIFEST_ALLOW_UNSAFE=1 \\
-u 1000 \\
-e NIM_MAX_NUM_SEQS=256 \\
-e NIM_MAX_BATCH_SIZE=16 \\
-e NIM_MAX_MODEL_LEN=4096 \\
-e NIM_KVCACHE_PERCENT=0.5 \\
-p 8000:8000 \\
nvcr.io/nim/nvidia/llm-nim:1.15.0
"""
ARTICLE_TRAINING = """
docker run --gpus all --rm --ipc=host \\
  --ulimit memlock=-1 --ulimit stack=67108864 \\
  -v /home/username/works:/workspace \\
  -v /home/username/.cache/huggingface:/root/.cache/huggingface \\
  nvcr.io/nvidia/nemo:25.11.01 \\
  bash -c 'pip install -q trl && python3 /workspace/n3-nemo-train.py --backend hf-peft\\
--data-file /workspace/train.jsonl --output-dir /workspace/ngc-adapter'
"""
OURS_ONLY = {"--detach", "--init", "--stop-timeout", "--label", "--security-opt"}
"""What we add to every container: a program without a terminal, reaped children, a bounded stop, whose it is."""
LEFT_OUT = {"-it", "--rm"}
"""A server has no terminal; we remove it ourselves, after its reason to end was read."""


def meaning(command: str | list[str]) -> tuple[dict[str, set[str]], list[str]]:
    """Flags with their values in one spelling, and what stands behind the image."""
    words = shlex.split(command.replace("\\\n", " ")) if isinstance(command, str) else list(command)
    assert words[:2] == ["docker", "run"]
    words = words[2:]
    flags: dict[str, set[str]] = {}
    alone = {"-it", "--rm", "--detach", "--init", "--read-only"}
    while words and words[0].startswith("-"):
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if not equals and name not in alone:
            value = words.pop(0)
        name, value = one_spelling(name, value)
        flags.setdefault(name, set()).add(value)
    return flags, words


def one_spelling(name: str, value: str) -> tuple[str, str]:
    name = {"--volume": "-v", "--env": "-e", "--publish": "-p", "--user": "-u"}.get(name, name)
    if name == "--mount":
        parts = dict(part.partition("=")[::2] for part in value.split(","))
        return "-v", f"{parts['source']}:{parts['target']}"
    if name == "--gpus":
        return name, value.strip('"')
    if name == "--shm-size":
        return name, re.sub(r"(?i)gb?$", "g", value)
    if name == "--name":
        return name, value.removeprefix("ftw-")
    if name == "-p":
        return name, value.removeprefix("127.0.0.1:")
    return name, value


def form(folder: Path, **values: Any) -> dict[str, Any]:
    return {
        "engine": "nim1",
        "model": str(make_model(folder / "nemotron")),
        "model_name": "custom_nemotron_nano_v2_9b",
        "gpus": "0",
        "shm_gib": 124,
        "cache_dir": str(folder / "cache"),
        "trust_remote_code": True,
        "max_num_seqs": 256,
        "max_batch_size": 16,
        "max_context": 4096,
        "memory_share": 0.5,
        "port": 8000,
        "container_name": "LLM-NIM",
        **values,
    }


def build(**values: Any) -> ContainerSpec:
    config = ServeConfig.model_validate(values)
    return build_spec(config, load_recipe(config.engine), PLACE)


def test_the_first_article_s_command_is_rebuilt_flag_by_flag(tmp_path: Path) -> None:
    values = form(tmp_path)
    spec = build(**values)
    wanted, image = meaning(
        ARTICLE_NIM.replace("$MODEL", values["model"]).replace("$CACHE", values["cache_dir"])
    )
    ours, what = meaning(render_arguments(spec))
    assert what == image == ["nvcr.io/nim/nvidia/llm-nim:1.15.0"]
    for name in wanted.keys() - LEFT_OUT:
        assert ours[name] == wanted[name], name
    assert ours.keys() - wanted.keys() <= OURS_ONLY


def test_where_ours_differs_from_the_article_it_is_safer(tmp_path: Path) -> None:
    spec = build(**form(tmp_path))
    text = render_arguments(spec)
    assert "127.0.0.1:8000:8000" in text
    by_target = {mount.target: mount for mount in spec.mounts}
    assert by_target["/opt/models/local_model"].read_only
    assert not by_target["/opt/nim/.cache"].read_only


def test_the_second_article_s_command_is_rebuilt_flag_by_flag() -> None:
    spec = build_training_spec(
        TrainingContainer(
            work_dir="/home/username/works",
            hub_cache="/home/username/.cache/huggingface",
            packages=("trl",),
            command=(
                "python3",
                "/workspace/n3-nemo-train.py",
                "--backend",
                "hf-peft",
                "--data-file",
                "/workspace/train.jsonl",
                "--output-dir",
                "/workspace/ngc-adapter",
            ),
        ),
        load_recipe("ngc_training"),
        PLACE,
    )
    wanted, what_wanted = meaning(ARTICLE_TRAINING)
    ours, what = meaning(render_arguments(spec))
    assert what == what_wanted
    for name in wanted.keys() - LEFT_OUT:
        assert ours[name] == wanted[name], name
    assert ours.keys() - wanted.keys() <= OURS_ONLY


def test_every_engine_of_the_registry_has_a_recipe_of_its_name() -> None:
    assert {load_recipe(name).engine for name in ENGINES} == set(ENGINES)


def test_the_three_knobs_reach_every_engine(tmp_path: Path) -> None:
    model, gguf = make_model(tmp_path / "m"), make_gguf(tmp_path / "m.gguf")
    place = Place(tmp_path, 1000, 1000, memory_total=100)
    where = {
        "nim1": {"NIM_MAX_MODEL_LEN=2048", "NIM_KVCACHE_PERCENT=0.3", "NIM_MAX_BATCH_SIZE=5"},
        "nim2": {"NIM_MAX_MODEL_LEN=2048", "--gpu-memory-utilization 0.3", "--max-num-seqs 5"},
        "nim_spark": {"NIM_MAX_MODEL_LEN=2048", "NIM_GPU_MEM_FRACTION=0.3", "NIM_MAX_BATCH_SIZE=5"},
        "vllm": {"--max-model-len 2048", "--gpu-memory-utilization 0.3", "--max-num-seqs 5"},
        # one window divided among the slots; the memory share is the container's own limit
        "llamacpp": {"--ctx-size 10240 --parallel 5", "memory 30"},
        "ollama": {"OLLAMA_CONTEXT_LENGTH=2048", "OLLAMA_NUM_PARALLEL=5", "memory 30"},
    }
    for name, build_one in ENGINES.items():
        path = gguf if name in ("llamacpp", "ollama") else model
        config = ServeConfig.model_validate(
            {
                "engine": name,
                "model": str(path),
                "max_context": 2048,
                "memory_share": 0.3,
                "max_batch_size": 5,
            }
        )
        spec = build_one(config, place)
        said = " ".join([*(f"{key}={value}" for key, value in spec.env.items()), *spec.command])
        said += f" memory {spec.mem_bytes}"
        assert all(part in said for part in where[name]), (name, said)


def test_vllm_serves_base_and_adapters_under_their_names(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m")
    first, second = make_adapter(tmp_path / "a", rank=20), make_adapter(tmp_path / "b", rank=4)
    spec = build(
        engine="vllm",
        model=str(model),
        adapters=[{"name": "ft", "path": str(first)}, {"name": "other", "path": str(second)}],
    )
    line = " ".join(spec.command)
    assert spec.entrypoint == ("vllm", "serve")
    assert spec.command[0] == "/models/base"
    assert "--enable-lora --max-loras 2 --max-lora-rank 32 --lora-modules" in line
    assert line.endswith("ft=/models/adapters/ft other=/models/adapters/other")
    assert {mount.target: mount.source for mount in spec.mounts}["/models/adapters/ft"] == str(first)


def test_without_adapters_nothing_is_said_of_them(tmp_path: Path) -> None:
    model = str(make_model(tmp_path / "m"))
    for engine in ("nim1", "nim2", "vllm"):
        spec = build(engine=engine, model=model)
        assert "lora" not in " ".join([*spec.env, *spec.env.values(), *spec.command]).lower(), engine


def test_nim_finds_its_adapters_in_the_folder_that_it_is_told(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "a", rank=16)
    model = str(make_model(tmp_path / "m"))
    for engine in ("nim1", "nim2"):
        spec = build(engine=engine, model=model, adapters=[{"name": "ft", "path": str(adapter)}])
        assert spec.env["NIM_PEFT_SOURCE"] == "/opt/nim/loras"
        assert "/opt/nim/loras/ft" in [mount.target for mount in spec.mounts]
    assert "--max-lora-rank 16" in spec.env["NIM_PASSTHROUGH_ARGS"]


def test_llama_cpp_loads_adapters_without_applying_them(tmp_path: Path) -> None:
    base = make_gguf(tmp_path / "base.gguf")
    adapters = [
        {"name": name, "path": str(make_gguf(tmp_path / f"{name}.gguf", adapter=True))} for name in ("x", "y")
    ]
    spec = build(engine="llamacpp", model=str(base), adapters=adapters)
    line = " ".join(spec.command)
    assert "--model /models/base/base.gguf" in line
    assert "--lora-init-without-apply --lora /models/adapters/x.gguf,/models/adapters/y.gguf" in line
    assert spec.hardening.read_only_rootfs
    assert spec.hardening.cap_drop == ("ALL",)


def test_all_parts_of_a_split_gguf_are_mounted(tmp_path: Path) -> None:
    for index in (1, 2):
        make_gguf(tmp_path / f"m-0000{index}-of-00002.gguf")
    spec = build(engine="llamacpp", model=str(tmp_path))
    assert [mount.target for mount in spec.mounts] == [
        "/models/base/m-00001-of-00002.gguf",
        "/models/base/m-00002-of-00002.gguf",
    ]
    assert "/models/base/m-00001-of-00002.gguf" in spec.command


def test_the_image_follows_the_processor_where_a_gpu_is_used(tmp_path: Path) -> None:
    config = ServeConfig(engine="llamacpp", model=str(make_gguf(tmp_path / "m.gguf")))
    recipe = load_recipe("llamacpp")
    plain = Place(tmp_path, 1, 1)
    assert choose_image(config, recipe, plain) == "ghcr.io/ggml-org/llama.cpp:server"
    spark = Place(tmp_path, 1, 1, gpu="toolkit", arch="arm64")
    assert choose_image(config, recipe, spark) == "ghcr.io/ggml-org/llama.cpp:server-cuda13"
    chosen = config.model_copy(update={"image": "my/image:1"})
    assert choose_image(chosen, recipe, spark) == "my/image:1"


def test_the_key_enters_a_container_only_where_it_downloads_itself(tmp_path: Path) -> None:
    model = str(make_model(tmp_path / "m"))
    plain = build(engine="nim1", model=model, api_key_env="NGC_API_KEY")
    assert plain.secret_env == ()
    assert "NGC_API_KEY" not in plain.env
    spark = build(engine="nim_spark", model="nemotron", api_key_env="MY_KEY")
    assert spark.secret_env == ("NGC_API_KEY",)
    assert "NGC_API_KEY" not in spark.env


@pytest.mark.parametrize(
    ("engine", "code"),
    [
        ("nim1", "serve_model_not_folder"),
        ("vllm", "serve_model_not_folder"),
        ("llamacpp", "serve_model_not_file"),
    ],
)
def test_a_model_of_another_kind_is_refused(engine: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=code):
        build(engine=engine, model=str(tmp_path / "nothing"))


def test_adapters_are_refused_where_the_model_is_inside_the_image(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "a")
    with pytest.raises(InputError, match="serve_adapters_unsupported"):
        build(engine="nim_spark", model="x", adapters=[{"name": "ft", "path": str(adapter)}])


def test_a_rank_beyond_the_engine_s_limit_is_said(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "a", rank=8, rank_pattern={"q_proj": 1024})
    with pytest.raises(InputError, match="adapter_rank_too_big"):
        build(
            engine="vllm",
            model=str(make_model(tmp_path / "m")),
            adapters=[{"name": "ft", "path": str(adapter)}],
        )
