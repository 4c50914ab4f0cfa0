from __future__ import annotations

from pathlib import Path

from workbench.jobs.machine import Gpu
from workbench.schemas.serving import AdapterMount, ServeConfig
from workbench.serving.memory import OVERHEAD_BYTES, serving_bytes


def test_the_reservation_covers_the_weights_of_base_and_adapters(tmp_path: Path) -> None:
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    for folder, size in ((base, 1000), (adapter, 100)):
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"x" * size)
    mount = AdapterMount(name="tuned", path=str(adapter))
    reserved = serving_bytes(ServeConfig(model=str(base), adapters=(mount,), dtype="bfloat16"))
    assert reserved - OVERHEAD_BYTES == 1320
    assert serving_bytes(ServeConfig(model=str(base), adapters=(mount,))) > reserved


GIB = 2**30


def in_container(path: Path, engine: str, share: float = 0.5, **values: object) -> ServeConfig:
    return ServeConfig.model_validate({"engine": engine, "model": str(path), "memory_share": share, **values})


def test_an_engine_that_sets_its_share_aside_is_counted_with_all_of_it(tmp_path: Path) -> None:
    unified = Gpu("NVIDIA GB10", None, None, None, None)
    config = in_container(tmp_path, "nim2", 0.4)
    assert serving_bytes(config, total=lambda: 100 * GIB, gpu=lambda: unified) == 40 * GIB


def test_a_gpu_with_memory_of_its_own_leaves_the_machine_s_alone(tmp_path: Path) -> None:
    card = Gpu("H100", None, 0, 80 * GIB, None)
    assert (
        serving_bytes(in_container(tmp_path, "vllm", 0.9), total=lambda: 100 * GIB, gpu=lambda: card)
        == 6 * GIB
    )


def test_llama_cpp_takes_what_its_files_need_and_never_more_than_its_share(tmp_path: Path) -> None:
    model, adapter = tmp_path / "m.gguf", tmp_path / "a.gguf"
    model.write_bytes(b"GGUF" + b"0" * 10_000_000)
    adapter.write_bytes(b"GGUF" + b"0" * 1_000_000)
    config = in_container(model, "llamacpp", adapters=[{"name": "ft", "path": str(adapter)}])
    needed = serving_bytes(config, total=lambda: 100 * GIB, gpu=lambda: None)
    assert needed == int(11_000_008 * 1.2) + OVERHEAD_BYTES
    assert serving_bytes(config, total=lambda: GIB, gpu=lambda: None) == GIB // 2
