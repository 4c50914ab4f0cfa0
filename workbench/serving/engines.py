"""From what a person chose, and the recipe of an engine, to the container that serves it. Pure but for file names."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import InputError
from workbench.schemas.containers import ContainerSpec, GpuRequest, GpuSupport, Mount
from workbench.schemas.engines import EngineRecipe, Setting
from workbench.schemas.serving import AdapterMount, ServeConfig, ServeEngine, TrainingContainer
from workbench.serving.model_files import find_gguf, lora_rank, split_parts
from workbench.serving.recipes import load_recipe

GIB = 2**30
LABEL = "workbench.serving"
"""Prefix of the labels by which a restarted page knows a server again."""
_GENERATED = "ftw-"


@dataclass(frozen=True)
class Place:
    """What a container has to know of this machine."""

    cache_root: Path
    uid: int
    gid: int
    gpu: GpuSupport = "none"
    arch: str = ""
    """As Docker names it; empty where the engine was not asked."""
    memory_total: int = 0
    """Bytes; for engines whose memory share becomes a limit of the container."""
    job: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


def choose_gpus(config: ServeConfig, recipe: EngineRecipe, place: Place) -> GpuRequest:
    """Which GPUs the container asks for.

    One that is required is asked for even where none was found, so that the engine's own reason is seen.
    """
    wanted = config.gpus
    if wanted == "auto":
        wanted = (
            "all"
            if recipe.gpu == "required" or (recipe.gpu == "optional" and place.gpu != "none")
            else "none"
        )
    return request_gpus(wanted)


def request_gpus(wanted: str) -> GpuRequest:
    """The request for `all`, `none`, or indices."""
    if wanted in ("all", "none"):
        return GpuRequest.model_validate({"kind": wanted})
    return GpuRequest(kind="ids", ids=tuple(wanted.split(",")))


def choose_image(config: ServeConfig, recipe: EngineRecipe, place: Place) -> str:
    """The image that the server is made from: the person's, else the recipe's.

    Raises:
        InputError: `serve_image_missing` where neither names one.
    """
    with_gpu = choose_gpus(config, recipe, place).kind != "none"
    for_gpu = recipe.gpu_images.get("arm64" if place.arch == "arm64" else "amd64", "") if with_gpu else ""
    image = config.image or for_gpu or recipe.image
    if not image:
        raise InputError("serve_image_missing", engine=config.engine)
    return image


def build_spec(config: ServeConfig, recipe: EngineRecipe, place: Place, *, digest: str = "") -> ContainerSpec:
    """The container that serves this model.

    Args:
        config: What the person chose.
        recipe: How this generation of images is told so.
        place: Facts of this machine.
        digest: Of the image as it lies here; the container is made from it.

    Raises:
        InputError: `serve_image_missing`, or `serve_model_kind` where the model is not of the kind that this engine
            reads; `serve_adapters_unsupported` where it takes no adapters.
    """
    check_model(config, recipe)
    values = _values(config, recipe, place)
    arguments = _render_all(recipe.command, config, recipe, values)
    environment = {
        setting.env: setting.value.format(**values) for setting in _applying(recipe.environment, config)
    }
    if recipe.command_env and arguments:
        environment[recipe.command_env] = shlex.join(arguments)
        arguments = []
    limit = int(place.memory_total * config.memory_share) if recipe.memory_limit_by_share else 0
    return ContainerSpec(
        image=choose_image(config, recipe, place),
        digest=digest,
        name=config.container_name or (f"{_GENERATED}{place.job}" if place.job else ""),
        command=tuple(arguments),
        entrypoint=recipe.entrypoint,
        env=environment,
        secret_env=(recipe.key.inside,) if recipe.key.inside and config.api_key_env else (),
        mounts=(*_model_mounts(config, recipe), *_cache_mounts(config, recipe, place)),
        ports={recipe.port: config.port} if recipe.port else {},
        shm_bytes=int((config.shm_gib or recipe.shm_gib or 0) * GIB),
        mem_bytes=limit,
        ulimits=recipe.ulimits,
        user=choose_user(config.run_as, recipe, place),
        gpus=choose_gpus(config, recipe, place),
        ipc="host" if recipe.ipc_host else "",
        labels={**labels_of(config, place.job), **place.labels},
        hardening=recipe.hardening,
    )


def build_training_spec(form: TrainingContainer, recipe: EngineRecipe, place: Place) -> ContainerSpec:
    """The container of a training run: the work and the hub's cache inside, packages installed first."""
    program = shlex.join(form.command)
    if form.packages:
        program = f"pip install -q {shlex.join(form.packages)} && {program}"
    caches = (
        [Mount(source=form.hub_cache, target=recipe.caches[0].target, read_only=False)]
        if form.hub_cache
        else []
    )
    return ContainerSpec(
        image=form.image or recipe.image,
        name=form.container_name,
        command=("bash", "-c", program),
        mounts=(Mount(source=form.work_dir, target="/workspace", read_only=False), *caches),
        ulimits=recipe.ulimits,
        user=choose_user("auto", recipe, place),
        gpus=request_gpus("all" if form.gpus == "auto" else form.gpus),
        ipc="host" if recipe.ipc_host else "",
        hardening=recipe.hardening,
    )


