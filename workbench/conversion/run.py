"""The job `convert`: plan, write beside the target, prove, and only then give it its name."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workbench.artifacts import read_json, ref_path, write_json_atomic
from workbench.conversion import megatron
from workbench.conversion.detect import Place, detect, find_place
from workbench.conversion.part_files import PART
from workbench.conversion.plan import Work, check_space, describe_plan, prepare
from workbench.errors import InputError, InternalError, ResourceError, StateError
from workbench.jobs import JobContext
from workbench.schemas.artifact import ArtifactKind
from workbench.schemas.base import parse
from workbench.schemas.conversion import ConversionPlan, ConvertConfig, ProofReport, Target

PHASE, PROOF_PHASE = "convert", "convert_proof"
LOCK = ".lock"
PROOF, SETTINGS = "proof.json", "conversion.json"
DONE = "converted.json"
"""In the job's own folder: what was finished, for the part of the job that comes after."""
BEGUN = "begun"
"""In the job's own folder: there is something to go on with, also after a cancellation."""
WAIT_SECONDS = 0.2
_FREE = ("ollama_url", "ollama_name", "texts", "accept_tokenizer", "tools")
"""Settings that a finished folder does not depend on."""
KINDS: dict[Target, ArtifactKind] = {"gguf": "gguf", "gguf-adapter": "gguf", "ollama": "gguf"}
"""What a result is among the artifacts; a model folder unless it is named here."""


def run(config: dict[str, Any], job: JobContext) -> dict[str, Any]:
    """Convert a checkpoint (job kind `convert`).

    What a cancelled or killed one leaves is its folder `<target>.part`; started again with the same settings
    it goes on with the first file that is not whole.

    Returns:
        `artifact` (id, or the target's path), `path`, `files`, `bytes`, `peak_rss_bytes` (of this process),
        `seconds` and `proof`: check -> `passed`, `failed` or `not checked: why`.

    Raises:
        InputError: What detecting and reading raise; `target_not_empty`, `target_is_link`,
            `target_in_source`.
        ResourceError: `conversion_disk_full`, `conversion_disk_filled`, `target_unwritable`.
        StateError: `conversion_running` where another one writes to the same target.
    """
    settings = parse(ConvertConfig, {"tools": str(job.workspace.tools), **config})
    if settings.to != "ollama":
        return _convert(settings, job)
    # the only target that talks to a server
    from workbench.conversion.ollama import register

    register.check_server(settings, job)
    result = _convert(settings, job)
    return result | {"ollama": register.register(settings, Path(result["path"]), job)}


def _convert(settings: ConvertConfig, job: JobContext) -> dict[str, Any]:
    """Everything up to the finished folder; what an earlier run of this job finished is not made again."""
    earlier = read_earlier(settings, job)
    if earlier is not None:
        return earlier
    started = time.monotonic()
    place = find_place(Path(settings.source))
    if place.layout == "nemo_megatron":
        megatron.refuse(place, settings)
    target = choose_target(settings, job)
    refuse_overlap(place, settings, target)
    part = target.with_name(target.name + PART)
    try:
        part.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(target.name + LOCK), timeout=0):
            drop_other(settings, part)
            (job.work_dir / BEGUN).touch()
            plan = _write(settings, place, part, job)
            peak = read_peak()
            proof = prove(settings, part, job)
            confirm_tokenizer(settings, proof, part)
            artifact, folder = _finish(settings, part, target, job)
    except Timeout as exc:
        raise StateError("conversion_running", path=str(target)) from exc
    except OSError as exc:
        raise _explain(exc, target) from exc
    result: dict[str, Any] = {
        "artifact": artifact,
        "path": str(folder),
        "files": [file.name for file in plan.files if file.kept],
        "bytes": sum(file.bytes for file in plan.files if file.kept),
        "peak_rss_bytes": peak,
        "seconds": round(time.monotonic() - started, 3),
        "proof": say_proof(proof),
    }
    write_json_atomic(job.work_dir / DONE, result)
    return result


def drop_other(settings: ConvertConfig, part: Path) -> None:
    """Empty an unfinished folder that another source or other settings began: files of two would be mixed."""
    kept = part / SETTINGS
    if any(part.iterdir()) and (not kept.is_file() or not _is_same(settings, kept)):
        shutil.rmtree(part)
        part.mkdir()
    write_json_atomic(kept, settings)


def _is_same(settings: ConvertConfig, kept: Path) -> bool:
    """Whether a folder was begun for these settings, but for those that it does not depend on."""
    began = parse(ConvertConfig, read_json(kept))
    return began.model_copy(update={name: getattr(settings, name) for name in _FREE}) == settings


def read_earlier(settings: ConvertConfig, job: JobContext) -> dict[str, Any] | None:
    """What was finished before: by this job, or by another one that was to fill the very same folder.

    Only the second part of a job that also registers its folder with a server can come after that.
    """
    done = job.work_dir / DONE
    if done.is_file() and Path((kept := read_json(done))["path"]).is_dir():
        return kept
    target = Path(settings.target).expanduser().absolute() if settings.target else None
    if settings.to != "ollama" or target is None or not (target / PROOF).is_file():
        return None
    if not _is_same(settings, target / SETTINGS):
        return None
    files = [path for path in sorted(target.iterdir()) if path.name not in (PROOF, SETTINGS)]
    return {
        "artifact": str(target),
        "path": str(target),
        "files": [path.name for path in files],
        "bytes": sum(path.stat().st_size for path in files),
        "peak_rss_bytes": read_peak(),
        "seconds": 0.0,
        "proof": say_proof(ProofReport.model_validate(read_json(target / PROOF))),
    }


