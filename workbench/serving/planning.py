"""What a start would do, without doing it: image, command, memory, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.containers.run_command import render_arguments
from workbench.jobs import JobStore
from workbench.paths import Workspace
from workbench.schemas.containers import ContainerSpec
from workbench.schemas.job import JobRecord
from workbench.schemas.serving import ServeConfig, ServePlan
from workbench.serving.docking import Connect, connect
from workbench.serving.engines import LABEL, build_spec, choose_image
from workbench.serving.memory import serving_bytes
from workbench.serving.preflight import check_server, look_around
from workbench.serving.recipes import load_recipe


def plan_server(
    config: ServeConfig,
    workspace: Workspace,
    *,
    jobs: JobStore,
    environ: Mapping[str, str],
    connect: Connect = connect,
) -> ServePlan:
    """What a start with these settings would do.

    Raises:
        InputError: `serve_model_not_*`, `serve_adapters_unsupported`, `serve_image_missing`: there is nothing that
            could be planned.
    """
    plan = ServePlan(
        config=config,
        command=tuple(command_of(config)),
        memory_bytes=serving_bytes(config),
        models=config.names,
        secret_names=secret_names(config),
    )
    if not config.in_container:
        return plan
    recipe = load_recipe(config.engine)
    seen = look_around(
        config, recipe, workspace, jobs=jobs, connect=lambda: connect(workspace), environ=environ
    )
    spec = build_spec(config, recipe, seen.place)
    shown = render_arguments(without_labels(spec), gpu=seen.engine.gpu if seen.engine else "toolkit")
    return plan.model_copy(
        update={
            "image": choose_image(config, recipe, seen.place),
            "run_command": tuple(shown),
            "preflight": check_server(config, recipe, seen),
        }
    )


def submit_server(
    config: ServeConfig, jobs: JobStore, *, title: str = "", request_id: str = "", parent: str = ""
) -> JobRecord:
    """Put the server into the queue; keys are named, never handed over.

    Raises:
        ResourceError: `memory_never_fits` where this machine is too small for it.
    """
    return jobs.submit(
        "serve",
        title or config.model_name,
        config,
        request_id=request_id,
        memory_bytes=serving_bytes(config),
        secret_names=secret_names(config),
        parent=parent,
    )


def secret_names(config: ServeConfig) -> tuple[str, ...]:
    """Variables that the server's job needs."""
    return (config.api_key_env,) if config.api_key_env else ()


def without_labels(spec: ContainerSpec) -> ContainerSpec:
    """The spec without what only concerns our own bookkeeping, for the command that people read."""
    kept = {name: value for name, value in spec.labels.items() if not name.startswith(f"{LABEL}.")}
    return spec.model_copy(update={"labels": kept})


FLAGS: dict[str, str] = {
    "image": "--image",
    "model_name": "--name",
    "role": "--role",
    "api_key_env": "--key-env",
    "gpus": "--gpus",
    "cache_dir": "--cache-dir",
    "run_as": "--run-as",
    "container_name": "--container-name",
    "max_context": "--context",
    "memory_share": "--memory-share",
    "max_batch_size": "--concurrency",
    "max_num_seqs": "--max-num-seqs",
    "shm_gib": "--shm-gib",
    "idle_seconds": "--idle-seconds",
    "port": "--port",
    "dtype": "--dtype",
}
SWITCHES: dict[str, str] = {
    "trust_remote_code": "--trust-remote-code",
    "accept_licence": "--accept-licence",
    "allow_other_image": "--allow-other-image",
}


def command_of(config: ServeConfig, action: str = "start") -> list[str]:
    """The workbench's own command line that starts this server; what stands at its default is left out."""
    command = ["workbench", "serve", action, "--engine", config.engine, "--model", config.model]
    for adapter in config.adapters:
        command += ["--adapter", f"{adapter.name}={adapter.path}"]
    usual = ServeConfig(model=config.model)
    for name, flag in FLAGS.items():
        value = getattr(config, name)
        if value != getattr(usual, name):
            command += [flag, str(value)]
    return command + [flag for name, flag in SWITCHES.items() if getattr(config, name)]
