"""Conversion against a plain copy, the articles' two steps, PEFT's merge and llama.cpp's converter.

    python benchmarks/conversion.py [--size 0.7] [--rounds 5] [--cases v1,v2,ranks,merge,q8_0] [--place DIR]
                                    [--llama DIR [--llama-python PATH]]

A random Llama in float32 is written as NeMo RL writes it (DCP v1, v2, and by three processes over gloo), with a base
and an adapter. Every side runs in a process of its own, the sides turn by turn, so that a busy machine disturbs all
alike; medians are compared. Timed is the work alone, without imports and without the proof, until the disk has it; the
peak of memory is the whole process's (VmHWM), imports included. Sides that wrote other numbers are not compared.
`--llama` names llama.cpp's tree; it stands in the source package of llama-cpp-python under vendor/llama.cpp.

It takes about 7 times the checkpoint's size on the disk: 20 GB at the usual size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO))

CASES: dict[str, tuple[str, ...]] = {
    "v1": ("workbench", "copy", "article"),
    "v2": ("workbench", "copy", "article"),
    "ranks": ("workbench", "copy", "article"),
    "merge": ("workbench", "peft"),
    "q8_0": ("workbench", "official"),
}
VOCABULARY = 32_000
COPY_GOAL, OTHER_GOAL = 2.5, 2.0
TENSORS_GOAL, BARE_GOAL = 2.5, 300 * 2**20
MB = 1_000_000
BEGAN = "began.txt"
"""Where a side that is a program of its own writes when its work began."""


class Run(NamedTuple):
    """One run of one side."""

    seconds: float
    """Of the work alone."""
    cpu: float
    """Processor seconds of the work, its child processes included."""
    peak: int
    """Bytes, of the whole process."""


def main() -> None:
    arguments = parse_arguments()
    if arguments.side:
        run_side(arguments)
        return
    with tempfile.TemporaryDirectory(dir=arguments.place) as folder:
        place = Path(folder)
        cases = [case for case in arguments.cases.split(",") if case]
        largest = make_inputs(place, cases, arguments.size)
        for case in cases:
            compare(case, place, largest, arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Conversion against what others do.")
    parser.add_argument("--size", type=float, default=0.7, help="billions of parameters")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--place", type=Path, help="folder on the disk to be measured")
    parser.add_argument("--llama", type=Path, help="llama.cpp's tree, for its own converter")
    parser.add_argument("--llama-python", type=Path, default=Path(sys.executable))
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


# what is converted


def make_inputs(place: Path, cases: Sequence[str], size: float) -> int:
    """Write base, adapter and checkpoints; bytes of the largest tensor."""
    from tests.conversion.checkpoints import save_by_ranks, write_step, write_v1, write_v2

    base = place / "base"
    tensors = make_base(base, size)
    count = sum(value.numel() for value in tensors.values())
    largest = max(value.numel() for value in tensors.values()) * 4
    print(
        f"{count / 1e9:.2f} billion parameters in float32, {count * 4 / MB:,.0f} MB, largest {largest / MB:.0f} MB"
    )
    trained = {name: value + 0.001 for name, value in tensors.items()}
    writers: dict[str, Callable[[], Any]] = {
        "v1": lambda: write_v1(place / "v1" / "step_1", base, trained),
        "v2": lambda: write_v2(place / "v2" / "step_1", base, trained),
        "ranks": lambda: save_by_ranks(
            trained, write_step(place / "ranks" / "step_1", base) / "model", "dcp"
        ),
        "merge": lambda: make_adapter(base, place / "merge"),
    }
    for case in cases:
        writers.get(case, lambda: None)()
    os.sync()
    return largest


def make_base(folder: Path, size: float) -> dict[str, Any]:
    """A random model of about this many billions of parameters."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, LlamaConfig

    from tests.tiny_model import build_tokenizer

    build_tokenizer().save_pretrained(str(folder))
    name_older_class(folder / "tokenizer_config.json")
    hidden = 1536 if size >= 0.3 else 512
    layer = 2 * hidden**2 + hidden**2 // 2 + 3 * hidden * hidden * 8 // 3
    config: Any = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=hidden * 8 // 3,
        num_hidden_layers=max(1, round((size * 1e9 - 2 * VOCABULARY * hidden) / layer)),
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 256,
        tie_word_embeddings=False,
    )
    config.architectures = ["LlamaForCausalLM"]
    config.dtype = "float32"
    config.save_pretrained(str(folder))
    with torch.device("meta"):
        shapes = AutoModelForCausalLM.from_config(config).state_dict()
    generator = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(value.shape, generator=generator) * 0.02 for name, value in shapes.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return tensors