def check_model(config: ServeConfig, recipe: EngineRecipe) -> None:
    """Refuse what this engine cannot read, before anything is fetched or started.

    Raises:
        InputError: `serve_model_kind`, or `serve_adapters_unsupported`.
    """
    path = Path(config.model)
    kind = recipe.model.kind
    fits = {
        "folder": path.is_absolute() and path.is_dir() and (path / "config.json").is_file(),
        "file": path.is_absolute() and find_gguf(path) is not None,
        "name": True,
        "inside": True,
    }
    if not fits[kind]:
        raise InputError(f"serve_model_not_{kind}", path=config.model, engine=config.engine)
    if config.adapters and recipe.adapters.way == "none":
        raise InputError("serve_adapters_unsupported", engine=config.engine)
    for adapter in config.adapters:
        _check_adapter(adapter, recipe)


def _check_adapter(adapter: AdapterMount, recipe: EngineRecipe) -> None:
    path = Path(adapter.path)
    if recipe.adapters.kind == "folder" and not (path / "adapter_config.json").is_file():
        raise InputError("adapter_without_config", path=adapter.path)
    if recipe.adapters.kind == "file" and find_gguf(path) is None:
        raise InputError("serve_adapter_not_file", path=adapter.path, name=adapter.name)


def labels_of(config: ServeConfig, job: str) -> dict[str, str]:
    """What a container says of itself, so that its card can be drawn without its job."""
    facts = {"job": job, "engine": config.engine, "role": config.role, "model": config.model_name}
    return {f"{LABEL}.{name}": value for name, value in facts.items() if value}


def cache_folders(config: ServeConfig, recipe: EngineRecipe, place: Place) -> tuple[Path, ...]:
    """The folders that the container writes to; they must exist before it is made."""
    folders = [place.cache_root / cache.name for cache in recipe.caches]
    return tuple([Path(config.cache_dir), *folders[1:]] if config.cache_dir and folders else folders)


def choose_user(run_as: str, recipe: EngineRecipe, place: Place) -> str:
    """`uid[:gid]` inside the container; empty for the image's own user."""
    if run_as == "auto":
        return recipe.user.format(uid=place.uid, gid=place.gid)
    return "" if run_as == "image" else run_as