def confirm_tokenizer(settings: ConvertConfig, proof: ProofReport, part: Path) -> None:
    """A tokenizer that gives other tokens makes another model; a person has to say that this is wanted.

    Raises:
        StateError: `tokenizer_not_confirmed`; the folder stays under its unfinished name.
    """
    found = next((check for check in proof.checks if check.name == "tokenizer"), None)
    if found is None or found.state != "failed" or settings.accept_tokenizer:
        return
    counts = {name: int(found.params.get(name, 0)) for name in ("equal", "texts")}
    raise StateError("tokenizer_not_confirmed", path=str(part), **counts)


def choose_target(settings: ConvertConfig, job: JobContext) -> Path:
    """The folder to be made: the person's, or one among the workspace's models.

    Raises:
        InputError: `target_not_empty`, `target_is_link`.
    """
    target = Path(settings.target).expanduser() if settings.target else job.workspace.models / settings.name
    target = target.absolute()
    if target.is_symlink() or target.with_name(target.name + PART).is_symlink():
        raise InputError("target_is_link", path=str(target))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError("target_not_empty", path=str(target))
    return target


def refuse_overlap(place: Place, settings: ConvertConfig, target: Path) -> None:
    """The source and the base are never written to.

    Raises:
        InputError: `target_in_source`.
    """
    for folder in (
        place.weights,
        Path(settings.source).resolve(),
        Path(settings.base or "/nowhere").resolve(),
    ):
        if target.resolve() == folder or (folder.is_dir() and target.resolve().is_relative_to(folder)):
            raise InputError("target_in_source", path=str(target))


def _write(settings: ConvertConfig, place: Place, part: Path, job: JobContext) -> ConversionPlan:
    work = prepare(settings, place)
    try:
        plan = describe_plan(settings, detect(Path(settings.source)), work, part)
        check_space(plan)
        job.note(plan=plan.model_dump(mode="json"))
        _write_counted(work, plan, part, job)
        return plan
    finally:
        work.close()


def _write_counted(work: Work, plan: ConversionPlan, part: Path, job: JobContext) -> None:
    done = 0

    def count(size: int) -> None:
        nonlocal done
        done += size
        job.progress(PHASE, done=done, total=plan.bytes, unit="bytes")
        job.check()

    work.write(part, count)


def prove(settings: ConvertConfig, part: Path, job: JobContext) -> ProofReport:
    """Run the checks in a process of their own: they need libraries that the conversion does without.

    Raises:
        InternalError: `proof_crashed`.
    """
    job.progress(PROOF_PHASE)
    write_json_atomic(part / SETTINGS, settings)
    (part / PROOF).unlink(missing_ok=True)
    command = [sys.executable, "-m", "workbench.conversion.prove", str(part)]
    said = job.work_dir / "proof.log"
    with said.open("wb") as log:
        returned = _wait(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT), job)
    if returned or not (part / PROOF).is_file():
        raise InternalError(
            "proof_crashed", reason=said.read_text(encoding="utf-8", errors="replace").strip()[-400:]
        )
    return ProofReport.model_validate(read_json(part / PROOF))


def _wait(process: subprocess.Popen[bytes], job: JobContext) -> int:
    """The exit code; where the job is asked to stop, the process is ended."""
    try:
        while True:
            try:
                return process.wait(timeout=WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                job.check()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def say_proof(proof: ProofReport) -> dict[str, str]:
    """Check -> what came out, as `--json` shows it."""
    return {
        check.name: check.state if check.state != "not checked" else f"not checked: {check.reason}"
        for check in proof.checks
    }


def _finish(settings: ConvertConfig, part: Path, target: Path, job: JobContext) -> tuple[str, Path]:
    """Give the folder its name; the artifact (id, or the path where a person chose one), and where it lies."""
    if target.exists():
        target.rmdir()
    part.rename(target)
    target.with_name(target.name + LOCK).unlink(missing_ok=True)
    if settings.target:
        return str(target), target
    draft = job.artifacts.begin(KINDS.get(settings.to, "model"), settings.name, job_id=job.spec.id)
    try:
        for path in target.iterdir():
            path.rename(draft.folder / path.name)
        target.rmdir()
        inputs = [ref_path(Path(path)) for path in (settings.source, settings.base) if path]
        made = draft.commit(inputs=inputs, details={"converted_to": settings.to})
        return made.id, job.artifacts.folder(made.id)
    finally:
        # nothing is left to discard once it was committed
        draft.discard()


def _explain(error: OSError, target: Path) -> ResourceError:
    if error.errno == errno.ENOSPC:
        free = shutil.disk_usage(target.parent).free if target.parent.exists() else 0
        return ResourceError("conversion_disk_filled", path=str(target), free=free)
    return ResourceError("target_unwritable", path=str(target), reason=error.strerror or type(error).__name__)


def read_peak() -> int:
    """This process's largest resident memory so far, in bytes (VmHWM); 0 where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0")
    return int(line.split()[1]) * 1024
