from __future__ import annotations

from pathlib import Path

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
