"""Architectures that are not converted here: llama.cpp's own converter, pinned, in an environment of its own.

It wants versions of its libraries that ours are not, and one of its steps runs the model's own code where there
is some; so it never shares an environment with the workbench, and such models are left to its container.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from filelock import FileLock

from workbench.conversion.detect import Place
from workbench.conversion.gguf.older_view import make_older_view
from workbench.conversion.gguf.quantise import KINDS, require_llama, run_quantiser
from workbench.conversion.part_files import PART, Written, finish
from workbench.conversion.plan import PREPARERS, TORCH_BYTES, Work
from workbench.errors import InputError, ResourceError
from workbench.paths import Workspace
from workbench.schemas.conversion import ConvertConfig, PlannedFile

SOURCE = "llama-cpp-python==0.3.36"
"""Its source package holds llama.cpp's whole tree, the converter included."""
REQUIREMENTS = (
    "transformers==4.57.6",
    "torch==2.13.0",
    "numpy==2.2.6",
    "sentencepiece==0.2.1",
    "protobuf==4.25.8",
    "safetensors==0.8.0",
)
IMAGE = "ghcr.io/ggml-org/llama.cpp:full"
SCRIPT = "convert_hf_to_gguf.py"
WANTED = (SCRIPT, "conversion/", "gguf-py/", "LICENSE")
READY = "ready.txt"
POLL = 0.2
BITS = {"f32": 32, "f16": 16, "bf16": 16, "q8_0": 8.5, "q4_k_m": 4.9}
"""Of a weight, for the estimate of the file's size."""
HF = ("hf_safetensors", "hf_bin", "nemo_consolidated")


@dataclass(frozen=True)
class OfficialWork:
    """A conversion by llama.cpp's own converter. Its sizes are estimates."""

    inner: Work | None
    """Makes a model folder first, where the source is none."""
    model: Path | None
    """The source, where it is a model folder."""
    tools: Path
    dtype: str
    estimate: int
    peak_bytes: int

    @property
    def files(self) -> tuple[PlannedFile, ...]:
        """See `Work`."""
        inner = self.inner.files if self.inner is not None else ()
        steps = tuple(file.model_copy(update={"kept": False}) for file in inner)
        return (*steps, PlannedFile(name=self.name, bytes=self.estimate, tensors=0))

    @property
    def name(self) -> str:
        """Of the file."""
        return f"model-{self.dtype}.gguf"

    @property
    def command(self) -> tuple[str, ...]:
        """What is run, for showing."""
        return self.build_command(self.model or Path("model"), Path(self.name))

    def build_command(self, model: Path, target: Path) -> tuple[str, ...]:
        """The converter's command line."""
        step = "bf16" if self.dtype in KINDS else self.dtype
        script = self.tools / "llama.cpp" / SCRIPT
        words = (find_python(self.tools), script, model, "--outfile", target, "--outtype", step)
        return tuple(str(word) for word in words)

    def write(self, folder: Path, written: Written) -> None:
        """See `Work`; sets the converter's environment up where it is not there yet."""
        path = folder / self.name
        if path.is_file():
            return
        install_converter(self.tools, written)
        model = self.model or self._write_model(folder, written)
        made = folder / f"{self.name}.step{PART}"
        made.unlink(missing_ok=True)
        view = make_older_view(model, folder / "older")
        run_watched(self.build_command(view, made), written, made)
        if self.dtype in KINDS:
            part = folder / f"{self.name}{PART}"
            run_quantiser(made, part, KINDS[self.dtype], written)
            made.unlink()
            made = part
        finish(made, path)
        for name in ("older", "model"):
            shutil.rmtree(folder / name, ignore_errors=True)

    def _write_model(self, folder: Path, written: Written) -> Path:
        assert self.inner is not None
        model = folder / "model"
        model.mkdir(exist_ok=True)
        self.inner.write(model, written)
        return model

    def close(self) -> None:
        """See `Work`."""
        if self.inner is not None:
            self.inner.close()


def prepare_official(settings: ConvertConfig, place: Place, config: Mapping[str, Any]) -> Work:
    """A conversion by llama.cpp's own converter.

    Raises:
        InputError: `gguf_remote_code` where the model brings code of its own: its container does it.
        ResourceError: `llama_missing`.
    """
    if config.get("auto_map"):
        command = " ".join(build_container_command(settings))
        raise InputError("gguf_remote_code", path=settings.base or settings.source, command=command)
    dtype = settings.dtype or "bf16"
    if dtype in KINDS:
        require_llama(dtype)
    merges = place.layout in ("peft", "nemo_peft")
    plain = place.layout in HF and place.config == place.weights and not settings.base
    form = {"to": "merged" if merges else "safetensors", "dtype": None}
    inner = (
        None
        if plain
        else PREPARERS["merged" if merges else "safetensors"](settings.model_copy(update=form), place)
    )
    model = place.weights if plain else None
    size = _measure(inner, place)
    tools = Path(settings.tools) if settings.tools else find_tools(os.environ)
    return OfficialWork(inner, model, tools, dtype, int(size * BITS[dtype] / 16), TORCH_BYTES)