def name_older_class(path: Path) -> None:
    """Let transformers 4, which the official converter needs, read the tokenizer that transformers 5 wrote."""
    content = json.loads(path.read_text(encoding="utf-8")) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def make_adapter(base: Path, folder: Path) -> None:
    """A random adapter of rank 16 on every linear layer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    tuned: Any = get_peft_model(model, config)
    for name, value in tuned.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.02)
    tuned.save_pretrained(str(folder))


# the sides, each in a process of its own


def run_side(arguments: argparse.Namespace) -> None:
    """Prepare (imports), work, and write down what it took."""
    place, case = arguments.place, arguments.case
    out = place / "out"
    out.mkdir()
    work = SIDES[arguments.side](case, place, out, arguments)
    started, spent = time.perf_counter(), cpu_seconds()
    work()
    with suppress(FileNotFoundError):
        # of the same clock: it counts for the whole machine
        started = float((place / BEGAN).read_text())
        (place / BEGAN).unlink()
    for path in out.rglob("*"):
        if path.is_file():
            flush(path)
    measured = {
        "seconds": time.perf_counter() - started,
        "cpu": cpu_seconds() - spent,
        "peak": read_own_peak(),
    }
    (place / "measured.json").write_text(json.dumps(measured))


def flush(path: Path) -> None:
    """Wait until the disk holds a file: what `sync FILE` does."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def read_own_peak() -> int:
    """The largest memory of this process or of one of its children, in bytes."""
    from workbench.conversion.run import read_peak

    return max(read_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)


def find_source(case: str, place: Path) -> Path:
    return {"merge": place / "merge", "q8_0": place / "base"}.get(case, place / case / "step_1")


def prepare_workbench(case: str, place: Path, out: Path, arguments: argparse.Namespace) -> Callable[[], None]:
    from workbench.conversion.detect import find_place
    from workbench.conversion.plan import prepare
    from workbench.schemas.conversion import ConvertConfig

    forms: dict[str, dict[str, Any]] = {"merge": {"to": "merged"}, "q8_0": {"to": "gguf", "dtype": "q8_0"}}
    form = forms.get(case, {"to": "safetensors", "dtype": "f32"})
    base = "" if case == "q8_0" else str(place / "base")
    settings = ConvertConfig(source=str(find_source(case, place)), base=base, target=str(out), **form)
    if case == "merge":
        import torch  # noqa: F401
    if case == "q8_0":
        import workbench.conversion.gguf.work  # noqa: F401

    def work() -> None:
        prepared = prepare(settings, find_place(Path(settings.source)))
        prepared.write(out, lambda size: None)
        prepared.close()

    return work


def prepare_copy(case: str, place: Path, out: Path, arguments: argparse.Namespace) -> Callable[[], None]:
    weights = find_source(case, place) / "policy" / "weights"
    return lambda: subprocess.run(["cp", "-r", str(weights), str(out)], check=True)  # type: ignore[return-value]


def prepare_article(case: str, place: Path, out: Path, arguments: argparse.Namespace) -> Callable[[], None]:
    """The two scripts of the article: one .bin of the whole model, then loaded and saved as safetensors."""
    import torch
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
    from transformers import AutoModelForCausalLM

    weights = find_source(case, place) / "policy" / "weights"
    folder = weights if case == "v1" else weights / "model"

    def work() -> None:
        step = place / "step"
        shutil.copytree(place / "base", step, ignore=shutil.ignore_patterns("*.safetensors"))
        binary = step / "pytorch_model.bin"
        dcp_to_torch_save(str(folder), str(binary))
        state = torch.load(binary, weights_only=True)
        torch.save(state.get("model", state), binary)
        del state
        model: Any = AutoModelForCausalLM.from_pretrained(str(step), dtype=torch.float32)
        model.save_pretrained(str(out))
        shutil.rmtree(step)

    return work


def prepare_peft(case: str, place: Path, out: Path, arguments: argparse.Namespace) -> Callable[[], None]:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    def work() -> None:
        model: Any = AutoModelForCausalLM.from_pretrained(str(place / "base"), dtype=torch.float32)
        merged: Any = PeftModel.from_pretrained(model, str(place / "merge")).merge_and_unload()
        merged.save_pretrained(str(out))

    return work


_OFFICIAL = """
import os, runpy, sys, time
tree = sys.argv[1]
sys.path[:0] = [tree + "/gguf-py", tree]
import conversion.base as base
# the converter knows tokenizers by a list of hashes, and a tokenizer made for a test is on none
for kind in vars(base).values():
    if isinstance(kind, type) and "get_vocab_base_pre" in vars(kind):
        kind.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
sys.argv = ["convert_hf_to_gguf.py", *sys.argv[2:]]
open(os.environ["WORK_BEGAN"], "w").write(repr(time.perf_counter()))
runpy.run_path(tree + "/convert_hf_to_gguf.py", run_name="__main__")
"""