def _values(config: ServeConfig, recipe: EngineRecipe, place: Place) -> dict[str, str]:
    folder_adapters = config.adapters if recipe.adapters.kind == "folder" else ()
    return {
        "model_name": config.model_name,
        "model_inside": _model_inside(config, recipe),
        "max_context": str(config.max_context),
        "context_total": str(config.max_context * config.max_batch_size),
        "memory_share": f"{config.memory_share:g}",
        "max_batch_size": str(config.max_batch_size),
        "max_num_seqs": str(config.max_num_seqs or config.max_batch_size),
        "dtype": config.dtype,
        "uid": str(place.uid),
        "gid": str(place.gid),
        "lora_count": str(max(1, len(config.adapters))),
        "lora_rank": str(lora_rank(Path(adapter.path) for adapter in folder_adapters)),
    }


def _model_inside(config: ServeConfig, recipe: EngineRecipe) -> str:
    if recipe.model.kind == "folder":
        return recipe.model.target
    if recipe.model.kind == "file":
        found = find_gguf(Path(config.model))
        return f"{recipe.model.target}/{found.name}" if found else recipe.model.target
    return config.model


def _adapter_inside(adapter: AdapterMount, recipe: EngineRecipe) -> str:
    ending = ".gguf" if recipe.adapters.kind == "file" else ""
    return f"{recipe.adapters.target}/{adapter.name}{ending}"


def _model_mounts(config: ServeConfig, recipe: EngineRecipe) -> Iterable[Mount]:
    if recipe.model.kind == "folder":
        yield Mount(source=config.model, target=recipe.model.target)
    elif recipe.model.kind == "file":
        for part in split_parts(Path(config.model)):
            yield Mount(source=str(part), target=f"{recipe.model.target}/{part.name}")
    if not recipe.adapters.target:
        return
    for adapter in config.adapters:
        found = find_gguf(Path(adapter.path)) if recipe.adapters.kind == "file" else Path(adapter.path)
        yield Mount(source=str(found), target=_adapter_inside(adapter, recipe))


def _cache_mounts(config: ServeConfig, recipe: EngineRecipe, place: Place) -> Iterable[Mount]:
    for folder, cache in zip(cache_folders(config, recipe, place), recipe.caches, strict=True):
        yield Mount(source=str(folder), target=cache.target, read_only=False)


def _applying(settings: Iterable[Setting], config: ServeConfig) -> list[Setting]:
    applies: dict[str, Callable[[], bool]] = {
        "": lambda: True,
        "trust_remote_code": lambda: config.trust_remote_code,
        "adapters": lambda: bool(config.adapters),
        "dtype": lambda: config.dtype != "auto",
    }
    return [setting for setting in settings if applies[setting.when]()]


def _render_all(
    settings: Iterable[Setting], config: ServeConfig, recipe: EngineRecipe, values: Mapping[str, str]
) -> list[str]:
    arguments: list[str] = []
    for setting in _applying(settings, config):
        arguments += _render(setting, config, recipe, values)
    return arguments


def _render(
    setting: Setting, config: ServeConfig, recipe: EngineRecipe, values: Mapping[str, str]
) -> list[str]:
    each = [
        {**values, "adapter_name": adapter.name, "adapter_inside": _adapter_inside(adapter, recipe)}
        for adapter in config.adapters
    ]
    if setting.each:
        return [argument.format(**one) for one in each for argument in setting.args]
    if setting.join:
        if not each:
            return []
        *before, last = setting.args
        return [*(one.format(**values) for one in before), ",".join(last.format(**one) for one in each)]
    return [argument.format(**values) for argument in setting.args]


Builder = Callable[[ServeConfig, Place], ContainerSpec]


def _by_recipe(engine: ServeEngine) -> Builder:
    def build(config: ServeConfig, place: Place) -> ContainerSpec:
        return build_spec(config, load_recipe(engine), place)

    return build


ENGINES: dict[ServeEngine, Builder] = {
    "nim1": _by_recipe("nim1"),
    "nim2": _by_recipe("nim2"),
    "nim_spark": _by_recipe("nim_spark"),
    "vllm": _by_recipe("vllm"),
    "llamacpp": _by_recipe("llamacpp"),
    "ollama": _by_recipe("ollama"),
}
"""Engines that run in containers. A further one is a recipe and a line here."""