def _measure(inner: Work | None, place: Place) -> int:
    if inner is not None:
        return sum(file.bytes for file in inner.files if file.tensors)
    return sum(
        path.stat().st_size for path in place.weights.iterdir() if path.suffix in (".safetensors", ".bin")
    )


def find_tools(environ: Mapping[str, str]) -> Path:
    """Where the converter's environment lies in a workspace."""
    return Workspace.locate(None, environ).tools


def find_python(tools: Path) -> Path:
    """The interpreter of the converter's environment."""
    return tools / "converter" / "bin" / "python"


def build_container_command(settings: ConvertConfig) -> tuple[str, ...]:
    """The same by llama.cpp's container, without network."""
    model = settings.base or settings.source
    step = "bf16" if settings.dtype in KINDS or settings.dtype is None else settings.dtype
    return (
        *("docker", "run", "--rm", "--network", "none", "-v", f"{model}:/model:ro", "-v", ".:/out"),
        *("--entrypoint", "python3", IMAGE, f"/app/{SCRIPT}", "/model"),
        *("--outfile", "/out/model.gguf", "--outtype", step),
    )


def install_converter(tools: Path, written: Written) -> None:
    """Make the environment: pinned packages, and the converter's tree out of a source package.

    Raises:
        ResourceError: `converter_install`.
    """
    tools.mkdir(parents=True, exist_ok=True)
    with FileLock(tools / "install.lock"):
        if not (tools / READY).is_file():
            _install(tools, written)


def _install(tools: Path, written: Written) -> None:
    python = find_python(tools)
    run_watched((sys.executable, "-m", "venv", "--clear", str(tools / "converter")), written)
    pip = (str(python), "-m", "pip")
    run_watched((*pip, "install", "--quiet", *REQUIREMENTS), written)
    fetch = ("download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(tools), SOURCE)
    run_watched((*pip, *fetch), written)
    archive = next(tools.glob("llama_cpp_python-*.tar.gz"))
    extract_tree(archive, tools / "llama.cpp")
    archive.unlink()
    (tools / READY).write_text("\n".join((SOURCE, *REQUIREMENTS)) + "\n", encoding="utf-8")


def extract_tree(archive: Path, target: Path) -> None:
    """Take the converter out of the source package.

    Raises:
        ResourceError: `converter_install` where it is not in there.
    """
    with tarfile.open(archive) as packed:
        for member in packed:
            _, found, inside = member.name.partition("/vendor/llama.cpp/")
            if found and member.isfile() and inside.startswith(WANTED):
                member.name = inside
                packed.extract(member, target, filter="data")
    if not (target / SCRIPT).is_file():
        raise ResourceError("converter_install", reason=SCRIPT)


def run_watched(command: Sequence[str], written: Written, target: Path | None = None) -> None:
    """Run a program to its end, telling how its output grows; it dies with a cancel.

    Raises:
        ResourceError: `converter_install` or, with a target, `converter_failed`.
    """
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""} if target is not None else None
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ, text=True, errors="replace"
    ) as child:
        try:
            lines = _follow(child, written, target)
        finally:
            # does nothing to one that has ended
            child.kill()
    if child.returncode or (target is not None and not target.is_file()):
        code = "converter_install" if target is None else "converter_failed"
        raise _FAILURES[code](lines[-400:])


def _follow(child: subprocess.Popen[str], written: Written, target: Path | None) -> str:
    stream = child.stdout
    assert stream is not None
    lines: list[str] = []

    def collect() -> None:
        lines.extend(stream)

    reader = Thread(target=collect, daemon=True)
    reader.start()
    seen = 0
    while child.poll() is None:
        time.sleep(POLL)
        size = target.stat().st_size if target is not None and target.exists() else 0
        written(max(size - seen, 0))
        seen = max(size, seen)
    reader.join(timeout=5)
    return "".join(lines).strip()


_FAILURES: dict[str, Callable[[str], ResourceError]] = {
    "converter_install": lambda reason: ResourceError("converter_install", reason=reason),
    "converter_failed": lambda reason: ResourceError("converter_failed", reason=reason),
}