def prepare_official(case: str, place: Path, out: Path, arguments: argparse.Namespace) -> Callable[[], None]:
    """The converter is a program: it tells itself when its imports were done; its CPU seconds hold them."""
    command = [str(arguments.llama_python), "-c", _OFFICIAL, str(arguments.llama), str(place / "base")]
    command += ["--outfile", str(out / "model-q8_0.gguf"), "--outtype", "q8_0"]
    environ = os.environ | {"WORK_BEGAN": str(place / BEGAN)}
    return lambda: subprocess.run(command, check=True, env=environ)  # type: ignore[return-value]


SIDES: dict[str, Callable[[str, Path, Path, argparse.Namespace], Callable[[], None]]] = {
    "workbench": prepare_workbench,
    "copy": prepare_copy,
    "article": prepare_article,
    "peft": prepare_peft,
    "official": prepare_official,
}


# the comparison


def compare(case: str, place: Path, largest: int, arguments: argparse.Namespace) -> None:
    sides = [side for side in CASES[case] if side != "official" or arguments.llama]
    runs: dict[str, list[Run]] = {side: [] for side in sides}
    for number in range(arguments.rounds):
        # the order alternates, so that no side always finds the files in memory
        for side in sides[:: -1 if number % 2 else 1]:
            runs[side].append(measure(case, side, place, arguments))
            if number == 0:
                keep_digest(case, side, place)
            shutil.rmtree(place / "out")
    problem = find_difference(case, place)
    if problem:
        print(f"{case}: the sides wrote other numbers ({problem}); not compared")
        return
    report(case, runs, largest)


def measure(case: str, side: str, place: Path, arguments: argparse.Namespace) -> Run:
    command = [sys.executable, __file__, "--side", side, "--case", case, "--place", str(place)]
    if arguments.llama:
        command += ["--llama", str(arguments.llama), "--llama-python", str(arguments.llama_python)]
    shutil.rmtree(place / "out", ignore_errors=True)
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    if done.returncode:
        sys.exit(f"{case}, {side} failed:\n{done.stderr[-2000:]}")
    return Run(**json.loads((place / "measured.json").read_text()))


def keep_digest(case: str, side: str, place: Path) -> None:
    """Checksums of what a side wrote, tensor by tensor; a copy has no tensors of its own."""
    if side == "copy":
        return
    found = read_gguf(place / "out") if case == "q8_0" else read_model(place / "out")
    (place / f"digest-{case}-{side}.json").write_text(json.dumps(found))


def read_model(folder: Path) -> dict[str, Any]:
    from workbench.conversion.proof.weights import checksum
    from workbench.conversion.sources.safetensors import open_model

    source = open_model(folder)
    found = {
        name: [list(info.shape), *checksum(source.read_blocks(name))] for name, info in source.infos.items()
    }
    source.close()
    return found


def read_gguf(folder: Path) -> dict[str, Any]:
    import zlib

    from gguf import GGUFReader

    reader: Any = GGUFReader(next(folder.glob("*.gguf")))
    return {tensor.name: [tensor.tensor_type, zlib.crc32(tensor.data.tobytes())] for tensor in reader.tensors}


def find_difference(case: str, place: Path) -> str:
    """The first tensor in which two sides differ; empty where there is none."""
    first, *others = [json.loads(path.read_text()) for path in sorted(place.glob(f"digest-{case}-*.json"))]
    for other in others:
        for name in sorted(first.keys() | other.keys()):
            if first.get(name) != other.get(name):
                return name
    return ""


def report(case: str, runs: dict[str, list[Run]], largest: int) -> None:
    print(f"\n{case}, median of {len(runs['workbench'])}")
    middle = {
        side: Run(*(statistics.median(column) for column in zip(*found, strict=True)))
        for side, found in runs.items()
    }
    for side, run in middle.items():
        print(f"  {side:10} {run.seconds:7.2f} s  {run.cpu:7.2f} CPU s  peak {run.peak / MB:7.0f} MB")
    ours = middle["workbench"]
    budget = TENSORS_GOAL * largest + BARE_GOAL
    worst = max(run.peak for run in runs["workbench"])
    print(f"  memory: {worst / budget:.0%} of 2.5 x the largest tensor + 300 MiB ({budget / MB:.0f} MB)")
    for side, run in middle.items():
        if side == "copy":
            print(f"  time / copy: {ours.seconds / run.seconds:.2f} (goal: at most {COPY_GOAL})")
        elif side != "workbench":
            print(f"  {side} / ours: time {run.seconds / ours.seconds:.2f} (goal: at least {OTHER_GOAL}),"
                  f" memory {run.peak / ours.peak:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
